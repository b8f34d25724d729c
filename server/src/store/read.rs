//! Reading tasks and events.

use app::domain::id::TaskId;
use app::domain::task::{EventRecord, Task, TaskEvent};
use chrono::DateTime;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use serde_json::Value as Json;

use super::append::SNAPSHOT_SCHEMA;
use super::row::{event, snapshot};
use super::{Corruption, Store, StoreError, counted, stored};

/// How far a task has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Of the newest event.
    pub version: u64,
    /// Of the newest log line; 0 if there is none.
    pub log_seq: u64,
}

impl Store {
    /// A task as it is now, put away or not.
    pub async fn load(&self, id: TaskId) -> Result<Option<Task>, StoreError> {
        self.load_at(id, u64::MAX).await
    }

    /// A task as it was at a version; as it is now if it has not come so far.
    pub async fn load_at(&self, id: TaskId, version: u64) -> Result<Option<Task>, StoreError> {
        let task = self.snapshot(id, version).await?;
        let after = task.as_ref().map_or(0, |task| task.version);
        let rows = event::Entity::find()
            .filter(event::Column::TaskId.eq(id.as_uuid()))
            .filter(event::Column::Version.gt(stored(after)))
            .filter(event::Column::Version.lte(stored(version)))
            .order_by_asc(event::Column::Version)
            .all(self.reader())
            .await?;
        fold(id, task, rows)
    }

    /// Events after a version, at most `limit` of them, in order.
    pub async fn events_after(
        &self,
        id: TaskId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<EventRecord>, StoreError> {
        let rows = event::Entity::find()
            .filter(event::Column::TaskId.eq(id.as_uuid()))
            .filter(event::Column::Version.gt(stored(after)))
            .order_by_asc(event::Column::Version)
            .limit(u64::from(limit))
            .all(self.reader())
            .await?;
        rows.iter().map(record).collect()
    }

    /// How far a task has come; `None` if there is no such task.
    pub async fn head(&self, id: TaskId) -> Result<Option<Head>, StoreError> {
        let version = version(self.reader(), id).await?;
        if version == 0 {
            return Ok(None);
        }
        let log_seq = self.log_head(id).await?;
        Ok(Some(Head { version, log_seq }))
    }

    /// The newest readable snapshot up to a version.
    async fn snapshot(&self, id: TaskId, version: u64) -> Result<Option<Task>, StoreError> {
        let row = snapshot::Entity::find()
            .filter(snapshot::Column::TaskId.eq(id.as_uuid()))
            .filter(snapshot::Column::Version.lte(stored(version)))
            .filter(snapshot::Column::SchemaVersion.eq(SNAPSHOT_SCHEMA))
            .order_by_desc(snapshot::Column::Version)
            .one(self.reader())
            .await?;
        let Some(row) = row else { return Ok(None) };
        match serde_json::from_str::<Task>(&row.state) {
            Ok(task) => Ok(Some(task)),
            Err(error) => {
                let version = row.version;
                tracing::warn!(task.id = %id, version, %error, "a snapshot can't be read; all events are replayed");
                Ok(None)
            }
        }
    }
}

/// The number of a task's newest event; 0 if there is no such task.
pub(crate) async fn version(connection: &impl ConnectionTrait, id: TaskId) -> Result<u64, DbErr> {
    let newest: Option<i64> = event::Entity::find()
        .select_only()
        .column(event::Column::Version)
        .filter(event::Column::TaskId.eq(id.as_uuid()))
        .order_by_desc(event::Column::Version)
        .limit(1)
        .into_tuple()
        .one(connection)
        .await?;
    Ok(newest.map_or(0, counted))
}

/// Folds events into a state and makes sure that none is missing.
fn fold(
    id: TaskId,
    mut task: Option<Task>,
    rows: Vec<event::Model>,
) -> Result<Option<Task>, StoreError> {
    for row in rows {
        task = Some(fold_step(id, task, &record(&row)?)?);
    }
    Ok(task)
}

/// One step of [`fold`].
pub(crate) fn fold_step(
    id: TaskId,
    task: Option<Task>,
    record: &EventRecord,
) -> Result<Task, StoreError> {
    let version = task.as_ref().map_or(0, |task| task.version);
    if record.version != version + 1 {
        return Err(Corruption::Gap { task: id, version }.into());
    }
    Task::apply(task, record).ok_or(StoreError::NotCreated)
}

/// An event as the domain knows it.
pub(crate) fn record(row: &event::Model) -> Result<EventRecord, StoreError> {
    let task = TaskId::from_uuid(row.task_id);
    let version = counted(row.version);
    let unreadable = |source| Corruption::Event {
        task,
        version,
        source,
    };
    let data: Json = serde_json::from_str(&row.data).map_err(unreadable)?;
    let event = serde_json::json!({ "type": row.event_type, "data": data });
    let event: TaskEvent = serde_json::from_value(event).map_err(unreadable)?;
    let actor = row.actor.parse();
    let actor = actor.map_err(|_| Corruption::Row { task, version })?;
    let at = DateTime::from_timestamp_millis(row.at_ms);
    let at = at.ok_or(Corruption::Row { task, version })?;
    Ok(EventRecord {
        task_id: task,
        version,
        event,
        actor,
        at,
    })
}
