//! Making the read tables again.

use app::domain::id::TaskId;
use app::domain::task::Task;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbBackend, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect,
};
use uuid::Uuid;

use super::{
    Change, apply, checkpoint, dependency, feedback, finished_phase, notification, phase,
    prerequisite, question, review, task, usage, verification,
};
use crate::store::row::event;
use crate::store::{Corruption, Store, StoreError, fold_step, record};

/// What was made again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RebuildReport {
    /// Tasks, those put away included.
    pub tasks: u64,
    /// Events that were replayed.
    pub events: u64,
}

impl Store {
    /// Empties every read table and fills it from the events, in one transaction: readers see
    /// the old rows until the new ones are complete. A damaged history stops it, and the old
    /// rows stay.
    pub async fn rebuild(&self) -> Result<RebuildReport, StoreError> {
        let tx = self.begin().await?;
        match rebuild(&tx).await {
            Ok(report) => {
                tx.commit().await?;
                Ok(report)
            }
            Err(error) => {
                // Why it failed says more than why the way back did.
                tx.rollback().await.ok();
                Err(error)
            }
        }
    }
}

async fn rebuild(tx: &DatabaseTransaction) -> Result<RebuildReport, StoreError> {
    if tx.get_database_backend() == DbBackend::Postgres {
        // Writers wait; what they append meanwhile would be missing in the tables.
        tx.execute_unprepared("LOCK TABLE events IN SHARE ROW EXCLUSIVE MODE")
            .await?;
    }
    clear(tx).await?;
    let ids: Vec<Uuid> = event::Entity::find()
        .select_only()
        .column(event::Column::TaskId)
        .distinct()
        .order_by_asc(event::Column::TaskId)
        .into_tuple()
        .all(tx)
        .await?;
    let mut report = RebuildReport::default();
    for id in ids {
        report.tasks += 1;
        report.events += replay(tx, TaskId::from_uuid(id)).await?;
    }
    notification::recall_reads(tx).await?;
    Ok(report)
}

async fn clear(tx: &DatabaseTransaction) -> Result<(), StoreError> {
    task::Entity::delete_many().exec(tx).await?;
    prerequisite::Entity::delete_many().exec(tx).await?;
    phase::Entity::delete_many().exec(tx).await?;
    finished_phase::Entity::delete_many().exec(tx).await?;
    review::Entity::delete_many().exec(tx).await?;
    feedback::Entity::delete_many().exec(tx).await?;
    question::Entity::delete_many().exec(tx).await?;
    dependency::Entity::delete_many().exec(tx).await?;
    verification::Entity::delete_many().exec(tx).await?;
    checkpoint::Entity::delete_many().exec(tx).await?;
    usage::Entity::delete_many().exec(tx).await?;
    notification::Entity::delete_many().exec(tx).await?;
    Ok(())
}

async fn replay(tx: &DatabaseTransaction, id: TaskId) -> Result<u64, StoreError> {
    let rows = event::Entity::find()
        .filter(event::Column::TaskId.eq(id.as_uuid()))
        .order_by_asc(event::Column::Version)
        .all(tx)
        .await?;
    let records: Result<Vec<_>, _> = rows.iter().map(record).collect();
    let records = records?;
    let mut task: Option<Task> = None;
    for record in &records {
        task = Some(fold_step(id, task, record)?);
    }
    let after = task.ok_or(Corruption::Gap {
        task: id,
        version: 0,
    })?;
    let change = Change {
        before: None,
        after: &after,
        records: &records,
    };
    apply(tx, &change).await?;
    Ok(records.len() as u64)
}
