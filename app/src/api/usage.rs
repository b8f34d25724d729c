//! What was used, added up.

use serde::{Deserialize, Serialize};

use crate::domain::id::TaskId;
use crate::domain::money::Usd;
use crate::domain::task::Tokens;
use crate::domain::word::words;

words! {
    /// What figures are added up by.
    #[derive(Default)]
    pub enum UsageBy {
        /// By days in UTC.
        #[default]
        Day,
        Model,
        /// By days, and of each day by models.
        DayModel,
        Task,
        /// By tasks, and of each task by phases.
        Phase,
        /// The same, and of each phase by models.
        PhaseModel,
    }
}

/// Which figures, and how they are added up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields, default)]
pub struct UsageQuery {
    pub by: UsageBy,
    /// The first day in UTC, as in `2026-11-01`.
    pub from: Option<String>,
    /// The last day in UTC.
    pub to: Option<String>,
    /// Only of this task.
    pub task: Option<TaskId>,
    /// Only of this model.
    pub model: Option<String>,
}

/// What turns have used together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct UsageFigures {
    pub cost_usd: Usd,
    pub tokens: Tokens,
    /// Turns that have used anything.
    pub turns: u64,
}

/// One line of a report. What it is not added up by is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct UsageRow {
    /// As in `2026-11-01`.
    pub day: Option<String>,
    /// Several with commas between them, if a turn was served by several.
    pub model: Option<String>,
    pub task_id: Option<TaskId>,
    pub title: Option<String>,
    /// Absent too of what belongs to no phase.
    pub phase: Option<u32>,
    #[serde(flatten)]
    pub figures: UsageFigures,
}

/// What was used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct UsageReport {
    /// Of everything that was asked for.
    pub total: UsageFigures,
    /// Days and phases in order, models and tasks by their cost; the first 1,000.
    pub items: Vec<UsageRow>,
}

/// What the page of usage shows: the last thirty days.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsagePage {
    /// By days, and of each day by models.
    pub days: UsageReport,
    pub models: UsageReport,
    /// By tasks, and of each task by phases.
    pub phases: UsageReport,
}
