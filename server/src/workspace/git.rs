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

/// Looks credentials up in the operator's file. git would also take out of it what a server has
/// refused, and put into it what one has accepted; the file is nobody's but the operator's.
const LOOK_UP: &str = "credential.helper=!f() { if [ \"$1\" = get ]; then \
    exec git credential-store --file=\"$CCS_GIT_CREDENTIALS_FILE\" get; fi; }; f";

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
    credentials: Option<Arc<Path>>,
}

impl Git {
    /// git as found on `search_path`, which is written like `PATH`.
    pub fn new(search_path: &OsStr) -> Self {
        Self {
            search_path: search_path.into(),
            credentials: None,
        }
    }

    /// The same, with a file of credentials as `git credential-store` reads it: a line
    /// `https://user:token@host` for each server.
    #[must_use]
    pub fn with_credentials(self, file: &Path) -> Self {
        Self {
            credentials: Some(file.into()),
            ..self
        }
    }

    /// A subcommand that may show the operator's credentials to the servers that they are for.
    /// They reach git by a pipe, and are in no argument and no variable.
    pub fn command_with_credentials(
        &self,
        repository: &Path,
        settings: &[&str],
        subcommand: &str,
    ) -> Command {
        let Some(file) = &self.credentials else {
            return self.command_with(repository, settings, subcommand);
        };
        let settings: Vec<_> = settings.iter().copied().chain([LOOK_UP]).collect();
        let mut command = self.command_with(repository, &settings, subcommand);
        command.env("CCS_GIT_CREDENTIALS_FILE", file.as_os_str());
        command
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
    async fn credentials_are_looked_up_for_their_server_and_the_file_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("it's the operator's");
        let lines = "https://me:tok%3Aen@git.example.org\n";
        std::fs::write(&file, lines).unwrap();
        let git = Git::new("/usr/bin:/bin".as_ref()).with_credentials(&file);
        let ask = async |verb: &str, host: &str| {
            let none = ["credential.helper="];
            let mut command = git.command_with_credentials(folder.path(), &none, "credential");
            command.arg(verb);
            let wanted = format!("protocol=https\nhost={host}\nusername=me\npassword=tok:en\n\n");
            let wanted = match verb {
                "fill" => wanted.replace("username=me\npassword=tok:en\n", ""),
                _ => wanted,
            };
            run_with("credential", command, wanted.as_bytes()).await
        };
        let found = String::from_utf8(ask("fill", "git.example.org").await.unwrap()).unwrap();
        assert!(found.contains("username=me\npassword=tok:en\n"), "{found}");
        assert!(ask("fill", "git.example.com").await.is_err());
        ask("reject", "git.example.org").await.unwrap();
        ask("approve", "git.example.com").await.unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), lines);
    }

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
