//! Schedules as clients see them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::CreateTask;
use crate::domain::id::{ScheduleId, TaskId};
use crate::domain::schedule::{CatchUp, Rhythm};
use crate::domain::text::Title;

/// What makes tasks by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewSchedule {
    pub name: Title,
    pub rhythm: Rhythm,
    /// As in `Europe/Berlin`; UTC unless given.
    #[serde(default = "utc")]
    pub time_zone: String,
    #[serde(default)]
    pub catch_up: CatchUp,
    /// Makes no tasks until it is resumed.
    #[serde(default)]
    pub paused: bool,
    /// The task that is made each time. It is started at once, whatever it says.
    pub task: CreateTask,
}

fn utc() -> String {
    "UTC".to_owned()
}

/// A schedule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct ScheduleView {
    pub id: ScheduleId,
    pub name: Title,
    pub rhythm: Rhythm,
    /// What the rhythm is as a cron expression.
    pub cron: String,
    pub time_zone: String,
    pub catch_up: CatchUp,
    pub paused: bool,
    pub task: CreateTask,
    /// The next five times; none while it is paused.
    pub next: Vec<DateTime<Utc>>,
    /// The time that was last due.
    pub last_at: Option<DateTime<Utc>>,
    /// The task that was made last.
    pub last_task_id: Option<TaskId>,
    /// Why no task was made when one was last due, in words.
    pub problem: Option<String>,
    pub created_at: DateTime<Utc>,
}
