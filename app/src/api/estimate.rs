//! How good estimates were.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::estimate::PhaseEstimate;
use crate::domain::id::TaskId;
use crate::domain::money::Usd;
use crate::domain::plan::TaskType;
use crate::domain::task::Tokens;

/// How often reality fell inside of what was expected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct Calibration {
    /// Phases that were finished.
    pub finished: u64,
    /// Those of them that there was an estimate of.
    pub estimated: u64,
    /// Those that cost what was expected.
    pub cost_inside: u64,
    /// Those that took the time that was expected.
    pub active_inside: u64,
    /// How many of a hundred estimates should hold, on average of those that were made; absent without one.
    pub expected_percent: Option<u8>,
}

/// The same for phases of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct KindCalibration {
    #[serde(rename = "type")]
    pub task_type: TaskType,
    /// The phase's name in its workflow, as in `planning`.
    pub phase_id: String,
    /// For people.
    pub phase_name: String,
    #[serde(flatten)]
    pub figures: Calibration,
}

/// A finished phase, and what was expected of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct JudgedEstimate {
    pub task_id: TaskId,
    pub title: String,
    #[serde(rename = "type")]
    pub task_type: TaskType,
    pub phase: u32,
    pub phase_name: String,
    /// The model that the task asked for; absent for the usual one.
    pub model: Option<String>,
    pub estimate: PhaseEstimate,
    pub cost_usd: Usd,
    pub tokens: Tokens,
    /// Without the time that people were waited for, in milliseconds.
    pub active_ms: u64,
    pub cost_inside: bool,
    pub active_inside: bool,
    pub finished_at: DateTime<Utc>,
}

/// How good the estimates were that can be compared with reality.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct EstimateReport {
    /// So many finished phases of a kind are needed for an estimate.
    pub fewest: u32,
    pub total: Calibration,
    pub kinds: Vec<KindCalibration>,
    /// The newest first, at most fifty.
    pub latest: Vec<JudgedEstimate>,
}
