//! Running git so that it can only touch what the platform gives it.
//!
//! git runs in a folder that only the platform writes to, with no work tree and with no settings
//! but the ones below. It never sees an agent's files: their contents reach it on standard input,
//! and their paths as data. So nothing that an agent leaves behind (hooks, filters, attributes, a
//! repository inside a repository, links) is ever looked at by git, with or without a sandbox.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio::time::timeout;

/// How long one command may take. It is killed when the time is over.
pub const LIMIT: Duration = Duration::from_mins(2);

/// The most bytes of a diff that are read; the rest is left out and said so.
const DIFF_LIMIT: u64 = 8 * 1024 * 1024;

/// Settings that hold for every command, over those of any file.
const SETTINGS: [&str; 12] = [
    "core.hooksPath=/dev/null",
    "core.attributesFile=/dev/null",
    "core.fsmonitor=false",
    "core.quotePath=false",
    "core.autocrlf=false",
    // Names that other systems would mistake for `.git` are recorded as what they are.
    "core.protectHFS=false",
    "core.protectNTFS=false",
    // Housekeeping is asked for, and then happens at once. What a snapshot has just written, and
    // nothing refers to, is spared.
    "maintenance.auto=false",
    "gc.auto=1000",
    "gc.autoPackLimit=20",
    "gc.autoDetach=false",
    "gc.pruneExpire=1.hour.ago",
];

