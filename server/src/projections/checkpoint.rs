//! The points that tasks can be resumed or forked from.

use app::domain::task::TaskEvent;
use sea_orm::DatabaseTransaction;
use sea_orm::entity::prelude::*;

use super::{Change, put, small};
use crate::store::{StoreError, stored};

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "checkpoints")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub task_id: Uuid,
    pub version: i64,
    pub phase: Option<i32>,
    pub session_id: Uuid,
    pub commit_id: String,
    pub label: String,
    pub at_ms: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

pub(super) async fn apply(tx: &DatabaseTransaction, change: &Change<'_>) -> Result<(), StoreError> {
    for record in change.records {
        let TaskEvent::CheckpointCreated {
            checkpoint,
            commit,
            session,
            phase,
            label,
        } = &record.event
        else {
            continue;
        };
        let row = Model {
            id: checkpoint.as_uuid(),
            task_id: change.after.id.as_uuid(),
            version: stored(record.version),
            phase: phase.map(small),
            session_id: session.as_uuid(),
            commit_id: commit.clone(),
            label: label.clone(),
            at_ms: record.at.timestamp_millis(),
        };
        put::<Entity>(tx, row).await?;
    }
    Ok(())
}
