//! The checkpoints that are kept of a task.

use app::domain::id::{CheckpointId, TaskId};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _};

use super::{Store, StoreError};
use crate::projections::checkpoint::{Column, Entity, Model};

impl Store {
    /// All of a task's, the newest first.
    pub(crate) async fn checkpoints(&self, task: TaskId) -> Result<Vec<Model>, StoreError> {
        let rows = Entity::find()
            .filter(Column::TaskId.eq(task.as_uuid()))
            .order_by_desc(Column::Version);
        Ok(rows.all(self.reader()).await?)
    }

    /// One of a task's.
    pub(crate) async fn checkpoint(
        &self,
        task: TaskId,
        id: CheckpointId,
    ) -> Result<Option<Model>, StoreError> {
        let row = Entity::find_by_id(id.as_uuid()).filter(Column::TaskId.eq(task.as_uuid()));
        Ok(row.one(self.reader()).await?)
    }
}
