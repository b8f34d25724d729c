//! Following the CLI's file of a conversation, and writing it again.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use app::domain::id::{SessionId, TaskId};
use app::domain::task::ConversationPlace;
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, mkdirat, openat, openat2, renameat};
use rustix::io::Errno;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::{MOST, PIECE, TranscriptError, Transcripts};
use crate::agent::resume;

/// The longest line that is mirrored, in bytes.
const LINE_LIMIT: usize = 32 * 1024 * 1024;

/// How often a file is looked at whose last lines are on their way.
const PACE: Duration = Duration::from_millis(50);

/// The folder that a conversation is written into again. The CLI finds it in any.
const PROJECT: &str = "restored";

/// Follows one conversation.
#[derive(Debug)]
pub struct Mirror {
    transcripts: Transcripts,
    task: TaskId,
    session: SessionId,
    config: PathBuf,
    place: ConversationPlace,
    /// The last turn of what was mirrored has ended.
    is_at_rest: bool,
    /// It is too long, or not what was mirrored before: no more is taken from it.
    is_over: bool,
}

/// What a file has gained.
struct Gained {
    bytes: Vec<u8>,
    /// It is shorter than what was mirrored.
    is_cut: bool,
}

impl Mirror {
    /// Follows the conversation in a configuration folder from where the mirror stands. `message` is
    /// the last one that is known to be in it.
    pub async fn begin(
        transcripts: Transcripts,
        task: TaskId,
        session: SessionId,
        config: PathBuf,
        message: Option<Uuid>,
    ) -> Result<Self, TranscriptError> {
        let transcript = transcripts.length(session).await?;
        Ok(Self {
            transcripts,
            task,
            session,
            config,
            place: ConversationPlace {
                message,
                transcript,
            },
            is_at_rest: false,
            is_over: false,
        })
    }

    /// Where the mirrored conversation stands.
    pub fn place(&self) -> ConversationPlace {
        self.place
    }

    /// Mirrors all that the file has gained.
    pub async fn catch_up(&mut self) -> Result<(), TranscriptError> {
        while !self.is_over {
            let (config, session) = (self.config.clone(), self.session.as_uuid());
            let from = self.place.transcript;
            let reading = spawn_blocking(move || gained(&config, session, from));
            let Gained { bytes, is_cut } = reading.await.map_err(io::Error::other)??;
            self.is_over = is_cut || from + bytes.len() as u64 > MOST;
            if self.is_over {
                tracing::warn!(
                    session.id = %self.session,
                    is_cut,
                    "a conversation is mirrored no further"
                );
                return Ok(());
            }
            if bytes.is_empty() {
                return Ok(());
            }
            let seen = resume::seen(&bytes);
            let length = bytes.len() as u64;
            self.transcripts
                .append(self.task, self.session, from, bytes)
                .await?;
            self.place.transcript += length;
            self.place.message = seen.message.or(self.place.message);
            self.is_at_rest = seen.is_at_rest.unwrap_or(self.is_at_rest);
        }
        Ok(())
    }

    /// The same, waiting for the lines of a turn that has just ended: the CLI writes them a moment
    /// later.
    pub async fn catch_up_with_end(&mut self, patience: Duration) -> Result<(), TranscriptError> {
        let deadline = Instant::now() + patience;
        // A turn has begun since.
        self.is_at_rest = false;
        loop {
            self.catch_up().await?;
            if self.is_at_rest || self.is_over || Instant::now() > deadline {
                return Ok(());
            }
            sleep(PACE).await;
        }
    }
}

