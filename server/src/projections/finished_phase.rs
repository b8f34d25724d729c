//! Phases that were finished, by their kind: what estimates are learned from, and judged by.

use app::domain::task::{Phase, Task};
use sea_orm::DatabaseTransaction;
use sea_orm::entity::prelude::*;

use super::{Change, json, put, small};
use crate::store::{LOCAL_OWNER, LOCAL_TEAM, StoreError, stored};

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "finished_phases")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub task_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i32,
    pub team_id: Uuid,
    pub owner_id: Uuid,
    pub task_type: String,
    /// The phase's id in its workflow.
    pub phase_id: String,
    pub name: String,
    /// The model that was asked for; empty for the usual one.
    #[expect(clippy::struct_field_names, reason = "the column's name")]
    pub model: String,
    pub input_tokens: i64,
    pub output_tokens: i64,
    pub cache_read_tokens: i64,
    pub cache_write_tokens: i64,
    /// Millionths of a US dollar.
    pub cost_micros: i64,
    pub active_ms: i64,
    pub coverage_percent: Option<i32>,
    pub cost_inside: Option<bool>,
    pub active_inside: Option<bool>,
    /// A [`PhaseEstimate`](app::domain::estimate::PhaseEstimate) as JSON.
    pub estimate: Option<String>,
    pub finished_at_ms: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

pub(super) async fn apply(tx: &DatabaseTransaction, change: &Change<'_>) -> Result<(), StoreError> {
    for phase in &change.after.phases {
        let before = change.before.and_then(|task| {
            let known = task.phase(phase.number)?;
            finished(task, known)
        });
        let now = finished(change.after, phase);
        if before == now {
            continue;
        }
        if let Some(phase) = now {
            put::<Entity>(tx, row(change.after, phase)?).await?;
        } else {
            // The task was taken back to before its end.
            let key = (change.after.id.as_uuid(), small(phase.number));
            Entity::delete_by_id(key).exec(tx).await?;
        }
    }
    Ok(())
}

fn finished<'a>(task: &Task, phase: &'a Phase) -> Option<&'a Phase> {
    task.has_finished(phase).then_some(phase)
}

fn row(task: &Task, phase: &Phase) -> Result<Model, StoreError> {
    let expected = phase.estimate.and_then(|estimate| estimate.expected);
    let finished_at = phase.completed_at.unwrap_or(task.updated_at);
    Ok(Model {
        task_id: task.id.as_uuid(),
        number: small(phase.number),
        team_id: LOCAL_TEAM,
        owner_id: LOCAL_OWNER,
        task_type: task.task_type.to_string(),
        phase_id: phase.plan.id.clone(),
        name: phase.plan.name.clone(),
        model: phase
            .model
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        input_tokens: stored(phase.tokens.input),
        output_tokens: stored(phase.tokens.output),
        cache_read_tokens: stored(phase.tokens.cache_read),
        cache_write_tokens: stored(phase.tokens.cache_write),
        cost_micros: phase.cost.as_micros(),
        active_ms: stored(phase.active_ms),
        coverage_percent: expected.map(|expected| i32::from(expected.coverage_percent)),
        cost_inside: expected.map(|expected| expected.cost_usd.holds(phase.cost)),
        active_inside: expected.map(|expected| expected.active_ms.holds(phase.active_ms)),
        estimate: phase.estimate.as_ref().map(json).transpose()?,
        finished_at_ms: finished_at.timestamp_millis(),
    })
}
