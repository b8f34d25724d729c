//! Appending: events, projections, queue and snapshot in one transaction.

use app::domain::id::TaskId;
use app::domain::task::{Actor, EventRecord, Task, TaskEvent};
use chrono::{DateTime, SubsecRound, Utc};
use sea_orm::{
    ActiveValue::Set, ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, EntityTrait, SqlErr,
};
use serde::Deserialize;
use serde_json::Value as Json;

use super::row::{event, snapshot};
use super::{
    LOCAL_OWNER, LOCAL_TEAM, LOCK_PREREQUISITES, Store, StoreError, read, statement, stored,
};
use crate::jobs::{self, Standing};
use crate::projections::{self, Change};

/// The present meaning of the events' JSON.
pub(super) const EVENT_SCHEMA: i32 = 1;

/// The present shape of a snapshot. Raise it when `Task` changes its meaning: older snapshots
/// are then left aside.
pub(super) const SNAPSHOT_SCHEMA: i32 = 2;

/// So many events pass between two snapshots of a task.
const SNAPSHOT_EVERY: u64 = 100;

/// What is to be stored, and on what grounds.
#[derive(Clone, Debug)]
pub struct Append {
    /// Whose history goes on.
    pub task: TaskId,
    /// The state that the decision was made on; `None` creates the task.
    pub before: Option<Task>,
    /// What was decided. May be empty, then nothing is written.
    pub events: Vec<TaskEvent>,
    /// Who made it happen.
    pub actor: Actor,
    /// The id of the request or the run that led to it.
    pub cause: Option<String>,
    /// For writes of a run: its claim, which has to be in force.
    pub fence: Option<Fence>,
}

/// The claim under which a run writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fence {
    /// From [`crate::jobs::Claim`].
    pub epoch: u64,
}

/// What was stored.
#[derive(Clone, Debug)]
pub struct Appended {
    /// The new events in their places.
    pub records: Vec<EventRecord>,
    /// The state after them.
    pub task: Task,
}

impl Store {
    /// Stores events on top of the state they were decided on.
    ///
    /// Fails with [`StoreError::Conflict`] if the task has moved on since, with
    /// [`StoreError::Fenced`] if the run no longer holds it. Nothing is stored then.
    pub async fn append(&self, write: Append) -> Result<Appended, StoreError> {
        let appended = place(&write)?;
        if appended.records.is_empty() {
            return Ok(appended);
        }
        let tx = self.begin().await?;
        match store(&tx, &write, &appended).await {
            Ok(()) => tx.commit().await?,
            Err(error) => {
                // Dropping the transaction would roll it back as well, but only later. Why the
                // events were not stored says more than why the way back failed.
                tx.rollback().await.ok();
                return Err(error);
            }
        }
        self.announce(&write, &appended);
        Ok(appended)
    }

    /// The same as part of a transaction that holds more. Once it is committed, [`Self::announce`]
    /// tells of it.
    pub(crate) async fn append_within(
        &self,
        tx: &DatabaseTransaction,
        write: &Append,
    ) -> Result<Appended, StoreError> {
        let appended = place(write)?;
        store(tx, write, &appended).await?;
        Ok(appended)
    }

    /// Stores what was decided about several tasks: all of it, or nothing with the first error.
    pub async fn append_all(&self, mut writes: Vec<Append>) -> Result<(), StoreError> {
        writes.retain(|write| !write.events.is_empty());
        // Of two that write about the same tasks, neither holds what the other one waits for.
        writes.sort_by_key(|write| write.task);
        let tx = self.begin().await?;
        let mut all = Vec::with_capacity(writes.len());
        for write in &writes {
            match self.append_within(&tx, write).await {
                Ok(appended) => all.push(appended),
                Err(error) => {
                    // Why it was not stored says more than why the way back failed.
                    tx.rollback().await.ok();
                    return Err(error);
                }
            }
        }
        tx.commit().await?;
        for (write, appended) in writes.iter().zip(&all) {
            self.announce(write, appended);
        }
        Ok(())
    }

    /// Wakes those who wait for news of the task.
    pub(crate) fn announce(&self, write: &Append, appended: &Appended) {
        self.heads().woken(write.task);
        if jobs::may_release_work(write.before.as_ref(), &appended.task) {
            self.heads().jobs_changed();
        }
    }
}

/// Numbers the events and folds them into the state.
fn place(write: &Append) -> Result<Appended, StoreError> {
    let mut task = write.before.clone();
    let version = task.as_ref().map_or(0, |task| task.version);
    let at = now(task.as_ref());
    let mut records = Vec::with_capacity(write.events.len());
    for (version, event) in (version + 1..).zip(&write.events) {
        let record = EventRecord {
            task_id: write.task,
            version,
            event: event.clone(),
            actor: write.actor,
            at,
        };
        task = Task::apply(task, &record);
        records.push(record);
    }
    let task = task.ok_or(StoreError::NotCreated)?;
    Ok(Appended { records, task })
}

/// The time of all events of one write, in whole milliseconds, never before the last one's.
fn now(task: Option<&Task>) -> DateTime<Utc> {
    let now = Utc::now().trunc_subsecs(3);
    task.map_or(now, |task| now.max(task.updated_at))
}

