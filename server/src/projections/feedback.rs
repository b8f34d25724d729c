//! The comments on reviews.

use app::api::FeedbackView;
use app::domain::task::Task;
use sea_orm::DatabaseTransaction;
use sea_orm::entity::prelude::*;

use super::{Change, json, put};
use crate::store::StoreError;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "feedback")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub task_id: Uuid,
    pub review_id: Uuid,
    pub status: String,
    /// [`FeedbackView`] as JSON.
    pub view: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

pub(super) async fn apply(tx: &DatabaseTransaction, change: &Change<'_>) -> Result<(), StoreError> {
    let all = |task: &Task| -> Vec<_> {
        let of = task.reviews.iter();
        of.flat_map(|review| {
            review
                .feedback
                .iter()
                .map(|comment| (review.id, comment.clone()))
        })
        .collect()
    };
    let known = change.before.map(all).unwrap_or_default();
    for (review, comment) in all(change.after) {
        let same = |(_, other): &(_, app::domain::task::Feedback)| *other == comment;
        if known.iter().any(same) {
            continue;
        }
        let view = FeedbackView {
            id: comment.id,
            file: comment.file,
            line: comment.line,
            text: comment.text.to_string(),
            status: comment.status,
        };
        let row = Model {
            id: comment.id.as_uuid(),
            task_id: change.after.id.as_uuid(),
            review_id: review.as_uuid(),
            status: comment.status.to_string(),
            view: json(&view)?,
        };
        put::<Entity>(tx, row).await?;
    }
    Ok(())
}
