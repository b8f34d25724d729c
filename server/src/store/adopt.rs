//! Taking over a history that was made elsewhere: a task that begins with it, all at once.

use app::domain::task::{EventRecord, Task};
use sea_orm::{DatabaseTransaction, EntityTrait as _};

use super::append::{event_row, lock, outrun, store_snapshot};
use super::row::event;
use super::{Corruption, Store, StoreError, fold_step, read};
use crate::jobs;
use crate::projections::{self, Change};

/// So many rows are written by one statement.
const BATCH: usize = 500;

impl Store {
    /// Stores the whole history of a task that does not exist yet, with its own times, in whole
    /// milliseconds, and actors.
    ///
    /// Fails with [`StoreError::Conflict`] if the task exists.
    pub async fn adopt(&self, records: &[EventRecord]) -> Result<Task, StoreError> {
        let tx = self.begin().await?;
        match self.adopt_within(&tx, records, None).await {
            Ok(task) => {
                tx.commit().await?;
                self.announce_adopted(&task);
                Ok(task)
            }
            Err(error) => {
                // Why it was not stored says more than why the way back failed.
                tx.rollback().await.ok();
                Err(error)
            }
        }
    }

    /// The same as part of a transaction that holds more. Once it is committed, [`Self::announce_adopted`]
    /// tells of it.
    pub(crate) async fn adopt_within(
        &self,
        tx: &DatabaseTransaction,
        records: &[EventRecord],
        cause: Option<&str>,
    ) -> Result<Task, StoreError> {
        let id = records.first().ok_or(StoreError::NotCreated)?.task_id;
        let mut task: Option<Task> = None;
        for record in records {
            task = Some(fold_step(id, task, record)?);
        }
        let task = task.ok_or(Corruption::Gap {
            task: id,
            version: 0,
        })?;
        lock(tx, id).await?;
        if read::version(tx, id).await? != 0 {
            return Err(StoreError::Conflict);
        }
        for records in records.chunks(BATCH) {
            let rows: Result<Vec<_>, _> = records
                .iter()
                .map(|record| event_row(record, cause, None))
                .collect();
            event::Entity::insert_many(rows?)
                .exec_without_returning(tx)
                .await
                .map_err(outrun)?;
        }
        let change = Change {
            before: None,
            after: &task,
            records,
        };
        projections::apply(tx, &change).await?;
        jobs::follow(tx, None, &task).await?;
        store_snapshot(tx, &task).await?;
        Ok(task)
    }

    /// Wakes those who wait for news.
    pub(crate) fn announce_adopted(&self, task: &Task) {
        self.heads().woken(task.id);
        if jobs::may_release_work(None, task) {
            self.heads().jobs_changed();
        }
    }
}