async fn store(
    tx: &DatabaseTransaction,
    write: &Append,
    appended: &Appended,
) -> Result<(), StoreError> {
    lock(tx, write.task).await?;
    let version = write.before.as_ref().map_or(0, |task| task.version);
    if read::version(tx, write.task).await? != version {
        return Err(StoreError::Conflict);
    }
    if let Some(fence) = write.fence
        && jobs::standing(tx, write.task, fence.epoch).await? != Standing::InForce
    {
        return Err(StoreError::Fenced);
    }
    let rows: Result<Vec<_>, _> = appended
        .records
        .iter()
        .map(|record| event_row(record, write.cause.as_deref(), write.fence))
        .collect();
    event::Entity::insert_many(rows?)
        .exec_without_returning(tx)
        .await
        .map_err(outrun)?;
    let change = Change {
        before: write.before.as_ref(),
        after: &appended.task,
        records: &appended.records,
    };
    projections::apply(tx, &change).await?;
    refuse_circle(tx, &change).await?;
    jobs::follow(tx, change.before, change.after).await?;
    if version / SNAPSHOT_EVERY != appended.task.version / SNAPSHOT_EVERY {
        store_snapshot(tx, &appended.task).await?;
    }
    Ok(())
}

/// No task may wait for itself, over others or at once.
async fn refuse_circle(tx: &DatabaseTransaction, change: &Change<'_>) -> Result<(), StoreError> {
    let before = change.before.map(|before| &before.depends_on);
    if change.after.depends_on.is_empty() || before == Some(&change.after.depends_on) {
        return Ok(());
    }
    if tx.get_database_backend() == DbBackend::Postgres {
        // One such change at a time: two at once could each be one half of a circle.
        advisory_lock(tx, LOCK_PREREQUISITES).await?;
    }
    match projections::prerequisite::circle(tx, change.after.id).await? {
        Some(circle) => Err(StoreError::Circular(circle)),
        None => Ok(()),
    }
}

/// A version that is there already was written by somebody else in between.
pub(super) fn outrun(error: DbErr) -> StoreError {
    match error.sql_err() {
        Some(SqlErr::UniqueConstraintViolation(_)) => StoreError::Conflict,
        _ => error.into(),
    }
}

/// Writers of one task come one after the other, so that its versions become visible in order.
/// SQLite has one writer anyway.
pub(super) async fn lock(tx: &DatabaseTransaction, task: TaskId) -> Result<(), StoreError> {
    if tx.get_database_backend() == DbBackend::Postgres {
        let (high, low) = task.as_uuid().as_u64_pair();
        let key = (high ^ low).cast_signed();
        advisory_lock(tx, key).await?;
    }
    Ok(())
}

/// Until the transaction ends. Only for PostgreSQL.
pub(crate) async fn advisory_lock(tx: &DatabaseTransaction, key: i64) -> Result<(), DbErr> {
    let sql = "SELECT pg_advisory_xact_lock($1)";
    tx.execute_raw(statement(DbBackend::Postgres, sql, [key.into()]))
        .await?;
    Ok(())
}

pub(super) fn event_row(
    record: &EventRecord,
    cause: Option<&str>,
    fence: Option<Fence>,
) -> Result<event::ActiveModel, StoreError> {
    let (event_type, data) = parts(&record.event)?;
    Ok(event::ActiveModel {
        task_id: Set(record.task_id.as_uuid()),
        version: Set(stored(record.version)),
        event_type: Set(event_type),
        data: Set(data),
        actor: Set(record.actor.to_string()),
        cause: Set(cause.map(str::to_owned)),
        schema_version: Set(EVENT_SCHEMA),
        run_epoch: Set(fence.map(|fence| stored(fence.epoch))),
        team_id: Set(LOCAL_TEAM),
        owner_id: Set(LOCAL_OWNER),
        at_ms: Set(record.at.timestamp_millis()),
    })
}

/// The event's name and its fields as JSON.
fn parts(event: &TaskEvent) -> Result<(String, String), StoreError> {
    let json = serde_json::to_value(event).map_err(StoreError::Encode)?;
    let name = json.get("type").and_then(Json::as_str).unwrap_or_default();
    let data = json.get("data").cloned().unwrap_or_default();
    let parts = (name.to_owned(), data.to_string());
    // What can't be read again would make the task's whole history unreadable.
    TaskEvent::deserialize(json).map_err(StoreError::Encode)?;
    Ok(parts)
}

pub(super) async fn store_snapshot(
    tx: &DatabaseTransaction,
    task: &Task,
) -> Result<(), StoreError> {
    let row = snapshot::ActiveModel {
        task_id: Set(task.id.as_uuid()),
        version: Set(stored(task.version)),
        schema_version: Set(SNAPSHOT_SCHEMA),
        state: Set(serde_json::to_string(task).map_err(StoreError::Encode)?),
    };
    snapshot::Entity::insert(row)
        .exec_without_returning(tx)
        .await?;
    Ok(())
}
