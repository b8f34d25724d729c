//! Things are broken on purpose while the real CLI works on a task, and afterwards a checker that
//! shares no code with the product looks for what was lost, doubled or left behind.
//!
//! Every round follows from its seed. `make chaos` runs as many as one likes and prints the table;
//! `CCS_CHAOS_SEED` repeats a round that has failed.

mod checker;
mod fault;
mod report;
mod round;

use std::env;

use crate::support::database::TestDatabase;
use fault::{Fault, Kind};
use report::Report;

/// Rounds of a database, unless `CCS_CHAOS_ROUNDS` says otherwise: each kind of fault once.
fn rounds(kinds: &[Kind]) -> u64 {
    number("CCS_CHAOS_ROUNDS").unwrap_or(kinds.len() as u64)
}

fn number(variable: &str) -> Option<u64> {
    let value = env::var(variable).ok()?;
    Some(value.parse().expect("a number of rounds or a seed"))
}

async fn wreak(name: &str, kinds: &[Kind], is_postgres: bool) -> Report {
    let first = number("CCS_CHAOS_SEED").unwrap_or(0);
    let mut report = Report::new(name);
    for seed in first..first + rounds(kinds) {
        let place = usize::try_from(seed).unwrap() % kinds.len();
        let fault = Fault::planned(kinds[place], seed);
        let database = if is_postgres {
            Some(TestDatabase::postgres().await.url)
        } else {
            None
        };
        let outcome = round::play(fault, database).await;
        report.add(fault.kind, outcome);
    }
    report
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_on_either_database() {
    // Beside each other: most of a round is waiting.
    let (sqlite, postgres) = tokio::join!(
        wreak("SQLite", &Kind::OF_SQLITE, false),
        wreak("PostgreSQL", &Kind::OF_POSTGRES, true),
    );
    println!("\n{sqlite}\n{postgres}");
    sqlite.assert_clean();
    postgres.assert_clean();
}
