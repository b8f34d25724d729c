//! The list of tasks: what it is filtered and sorted by, beside the view as clients get it.

use app::api::TaskView;
use sea_orm::DatabaseTransaction;
use sea_orm::entity::prelude::*;

use super::{Change, json, put};
use crate::jobs::rank;
use crate::store::{LOCAL_OWNER, LOCAL_TEAM, StoreError, searchable, stored};

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "tasks")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub team_id: Uuid,
    pub owner_id: Uuid,
    pub task_type: String,
    pub status: String,
    pub waiting_reason: Option<String>,
    pub priority: i32,
    pub archived: bool,
    /// The model that was asked for; empty for the usual one.
    #[expect(clippy::struct_field_names, reason = "the column's name")]
    pub model: String,
    pub version: i64,
    /// Title and description in lower case.
    pub search: String,
    pub created_at_ms: i64,
    pub updated_at_ms: i64,
    /// [`TaskView`] as JSON.
    pub view: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

pub(super) async fn apply(tx: &DatabaseTransaction, change: &Change<'_>) -> Result<(), StoreError> {
    let task = change.after;
    let text = format!("{}\n{}", task.title, task.description);
    let row = Model {
        id: task.id.as_uuid(),
        team_id: LOCAL_TEAM,
        owner_id: LOCAL_OWNER,
        task_type: task.task_type.to_string(),
        status: task.status.name().to_string(),
        waiting_reason: task
            .status
            .waiting_reason()
            .map(|reason| reason.to_string()),
        priority: rank(task.priority),
        archived: task.archived,
        model: task
            .model
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        version: stored(task.version),
        search: searchable(&text),
        created_at_ms: task.created_at.timestamp_millis(),
        updated_at_ms: task.updated_at.timestamp_millis(),
        view: json(&TaskView::from(task))?,
    };
    Ok(put::<Entity>(tx, row).await?)
}
