//! Which tasks have to be completed before a task may run.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use app::domain::id::TaskId;
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
    let before = change.before.map(|before| &before.depends_on);
    if before == Some(&change.after.depends_on) {
        return Ok(());
    }
    if before.is_some() {
        let task = change.after.id.as_uuid();
        Entity::delete_many()
            .filter(Column::TaskId.eq(task))
            .exec(tx)
            .await?;
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

/// The way from the task over what it waits for back to itself, if there is one.
///
/// What others write about the same tasks has to wait until the transaction ends: two changes that are
/// harmless each could close a circle together.
pub(crate) async fn circle(
    tx: &DatabaseTransaction,
    task: TaskId,
) -> Result<Option<Vec<TaskId>>, StoreError> {
    let mut came_from: HashMap<Uuid, Uuid> = HashMap::new();
    let mut ahead = vec![task.as_uuid()];
    while !ahead.is_empty() {
        let rows = Entity::find()
            .filter(Column::TaskId.is_in(ahead))
            .all(tx)
            .await?;
        ahead = Vec::new();
        for Model {
            task_id,
            depends_on,
        } in rows
        {
            if depends_on == task.as_uuid() {
                return Ok(Some(way(&came_from, task_id, depends_on)));
            }
            if let Entry::Vacant(unseen) = came_from.entry(depends_on) {
                unseen.insert(task_id);
                ahead.push(depends_on);
            }
        }
    }
    Ok(None)
}

/// From `start` to `last` and back to `start`.
fn way(came_from: &HashMap<Uuid, Uuid>, last: Uuid, start: Uuid) -> Vec<TaskId> {
    let mut way = vec![start];
    let mut at = last;
    while at != start {
        way.push(at);
        match came_from.get(&at) {
            Some(before) => at = *before,
            None => break,
        }
    }
    way.push(start);
    way.reverse();
    way.into_iter().map(TaskId::from_uuid).collect()
}
