//! The read tables: what lists and look-ups are answered from. Each row follows from the events
//! alone, so that all of them can be dropped and made again.

pub(crate) mod checkpoint;
pub(crate) mod dependency;
pub(crate) mod feedback;
pub(crate) mod finished_phase;
pub(crate) mod notification;
pub(crate) mod phase;
pub(crate) mod prerequisite;
pub(crate) mod question;
mod rebuild;
pub(crate) mod review;
pub(crate) mod task;
pub(crate) mod usage;
pub(crate) mod verification;

pub use rebuild::RebuildReport;

use app::domain::task::{EventRecord, Task};
use sea_orm::sea_query::OnConflict;
use sea_orm::{DatabaseTransaction, DbErr, EntityTrait, IdenStatic, IntoActiveModel, Iterable};
use serde::Serialize;

use crate::store::StoreError;

/// A task's step from one state to another, and the events that led there.
pub(crate) struct Change<'a> {
    /// `None` if the events begin with the creation.
    pub before: Option<&'a Task>,
    pub after: &'a Task,
    pub records: &'a [EventRecord],
}

/// Brings every read table to the state after the change.
pub(crate) async fn apply(tx: &DatabaseTransaction, change: &Change<'_>) -> Result<(), StoreError> {
    task::apply(tx, change).await?;
    prerequisite::apply(tx, change).await?;
    phase::apply(tx, change).await?;
    finished_phase::apply(tx, change).await?;
    review::apply(tx, change).await?;
    feedback::apply(tx, change).await?;
    question::apply(tx, change).await?;
    dependency::apply(tx, change).await?;
    verification::apply(tx, change).await?;
    checkpoint::apply(tx, change).await?;
    notification::apply(tx, change).await?;
    usage::apply(tx, change).await
}

/// Writes a row in the place of the one with the same key, if there is one.
async fn put<E>(tx: &DatabaseTransaction, row: E::Model) -> Result<(), DbErr>
where
    E: EntityTrait,
    E::Model: IntoActiveModel<E::ActiveModel>,
{
    let keys: Vec<_> = E::PrimaryKey::iter().collect();
    let is_key = |column: &E::Column| keys.iter().any(|key| key.as_str() == column.as_str());
    let rest: Vec<_> = E::Column::iter().filter(|column| !is_key(column)).collect();
    let mut conflict = OnConflict::columns(E::PrimaryKey::iter());
    if rest.is_empty() {
        conflict.do_nothing();
    } else {
        conflict.update_columns(rest);
    }
    E::insert(row.into_active_model())
        .on_conflict(conflict)
        .exec_without_returning(tx)
        .await?;
    Ok(())
}

fn json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(StoreError::Encode)
}

fn small(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