/// The whole lines behind the first `from` bytes, as many as fit into a piece. Blocks.
fn gained(config: &Path, session: Uuid, from: u64) -> io::Result<Gained> {
    let nothing = |is_cut| Gained {
        bytes: Vec::new(),
        is_cut,
    };
    let Some(mut file) = resume::transcript(config, session)? else {
        return Ok(nothing(false));
    };
    if file.metadata()?.len() < from {
        return Ok(nothing(true));
    }
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    while bytes.len() < LINE_LIMIT {
        let before = bytes.len();
        (&file).take(PIECE as u64).read_to_end(&mut bytes)?;
        if let Some(end) = memchr::memrchr(b'\n', &bytes) {
            bytes.truncate(end + 1);
            return Ok(Gained {
                bytes,
                is_cut: false,
            });
        }
        if bytes.len() == before {
            // The line is still being written.
            return Ok(nothing(false));
        }
    }
    // Nothing that the CLI would write.
    Ok(nothing(true))
}

/// Whether the CLI's file of a conversation is there. Blocks.
pub(super) fn is_there(config: &Path, session: Uuid) -> io::Result<bool> {
    Ok(resume::transcript(config, session)?.is_some())
}

/// A file that is written again.
pub(super) struct Restored {
    project: rustix::fd::OwnedFd,
    session: Uuid,
    file: File,
}

impl Restored {
    /// Begins aside: half of a conversation is never found. An agent may have worked in the folder, so
    /// no link is followed.
    pub(super) fn begin(config: &Path, session: Uuid) -> io::Result<Self> {
        let folder = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let inside =
            ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        let mut at = openat(CWD, config, folder, Mode::empty())?;
        for name in ["projects", PROJECT] {
            match mkdirat(&at, name, Mode::RWXU) {
                Err(Errno::EXIST) | Ok(()) => {}
                Err(error) => return Err(error.into()),
            }
            at = openat2(&at, name, folder, Mode::empty(), inside)?;
        }
        let new = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC;
        let file = openat2(&at, aside(session), new, Mode::RUSR | Mode::WUSR, inside)?;
        Ok(Self {
            project: at,
            session,
            file: File::from(file),
        })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    pub(super) fn finish(self) -> io::Result<()> {
        self.file.sync_all()?;
        let name = format!("{}.jsonl", self.session);
        Ok(renameat(
            &self.project,
            aside(self.session),
            &self.project,
            name,
        )?)
    }
}

fn aside(session: Uuid) -> String {
    format!("{session}.restoring")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    const SESSION: Uuid = Uuid::from_u128(7);

    #[test]
    fn only_whole_lines_are_taken() {
        let config = tempfile::TempDir::new().unwrap();
        let project = config.path().join("projects/-workspace");
        fs::create_dir_all(&project).unwrap();
        let file = project.join(format!("{SESSION}.jsonl"));
        let take = |from| gained(config.path(), SESSION, from).unwrap();
        assert!(take(0).bytes.is_empty());
        fs::write(&file, "{}\n{\"a\":1}\n{\"half").unwrap();
        assert_eq!(take(0).bytes, b"{}\n{\"a\":1}\n");
        assert_eq!(take(3).bytes, b"{\"a\":1}\n");
        assert!(take(11).bytes.is_empty());
        fs::write(&file, "{}\n").unwrap();
        assert!(take(11).is_cut);
        let long = format!("{}\n", "x".repeat(3 * PIECE));
        fs::write(&file, &long).unwrap();
        assert_eq!(take(0).bytes.len(), long.len());
    }

    #[test]
    fn a_file_that_is_written_again_is_found_and_follows_no_link() {
        let config = tempfile::TempDir::new().unwrap();
        let mut restored = Restored::begin(config.path(), SESSION).unwrap();
        restored.write(b"{}\n").unwrap();
        assert!(!is_there(config.path(), SESSION).unwrap(), "half of it");
        restored.finish().unwrap();
        assert!(is_there(config.path(), SESSION).unwrap());
        let outside = tempfile::TempDir::new().unwrap();
        let config = tempfile::TempDir::new().unwrap();
        symlink(outside.path(), config.path().join("projects")).unwrap();
        assert!(Restored::begin(config.path(), SESSION).is_err());
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    }
}
