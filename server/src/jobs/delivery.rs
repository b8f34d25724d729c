//! Notifications that are to leave the house: a row for each target and notification, made with the event that
//! gives cause. Only the database's clock counts.

use std::time::Duration;

use app::domain::id::{NotificationId, TaskId};
use app::domain::task::{ConcernKind, Task};
use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DatabaseTransaction, QueryResult};
use uuid::Uuid;

use crate::store::{
    Corruption, Store, StoreError, Target, clock, counted, statement, stored, target,
};

/// So many are sent in one go.
const AT_ONCE: u32 = 50;

/// How often a message is tried. With the pauses between, that is an hour.
pub const MOST_ATTEMPTS: u32 = 7;

/// The pause after the first attempt, in milliseconds; each further one is twice as long. Meanwhile nobody
/// else tries.
const PAUSE_MS: u32 = 30_000;

/// A message that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub target_id: Uuid,
    pub target: Target,
    pub notification: NotificationId,
    /// This one included.
    pub attempt: u32,
    pub kind: ConcernKind,
    /// The task's title.
    pub title: String,
    /// In a line; empty if the kind says it all.
    pub text: String,
    pub raised_at: DateTime<Utc>,
    /// Whether the cause is gone, or somebody has read it.
    pub is_settled: bool,
}

impl Store {
    /// Takes the messages that are due. Those that are not removed come again after a pause.
    pub async fn take_deliveries(&self) -> Result<Vec<Delivery>, StoreError> {
        let backend = self.backend();
        let now = clock(backend);
        let longest = PAUSE_MS << MOST_ATTEMPTS;
        let pause = (0..MOST_ATTEMPTS)
            .map(|attempt| format!("WHEN {attempt} THEN {}", PAUSE_MS << attempt))
            .collect::<Vec<_>>()
            .join(" ");
        let sql = format!(
            "UPDATE notification_deliveries SET attempt = attempt + 1, \
             due_at_ms = {now} + CASE attempt {pause} ELSE {longest} END \
             WHERE due_at_ms <= {now} AND (target_id, task_id, version) IN \
             (SELECT target_id, task_id, version FROM notification_deliveries WHERE due_at_ms <= {now} \
             ORDER BY due_at_ms LIMIT {AT_ONCE}) \
             RETURNING target_id, task_id, version, attempt"
        );
        let taken = statement(backend, sql, []);
        let taken = self.writer().query_all_raw(taken).await?;
        let mut deliveries = Vec::with_capacity(taken.len());
        for row in taken {
            let target: Uuid = row.try_get("", "target_id")?;
            let task: Uuid = row.try_get("", "task_id")?;
            let version: i64 = row.try_get("", "version")?;
            let attempt: i32 = row.try_get("", "attempt")?;
            let sql = "SELECT s.channel, s.address, s.p256dh, s.auth, n.kind, n.title, n.text, n.raised_at_ms, \
                       CASE WHEN n.resolved_at_ms IS NULL AND n.read_at_ms IS NULL THEN 0 ELSE 1 END AS settled \
                       FROM notification_targets s JOIN notifications n ON n.task_id = $2 AND n.version = $3 \
                       WHERE s.id = $1";
            let values = [target.into(), task.into(), version.into()];
            let found = self
                .reader()
                .query_one_raw(statement(backend, sql, values))
                .await?;
            let notification = NotificationId {
                task: TaskId::from_uuid(task),
                version: counted(version),
            };
            let attempt = u32::try_from(attempt).unwrap_or(u32::MAX);
            match found {
                Some(row) => deliveries.push(delivery(&row, target, notification, attempt)?),
                // The target is gone, or the task was put away.
                None => self.drop_delivery(target, notification).await?,
            }
        }
        Ok(deliveries)
    }

    /// How long until a message is due; `None` if there is none.
    pub async fn next_delivery(&self) -> Result<Option<Duration>, StoreError> {
        let backend = self.backend();
        let sql = format!(
            "SELECT MIN(due_at_ms) - {} AS due_ms FROM notification_deliveries",
            clock(backend)
        );
        self.until(sql).await
    }

    /// Removes a message: delivered, or given up.
    pub async fn drop_delivery(
        &self,
        target: Uuid,
        notification: NotificationId,
    ) -> Result<(), StoreError> {
        let sql = "DELETE FROM notification_deliveries WHERE target_id = $1 AND task_id = $2 AND version = $3";
        let values = [
            target.into(),
            notification.task.as_uuid().into(),
            stored(notification.version).into(),
        ];
        self.writer()
            .execute_raw(statement(self.backend(), sql, values))
            .await?;
        Ok(())
    }
}

fn delivery(
    row: &QueryResult,
    target_id: Uuid,
    notification: NotificationId,
    attempt: u32,
) -> Result<Delivery, StoreError> {
    let kind: String = row.try_get("", "kind")?;
    let kind = kind.parse().map_err(|_| Corruption::Row {
        task: notification.task,
        version: notification.version,
    })?;
    let settled: i32 = row.try_get("", "settled")?;
    let raised_at = DateTime::from_timestamp_millis(row.try_get("", "raised_at_ms")?);
    Ok(Delivery {
        target_id,
        target: target(row)?,
        notification,
        attempt,
        kind,
        title: row.try_get("", "title")?,
        text: row.try_get("", "text")?,
        raised_at: raised_at.unwrap_or_default(),
        is_settled: settled != 0,
    })
}

/// Has what a task's step gives cause to sent to the targets that want it.
pub(super) async fn follow(
    tx: &DatabaseTransaction,
    before: Option<&Task>,
    after: &Task,
) -> Result<(), StoreError> {
    let known = before.map(Task::concerns).unwrap_or_default();
    let concerns = after.concerns();
    let is_new = concerns
        .iter()
        .any(|concern| !known.iter().any(|other| other.is_same(concern)));
    if !is_new {
        return Ok(());
    }
    let backend = tx.get_database_backend();
    let sql = format!(
        "INSERT INTO notification_deliveries (target_id, task_id, version, attempt, due_at_ms) \
         SELECT s.id, n.task_id, n.version, 0, {} FROM notifications n JOIN notification_targets s \
         ON s.kinds LIKE '%,' || n.kind || ',%' \
         WHERE n.task_id = $1 AND n.version > $2 AND n.resolved_at_ms IS NULL",
        clock(backend)
    );
    let version = before.map_or(0, |before| before.version);
    let values = [after.id.as_uuid().into(), stored(version).into()];
    tx.execute_raw(statement(backend, sql, values)).await?;
    Ok(())
}
