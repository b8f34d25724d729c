//! A task's files on disk: where they lie, and how the platform reads and records them.
//!
//! ```text
//! <data>/tasks/<task id>/workspace/                 the agent's work tree, with a repository of its own
//! <data>/tasks/<task id>/record.git/                the platform's record of it, out of the agent's reach
//! <data>/tasks/<task id>/agents/<session id>/{config,tmp}/
//! ```
//!
//! The record is a second repository, with a commit under `refs/ccs/` for the start of each phase and
//! for each round of its review. The platform walks the work tree by itself and gives git the
//! contents; git runs only in the record and never sees the work tree. So hooks, filters, attributes
//! and settings that an agent leaves in a repository of its own are never executed or obeyed, and
//! nothing is ever written into the agent's repository. People fetch from the record.

mod archive;
mod branch;
mod checkpoint;
mod diff;
mod file;
mod git;
mod known;
mod patch;
mod record;
mod restore;
mod reviewed;
pub mod sample;
mod scratch;
mod source;
mod walk;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use app::api::{BranchView, DeliverableView, Diff};
use app::domain::id::{SessionId, TaskId};
use app::domain::task::Task;

pub use archive::Archive;
pub use diff::is_cut;
pub use file::{FileContent, TEXT_LIMIT};
pub use git::GitError;
pub use patch::Patch;
pub use source::SourceError;
pub use walk::FILE_LIMIT as RECORDED_FILE_LIMIT;

use git::Git;
use record::Record;
use source::Sources;
use tokio::sync::Semaphore;
use walk::Limits;

/// How many work trees are recorded or looked at in full at the same time. Each may hold three
/// files of the largest size in memory.
const RECORDING_AT_ONCE: usize = 2;

/// How many work trees are packed at the same time.
const PACKING_AT_ONCE: usize = 4;

/// The most bytes that the checksums of one list are made of.
const CHECKSUMS_LIMIT: u64 = 256 * 1024 * 1024;

/// The folders of all tasks.
#[derive(Clone, Debug)]
pub struct Workspaces {
    root: Arc<Path>,
    git: Git,
    permits: Arc<Semaphore>,
    sources: Sources,
    packing: Arc<Semaphore>,
}

/// A task's files can't be read or recorded.
#[derive(Debug, thiserror::Error)]
pub enum WorkspaceError {
    /// Nothing was ever done for the task, or its files have been removed.
    #[error("the task has no workspace yet")]
    NoWorkspace,
    /// No such file.
    #[error("{path} is not there")]
    NotFound {
        /// Relative to the workspace.
        path: String,
    },
    /// A link or a path that leads out of the workspace.
    #[error("{path} leads out of the task's workspace")]
    Outside {
        /// Relative to the workspace.
        path: String,
    },
    /// A folder, a device, a pipe.
    #[error("{path} is not a regular file")]
    NotAFile {
        /// Relative to the workspace.
        path: String,
    },
    /// The agent has taken the server's right to read it.
    #[error("{path} can't be read: its permissions forbid it")]
    Denied {
        /// Relative to the workspace.
        path: String,
    },
    /// The phase has not begun.
    #[error("phase {phase} has no changes to show yet")]
    NoChanges {
        /// The phase's number.
        phase: u32,
    },
    /// The task's repository may not be used.
    #[error("the repository {0}")]
    Source(SourceError),
    /// The task's repository can't be fetched.
    #[error("the repository can't be fetched: {0}")]
    Fetch(GitError),
    /// Others are downloading archives.
    #[error("as many archives as possible are being made already; please try again soon")]
    Busy,
    /// git failed.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The file system failed.
    #[error("the workspace can't be used")]
    Io(#[from] std::io::Error),
}

/// The folders that one agent session works in.
#[derive(Clone, Debug)]
pub struct AgentFolders {
    /// The work tree.
    pub workspace: PathBuf,
    /// The CLI's configuration and transcripts.
    pub config: PathBuf,
    /// Emptied when the process ends.
    pub tmp: PathBuf,
}

impl Workspaces {
    /// All folders lie below `<data>/tasks`. `search_path` is where git is looked for, written like
    /// `PATH`.
    pub fn new(data: &Path, search_path: &OsStr) -> Self {
        let sources = Sources {
            roots: Arc::new([]),
            own: data.into(),
        };
        Self {
            sources,
            root: data.join("tasks").into(),
            git: Git::new(search_path),
            permits: Arc::new(Semaphore::new(RECORDING_AT_ONCE)),
            packing: Arc::new(Semaphore::new(PACKING_AT_ONCE)),
        }
    }

