//! What agents need from a person.

use app::api::DependencyView;
use app::domain::task::{EventRecord, TaskEvent};
use sea_orm::DatabaseTransaction;
use sea_orm::entity::prelude::*;

use super::{Change, json, put};
use crate::store::StoreError;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "dependencies")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub task_id: Uuid,
    pub status: String,
    pub requested_at_ms: i64,
    /// [`DependencyView`] as JSON.
    pub view: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

pub(super) async fn apply(tx: &DatabaseTransaction, change: &Change<'_>) -> Result<(), StoreError> {
    let concerns = |record: &EventRecord| {
        matches!(
            record.event,
            TaskEvent::DependencyRequested { .. }
                | TaskEvent::DependencyProvided { .. }
                | TaskEvent::DependencyDeclined { .. }
                | TaskEvent::TaskCancelled {}
                | TaskEvent::TaskRestored { .. }
        )
    };
    if !change.records.iter().any(concerns) {
        return Ok(());
    }
    let before = change.before.map_or(&[][..], |task| &task.dependencies);
    // They are only ever added, so each has its place for good.
    for (index, known) in change.after.dependencies.iter().enumerate() {
        if before.get(index) == Some(known) {
            continue;
        }
        let view = DependencyView::of(change.after.id, known);
        let row = Model {
            id: known.id.as_uuid(),
            task_id: change.after.id.as_uuid(),
            status: view.status.to_string(),
            requested_at_ms: known.requested_at.timestamp_millis(),
            view: json(&view)?,
        };
        put::<Entity>(tx, row).await?;
    }
    Ok(())
}
