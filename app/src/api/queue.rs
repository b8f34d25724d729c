//! The queue as clients see it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::id::TaskId;
use crate::domain::task::{Priority, StatusName};

/// The tasks that wait for a run, in the order in which they are to come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct QueueView {
    /// At most 500.
    pub items: Vec<QueuedTask>,
    /// How many tasks wait in all.
    pub total: u64,
    /// How many run.
    pub running: u32,
    /// How many may run at once.
    pub agents_max: u32,
    /// How long a run took lately, in seconds, from claim to end: the median of the last 50. Absent without any.
    pub typical_run_seconds: Option<u64>,
}

/// A task that waits for a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct QueuedTask {
    pub id: TaskId,
    pub title: String,
    pub priority: Priority,
    /// Ranks of priority that it gained by waiting: one after 12 hours, two after 24.
    pub aged: u32,
    /// Counts from 1; absent while the task may not run.
    pub position: Option<u32>,
    /// When it may run, if that lies ahead.
    pub not_before: Option<DateTime<Utc>>,
    /// What has to be completed first.
    pub waits_for: Vec<Prerequisite>,
    /// What holds it back, in a sentence: a limit, a budget, or that what it waits for came to nothing.
    pub held: Option<String>,
    /// When it is likely to start. Absent without any history, and while that depends on other tasks.
    pub starts_at: Option<DateTime<Utc>>,
}

/// An unfinished task that another one waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct Prerequisite {
    pub id: TaskId,
    /// Absent if it was deleted.
    pub title: Option<String>,
    pub status: Option<StatusName>,
}

/// Where to put a task in the queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct MoveTask {
    /// The queued task of the same priority that it is put in front of; behind all of them unless given.
    pub before: Option<TaskId>,
}
