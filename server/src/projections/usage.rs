//! What the model has used, and what it cost.

use app::domain::money::Usd;
use app::domain::task::TaskEvent;
use sea_orm::DatabaseTransaction;
use sea_orm::entity::prelude::*;

use super::{Change, put, small};
use crate::store::{LOCAL_OWNER, LOCAL_TEAM, StoreError, stored};

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "usage_metrics")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub task_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub version: i64,
    pub team_id: Uuid,
    pub owner_id: Uuid,
    pub session_id: Uuid,
    /// The phase that the session served, if it served one.
    pub phase: Option<i32>,
    #[expect(clippy::struct_field_names, reason = "the column's name")]
    pub model: String,
    pub input_tokens: i64,
    pub output_tokens: i64,
    pub cache_read_tokens: i64,
    pub cache_write_tokens: i64,
    /// Millionths of a US dollar.
    pub cost_micros: i64,
    pub at_ms: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

pub(super) async fn apply(tx: &DatabaseTransaction, change: &Change<'_>) -> Result<(), StoreError> {
    for record in change.records {
        let TaskEvent::UsageRecorded { session, usage } = &record.event else {
            continue;
        };
        if usage.tokens.total() == 0 && usage.cost == Usd::ZERO {
            // Requests that came to nothing.
            continue;
        }
        let mut phases = change.after.phases.iter();
        let phase = phases.find(|phase| phase.is_served_by(*session));
        let row = Model {
            task_id: change.after.id.as_uuid(),
            version: stored(record.version),
            team_id: LOCAL_TEAM,
            owner_id: LOCAL_OWNER,
            session_id: session.as_uuid(),
            phase: phase.map(|phase| small(phase.number)),
            // The agent names it, and PostgreSQL takes no such sign.
            model: usage.model.replace('\0', "\u{fffd}"),
            input_tokens: stored(usage.tokens.input),
            output_tokens: stored(usage.tokens.output),
            cache_read_tokens: stored(usage.tokens.cache_read),
            cache_write_tokens: stored(usage.tokens.cache_write),
            cost_micros: usage.cost.as_micros(),
            at_ms: record.at.timestamp_millis(),
        };
        put::<Entity>(tx, row).await?;
    }
    Ok(())
}
