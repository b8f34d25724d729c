//! The platform's record of a work tree, by the git command.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use app::api::Diff;
use tokio::io::AsyncReadExt;
use tokio::process::Command;

use super::diff;

/// The ref of the first record.
pub const START: &str = "refs/ccs/start";
const HEAD: &str = "refs/ccs/head";

/// The most bytes of a diff that are read; the rest is left out and said so.
const DIFF_LIMIT: u64 = 8 * 1024 * 1024;

/// git failed.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// The command can't be run.
    #[error("git can't be run")]
    Start(#[source] std::io::Error),
    /// The command ended with an error.
    #[error("git {command} failed: {message}")]
    Failed {
        /// The subcommand.
        command: String,
        /// Its last words.
        message: String,
    },
}

/// A repository of the platform's own over the agent's work tree.
pub struct Record {
    repository: PathBuf,
    work_tree: PathBuf,
}

impl Record {
    pub fn new(repository: PathBuf, work_tree: PathBuf) -> Self {
        Self {
            repository,
            work_tree,
        }
    }

    /// Makes the record and the agent's own repository, unless they are there.
    pub async fn prepare(&self) -> Result<(), GitError> {
        if !self.work_tree.join(".git").exists() {
            let mut init = git_command(&self.work_tree);
            init.args([
                "init",
                "--quiet",
                "--initial-branch=main",
                "--template=",
                ".",
            ]);
            finish("init", init.output().await)?;
        }
        if !self.repository.join("HEAD").exists() {
            let mut init = git_command(&self.work_tree);
            init.args([
                "init",
                "--quiet",
                "--bare",
                "--initial-branch=main",
                "--template=",
            ]);
            init.arg(&self.repository);
            finish("init", init.output().await)?;
        }
        if !self.exists(START).await {
            self.commit("start", "Start").await?;
        }
        Ok(())
    }

    async fn exists(&self, name: &str) -> bool {
        self.run(&["rev-parse", "--verify", "--quiet", name])
            .await
            .is_ok()
    }

    /// Records the work tree under `refs/ccs/<name>`.
    pub async fn commit(&self, name: &str, message: &str) -> Result<String, GitError> {
        self.run(&["add", "--all", "--ignore-errors", "."]).await?;
        let tree = self.run(&["write-tree"]).await?;
        let mut arguments = vec!["commit-tree", "-m", message];
        let parent = self
            .run(&["rev-parse", "--verify", "--quiet", HEAD])
            .await
            .ok();
        if let Some(parent) = &parent {
            arguments.extend(["-p", parent]);
        }
        arguments.push(&tree);
        let commit = self.run(&arguments).await?;
        self.run(&["update-ref", HEAD, &commit]).await?;
        self.run(&["update-ref", &format!("refs/ccs/{name}"), &commit])
            .await?;
        if let Err(error) = self.publish().await {
            // The agent may have broken or removed its own repository. The record is complete.
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the record can't be shown"
            );
        }
        Ok(commit)
    }

    /// Shows the records in the agent's own repository, where a person with git will look. The
    /// receiving side runs without hooks, which an agent may have left there.
    async fn publish(&self) -> Result<(), GitError> {
        let target = self.work_tree.join(".git");
        let receive = "git -c core.hooksPath=/dev/null -c receive.autogc=false receive-pack";
        let mut push = self.command();
        push.args(["push", "--quiet", "--force"])
            .arg(format!("--receive-pack={receive}"));
        push.arg(&target).arg("refs/ccs/*:refs/ccs/*");
        finish("push", push.output().await).map(drop)
    }

    /// The tree of the work tree as it is now, without recording it.
    pub async fn snapshot(&self) -> Result<String, GitError> {
        let index = tempfile_beside(&self.repository);
        // A copy of the index knows the files' times, so that only changed ones are read.
        tokio::fs::copy(self.repository.join("index"), &index)
            .await
            .ok();
        let tree = self.snapshot_with(&index).await;
        tokio::fs::remove_file(&index).await.ok();
        tree
    }

    async fn snapshot_with(&self, index: &Path) -> Result<String, GitError> {
        let mut add = self.command();
        add.env("GIT_INDEX_FILE", index)
            .args(["add", "--all", "--ignore-errors", "."]);
        finish("add", add.output().await)?;
        let mut write = self.command();
        write.env("GIT_INDEX_FILE", index).arg("write-tree");
        finish("write-tree", write.output().await)
    }

    /// The changes between two commits or trees.
    pub async fn diff(&self, base: &str, head: &str) -> Result<Diff, GitError> {
        let common = [
            "--no-color",
            "--no-ext-diff",
            "--no-textconv",
            "--find-renames",
        ];
        let mut names = self.command();
        names
            .arg("diff")
            .args(common)
            .args(["--raw", "--numstat", "-z", base, head, "--"]);
        let (names, names_cut) = limited("diff", names).await?;
        let mut patch = self.command();
        patch
            .arg("diff")
            .args(common)
            .args(["--patch", "--unified=3", base, head, "--"]);
        let (patch, patch_cut) = limited("diff", patch).await?;
        let mut parsed = diff::parse(&names, &String::from_utf8_lossy(&patch));
        base.clone_into(&mut parsed.base);
        head.clone_into(&mut parsed.head);
        parsed.truncated |= names_cut || patch_cut;
        Ok(parsed)
    }

    fn command(&self) -> Command {
        let mut command = git_command(&self.work_tree);
        command
            .env("GIT_DIR", &self.repository)
            .env("GIT_WORK_TREE", &self.work_tree);
        command
    }

    async fn run(&self, arguments: &[&str]) -> Result<String, GitError> {
        let output = self.command().args(arguments).output().await;
        finish(arguments[0], output)
    }
}

