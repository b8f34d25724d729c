//! What is to be pushed to browsers: a row for each browser and notification, made with the event that gives
//! cause. Only the database's clock counts.

use std::time::Duration;

use app::domain::id::{NotificationId, TaskId};
use app::domain::task::{ConcernKind, Task};
use sea_orm::{ConnectionTrait, DatabaseTransaction, QueryResult};
use uuid::Uuid;

use crate::store::{Corruption, Store, StoreError, clock, counted, statement, stored};

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
    pub subscription: Uuid,
    pub notification: NotificationId,
    /// This one included.
    pub attempt: u32,
    pub endpoint: String,
    pub p256dh: String,
    pub auth: String,
    pub kind: ConcernKind,
    /// The task's title.
    pub title: String,
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
            "UPDATE push_deliveries SET attempt = attempt + 1, \
             due_at_ms = {now} + CASE attempt {pause} ELSE {longest} END \
             WHERE due_at_ms <= {now} AND (subscription_id, task_id, version) IN \
             (SELECT subscription_id, task_id, version FROM push_deliveries WHERE due_at_ms <= {now} \
             ORDER BY due_at_ms LIMIT {AT_ONCE}) \
             RETURNING subscription_id, task_id, version, attempt"
        );
        let taken = statement(backend, sql, []);
        let taken = self.writer().query_all_raw(taken).await?;
        let mut deliveries = Vec::with_capacity(taken.len());
        for row in taken {
            let subscription: Uuid = row.try_get("", "subscription_id")?;
            let task: Uuid = row.try_get("", "task_id")?;
            let version: i64 = row.try_get("", "version")?;
            let attempt: i32 = row.try_get("", "attempt")?;
            let sql = "SELECT s.endpoint, s.p256dh, s.auth, n.kind, n.title, \
                       CASE WHEN n.resolved_at_ms IS NULL AND n.read_at_ms IS NULL THEN 0 ELSE 1 END AS settled \
                       FROM push_subscriptions s JOIN notifications n ON n.task_id = $2 AND n.version = $3 \
                       WHERE s.id = $1";
            let values = [subscription.into(), task.into(), version.into()];
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
                Some(row) => deliveries.push(delivery(&row, subscription, notification, attempt)?),
                // The browser is gone, or the task was put away.
                None => self.drop_delivery(subscription, notification).await?,
            }
        }
        Ok(deliveries)
    }

    /// How long until a message is due; `None` if there is none.
    pub async fn next_delivery(&self) -> Result<Option<Duration>, StoreError> {
        let backend = self.backend();
        let sql = format!(
            "SELECT MIN(due_at_ms) - {} AS due_ms FROM push_deliveries",
            clock(backend)
        );
        self.until(sql).await
    }

    /// Removes a message: delivered, or given up.
    pub async fn drop_delivery(
        &self,
        subscription: Uuid,
        notification: NotificationId,
    ) -> Result<(), StoreError> {
        let sql = "DELETE FROM push_deliveries WHERE subscription_id = $1 AND task_id = $2 AND version = $3";
        let values = [
            subscription.into(),
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
    subscription: Uuid,
    notification: NotificationId,
    attempt: u32,
) -> Result<Delivery, StoreError> {
    let kind: String = row.try_get("", "kind")?;
    let kind = kind.parse().map_err(|_| Corruption::Row {
        task: notification.task,
        version: notification.version,
    })?;
    let settled: i32 = row.try_get("", "settled")?;
    Ok(Delivery {
        subscription,
        notification,
        attempt,
        endpoint: row.try_get("", "endpoint")?,
        p256dh: row.try_get("", "p256dh")?,
        auth: row.try_get("", "auth")?,
        kind,
        title: row.try_get("", "title")?,
        is_settled: settled != 0,
    })
}

/// Has what a task's step gives cause to pushed to the browsers that want it.
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
        "INSERT INTO push_deliveries (subscription_id, task_id, version, attempt, due_at_ms) \
         SELECT s.id, n.task_id, n.version, 0, {} FROM notifications n JOIN push_subscriptions s \
         ON s.kinds LIKE '%,' || n.kind || ',%' \
         WHERE n.task_id = $1 AND n.version > $2 AND n.resolved_at_ms IS NULL",
        clock(backend)
    );
    let version = before.map_or(0, |before| before.version);
    let values = [after.id.as_uuid().into(), stored(version).into()];
    tx.execute_raw(statement(backend, sql, values)).await?;
    Ok(())
}
