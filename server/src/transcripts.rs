//! The agents' conversations as the CLI keeps them, mirrored into the database: sealed, for nobody to
//! read but the next process that goes on with one.
//!
//! The CLI's own file is the truth while it is there. What it gains is appended here at the end of each
//! turn, every few seconds of a long one, and when the process has ended. A file that is lost is written
//! again from here. Pieces are only ever added, so a number of bytes names a moment of a conversation.

mod mirror;
mod row;

use std::path::Path;

use app::domain::id::{SessionId, TaskId};
use sea_orm::{
    ColumnTrait as _, DatabaseTransaction, EntityTrait as _, IntoActiveModel as _,
    QueryFilter as _, QueryOrder as _,
};
use tokio::task::spawn_blocking;

use crate::agent::resume;
use crate::store::{Store, StoreError, counted, stored};
use crate::vault::{Tampered, TranscriptKey, Vault, VaultError};
pub use mirror::Mirror;
use row::Column;

/// How much of a transcript one piece holds, in bytes before compression.
const PIECE: usize = 1024 * 1024;

/// The most of a conversation that is mirrored, in bytes. The agent can write there as it likes.
const MOST: u64 = 256 * 1024 * 1024;

/// Fast: an agent waits for it.
const LEVEL: i32 = 1;

/// The mirrored conversations. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Transcripts {
    store: Store,
    vault: Vault,
}

