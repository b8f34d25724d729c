//! Numbers for people.

/// `950`, `12.3k`, `4.1M`.
pub fn short_count(count: u64) -> String {
    let (unit, letter) = match count {
        0..1_000 => return count.to_string(),
        1_000..1_000_000 => (1_000, 'k'),
        _ => (1_000_000, 'M'),
    };
    let tenths = count / (unit / 10);
    if tenths >= 1_000 {
        format!("{}{letter}", tenths / 10)
    } else {
        format!("{}.{}{letter}", tenths / 10, tenths % 10)
    }
}

/// `1 comment`, `3 comments`.
pub fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use super::{counted, short_count};

    #[test]
    fn counts_are_short() {
        let told: Vec<String> = [0, 999, 1_000, 12_345, 214_000, 4_100_000]
            .map(short_count)
            .into();
        assert_eq!(told, ["0", "999", "1.0k", "12.3k", "214k", "4.1M"]);
        assert_eq!(counted(1, "comment"), "1 comment");
        assert_eq!(counted(0, "comment"), "0 comments");
    }
}
