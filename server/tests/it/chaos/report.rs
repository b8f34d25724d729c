//! The table of all rounds.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::fault::Kind;
use super::round::Outcome;

/// Rounds by their kind of fault.
pub struct Report {
    database: String,
    rounds: BTreeMap<Kind, Vec<Outcome>>,
}

impl Report {
    pub fn new(database: &str) -> Self {
        Self {
            database: database.to_owned(),
            rounds: BTreeMap::new(),
        }
    }

    pub fn add(&mut self, kind: Kind, outcome: Outcome) {
        let round = format!("{}, seed {}, {}", self.database, outcome.seed, kind.name());
        for finding in &outcome.findings {
            eprintln!("{round}: {finding}");
        }
        eprintln!("{round}: {:.1} s", outcome.took.as_secs_f64());
        self.rounds.entry(kind).or_default().push(outcome);
    }

    pub fn assert_clean(&self) {
        let all = self.rounds.values().flatten();
        let findings: usize = all.map(|round| round.findings.len()).sum();
        assert_eq!(findings, 0, "see above");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| {} | rounds | events | log lines | lost | doubled | agents gone | goes on after, median | at most | findings |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
            self.database
        )?;
        for (kind, rounds) in &self.rounds {
            let sum = |count: fn(&Outcome) -> usize| rounds.iter().map(count).sum::<usize>();
            let longest = |of: fn(&Outcome) -> Duration| rounds.iter().map(of).max();
            let mut waits: Vec<_> = rounds.iter().map(|round| round.goes_on).collect();
            waits.sort_unstable();
            let median = waits[waits.len() / 2];
            let orphaned = longest(|round| round.orphaned).unwrap_or_default();
            writeln!(
                f,
                "| {} | {} | {} | {} | {} | {} | {} | {:.1} s | {:.1} s | {} |",
                kind.name(),
                rounds.len(),
                sum(|round| round.checked.events),
                sum(|round| round.checked.lines),
                sum(|round| round.checked.lost),
                sum(|round| round.checked.doubled),
                if orphaned.is_zero() {
                    "–".to_owned()
                } else {
                    format!("{} ms", orphaned.as_millis())
                },
                median.as_secs_f64(),
                waits.last().copied().unwrap_or_default().as_secs_f64(),
                sum(|round| round.findings.len()),
            )?;
        }
        Ok(())
    }
}
