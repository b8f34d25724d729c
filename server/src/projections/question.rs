//! What agents asked.

use app::domain::task::TaskEvent;
use sea_orm::DatabaseTransaction;
use sea_orm::entity::prelude::*;

use super::{Change, json, put};
use crate::store::StoreError;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "questions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub task_id: Uuid,
    pub group_id: Uuid,
    pub status: String,
    pub asked_at_ms: i64,
    /// [`QuestionView`](app::api::QuestionView) as JSON.
    pub view: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

pub(super) async fn apply(tx: &DatabaseTransaction, change: &Change<'_>) -> Result<(), StoreError> {
    for record in change.records {
        let TaskEvent::QuestionAsked { id: question, .. } = &record.event else {
            continue;
        };
        let views = change.after.question_views();
        let Some(view) = views.into_iter().find(|view| view.id == *question) else {
            continue;
        };
        let row = Model {
            id: question.as_uuid(),
            task_id: change.after.id.as_uuid(),
            group_id: view.group_id,
            status: view.status.clone(),
            asked_at_ms: record.at.timestamp_millis(),
            view: json(&view)?,
        };
        put::<Entity>(tx, row).await?;
    }
    Ok(())
}
