//! Reading and searching a log.

use app::domain::id::TaskId;
use app::domain::log::LogLine;
use sea_orm::sea_query::{Expr, ExprTrait, Func};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait,
};

use super::chunk::{self, Stored};
use super::row;
use crate::store::{Corruption, Store, StoreError, counted, stored};

/// So many chunks are read at a time, which bounds the memory that a reader takes.
const CHUNKS: u64 = 16;

/// So much text is read for one page, in bytes; a single longer line is read all the same.
const PAGE_BYTES: usize = 1024 * 1024;

/// So many chunks are searched for one answer; the client asks again for the rest.
const MOST_SEARCHED: usize = 256;

/// A part of a log.
#[derive(Clone, Debug, Default)]
pub struct LogPart {
    pub lines: Vec<LogLine>,
    /// Whether there were lines after these when they were read.
    pub more: bool,
}

impl Store {
    /// Lines after a number, in order: at most `limit` of them, and not much more than a mebibyte
    /// of text.
    pub async fn log_after(
        &self,
        id: TaskId,
        after: u64,
        limit: u32,
    ) -> Result<LogPart, StoreError> {
        let mut part = LogPart::default();
        let mut room = PAGE_BYTES;
        let mut after = after;
        loop {
            let rows = self.chunks_after(id, after).await?;
            for row in &rows {
                if part.lines.len() >= limit as usize {
                    part.more = true;
                    return Ok(part);
                }
                for line in lines_of(row)?.into_iter().filter(|line| line.seq > after) {
                    let is_full = line.text.len() > room && !part.lines.is_empty();
                    if part.lines.len() >= limit as usize || is_full {
                        part.more = true;
                        return Ok(part);
                    }
                    room = room.saturating_sub(line.text.len());
                    part.lines.push(line);
                }
                after = counted(row.last_seq);
            }
            if (rows.len() as u64) < CHUNKS {
                return Ok(part); // those were the last
            }
        }
    }

    /// Lines after a number that contain a text, whatever its case, at most `limit` of them; and
    /// the number up to which the log was searched, from where the search goes on. It is the
    /// log's end if that equals [`Store::log_head`].
    pub async fn log_search(
        &self,
        id: TaskId,
        after: u64,
        limit: u32,
        q: &str,
    ) -> Result<(Vec<LogLine>, u64), StoreError> {
        let limit = (limit as usize).max(1);
        let wanted = q.to_lowercase();
        let (mut found, mut after) = (Vec::new(), after);
        let mut searched = 0;
        while searched < MOST_SEARCHED {
            let rows = self.chunks_after(id, after).await?;
            if rows.is_empty() {
                break;
            }
            searched += rows.len();
            for row in &rows {
                for line in lines_of(row)?.into_iter().filter(|line| line.seq > after) {
                    let seq = line.seq;
                    if line.text.to_lowercase().contains(&wanted) {
                        found.push(line);
                    }
                    if found.len() == limit {
                        return Ok((found, seq));
                    }
                }
                after = counted(row.last_seq);
            }
            // Unpacking takes no pauses of its own.
            tokio::task::yield_now().await;
        }
        Ok((found, after))
    }

    /// The number of the newest line; 0 if there is none.
    pub async fn log_head(&self, id: TaskId) -> Result<u64, StoreError> {
        Ok(head(self.reader(), id).await?)
    }

    /// The chunks from the one that holds the line `after + 1`, in one statement: between two, the
    /// writer may merge that chunk into one that begins earlier, and its lines would be missed.
    async fn chunks_after(&self, id: TaskId, after: u64) -> Result<Vec<row::Model>, StoreError> {
        // That chunk is the last one that begins at or before the line, so the index leads
        // straight to it.
        let begin = row::Entity::find()
            .select_only()
            .column(row::Column::FirstSeq)
            .filter(row::Column::TaskId.eq(id.as_uuid()))
            .filter(row::Column::FirstSeq.lte(stored(after.saturating_add(1))))
            .order_by_desc(row::Column::FirstSeq)
            .limit(1)
            .into_query();
        let begin = Func::coalesce([Expr::SubQuery(None, Box::new(begin.into())), 0.into()]);
        let rows = row::Entity::find()
            .filter(row::Column::TaskId.eq(id.as_uuid()))
            .filter(Expr::col(row::Column::FirstSeq).gte(begin))
            .filter(row::Column::LastSeq.gt(stored(after)))
            .order_by_asc(row::Column::FirstSeq)
            .limit(CHUNKS)
            .all(self.reader())
            .await?;
        Ok(rows)
    }
}

pub(super) async fn head(connection: &impl ConnectionTrait, id: TaskId) -> Result<u64, DbErr> {
    let last: Option<i64> = row::Entity::find()
        .select_only()
        .column(row::Column::LastSeq)
        .filter(row::Column::TaskId.eq(id.as_uuid()))
        .order_by_desc(row::Column::FirstSeq)
        .limit(1)
        .into_tuple()
        .one(connection)
        .await?;
    Ok(last.map_or(0, counted))
}

fn lines_of(row: &row::Model) -> Result<Vec<LogLine>, StoreError> {
    let (first_seq, last_seq) = (counted(row.first_seq), counted(row.last_seq));
    let unpacked = chunk::unpack(&stored_chunk(row), first_seq, last_seq);
    Ok(unpacked.map_err(|defect| Corruption::Chunk {
        task: TaskId::from_uuid(row.task_id),
        first_seq,
        defect,
    })?)
}

pub(super) fn stored_chunk(row: &row::Model) -> Stored<'_> {
    Stored {
        encoding: row.encoding,
        raw_bytes: row.raw_bytes,
        sha256: &row.sha256,
        bytes: &row.bytes,
    }
}