/// Why a conversation can't be mirrored or brought back.
#[derive(Debug, thiserror::Error)]
pub enum TranscriptError {
    /// A piece was changed.
    #[error("a piece of a conversation is damaged")]
    Damaged(#[source] Tampered),
    /// The pieces don't follow each other.
    #[error("a piece of a conversation is missing")]
    Gap,
    /// The key can't be had.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The file can't be read or written.
    #[error("the CLI's own file can't be used")]
    File(#[from] std::io::Error),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system has no random numbers.
    #[error("the system gives no random numbers")]
    Randomness,
}

impl From<sea_orm::DbErr> for TranscriptError {
    fn from(error: sea_orm::DbErr) -> Self {
        Self::Store(error.into())
    }
}

impl Transcripts {
    /// The conversations in a store, sealed by a vault.
    pub fn new(store: Store, vault: Vault) -> Self {
        Self { store, vault }
    }

    /// How much of a conversation is mirrored, in bytes.
    pub async fn length(&self, session: SessionId) -> Result<u64, TranscriptError> {
        let last = row::Entity::find()
            .filter(Column::SessionId.eq(session.as_uuid()))
            .order_by_desc(Column::FirstByte)
            .one(self.store.reader())
            .await?;
        Ok(last.map_or(0, |last| {
            counted(last.first_byte) + counted(i64::from(last.raw_bytes))
        }))
    }

    /// Adds what follows the first `from` bytes of a conversation. Fails if somebody else has.
    async fn append(
        &self,
        task: TaskId,
        session: SessionId,
        from: u64,
        bytes: Vec<u8>,
    ) -> Result<(), TranscriptError> {
        let key = self.vault.transcript_key(task).await?;
        let sealing = spawn_blocking(move || piece(&key, task, session, from, &bytes));
        let row = sealing.await.map_err(std::io::Error::other)??;
        row::Entity::insert(row.into_active_model())
            .exec_without_returning(self.store.writer())
            .await?;
        Ok(())
    }

    /// The beginning of a conversation, piece by piece, handed to `take` in order.
    async fn read(
        &self,
        task: TaskId,
        session: SessionId,
        until: u64,
        mut take: impl FnMut(&[u8]) -> Result<(), TranscriptError>,
    ) -> Result<(), TranscriptError> {
        let key = self.vault.transcript_key(task).await?;
        let mut at = 0;
        while at < until {
            let piece = row::Entity::find_by_id((session.as_uuid(), stored(at)))
                .one(self.store.reader())
                .await?;
            let piece = piece.ok_or(TranscriptError::Gap)?;
            let bytes = opened(&key, task, session, &piece)?;
            let rest = usize::try_from(until - at).unwrap_or(usize::MAX);
            take(&bytes[..bytes.len().min(rest)])?;
            at += bytes.len() as u64;
        }
        Ok(())
    }

    /// Writes the CLI's file of a conversation again, if it is lost and was mirrored. Says whether it was.
    pub async fn restore(
        &self,
        task: TaskId,
        session: SessionId,
        config_dir: &Path,
    ) -> Result<bool, TranscriptError> {
        let uuid = session.as_uuid();
        let config = config_dir.to_owned();
        let looking = spawn_blocking(move || mirror::is_there(&config, uuid));
        let length = self.length(session).await?;
        if looking.await.map_err(std::io::Error::other)?? || length == 0 {
            return Ok(false);
        }
        let mut file = mirror::Restored::begin(config_dir, uuid)?;
        self.read(task, session, length, |bytes| Ok(file.write(bytes)?))
            .await?;
        file.finish()?;
        Ok(true)
    }

    /// Forgets a conversation that has not begun, so that it can begin: what there is of it has no message.
    pub async fn discard(
        &self,
        session: SessionId,
        config_dir: &Path,
    ) -> Result<(), TranscriptError> {
        let config = config_dir.to_owned();
        let discarding = spawn_blocking(move || resume::discard(&config, session.as_uuid()));
        if discarding.await.map_err(std::io::Error::other)?? {
            tracing::warn!(session.id = %session, "a conversation that had not begun is begun anew");
        }
        row::Entity::delete_many()
            .filter(Column::SessionId.eq(session.as_uuid()))
            .exec(self.store.writer())
            .await?;
        Ok(())
    }

    /// Gives another conversation the beginning of this one. The ids have the same length, and so has
    /// every moment of it.
    pub async fn copy(
        &self,
        (task, session): (TaskId, SessionId),
        until: u64,
        (to_task, to_session): (TaskId, SessionId),
    ) -> Result<(), TranscriptError> {
        let mut pieces = Vec::new();
        self.read(task, session, until, |bytes| {
            pieces.push(renamed(bytes, session, to_session));
            Ok(())
        })
        .await?;
        let mut at = self.length(to_session).await?;
        for bytes in pieces {
            let length = bytes.len() as u64;
            self.append(to_task, to_session, at, bytes).await?;
            at += length;
        }
        Ok(())
    }

    /// Removes all conversations of a task, as part of something greater.
    pub(crate) async fn forget_within(
        tx: &DatabaseTransaction,
        task: TaskId,
    ) -> Result<(), StoreError> {
        row::Entity::delete_many()
            .filter(Column::TaskId.eq(task.as_uuid()))
            .exec(tx)
            .await?;
        Ok(())
    }
}

/// The bytes with one conversation's id in the place of another's.
fn renamed(bytes: &[u8], from: SessionId, to: SessionId) -> Vec<u8> {
    let (from, to) = (from.to_string(), to.to_string());
    let finder = memchr::memmem::Finder::new(from.as_bytes());
    let mut renamed = bytes.to_vec();
    for at in finder.find_iter(bytes) {
        renamed[at..at + to.len()].copy_from_slice(to.as_bytes());
    }
    renamed
}

fn piece(
    key: &TranscriptKey,
    task: TaskId,
    session: SessionId,
    from: u64,
    bytes: &[u8],
) -> Result<row::Model, TranscriptError> {
    let packed = zstd::bulk::compress(bytes, LEVEL)?;
    let (task, session, first_byte) = (task.as_uuid(), session.as_uuid(), stored(from));
    let place = place(
        task.as_bytes(),
        session.as_bytes(),
        &first_byte.to_be_bytes(),
    );
    let sealed = key.seal(&place.each_ref().map(Vec::as_slice), &packed);
    Ok(row::Model {
        session_id: session,
        first_byte,
        task_id: task,
        raw_bytes: i32::try_from(bytes.len()).unwrap_or(i32::MAX),
        sealed: sealed.map_err(|_| TranscriptError::Randomness)?,
    })
}

fn place(task: &[u8], session: &[u8], first_byte: &[u8]) -> [Vec<u8>; 4] {
    [b"ccs/transcript/v1", task, session, first_byte].map(<[u8]>::to_vec)
}

fn opened(
    key: &TranscriptKey,
    task: TaskId,
    session: SessionId,
    piece: &row::Model,
) -> Result<Vec<u8>, TranscriptError> {
    let place = place(
        task.as_uuid().as_bytes(),
        session.as_uuid().as_bytes(),
        &piece.first_byte.to_be_bytes(),
    );
    let packed = key.open(&place.each_ref().map(Vec::as_slice), &piece.sealed);
    let packed = packed.map_err(TranscriptError::Damaged)?;
    let length = usize::try_from(piece.raw_bytes).unwrap_or(0);
    Ok(zstd::bulk::decompress(&packed, length)?)
}
