//! How long a claim takes with a long queue: half of it tasks that wait for others.

use std::time::Duration;

use anyhow::Context as _;
use app::domain::id::TaskId;
use app::domain::task::{Actor, NewTask, Priority, Task, TaskCommand};
use server::jobs::Caps;
use server::store::{Append, Store};
use tokio::time::Instant;
use uuid::Uuid;

use crate::append::draft;
use crate::report::{Aim, Report, milliseconds, percentile, thousands};

const TASKS: u64 = 10_000;
const CLAIMS: usize = 200;
const LEASE: Duration = Duration::from_mins(10);
const TARGET: Duration = Duration::from_millis(10);

/// SQLite in a temporary directory, and PostgreSQL if `CCS_TEST_POSTGRES_URL` names one. Its database must
/// not have been used for anything else but these benchmarks.
pub async fn measure(report: &mut Report) -> anyhow::Result<()> {
    let columns = [
        "database",
        "queued",
        "claim p50 (ms)",
        "claim p99 (ms)",
        "nothing to claim p50 (ms)",
    ];
    report.heading("Claiming tasks", &columns);
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("queue.db");
    let sqlite = format!("sqlite://{}?mode=rwc", file.display());
    measure_on("SQLite", &sqlite, report).await?;
    match std::env::var("CCS_TEST_POSTGRES_URL") {
        Ok(url) => measure_on("PostgreSQL", &url, report).await?,
        Err(_) => report.note("no PostgreSQL in CCS_TEST_POSTGRES_URL: left out"),
    }
    Ok(())
}

async fn measure_on(name: &str, url: &str, report: &mut Report) -> anyhow::Result<()> {
    let store = Store::open(url).await?;
    store.migrate().await?;
    let mut first = None;
    for number in 0..TASKS {
        // The first one is never completed.
        let depends_on = first.filter(|_| number % 2 == 1).into_iter().collect();
        let id = queue(&store, number, depends_on).await?;
        first.get_or_insert(id);
    }
    let mut claims = Vec::with_capacity(CLAIMS);
    for _ in 0..CLAIMS {
        let started = Instant::now();
        let claim = store.claim("benchmark", LEASE).await?;
        claims.push(started.elapsed());
        claim.context("the queue is empty")?;
    }
    let full = Caps {
        overall: 1,
        per_owner: 1,
    };
    let mut refusals = Vec::with_capacity(CLAIMS);
    for _ in 0..CLAIMS {
        let started = Instant::now();
        store.claim_within("benchmark", LEASE, full).await?;
        refusals.push(started.elapsed());
    }
    claims.sort_unstable();
    refusals.sort_unstable();
    let p99 = percentile(&claims, 99);
    report.row(&[
        name.to_owned(),
        thousands(TASKS),
        milliseconds(percentile(&claims, 50)),
        milliseconds(p99),
        milliseconds(percentile(&refusals, 50)),
    ]);
    report.aim(Aim {
        what: format!("claim with {} queued, {name}, p99", thousands(TASKS)),
        target: "< 10 ms".to_owned(),
        measured: format!("{} ms", milliseconds(p99)),
        is_reached: p99 < TARGET,
    });
    Ok(store.close().await?)
}

async fn queue(store: &Store, number: u64, depends_on: Vec<TaskId>) -> anyhow::Result<TaskId> {
    let task = TaskId::from_uuid(Uuid::now_v7());
    let new = NewTask {
        title: format!("Task {number}").parse()?,
        priority: match number % 4 {
            0 => Priority::Low,
            1 => Priority::High,
            _ => Priority::Normal,
        },
        depends_on,
        start: true,
        ..draft()?
    };
    let write = Append {
        task,
        before: None,
        events: Task::decide(None, TaskCommand::Create(Box::new(new)))?,
        actor: Actor::Person,
        cause: None,
        fence: None,
    };
    store.append(write).await.context("an append failed")?;
    Ok(task)
}
