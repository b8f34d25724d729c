//! The figures as they are printed: tables that can be pasted into a Markdown page.

use std::time::Duration;

/// What is to be reached, and what was.
pub struct Aim {
    pub what: String,
    pub target: String,
    pub measured: String,
    pub is_reached: bool,
}

/// Prints as it goes; the targets come together at the end.
pub struct Report {
    aims: Vec<Aim>,
}

impl Report {
    /// Says what it is measured on: elsewhere, or beside other programs, figures are others.
    pub fn start() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load = load.split(' ').next().unwrap_or_default().to_owned();
        println!("Measured on {cores} cores; load before: {load}.");
        Self { aims: Vec::new() }
    }

    /// Begins a table.
    #[expect(clippy::unused_self, reason = "printing is the report's business")]
    pub fn heading(&self, title: &str, columns: &[&str]) {
        println!("\n## {title}\n");
        println!("| {} |", columns.join(" | "));
        println!("|{}", "---|".repeat(columns.len()));
    }

    /// A row of the present table.
    #[expect(clippy::unused_self, reason = "printing is the report's business")]
    pub fn row(&self, cells: &[String]) {
        println!("| {} |", cells.join(" | "));
    }

    /// A remark, shown beside the tables.
    #[expect(clippy::unused_self, reason = "printing is the report's business")]
    pub fn note(&self, text: &str) {
        eprintln!("note: {text}");
    }

    pub fn aim(&mut self, aim: Aim) {
        self.aims.push(aim);
    }

    /// Prints all targets, each with what was reached.
    pub fn conclude(self) {
        self.heading("Targets", &["", "target", "measured", "reached"]);
        for aim in &self.aims {
            let reached = if aim.is_reached { "yes" } else { "NO" };
            println!(
                "| {} | {} | {} | {reached} |",
                aim.what, aim.target, aim.measured
            );
        }
    }
}

/// The value below which so many percent of the sorted figures are; zero if there are none.
pub fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let at = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(at).copied().unwrap_or_default()
}

/// In milliseconds, with one decimal.
pub fn milliseconds(duration: Duration) -> String {
    format!("{:.1}", duration.as_secs_f64() * 1000.0)
}

/// In megabytes; a dash where the system does not tell.
pub fn megabytes(bytes: Option<u64>) -> String {
    #[expect(clippy::cast_precision_loss, reason = "one decimal is printed")]
    let megabytes = bytes.map(|bytes| bytes as f64 / 1_000_000.0);
    megabytes.map_or_else(|| "–".to_owned(), |size| format!("{size:.1} MB"))
}

/// A number with commas.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_figures_that_were_measured() {
        let figures: Vec<_> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(percentile(&figures, 50), Duration::from_millis(101));
        assert_eq!(percentile(&figures, 99), Duration::from_millis(199));
        assert_eq!(percentile(&figures[..1], 99), Duration::from_millis(1));
        assert_eq!(percentile(&[], 99), Duration::ZERO);
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(milliseconds(Duration::from_micros(1_250)), "1.2");
        assert_eq!(megabytes(Some(12_340_000)), "12.3 MB");
    }
}
