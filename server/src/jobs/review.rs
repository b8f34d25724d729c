//! The timers of reviews: for each task at its gate a row that says since when it waits, by the
//! database's clock. How long is too long is a setting, so it is asked for when the rows are read.

use std::time::Duration;

use app::domain::id::{ReviewId, TaskId};
use app::domain::task::{ReminderLevel, Task};
use sea_orm::{ConnectionTrait, DatabaseTransaction, Value};
use uuid::Uuid;

use crate::store::{LOCAL_OWNER, LOCAL_TEAM, Store, StoreError, clock, counted, statement};

/// The kind of job that calls a review to mind; `attempt` counts the levels that were reached.
const REMINDER: &str = "reminder";
/// The kind of job that approves a review. Idle unless the task is to go on by itself.
const APPROVAL: &str = "approval";

/// So many are looked at in one go. The oldest come first, so no later one is missed for long.
const AT_ONCE: u32 = 10_000;

/// A review that waits for a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReviewTimer {
    pub task: TaskId,
    pub review: ReviewId,
    /// How long it has waited, by the database's clock.
    pub age: Duration,
    pub purpose: TimerPurpose,
}

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimerPurpose {
    /// To call the review to mind beyond what was reached.
    Reminder { reached: Option<ReminderLevel> },
    /// To approve it.
    Approval,
}

impl Store {
    /// The timers that run, the oldest first.
    pub async fn review_timers(&self) -> Result<Vec<ReviewTimer>, StoreError> {
        let backend = self.backend();
        let sql = format!(
            "SELECT kind, task_id, subject, attempt, {} - queued_at_ms AS age_ms FROM jobs \
             WHERE kind IN ('reminder', 'approval') AND state = 'queued' \
             ORDER BY queued_at_ms, task_id, kind LIMIT {AT_ONCE}",
            clock(backend)
        );
        let rows = self
            .reader()
            .query_all_raw(statement(backend, sql, []))
            .await?;
        let mut timers = Vec::with_capacity(rows.len());
        for row in rows {
            let task: Uuid = row.try_get("", "task_id")?;
            let review: Option<Uuid> = row.try_get("", "subject")?;
            let kind: String = row.try_get("", "kind")?;
            let attempt = counted(row.try_get("", "attempt")?);
            let Some(review) = review else { continue };
            timers.push(ReviewTimer {
                task: TaskId::from_uuid(task),
                review: ReviewId::from_uuid(review),
                age: Duration::from_millis(counted(row.try_get("", "age_ms")?)),
                purpose: match kind.as_str() {
                    REMINDER => TimerPurpose::Reminder {
                        reached: level(attempt),
                    },
                    _ => TimerPurpose::Approval,
                },
            });
        }
        Ok(timers)
    }
}

/// The level that so many levels lead up to.
fn level(attempt: u64) -> Option<ReminderLevel> {
    let index = usize::try_from(attempt).ok()?.checked_sub(1)?;
    ReminderLevel::ALL.get(index).copied()
}

/// How many levels there are up to this one.
fn attempt(level: Option<ReminderLevel>) -> i64 {
    ReminderLevel::ALL
        .into_iter()
        .map(|known| i64::from(Some(known) <= level))
        .sum()
}

/// Starts, moves and stops the timers of the task's reviews.
pub(super) async fn follow(
    tx: &DatabaseTransaction,
    before: Option<&Task>,
    after: &Task,
) -> Result<(), StoreError> {
    let was = before.and_then(Task::awaited_review);
    let Some(review) = after.awaited_review() else {
        if was.is_some() {
            stop(tx, after).await?;
        }
        return Ok(());
    };
    if was != Some(review) {
        let is_last = after.reminded(review) == ReminderLevel::ALL.last().copied();
        set(tx, after, REMINDER, review, !is_last).await?;
        return set(tx, after, APPROVAL, review, after.auto_approve).await;
    }
    let auto_approve = before.is_some_and(|before| before.auto_approve);
    if auto_approve != after.auto_approve {
        let sql = "UPDATE jobs SET state = $1 WHERE kind = $2 AND task_id = $3";
        let state = state(after.auto_approve);
        run(tx, sql, [state.into(), APPROVAL.into(), id(after)]).await?;
    }
    let reached = after.reminded(review);
    if before.and_then(|before| before.reminded(review)) != reached {
        let is_last = reached == ReminderLevel::ALL.last().copied();
        let sql = "UPDATE jobs SET attempt = $1, state = $2 WHERE kind = $3 AND task_id = $4";
        let values = [
            attempt(reached).into(),
            state(!is_last).into(),
            REMINDER.into(),
            id(after),
        ];
        run(tx, sql, values).await?;
    }
    Ok(())
}

const fn state(is_running: bool) -> &'static str {
    if is_running { "queued" } else { "idle" }
}

fn id(task: &Task) -> Value {
    task.id.as_uuid().into()
}

async fn stop(tx: &DatabaseTransaction, task: &Task) -> Result<(), StoreError> {
    let sql = "UPDATE jobs SET state = 'idle' WHERE kind IN ($1, $2) AND task_id = $3";
    run(tx, sql, [REMINDER.into(), APPROVAL.into(), id(task)]).await
}

/// Sets a timer of the task, from now on.
async fn set(
    tx: &DatabaseTransaction,
    task: &Task,
    kind: &str,
    review: ReviewId,
    is_running: bool,
) -> Result<(), StoreError> {
    let sql = format!(
        "INSERT INTO jobs (kind, task_id, team_id, owner_id, state, priority, not_before_ms, queued_at_ms, \
         attempt, lease_epoch, lease_until_ms, subject) VALUES ($1, $2, $3, $4, $5, 0, 0, {}, $7, 0, 0, $6) \
         ON CONFLICT (kind, task_id) DO UPDATE SET state = excluded.state, subject = excluded.subject, \
         queued_at_ms = excluded.queued_at_ms, attempt = excluded.attempt",
        clock(tx.get_database_backend())
    );
    let values = [
        kind.into(),
        id(task),
        LOCAL_TEAM.into(),
        LOCAL_OWNER.into(),
        state(is_running).into(),
        review.as_uuid().into(),
        // After a pause it is the same review again.
        attempt(task.reminded(review)).into(),
    ];
    run(tx, sql, values).await
}

async fn run(
    tx: &DatabaseTransaction,
    sql: impl Into<String>,
    values: impl IntoIterator<Item = Value>,
) -> Result<(), StoreError> {
    let backend = tx.get_database_backend();
    tx.execute_raw(statement(backend, sql, values)).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_counted_and_read_back() {
        assert_eq!((attempt(None), level(0)), (0, None));
        for (number, known) in (1..).zip(ReminderLevel::ALL) {
            assert_eq!(attempt(Some(known)), number);
            assert_eq!(level(number.unsigned_abs()), Some(known));
        }
        assert_eq!(level(4), None);
    }
}
