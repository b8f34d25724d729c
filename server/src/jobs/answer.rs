//! The timers of questions: for each task that waits for an answer which its agent has proposed itself a
//! row that says since when, by the database's clock.

use std::time::Duration;

use app::domain::id::TaskId;
use app::domain::task::Task;
use sea_orm::{ConnectionTrait, DatabaseTransaction, Value};
use uuid::Uuid;

use crate::store::{LOCAL_OWNER, LOCAL_TEAM, Store, StoreError, clock, statement};

/// The kind of job that answers questions; `attempt` is the number of minutes that people have.
const ANSWER: &str = "answer";

/// So many are seen to in one go; the rest follows in the next.
const AT_ONCE: u32 = 1_000;

impl Store {
    /// The tasks whose questions nobody has answered in time, those that wait for longest first.
    pub async fn overdue_questions(&self) -> Result<Vec<TaskId>, StoreError> {
        let backend = self.backend();
        let minute = Duration::from_mins(1).as_millis();
        let sql = format!(
            "SELECT task_id FROM jobs WHERE kind = '{ANSWER}' AND state = 'queued' \
             AND queued_at_ms + CAST(attempt AS BIGINT) * {minute} <= {} \
             ORDER BY queued_at_ms, task_id LIMIT {AT_ONCE}",
            clock(backend)
        );
        let rows = self
            .reader()
            .query_all_raw(statement(backend, sql, []))
            .await?;
        let mut tasks = Vec::with_capacity(rows.len());
        for row in rows {
            let task: Uuid = row.try_get("", "task_id")?;
            tasks.push(TaskId::from_uuid(task));
        }
        Ok(tasks)
    }
}

/// The minutes that people have, if the timer runs.
fn minutes(task: &Task) -> Option<u32> {
    (task.answer_after > 0 && task.proposed_answers().next().is_some()).then_some(task.answer_after)
}

/// Starts and stops the timer of the task's questions.
pub(super) async fn follow(
    tx: &DatabaseTransaction,
    before: Option<&Task>,
    after: &Task,
) -> Result<(), StoreError> {
    let task: Value = after.id.as_uuid().into();
    let backend = tx.get_database_backend();
    let (sql, values) = match (before.and_then(minutes), minutes(after)) {
        (was, is) if was == is => return Ok(()),
        (Some(_), None) => (
            "UPDATE jobs SET state = 'idle' WHERE kind = $1 AND task_id = $2".to_owned(),
            vec![ANSWER.into(), task],
        ),
        // It goes on running from when it was set.
        (Some(_), Some(minutes)) => (
            "UPDATE jobs SET attempt = $3 WHERE kind = $1 AND task_id = $2".to_owned(),
            vec![ANSWER.into(), task, i64::from(minutes).into()],
        ),
        (None, minutes) => (
            format!(
                "INSERT INTO jobs (kind, task_id, team_id, owner_id, state, priority, not_before_ms, \
                 queued_at_ms, attempt, lease_epoch, lease_until_ms) \
                 VALUES ($1, $2, $4, $5, 'queued', 0, 0, {}, $3, 0, 0) \
                 ON CONFLICT (kind, task_id) DO UPDATE SET state = excluded.state, \
                 queued_at_ms = excluded.queued_at_ms, attempt = excluded.attempt",
                clock(backend)
            ),
            vec![
                ANSWER.into(),
                task,
                i64::from(minutes.unwrap_or_default()).into(),
                LOCAL_TEAM.into(),
                LOCAL_OWNER.into(),
            ],
        ),
    };
    tx.execute_raw(statement(backend, sql, values)).await?;
    Ok(())
}
