//! The comments on reviews.

use app::api::FeedbackView;
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
    // Reviews and comments are added at the end; none goes away.
    let known = |review: usize, comment: usize| {
        let review = change.before?.reviews.get(review)?;
        review.feedback.get(comment)
    };
    for (place, review) in change.after.reviews.iter().enumerate() {
        for (index, comment) in review.feedback.iter().enumerate() {
            if known(place, index) == Some(comment) {
                continue;
            }
            let view = FeedbackView {
                id: comment.id,
                file: comment.file.clone(),
                line: comment.line,
                end_line: comment.end_line,
                text: comment.text.to_string(),
                status: comment.status,
            };
            let row = Model {
                id: comment.id.as_uuid(),
                task_id: change.after.id.as_uuid(),
                review_id: review.id.as_uuid(),
                status: comment.status.to_string(),
                view: json(&view)?,
            };
            put::<Entity>(tx, row).await?;
        }
    }
    Ok(())
}
