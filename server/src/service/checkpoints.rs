//! Points that a task can go back to, or another one can begin at.

use app::api::{CheckpointView, CompareQuery, Diff};
use app::domain::id::{CheckpointId, TaskId};
use app::domain::task::CheckpointKind;
use chrono::DateTime;

use super::Service;
use super::shown::off_thread;
use crate::error::Error;
use crate::projections::checkpoint::Model;
use crate::store::counted;

const UNKNOWN: Error = Error::NotFound { what: "checkpoint" };

impl Service {
    /// All that are kept of a task, the newest first.
    pub async fn checkpoints(&self, id: TaskId) -> Result<Vec<CheckpointView>, Error> {
        self.known(id).await?;
        let rows = self.parts.store.checkpoints(id).await?;
        Ok(rows.iter().filter_map(view).collect())
    }

    pub(super) async fn checkpoint(&self, task: TaskId, id: CheckpointId) -> Result<Model, Error> {
        self.known(task).await?;
        let row = self.parts.store.checkpoint(task, id).await?;
        row.ok_or(UNKNOWN)
    }

    /// What has changed between two checkpoints, or since one.
    pub async fn compare(
        &self,
        task: TaskId,
        id: CheckpointId,
        query: CompareQuery,
    ) -> Result<Diff, Error> {
        let base = self.checkpoint(task, id).await?;
        let head = match query.to {
            Some(to) => Some(self.checkpoint(task, to).await?.commit_id),
            None => None,
        };
        let workspaces = &self.parts.workspaces;
        let diff = workspaces.diff_between(task, &base.commit_id, head.as_deref());
        let mut diff = diff.await?;
        let redactor = self.redactor(task).await?;
        off_thread(move || {
            redactor.redact_diff(&mut diff);
            diff
        })
        .await
    }
}

fn view(row: &Model) -> Option<CheckpointView> {
    Some(CheckpointView {
        id: CheckpointId::from_uuid(row.id),
        task_id: TaskId::from_uuid(row.task_id),
        version: counted(row.version),
        kind: row.kind.parse().unwrap_or(CheckpointKind::Phase),
        phase: row.phase.and_then(|phase| u32::try_from(phase).ok()),
        label: row.label.clone(),
        commit: row.commit_id.clone(),
        created_at: DateTime::from_timestamp_millis(row.at_ms)?,
    })
}
