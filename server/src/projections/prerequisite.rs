//! Which tasks have to be completed before a task may run.

use sea_orm::DatabaseTransaction;
use sea_orm::entity::prelude::*;

use super::{Change, put};
use crate::store::StoreError;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "prerequisites")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub task_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub depends_on: Uuid,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

pub(super) async fn apply(tx: &DatabaseTransaction, change: &Change<'_>) -> Result<(), StoreError> {
    // They are given with the creation and never change.
    if change.before.is_some() {
        return Ok(());
    }
    for other in &change.after.depends_on {
        let row = Model {
            task_id: change.after.id.as_uuid(),
            depends_on: other.as_uuid(),
        };
        put::<Entity>(tx, row).await?;
    }
    Ok(())
}
