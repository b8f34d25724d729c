//! A task that begins with a repository: fetching it, giving the agent a work tree of it, and the
//! branch that the work ends in.
//!
//! The history is fetched into the record, and the agent's repository is made from there, before
//! there is an agent. What is checked out are the committed bytes: no attribute, filter or hook of
//! the repository is obeyed, no submodule is fetched, and files of LFS stay pointers. The branch is
//! one commit on top of what was fetched: its tree with the changes since the task's start, so that
//! what can't be recorded (submodules, very large files) stays as it was.

use std::path::Path;
use std::time::Duration;

use app::api::BranchView;
use app::domain::id::TaskId;
use tokio::fs;

use super::git::{self, GitError};
use super::known::ObjectId;
use super::record::{Record, START};
use super::scratch::Scratch;
use super::source::Source;

/// What was fetched when the task began.
pub const SOURCE: &str = "refs/ccs/source";

/// How long fetching may take.
pub const FETCH_LIMIT: Duration = Duration::from_mins(10);

/// Over the settings of all commands, where a repository comes from outside.
const CAREFUL: [&str; 7] = [
    "core.protectHFS=true",
    "core.protectNTFS=true",
    "submodule.recurse=false",
    "credential.helper=",
    "http.followRedirects=initial",
    // A minute of next to nothing is the end.
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=60",
];

/// Undoes what a repository says of how its files are to be changed on their way out of it.
const AS_COMMITTED: &str = "* -text -ident -filter -working-tree-encoding\n";

/// The branch that a task's work ends in.
pub fn name(task: TaskId) -> String {
    let id = task.as_uuid().simple().to_string();
    // The beginning is the time: tasks of the same minute have it in common.
    format!("ccs/{}", &id[id.len() - 8..])
}

impl Record {
    /// Fetches what the source has checked out at present, with its history.
    pub async fn fetch(&self, source: &Source) -> Result<(), GitError> {
        let scratch = Scratch::new(&self.repository)?;
        // git asks whose a repository is. Whoever runs this server has allowed the folder.
        let settings = scratch.path().join("settings");
        fs::write(&settings, "[safe]\n\tdirectory = *\n").await?;
        let (git, repository) = (&self.git, &self.repository);
        let (protocol, from, mut command) = match source {
            Source::Folder(path) => {
                let command = git.command_with(repository, &CAREFUL, "fetch");
                ("file", path.as_os_str(), command)
            }
            Source::Address(address) => {
                let command = git.command_with_credentials(repository, &CAREFUL, "fetch");
                ("https", address.as_ref(), command)
            }
        };
        command
            .env("GIT_CONFIG_GLOBAL", &settings)
            .env("GIT_ALLOW_PROTOCOL", protocol)
            .args(["--quiet", "--no-write-fetch-head", "--no-auto-maintenance"])
            .args([
                "--no-recurse-submodules",
                "--update-shallow",
                "--end-of-options",
            ])
            .arg(from)
            .arg(format!("+HEAD:{SOURCE}"));
        git::run("fetch", command, FETCH_LIMIT).await.map(drop)
    }

    /// What was fetched, if the task began with a repository.
    pub async fn source(&self) -> Result<Option<ObjectId>, GitError> {
        self.resolve(SOURCE).await
    }

    /// Makes a repository with a work tree of what was fetched, on a branch of its own.
    pub async fn check_out(&self, target: &Path, branch: &str) -> Result<(), GitError> {
        let parent = target.parent().unwrap_or(target);
        let aside = Scratch::new(parent)?;
        let made = aside.path().join("made");
        let first = format!("--initial-branch={branch}");
        self.git.init(&made, &[&first]).await?;
        let own = made.join(".git");
        let mut command = self.git.command_with(&own, &CAREFUL, "fetch");
        command
            .env("GIT_ALLOW_PROTOCOL", "file")
            .args(["--quiet", "--no-write-fetch-head", "--no-auto-maintenance"])
            .args([
                "--no-recurse-submodules",
                "--update-shallow",
                "--update-head-ok",
            ])
            .arg(&self.repository)
            .arg(format!("{SOURCE}:refs/heads/{branch}"));
        git::run("fetch", command, FETCH_LIMIT).await?;
        let attributes = own.join("info/attributes");
        fs::create_dir_all(own.join("info")).await?;
        fs::write(&attributes, AS_COMMITTED).await?;
        let mut command = self.git.command_with(&own, &CAREFUL, "reset");
        command
            .current_dir(&made)
            .env("GIT_WORK_TREE", &made)
            .args(["--hard", "--quiet"]);
        git::run("reset", command, FETCH_LIMIT).await?;
        fs::remove_file(&attributes).await?;
        Ok(fs::rename(&made, target).await?)
    }

