//! How many events a second the store takes: one event per transaction, with its projections.

use std::time::Duration;

use anyhow::Context as _;
use app::domain::id::TaskId;
use app::domain::permission::PermissionMode;
use app::domain::plan::{TaskType, Workflow};
use app::domain::task::{Actor, NewTask, Priority, Task, TaskCommand, TaskEdit};
use server::store::{Append, Store};
use tokio::task::JoinSet;
use tokio::time::Instant;
use uuid::Uuid;

use crate::report::Report;

const DURATION: Duration = Duration::from_secs(4);

/// SQLite in a temporary directory, and PostgreSQL if `CCS_TEST_POSTGRES_URL` names one.
pub async fn measure(report: &mut Report) -> anyhow::Result<()> {
    let columns = ["database", "writers", "events/s"];
    report.heading("Appending events, one per transaction", &columns);
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("events.db");
    let sqlite = format!("sqlite://{}?mode=rwc", file.display());
    measure_on("SQLite", &sqlite, report).await?;
    match std::env::var("CCS_TEST_POSTGRES_URL") {
        Ok(url) => measure_on("PostgreSQL", &url, report).await?,
        Err(_) => report.note("no PostgreSQL in CCS_TEST_POSTGRES_URL: left out"),
    }
    Ok(())
}

async fn measure_on(name: &str, url: &str, report: &Report) -> anyhow::Result<()> {
    let store = Store::open(url).await?;
    store.migrate().await?;
    for writers in [1, 8] {
        let mut writing = JoinSet::new();
        let started = Instant::now();
        for _ in 0..writers {
            writing.spawn(write(store.clone(), started + DURATION));
        }
        let mut events = 0;
        while let Some(written) = writing.join_next().await {
            events += written??;
        }
        let rate = f64::from(events) / started.elapsed().as_secs_f64();
        report.row(&[name.to_owned(), writers.to_string(), format!("{rate:.0}")]);
    }
    Ok(store.close().await?)
}

/// Renames a task of its own until then; how often it could.
async fn write(store: Store, until: Instant) -> anyhow::Result<u32> {
    let id = TaskId::from_uuid(Uuid::now_v7());
    let mut task = None;
    let mut command = TaskCommand::Create(Box::new(draft()?));
    let mut events = 0;
    while Instant::now() < until {
        let decided = Task::decide(task.as_ref(), command)?;
        let write = Append {
            task: id,
            before: task,
            events: decided,
            actor: Actor::Person,
            cause: None,
            fence: None,
        };
        let appended = store.append(write).await.context("an append failed")?;
        events += u32::try_from(appended.records.len())?;
        task = Some(appended.task);
        command = TaskCommand::Edit(TaskEdit {
            title: Some(format!("Renamed {events} times").parse()?),
            ..TaskEdit::default()
        });
    }
    Ok(events)
}

pub fn draft() -> anyhow::Result<NewTask> {
    Ok(NewTask {
        title: "A task".parse()?,
        description: "Do what is to be done.".parse()?,
        workflow: Workflow {
            id: TaskType::Custom,
            title: "Free".to_owned(),
            summary: "For measuring.".to_owned(),
            phases: Vec::new(),
        },
        priority: Priority::Normal,
        permission_mode: PermissionMode::default(),
        model: None,
        repository: None,
        depends_on: Vec::new(),
        auto_approve: false,
        answer_after: 0,
        auto_resume: true,
        schedule: None,
        budget_usd: None,
        budget_tokens: None,
        start: false,
    })
}
