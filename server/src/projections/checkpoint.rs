//! The points that tasks can be resumed or forked from.

use std::collections::BTreeSet;

use app::domain::id::TaskId;
use app::domain::task::{CheckpointKind, KEPT_CHECKPOINTS, TaskEvent};
use sea_orm::entity::prelude::*;
use sea_orm::{DatabaseTransaction, QueryOrder as _};

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
    /// A [`CheckpointKind`].
    pub kind: String,
    /// The last message of the conversation.
    pub message_id: Option<Uuid>,
    /// How much of the conversation is mirrored.
    pub transcript_bytes: i64,
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
            kind,
            place,
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
            kind: kind.to_string(),
            message_id: place.message,
            transcript_bytes: stored(place.transcript),
        };
        put::<Entity>(tx, row).await?;
        prune(tx, change.after.id).await?;
    }
    Ok(())
}

/// Removes what is neither among the newest nor the last of a phase's end.
async fn prune(tx: &DatabaseTransaction, task: TaskId) -> Result<(), StoreError> {
    let all = Entity::find()
        .filter(Column::TaskId.eq(task.as_uuid()))
        .order_by_desc(Column::Version)
        .all(tx)
        .await?;
    let phase_end = CheckpointKind::Phase.to_string();
    let mut ended = BTreeSet::new();
    let mut old = Vec::new();
    for (index, row) in all.iter().enumerate() {
        let is_end = row.kind == phase_end && ended.insert(row.phase);
        if index >= KEPT_CHECKPOINTS && !is_end {
            old.push(row.id);
        }
    }
    if !old.is_empty() {
        let removed = Entity::delete_many().filter(Column::Id.is_in(old));
        removed.exec(tx).await?;
    }
    Ok(())
}