    /// Makes the branch anew from the work tree as it is now. Nothing happens if the task began
    /// without a repository.
    pub async fn publish(&self, branch: &str, message: &str) -> Result<(), GitError> {
        let Some(source) = self.source().await? else {
            return Ok(());
        };
        let now = self.snapshot().await?;
        let tree = self.with_changes(&source, &now).await?;
        let before = format!("{source}^{{tree}}");
        let before = self.run("rev-parse", &["--verify", &before]).await?;
        let commit = if git::word("rev-parse", before)? == tree {
            source
        } else {
            let arguments = ["-m", message, "-p", &source, &tree];
            git::word("commit-tree", self.run("commit-tree", &arguments).await?)?
        };
        let branch = format!("refs/heads/{branch}");
        self.run("update-ref", &[&branch, &commit]).await?;
        // Whoever clones the record gets this branch.
        self.run("symbolic-ref", &["HEAD", &branch]).await.map(drop)
    }

    /// The tree of `source` with all that is different in `now` from the task's start.
    async fn with_changes(&self, source: &str, now: &str) -> Result<ObjectId, GitError> {
        let changes = ["-r", "-z", "--no-renames", START, now];
        let changes = self.run("diff-tree", &changes).await?;
        let scratch = Scratch::new(&self.repository)?;
        let index = scratch.path().join("index");
        let with_index = |subcommand, arguments: &[&str]| {
            let mut command = self.command(subcommand, arguments);
            command.env("GIT_INDEX_FILE", &index);
            command
        };
        git::run("read-tree", with_index("read-tree", &[source]), git::LIMIT).await?;
        let command = with_index("update-index", &["-z", "--index-info"]);
        git::run_with("update-index", command, &index_entries(&changes)?).await?;
        let written = git::run("write-tree", with_index("write-tree", &[]), git::LIMIT).await?;
        git::word("write-tree", written)
    }

    /// The branch, if it was made.
    pub async fn branch(&self, branch: &str) -> Result<Option<BranchView>, GitError> {
        let head = self.resolve(&format!("refs/heads/{branch}")).await?;
        let (Some(head), Some(base)) = (head, self.source().await?) else {
            return Ok(None);
        };
        let repository = self.repository.display().to_string();
        let quoted = repository.replace('\'', r"'\''");
        Ok(Some(BranchView {
            name: branch.to_owned(),
            base,
            head,
            command: format!("git fetch '{quoted}' {branch}:{branch}"),
            repository,
        }))
    }

    /// The paths that are different, each as git has it.
    pub async fn changed_paths(&self, base: &str, head: &str) -> Result<Vec<String>, GitError> {
        let arguments = ["-r", "-z", "--no-renames", "--name-only", base, head];
        let listed = self.run("diff-tree", &arguments).await?;
        let paths = listed.split(|byte| *byte == 0);
        let paths = paths.filter(|path| !path.is_empty());
        Ok(paths
            .map(|path| String::from_utf8_lossy(path).into_owned())
            .collect())
    }
}

/// What `git diff-tree -r -z` prints, as `git update-index --index-info` reads it.
fn index_entries(changes: &[u8]) -> Result<Vec<u8>, GitError> {
    let unexpected = || GitError::Unexpected {
        command: "diff-tree",
    };
    let mut entries = Vec::with_capacity(changes.len());
    let mut fields = changes
        .split(|byte| *byte == 0)
        .filter(|field| !field.is_empty());
    while let Some(field) = fields.next() {
        let path = fields.next().ok_or_else(unexpected)?;
        // `:<old mode> <new mode> <old id> <new id> <letter>`
        let words: Vec<_> = field.split(|byte| *byte == b' ').collect();
        let [_, mode, _, id, _] = words.as_slice() else {
            return Err(unexpected());
        };
        // What was removed has the mode 000000, which removes it there too.
        let is_gone = *mode == b"000000";
        let mode = if is_gone { b"0".as_slice() } else { *mode };
        entries.extend_from_slice(mode);
        entries.push(b' ');
        entries.extend_from_slice(id);
        entries.push(b'\t');
        entries.extend_from_slice(path);
        entries.push(0);
    }
    Ok(entries)
}
