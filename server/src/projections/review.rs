//! The reviews of the tasks.

use app::api::ReviewView;
use sea_orm::DatabaseTransaction;
use sea_orm::entity::prelude::*;

use super::{Change, json, put, small};
use crate::store::StoreError;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "reviews")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub task_id: Uuid,
    pub phase: i32,
    pub round: i32,
    pub status: String,
    pub created_at_ms: i64,
    pub decided_at_ms: Option<i64>,
    /// [`ReviewView`] as JSON.
    pub view: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

pub(super) async fn apply(tx: &DatabaseTransaction, change: &Change<'_>) -> Result<(), StoreError> {
    let known = change.before.map_or(&[][..], |before| &before.reviews);
    for (index, review) in change.after.reviews.iter().enumerate() {
        if known.get(index) == Some(review) {
            continue;
        }
        let view = ReviewView::of(change.after, review);
        let row = Model {
            id: review.id.as_uuid(),
            task_id: change.after.id.as_uuid(),
            phase: small(review.phase),
            round: small(review.round),
            status: view.status.to_string(),
            created_at_ms: review.created_at.timestamp_millis(),
            decided_at_ms: view.decided_at.map(|at| at.timestamp_millis()),
            view: json(&view)?,
        };
        put::<Entity>(tx, row).await?;
    }
    Ok(())
}