/// git failed.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// The command can't be started.
    #[error("git can't be started; is it installed?")]
    Start(#[source] std::io::Error),
    /// What goes to or comes from git can't be written or read.
    #[error("the files of the record can't be read or written")]
    Io(#[from] std::io::Error),
    /// The command ended with an error.
    #[error("git {command} failed: {message}")]
    Failed {
        /// The subcommand.
        command: &'static str,
        /// Its last words.
        message: String,
    },
    /// The command took too long.
    #[error("git {command} took too long")]
    TimedOut {
        /// The subcommand.
        command: &'static str,
    },
    /// The command answered with something else than it should.
    #[error("git {command} gave no usable answer")]
    Unexpected {
        /// The subcommand.
        command: &'static str,
    },
}

/// Starts git.
#[derive(Clone, Debug)]
pub struct Git {
    search_path: Arc<OsStr>,
}

impl Git {
    /// git as found on `search_path`, which is written like `PATH`.
    pub fn new(search_path: &OsStr) -> Self {
        Self {
            search_path: search_path.into(),
        }
    }

    /// The subcommand with a clean environment, in and on a folder that is the platform's own.
    pub fn command(&self, repository: &Path, subcommand: &str) -> Command {
        self.command_with(repository, &[], subcommand)
    }

    /// The same with more settings, which go before the usual ones.
    pub fn command_with(&self, repository: &Path, settings: &[&str], subcommand: &str) -> Command {
        let mut command = Command::new("git");
        command
            .current_dir(repository)
            .env_clear()
            .env("PATH", &self.search_path)
            .env("LC_ALL", "C.UTF-8")
            .env("HOME", "/nonexistent")
            .env("GIT_DIR", repository)
            .env("GIT_ATTR_NOSYSTEM", "1")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_NO_REPLACE_OBJECTS", "1")
            .env("GIT_TERMINAL_PROMPT", "0");
        for role in ["AUTHOR", "COMMITTER"] {
            command
                .env(format!("GIT_{role}_NAME"), "Claude Code Server")
                .env(
                    format!("GIT_{role}_EMAIL"),
                    "platform@claude-code-server.invalid",
                );
        }
        for setting in SETTINGS.iter().chain(settings) {
            command.args(["-c", *setting]);
        }
        command
            .arg(subcommand)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Makes an empty repository in `folder`, which must not exist yet.
    pub async fn init(&self, folder: &Path, arguments: &[&str]) -> Result<(), GitError> {
        let parent = folder.parent().unwrap_or(folder);
        let mut command = self.command(parent, "init");
        command
            .env_remove("GIT_DIR")
            .args(["--quiet", "--initial-branch=main", "--template="])
            .args(arguments)
            .arg(folder);
        run("init", command, LIMIT).await.map(drop)
    }
}

/// What the command prints.
pub async fn run(
    name: &'static str,
    mut command: Command,
    limit: Duration,
) -> Result<Vec<u8>, GitError> {
    let child = command.spawn().map_err(GitError::Start)?;
    let output = timeout(limit, child.wait_with_output()).await;
    let output = output.map_err(|_| GitError::TimedOut { command: name })??;
    finish(name, output)
}

/// What the command prints after it was told `input`.
pub async fn run_with(
    name: &'static str,
    mut command: Command,
    input: &[u8],
) -> Result<Vec<u8>, GitError> {
    let mut child = command
        .stdin(Stdio::piped())
        .spawn()
        .map_err(GitError::Start)?;
    let mut stdin = child.stdin.take();
    let talk = async {
        let told = match &mut stdin {
            Some(stdin) => stdin.write_all(input).await,
            None => Ok(()),
        };
        drop(stdin);
        // Why it stopped listening is in its own words.
        let printed = finish(name, child.wait_with_output().await?)?;
        told?;
        Ok(printed)
    };
    let talked = timeout(LIMIT, talk).await;
    talked.map_err(|_| GitError::TimedOut { command: name })?
}

/// The output of a command that succeeded.
pub fn finish(command: &'static str, output: Output) -> Result<Vec<u8>, GitError> {
    if output.status.success() {
        return Ok(output.stdout);
    }
    let message = String::from_utf8_lossy(&output.stderr);
    let message = format!("{} ({})", message.trim(), output.status);
    let message = message.chars().take(2_000).collect();
    Err(GitError::Failed { command, message })
}

/// What a command prints, up to [`DIFF_LIMIT`], and whether there was or might have been more.
pub async fn limited(
    name: &'static str,
    mut command: Command,
) -> Result<(Vec<u8>, bool), GitError> {
    let mut child = command
        .stderr(Stdio::null())
        .spawn()
        .map_err(GitError::Start)?;
    let mut printed = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        let mut stdout = stdout.take(DIFF_LIMIT);
        if let Ok(read) = timeout(LIMIT, stdout.read_to_end(&mut printed)).await {
            read?;
        } else {
            child.kill().await?;
            return Ok((printed, true));
        }
    }
    if printed.len() as u64 >= DIFF_LIMIT {
        child.kill().await?;
        return Ok((printed, true));
    }
    let status = child.wait().await?;
    if !status.success() {
        let message = format!("{status}");
        return Err(GitError::Failed {
            command: name,
            message,
        });
    }
    Ok((printed, false))
}

/// An answer of one word.
pub fn word(command: &'static str, printed: Vec<u8>) -> Result<String, GitError> {
    let word = String::from_utf8(printed).map_err(|_| GitError::Unexpected { command })?;
    let word = word.trim();
    if word.is_empty() {
        return Err(GitError::Unexpected { command });
    }
    Ok(word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_command_that_takes_too_long_is_ended() {
        let mut endless = Command::new("/bin/sleep");
        endless.arg("60").kill_on_drop(true);
        let refused = run("sleep", endless, Duration::from_millis(50)).await;
        assert!(matches!(
            refused,
            Err(GitError::TimedOut { command: "sleep" })
        ));
    }

    #[tokio::test]
    async fn a_command_that_does_not_listen_says_why_in_its_own_words() {
        let folder = tempfile::tempdir().unwrap();
        let git = Git::new("/usr/bin:/bin".as_ref());
        let command = git.command(folder.path(), "update-index");
        let refused = run_with("update-index", command, &vec![b'x'; 1_000_000]).await;
        let Err(GitError::Failed { message, .. }) = refused else {
            panic!("{refused:?}");
        };
        assert!(message.contains("not a git repository"), "{message}");
    }

    #[tokio::test]
    async fn a_missing_git_is_told_from_a_failing_one() {
        let folder = tempfile::tempdir().unwrap();
        let git = Git::new(folder.path().as_os_str());
        let refused = git.init(&folder.path().join("new"), &[]).await;
        assert!(matches!(refused, Err(GitError::Start(_))));
    }
}
