//! A patch on its way from git to whoever asked for it, never whole in memory.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::stream::{self, Stream};
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, ChildStdout};
use tokio::time::{Instant, timeout_at};

use super::git::GitError;
use super::record::{Record, START};

/// How long somebody may take to read a patch.
const READ_LIMIT: Duration = Duration::from_mins(10);
const CHUNK: usize = 64 * 1024;

/// A patch that git is writing.
#[derive(Debug)]
pub struct Patch {
    git: Child,
    output: ChildStdout,
    until: Instant,
}

impl Record {
    /// What is different in `head` from the task's start.
    pub fn patch(&self, head: &str) -> Result<Patch, GitError> {
        let arguments = [
            "--no-color",
            "--no-ext-diff",
            "--no-textconv",
            "--find-renames",
            "--binary",
            "--full-index",
            START,
            head,
            "--",
        ];
        let mut command = self.command("diff", &arguments);
        command.stderr(std::process::Stdio::null());
        let mut git = command.spawn().map_err(GitError::Start)?;
        let output = git.stdout.take();
        let output = output.ok_or_else(|| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(Patch {
            git,
            output,
            until: Instant::now() + READ_LIMIT,
        })
    }
}

impl Patch {
    /// Its parts. An error at the end tells that it is not whole.
    pub fn into_stream(self) -> impl Stream<Item = io::Result<Bytes>> + Send {
        stream::try_unfold(self, |mut patch: Self| async move {
            let part = timeout_at(patch.until, patch.read()).await;
            Ok::<_, io::Error>(part??.map(|part| (part, patch)))
        })
    }

    async fn read(&mut self) -> io::Result<Option<Bytes>> {
        let mut part = BytesMut::with_capacity(CHUNK);
        if self.output.read_buf(&mut part).await? > 0 {
            return Ok(Some(part.freeze()));
        }
        if self.git.wait().await?.success() {
            return Ok(None);
        }
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}