/// git with a clean environment: no settings, hooks or helpers but our own.
fn git_command(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command
        .current_dir(folder)
        .env_clear()
        .env(
            "PATH",
            std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into()),
        )
        .env("LC_ALL", "C.UTF-8")
        .env("HOME", "/nonexistent")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_AUTHOR_NAME", "Claude Code Server")
        .env("GIT_AUTHOR_EMAIL", "platform@claude-code-server.invalid")
        .env("GIT_COMMITTER_NAME", "Claude Code Server")
        .env("GIT_COMMITTER_EMAIL", "platform@claude-code-server.invalid")
        .args([
            "-c",
            "core.hooksPath=/dev/null",
            "-c",
            "core.fsmonitor=false",
        ])
        .args([
            "-c",
            "core.quotePath=false",
            "-c",
            "advice.addEmbeddedRepo=false",
        ])
        .args(["-c", "core.autocrlf=false", "-c", "gc.auto=0"])
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

fn finish(command: &str, output: std::io::Result<Output>) -> Result<String, GitError> {
    let output = output.map_err(GitError::Start)?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr);
        let message = message.trim().chars().take(2_000).collect();
        return Err(GitError::Failed {
            command: command.to_owned(),
            message,
        });
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// What a command prints, up to [`DIFF_LIMIT`], and whether there was more.
async fn limited(name: &str, mut command: Command) -> Result<(Vec<u8>, bool), GitError> {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = child.spawn().map_err(GitError::Start)?;
    let mut printed = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        let mut stdout = stdout.take(DIFF_LIMIT);
        stdout
            .read_to_end(&mut printed)
            .await
            .map_err(GitError::Start)?;
    }
    let cut = printed.len() as u64 >= DIFF_LIMIT;
    if cut {
        child.kill().await.map_err(GitError::Start)?;
        return Ok((printed, true));
    }
    let status = child.wait().await.map_err(GitError::Start)?;
    if !status.success() {
        let message = format!("{status}");
        return Err(GitError::Failed {
            command: name.to_owned(),
            message,
        });
    }
    Ok((printed, false))
}

fn tempfile_beside(repository: &Path) -> PathBuf {
    repository.join(format!("index-{}", uuid::Uuid::new_v4()))
}
