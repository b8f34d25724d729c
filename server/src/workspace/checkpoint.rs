//! Commits of checkpoints. They lie beside the line of the rounds, so that one that is not kept any more
//! goes with what only it had.

use std::collections::HashSet;

use app::api::Diff;
use app::domain::id::{CheckpointId, TaskId};
use uuid::Uuid;

use super::{WorkspaceError, Workspaces};

/// Where their refs lie.
pub(super) const REFS: &str = "refs/ccs/checkpoints/";

impl Workspaces {
    /// Records the work tree as it is for a checkpoint, and answers with the commit.
    pub async fn checkpoint(
        &self,
        id: TaskId,
        checkpoint: CheckpointId,
        label: &str,
    ) -> Result<String, WorkspaceError> {
        let record = self.record(id);
        let (commit, _) = record.commit_tree(label).await?;
        self.keep_commit(id, checkpoint, &commit).await?;
        record.tidy().await;
        Ok(commit)
    }

    /// Keeps a commit for a checkpoint.
    pub async fn keep_commit(
        &self,
        id: TaskId,
        checkpoint: CheckpointId,
        commit: &str,
    ) -> Result<(), WorkspaceError> {
        let change = format!("update {REFS}{checkpoint} {commit}\n");
        Ok(self.record(id).update_refs(&change).await?)
    }

    /// Lets go of the commits of all other checkpoints.
    pub async fn prune_checkpoints(&self, id: TaskId, kept: &[Uuid]) -> Result<(), WorkspaceError> {
        let record = self.record(id);
        let kept: HashSet<_> = kept.iter().map(ToString::to_string).collect();
        let listed = record
            .run("for-each-ref", &["--format=%(refname)", REFS])
            .await?;
        let listed = String::from_utf8_lossy(&listed);
        let names = listed.lines().filter_map(|name| name.strip_prefix(REFS));
        let old = names.filter(|name| !kept.contains(*name));
        let changes: Vec<_> = old.map(|name| format!("delete {REFS}{name}\n")).collect();
        if changes.is_empty() {
            return Ok(());
        }
        Ok(record.update_refs(&changes.concat()).await?)
    }

    /// What is different between two commits of a task, or between one and its files as they are now.
    pub async fn diff_between(
        &self,
        id: TaskId,
        base: &str,
        head: Option<&str>,
    ) -> Result<Diff, WorkspaceError> {
        let record = self.record(id);
        let head = match head {
            Some(head) => head.to_owned(),
            None => self.snapshot(&record).await?,
        };
        Ok(record.diff(base, &head).await?)
    }
}
