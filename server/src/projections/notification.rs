//! What people are told of their tasks, and whether the cause still holds.

use app::domain::task::{Concern, Task};
use sea_orm::entity::prelude::*;
use sea_orm::{ConnectionTrait, DatabaseTransaction};

use super::{Change, put};
use crate::store::{LOCAL_OWNER, LOCAL_TEAM, StoreError, statement, stored};

/// So many of a task's settled notifications are kept, the newest.
const KEPT: u32 = 100;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "notifications")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub task_id: Uuid,
    /// Of the event that gave cause.
    #[sea_orm(primary_key, auto_increment = false)]
    pub version: i64,
    pub team_id: Uuid,
    pub owner_id: Uuid,
    /// A [`ConcernKind`](app::domain::task::ConcernKind).
    pub kind: String,
    /// The review, the question, the dependency; else the task.
    pub subject: Uuid,
    /// The task's.
    pub title: String,
    pub text: String,
    pub raised_at_ms: i64,
    /// When the cause was gone.
    pub resolved_at_ms: Option<i64>,
    /// When somebody has read it: the truth of `notification_reads`.
    pub read_at_ms: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What one event has changed.
struct Step {
    version: u64,
    at_ms: i64,
    raised: Vec<Concern>,
    settled: Vec<Concern>,
}

pub(super) async fn apply(tx: &DatabaseTransaction, change: &Change<'_>) -> Result<(), StoreError> {
    let task = change.after;
    if task.archived {
        // Whoever put it away knows of it.
        return clear(tx, task).await;
    }
    if change
        .before
        .is_some_and(|before| before.title != task.title)
    {
        let sql = "UPDATE notifications SET title = $1 WHERE task_id = $2";
        let values = [title(task).into(), task.id.as_uuid().into()];
        tx.execute_raw(statement(tx.get_database_backend(), sql, values))
            .await?;
    }
    let mut has_settled = false;
    for step in steps(change) {
        for concern in &step.settled {
            settle(tx, task, concern, step.at_ms).await?;
            has_settled = true;
        }
        for concern in step.raised {
            put::<Entity>(tx, row(task, step.version, step.at_ms, &concern)).await?;
        }
    }
    if has_settled {
        prune(tx, task).await?;
    }
    Ok(())
}

/// What each event has changed, as far as it has.
fn steps(change: &Change<'_>) -> Vec<Step> {
    let mut before = change.before.map(Task::concerns).unwrap_or_default();
    let is_single = change.records.len() == 1;
    // What one event led to is known already.
    let mut task = (!is_single).then(|| change.before.cloned());
    let mut steps = Vec::new();
    for record in change.records {
        let after = match task.take() {
            Some(earlier) => {
                let later = Task::apply(earlier, record);
                let concerns = later.as_ref().map(Task::concerns);
                task = Some(later);
                concerns.unwrap_or_default()
            }
            None => change.after.concerns(),
        };
        let missing = |all: &[Concern], from: &[Concern]| -> Vec<Concern> {
            let is_new = |one: &&Concern| !from.iter().any(|other| other.is_same(one));
            all.iter().filter(is_new).cloned().collect()
        };
        let (raised, settled) = (missing(&after, &before), missing(&before, &after));
        if !raised.is_empty() || !settled.is_empty() {
            steps.push(Step {
                version: record.version,
                at_ms: record.at.timestamp_millis(),
                raised,
                settled,
            });
        }
        before = after;
    }
    steps
}

fn row(task: &Task, version: u64, raised_at_ms: i64, concern: &Concern) -> Model {
    Model {
        task_id: task.id.as_uuid(),
        version: stored(version),
        team_id: LOCAL_TEAM,
        owner_id: LOCAL_OWNER,
        kind: concern.kind.to_string(),
        subject: concern.subject,
        title: title(task),
        text: storable(&concern.text),
        raised_at_ms,
        resolved_at_ms: None,
        read_at_ms: None,
    }
}

fn title(task: &Task) -> String {
    storable(task.title.as_str())
}

/// The text without the one sign that `PostgreSQL` refuses.
fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

async fn settle(
    tx: &DatabaseTransaction,
    task: &Task,
    concern: &Concern,
    at_ms: i64,
) -> Result<(), DbErr> {
    let sql = "UPDATE notifications SET resolved_at_ms = $1 \
               WHERE task_id = $2 AND kind = $3 AND subject = $4 AND resolved_at_ms IS NULL";
    let values = [
        at_ms.into(),
        task.id.as_uuid().into(),
        concern.kind.to_string().into(),
        concern.subject.into(),
    ];
    tx.execute_raw(statement(tx.get_database_backend(), sql, values))
        .await?;
    Ok(())
}

/// Forgets the oldest of what is settled, with who has read it.
async fn prune(tx: &DatabaseTransaction, task: &Task) -> Result<(), DbErr> {
    let backend = tx.get_database_backend();
    let settled = "SELECT version FROM notifications WHERE task_id = $1 AND resolved_at_ms IS NOT NULL \
                   ORDER BY version DESC";
    let sql = format!(
        "DELETE FROM notifications WHERE task_id = $1 AND resolved_at_ms IS NOT NULL \
         AND version <= ({settled} LIMIT 1 OFFSET {KEPT})"
    );
    let id: Value = task.id.as_uuid().into();
    let pruned = tx
        .execute_raw(statement(backend, sql, [id.clone()]))
        .await?;
    if pruned.rows_affected() > 0 {
        let sql = "DELETE FROM notification_reads WHERE task_id = $1 AND version NOT IN \
                   (SELECT version FROM notifications WHERE task_id = $1)";
        tx.execute_raw(statement(backend, sql, [id])).await?;
    }
    Ok(())
}

/// Notes again who has read what, which no event says.
pub(super) async fn recall_reads(tx: &DatabaseTransaction) -> Result<(), DbErr> {
    let sql = "UPDATE notifications SET read_at_ms = (SELECT MAX(r.read_at_ms) FROM notification_reads r \
               WHERE r.task_id = notifications.task_id AND r.version = notifications.version)";
    tx.execute_unprepared(sql).await?;
    Ok(())
}

async fn clear(tx: &DatabaseTransaction, task: &Task) -> Result<(), StoreError> {
    for table in ["notifications", "notification_reads"] {
        let sql = format!("DELETE FROM {table} WHERE task_id = $1");
        let values = [task.id.as_uuid().into()];
        tx.execute_raw(statement(tx.get_database_backend(), sql, values))
            .await?;
    }
    Ok(())
}