    /// The same, with folders that tasks may take repositories from.
    #[must_use]
    pub fn with_allowed_roots(mut self, roots: &[PathBuf]) -> Self {
        self.sources.roots = roots.into();
        self
    }

    /// The same, with a file of credentials for private repositories, in git's own form.
    #[must_use]
    pub fn with_git_credentials(mut self, file: Option<&Path>) -> Self {
        if let Some(file) = file {
            self.git = self.git.with_credentials(file);
        }
        self
    }

    fn task(&self, id: TaskId) -> PathBuf {
        self.root.join(id.to_string())
    }

    fn workspace(&self, id: TaskId) -> PathBuf {
        self.task(id).join("workspace")
    }

    fn record(&self, id: TaskId) -> Record {
        Record {
            repository: self.task(id).join("record.git"),
            work_tree: self.workspace(id),
            git: self.git.clone(),
            limits: Limits::default(),
            permits: Arc::clone(&self.permits),
        }
    }

    /// Whether a task may begin with this repository. That it can be fetched shows when it is.
    pub async fn check_source(&self, repository: &str) -> Result<(), SourceError> {
        self.find_source(repository).await.map(drop)
    }

    async fn find_source(&self, repository: &str) -> Result<source::Source, SourceError> {
        let (sources, repository) = (self.sources.clone(), repository.to_owned());
        let found = tokio::task::spawn_blocking(move || sources.find(&repository)).await;
        found.unwrap_or_else(|error| Err(SourceError::Unreadable(std::io::Error::other(error))))
    }

    /// Makes the task's workspace if it isn't there, with a first record: an empty repository, or
    /// a work tree of the repository that the task begins with. Only for whoever holds the task.
    pub async fn prepare(
        &self,
        id: TaskId,
        repository: Option<&str>,
    ) -> Result<(), WorkspaceError> {
        tokio::fs::create_dir_all(self.task(id)).await?;
        let (record, workspace) = (self.record(id), self.workspace(id));
        record.open().await?;
        // An agent that removes its repository, or puts something else there, has none: git never
        // works in a folder that it could have prepared.
        if !tokio::fs::try_exists(&workspace).await? {
            match repository {
                Some(repository) => {
                    if record.source().await?.is_none() {
                        let source = self.find_source(repository).await;
                        let source = source.map_err(WorkspaceError::Source)?;
                        record.fetch(&source).await.map_err(WorkspaceError::Fetch)?;
                    }
                    record.check_out(&workspace, &branch::name(id)).await?;
                }
                None => record.make(&workspace, &[]).await?,
            }
        }
        Ok(record.begin().await?)
    }

    /// Makes the branch that the work of a task ends in, from the files as they are now: one commit
    /// on top of what the task's repository was. Without a repository there is none.
    pub async fn publish(&self, task: &Task) -> Result<(), WorkspaceError> {
        let message = format!("{}\n\nTask {}", task.title, task.id);
        let record = self.record(task.id);
        Ok(record.publish(&branch::name(task.id), &message).await?)
    }

    /// The branch that the work of a task ends in, once there is one.
    pub async fn branch(&self, id: TaskId) -> Result<Option<BranchView>, WorkspaceError> {
        let record = self.record(id);
        if !record.exists().await? {
            return Ok(None);
        }
        Ok(record.branch(&branch::name(id)).await?)
    }

