//! Every verification of a phase, with what was checked.

use app::domain::task::TaskEvent;
use sea_orm::DatabaseTransaction;
use sea_orm::entity::prelude::*;

use super::{Change, json, put, small};
use crate::store::{StoreError, stored};

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "verifications")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub task_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub version: i64,
    pub phase: i32,
    pub passed: bool,
    /// [`Check`](app::domain::task::Check)s as JSON.
    pub checks: String,
    pub at_ms: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

pub(super) async fn apply(tx: &DatabaseTransaction, change: &Change<'_>) -> Result<(), StoreError> {
    for record in change.records {
        let (phase, checks, passed) = match &record.event {
            TaskEvent::VerificationPassed { phase, checks } => (*phase, checks, true),
            TaskEvent::VerificationFailed { phase, checks } => (*phase, checks, false),
            _ => continue,
        };
        let row = Model {
            task_id: change.after.id.as_uuid(),
            version: stored(record.version),
            phase: small(phase),
            passed,
            checks: json(checks)?,
            at_ms: record.at.timestamp_millis(),
        };
        put::<Entity>(tx, row).await?;
    }
    Ok(())
}
