//! What agents asked.

use app::api::QuestionView;
use app::domain::task::{EventRecord, TaskEvent};
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
    /// [`QuestionView`] as JSON.
    pub view: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

pub(super) async fn apply(tx: &DatabaseTransaction, change: &Change<'_>) -> Result<(), StoreError> {
    let concerns = |record: &EventRecord| {
        matches!(
            record.event,
            TaskEvent::QuestionAsked { .. }
                | TaskEvent::QuestionAnswered { .. }
                | TaskEvent::TaskCancelled {}
                | TaskEvent::TaskRestored { .. }
        )
    };
    if !change.records.iter().any(concerns) {
        return Ok(());
    }
    let before = change.before.map_or(&[][..], |task| &task.questions);
    // Questions are only ever added, so each has its place for good.
    for (index, question) in change.after.questions.iter().enumerate() {
        if before.get(index) == Some(question) {
            continue;
        }
        let view = QuestionView::of(change.after.id, question);
        let row = Model {
            id: question.id.as_uuid(),
            task_id: change.after.id.as_uuid(),
            group_id: view.group_id,
            status: view.status.to_string(),
            asked_at_ms: question.asked_at.timestamp_millis(),
            view: json(&view)?,
        };
        put::<Entity>(tx, row).await?;
    }
    Ok(())
}