    /// What a task has changed since its start.
    pub async fn patch(&self, id: TaskId) -> Result<Patch, WorkspaceError> {
        let record = self.record(id);
        let head = self.snapshot(&record).await?;
        Ok(record.patch(&head)?)
    }

    /// The paths that are different in two recorded commits.
    pub async fn changed_paths(
        &self,
        id: TaskId,
        base: &str,
        head: &str,
    ) -> Result<Vec<String>, WorkspaceError> {
        Ok(self.record(id).changed_paths(base, head).await?)
    }

    /// Makes the folders of an agent session, with an empty folder for temporary files.
    pub async fn agent(
        &self,
        id: TaskId,
        session: SessionId,
    ) -> Result<AgentFolders, WorkspaceError> {
        let own = self.task(id).join("agents").join(session.to_string());
        let folders = AgentFolders {
            workspace: self.workspace(id),
            config: own.join("config"),
            tmp: own.join("tmp"),
        };
        match tokio::fs::remove_dir_all(&folders.tmp).await {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
        tokio::fs::create_dir_all(&folders.config).await?;
        tokio::fs::create_dir_all(&folders.tmp).await?;
        Ok(folders)
    }

    /// Records the work tree as it is, under `refs/ccs/<name>`, and answers with the commit.
    pub async fn commit(
        &self,
        id: TaskId,
        name: &str,
        message: &str,
    ) -> Result<String, WorkspaceError> {
        Ok(self.record(id).commit(name, message).await?)
    }

    /// The files that the task's phases must produce, as they lie there now; on demand with
    /// checksums.
    pub async fn deliverables(
        &self,
        task: &Task,
        checksums: bool,
    ) -> Result<Vec<DeliverableView>, WorkspaceError> {
        let root = self.workspace(task.id);
        let mut due = Vec::new();
        for phase in &task.phases {
            for step in &phase.steps {
                let rule = step.plan.deliverable.as_ref();
                due.extend(rule.map(|rule| (phase.number, Some(&step.plan.id), &rule.path)));
            }
            let rest = phase.plan.deliverables.iter();
            due.extend(rest.map(|rule| (phase.number, None, &rule.path)));
        }
        let due: Vec<_> = due
            .into_iter()
            .map(|(phase, step, path)| (phase, step.cloned(), path.clone()))
            .collect();
        let listed = tokio::task::spawn_blocking(move || {
            let mut rest = if checksums { CHECKSUMS_LIMIT } else { 0 };
            let view = |(phase, step, path)| deliverable(&root, phase, step, path, &mut rest);
            due.into_iter().map(view).collect()
        });
        listed
            .await
            .map_err(|error| std::io::Error::other(error).into())
    }

    /// A file of the workspace, its text cut at 512 KiB.
    pub async fn read(&self, id: TaskId, path: &str) -> Result<FileContent, WorkspaceError> {
        let (root, path) = (self.workspace(id), path.to_owned());
        let read = tokio::task::spawn_blocking(move || file::read(&root, &path));
        read.await.map_err(std::io::Error::other)?
    }

    /// A file of the workspace, opened for reading, with its size in bytes.
    pub async fn open(
        &self,
        id: TaskId,
        path: &str,
    ) -> Result<(tokio::fs::File, u64), WorkspaceError> {
        let (root, path) = (self.workspace(id), path.to_owned());
        let opened = tokio::task::spawn_blocking(move || file::open(&root, &path));
        let (file, size) = opened.await.map_err(std::io::Error::other)??;
        Ok((tokio::fs::File::from_std(file), size))
    }

    /// All of the workspace but `.git` and what is ignored, as a ZIP archive. What the task began
    /// with is never ignored.
    pub async fn archive(&self, id: TaskId) -> Result<Archive, WorkspaceError> {
        let permit = Arc::clone(&self.packing).try_acquire_owned();
        let permit = permit.map_err(|_| WorkspaceError::Busy)?;
        let root = self.workspace(id);
        let opened = tokio::task::spawn_blocking(move || file::open_root(&root));
        let root = opened.await.map_err(std::io::Error::other)??;
        let record = self.record(id);
        let kept = if record.exists().await? {
            record.began_with().await?
        } else {
            BTreeSet::new()
        };
        Ok(Archive::begin(root, kept, permit))
    }

    /// What a phase has changed: up to its latest review if it is over or under review, else up to
    /// now. Without a phase, the present or else the last one that began.
    pub async fn diff(&self, task: &Task, phase: Option<u32>) -> Result<Diff, WorkspaceError> {
        let begun = task.phases.iter().rev().find(|phase| phase.base.is_some());
        let number = phase
            .or_else(|| task.active_phase().map(|phase| phase.number))
            .or_else(|| begun.map(|phase| phase.number));
        let record = self.record(task.id);
        let Some(number) = number else {
            let head = self.snapshot(&record).await?;
            return Ok(record.diff(record::START, &head).await?);
        };
        let base = task.phase(number).and_then(|phase| phase.base.clone());
        let base = base.ok_or(WorkspaceError::NoChanges { phase: number })?;
        let working = task.run().is_some()
            && task
                .active_phase()
                .is_some_and(|phase| phase.number == number);
        let reviewed = task
            .reviews
            .iter()
            .rev()
            .find(|review| review.phase == number);
        let head = match reviewed {
            Some(review) if !working => review.head.clone(),
            _ => self.snapshot(&record).await?,
        };
        Ok(record.diff(&base, &head).await?)
    }

    async fn snapshot(&self, record: &Record) -> Result<String, WorkspaceError> {
        if !record.exists().await? || !tokio::fs::try_exists(&record.work_tree).await? {
            return Err(WorkspaceError::NoWorkspace);
        }
        Ok(record.snapshot().await?)
    }

    /// Which of these files are there, inside the workspace, and not empty.
    pub async fn present(
        &self,
        id: TaskId,
        paths: Vec<String>,
    ) -> Result<Vec<String>, WorkspaceError> {
        let root = self.workspace(id);
        let checked = tokio::task::spawn_blocking(move || {
            let present = |path: &String| file::size(&root, path).is_ok_and(|size| size > 0);
            paths.into_iter().filter(present).collect()
        });
        checked
            .await
            .map_err(|error| std::io::Error::other(error).into())
    }

    /// Removes all of a task's files.
    pub async fn remove(&self, id: TaskId) -> Result<(), WorkspaceError> {
        match tokio::fs::remove_dir_all(self.task(id)).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }
}

/// A file that is due, as it lies there. Its checksum is made of no more than `rest` bytes, which
/// become less by it.
fn deliverable(
    root: &Path,
    phase: u32,
    step: Option<String>,
    path: String,
    rest: &mut u64,
) -> DeliverableView {
    let found = match *rest {
        0 => file::size(root, &path).map(|size| (size, None)),
        most => file::checksum(root, &path, most.min(file::CHECKSUM_LIMIT)),
    };
    let (size, sha256, problem) = match found {
        Ok((size, sha256)) => (Some(size), sha256, None),
        Err(WorkspaceError::NotFound { .. } | WorkspaceError::NoWorkspace) => (None, None, None),
        // What failed is said where the file is opened.
        Err(WorkspaceError::Io(_)) => (None, None, Some(format!("{path} can't be read"))),
        Err(refused) => (None, None, Some(refused.to_string())),
    };
    if sha256.is_some() {
        *rest = rest.saturating_sub(size.unwrap_or(0));
    }
    DeliverableView {
        path,
        phase,
        step,
        exists: size.is_some(),
        size: size.unwrap_or(0),
        sha256,
        problem,
    }
}

#[cfg(test)]
mod branch_tests;
#[cfg(test)]
mod record_tests;
#[cfg(test)]
mod tests;
