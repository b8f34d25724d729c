//! Checkpoints of a task.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::id::{CheckpointId, TaskId};
use crate::domain::task::CheckpointKind;
use crate::domain::text::Title;

/// A point that a task can be resumed or forked from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct CheckpointView {
    pub id: CheckpointId,
    pub task_id: TaskId,
    /// The task's version then: `GET /api/tasks/{id}?version=` shows it as it was.
    pub version: u64,
    pub kind: CheckpointKind,
    pub phase: Option<u32>,
    pub label: String,
    /// The commit of the work tree in the task's record.
    pub commit: String,
    pub created_at: DateTime<Utc>,
}

/// What a checkpoint is compared with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields, default)]
pub struct CompareQuery {
    /// Another checkpoint of the task; its files as they are now unless given.
    pub to: Option<CheckpointId>,
}

/// Where another task begins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ForkTask {
    /// The newest unless given.
    pub checkpoint_id: Option<CheckpointId>,
    /// The origin's, marked as a fork, unless given.
    pub title: Option<Title>,
    /// Let it go on at once. Else it is paused, or waits for what it waited for at the checkpoint.
    pub start: bool,
}

/// Where a task goes back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RestoreTask {
    pub checkpoint_id: CheckpointId,
}
