//! What a review is about, read from the commits of the task's record.

use app::api::{Diff, FileDiff};
use app::domain::id::TaskId;
use app::domain::task::{Review, ReviewStatus};

use super::file::{self, FileContent};
use super::{WorkspaceError, Workspaces};

impl Workspaces {
    /// The changes between two commits of a task's record.
    pub async fn changes(
        &self,
        id: TaskId,
        base: &str,
        head: &str,
    ) -> Result<Diff, WorkspaceError> {
        Ok(self.record(id).diff(base, head).await?)
    }

    /// The files that differ between two commits, without their lines.
    pub async fn changed_files(
        &self,
        id: TaskId,
        base: &str,
        head: &str,
    ) -> Result<Diff, WorkspaceError> {
        Ok(self.record(id).changed_files(base, head).await?)
    }

    /// The changes to one file between two commits; nothing if it is the same in both.
    pub async fn file_change(
        &self,
        id: TaskId,
        commits: (&str, &str),
        path: &str,
        old_path: Option<&str>,
    ) -> Result<Option<FileDiff>, WorkspaceError> {
        let paths: Vec<&str> = old_path.into_iter().chain([path]).collect();
        let record = self.record(id);
        let diff = record.diff_of(commits.0, commits.1, &paths).await?;
        let mut files = diff.files.into_iter();
        Ok(files.find(|file| file.path == path))
    }

    /// A file as it was in a commit, its text cut at 512 KiB; nothing if it was not there.
    pub async fn recorded(
        &self,
        id: TaskId,
        commit: &str,
        path: &str,
    ) -> Result<Option<FileContent>, WorkspaceError> {
        let record = self.record(id);
        let recorded = record.file(commit, path, file::TEXT_LIMIT).await?;
        Ok(recorded.map(|(size, bytes)| file::content(size, bytes)))
    }

    /// A file's size in bytes as it was in a commit, and the whole of it unless it is larger than
    /// 8 MiB; nothing if it was not there.
    pub async fn recorded_bytes(
        &self,
        id: TaskId,
        commit: &str,
        path: &str,
    ) -> Result<Option<(u64, Option<Vec<u8>>)>, WorkspaceError> {
        let recorded = self.record(id).file(commit, path, u64::MAX).await?;
        let whole = |size: u64, bytes: Vec<u8>| (bytes.len() as u64 == size).then_some(bytes);
        Ok(recorded.map(|(size, bytes)| (size, whole(size, bytes))))
    }

    /// A file as it was when a review opened, its text cut at 512 KiB.
    pub async fn review_file(
        &self,
        id: TaskId,
        review: &Review,
        path: &str,
    ) -> Result<FileContent, WorkspaceError> {
        match self.recorded(id, &review.head, path).await? {
            Some(content) => Ok(content),
            // What the record left out is still there, or why it can't be had is told.
            None if review.status == ReviewStatus::Open => self.read(id, path).await,
            None => Err(WorkspaceError::NotFound {
                path: path.to_owned(),
            }),
        }
    }
}
