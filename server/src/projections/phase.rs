//! The phases of the tasks.

use app::api::PhaseView;
use sea_orm::DatabaseTransaction;
use sea_orm::entity::prelude::*;

use super::{Change, json, put, small};
use crate::store::StoreError;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "phases")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub task_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i32,
    pub status: String,
    pub started_at_ms: Option<i64>,
    pub completed_at_ms: Option<i64>,
    pub cost_micros: i64,
    /// [`PhaseView`] as JSON.
    pub view: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

pub(super) async fn apply(tx: &DatabaseTransaction, change: &Change<'_>) -> Result<(), StoreError> {
    let task = change.after;
    for phase in &task.phases {
        if change.before.and_then(|before| before.phase(phase.number)) == Some(phase) {
            continue;
        }
        let row = Model {
            task_id: task.id.as_uuid(),
            number: small(phase.number),
            status: phase.status.to_string(),
            started_at_ms: phase.started_at.map(|at| at.timestamp_millis()),
            completed_at_ms: phase.completed_at.map(|at| at.timestamp_millis()),
            cost_micros: phase.cost.as_micros(),
            view: json(&PhaseView::from(phase))?,
        };
        put::<Entity>(tx, row).await?;
    }
    Ok(())
}
