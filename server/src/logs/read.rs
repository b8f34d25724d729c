//! Reading and searching a log.

use std::collections::VecDeque;

use app::api::LogFilter;
use app::domain::id::TaskId;
use app::domain::log::{LogKind, LogLine, LogStream};
use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, Func};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait,
};
use uuid::Uuid;

use super::chunk::{self, Stored, TARGET_BYTES};
use super::row;
use crate::store::{Store, StoreError, counted, stored};

/// So many chunks are read at a time, which bounds the memory that a reader takes.
const CHUNKS: u64 = 16;

/// So much text is read for one page, in bytes; a single longer line is read all the same.
const PAGE_BYTES: usize = 1024 * 1024;

/// So many chunks are searched for one answer; the client asks again for the rest.
pub(super) const MOST_SEARCHED: usize = 256;

/// The most lines that a chunk can have.
const MOST_REMARKS: u64 = TARGET_BYTES as u64;

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
                for line in lines_of(row).into_iter().filter(|line| line.seq > after) {
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

    /// Lines after a number that match, at most `limit` of them; and the number up to which the
    /// log was searched, from where the search goes on. It is the log's end if that equals
    /// [`Store::log_head`].
    pub async fn log_search(
        &self,
        id: TaskId,
        after: u64,
        limit: u32,
        wanted: &Wanted,
    ) -> Result<(Vec<LogLine>, u64), StoreError> {
        let limit = (limit as usize).max(1);
        let (mut found, mut after) = (Vec::new(), after);
        let mut searched = 0;
        while searched < MOST_SEARCHED {
            let rows = self.chunks_after(id, after).await?;
            if rows.is_empty() {
                break;
            }
            searched += rows.len();
            for row in &rows {
                for line in lines_of(row).into_iter().filter(|line| line.seq > after) {
                    let seq = line.seq;
                    if wanted.holds(&line) {
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

    /// The numbers of the last lines before a number that match, at most `limit` of them, in
    /// order; and the number from which on the log was searched, before which the search goes on.
    /// The whole log was searched if that is 1 or less.
    pub async fn log_matches(
        &self,
        id: TaskId,
        before: u64,
        limit: u32,
        wanted: &Wanted,
    ) -> Result<(Vec<u64>, u64), StoreError> {
        let limit = (limit as usize).max(1);
        let (mut found, mut before) = (VecDeque::new(), before);
        let mut searched = 0;
        while searched < MOST_SEARCHED {
            let rows = self.chunks_before(id, before).await?;
            if rows.is_empty() {
                return Ok((found.into(), 0));
            }
            searched += rows.len();
            for row in &rows {
                let lines = lines_of(row);
                for line in lines.iter().rev().filter(|line| line.seq < before) {
                    if wanted.holds(line) {
                        found.push_front(line.seq);
                    }
                    if found.len() == limit {
                        return Ok((found.into(), line.seq));
                    }
                }
                before = counted(row.first_seq);
            }
            tokio::task::yield_now().await;
        }
        Ok((found.into(), before))
    }

    /// The number of the newest line; 0 if there is none.
    pub async fn log_head(&self, id: TaskId) -> Result<u64, StoreError> {
        Ok(head(self.reader(), id).await?)
    }

    /// The number of the last line that was read until then; 0 if there is none. Lines come in order of time,
    /// so it is looked for by halves, chunk by chunk.
    pub async fn log_at(&self, id: TaskId, at: DateTime<Utc>) -> Result<u64, StoreError> {
        let (mut before, mut until) = (0, self.log_head(id).await?);
        while before < until {
            let middle = before + (until - before) / 2;
            let Some(row) = self.chunk_of(id, middle + 1).await? else {
                break;
            };
            let lines = lines_of(&row);
            let so_far = lines.iter().take_while(|line| line.at <= at).last();
            match so_far {
                None => until = counted(row.first_seq).saturating_sub(1),
                Some(line) if line.seq < counted(row.last_seq) => return Ok(line.seq),
                Some(line) => before = line.seq,
            }
        }
        Ok(before)
    }

    /// The chunk that holds a line.
    async fn chunk_of(&self, id: TaskId, seq: u64) -> Result<Option<row::Model>, StoreError> {
        let row = row::Entity::find()
            .filter(row::Column::TaskId.eq(id.as_uuid()))
            .filter(row::Column::FirstSeq.lte(stored(seq)))
            .order_by_desc(row::Column::FirstSeq)
            .limit(1);
        Ok(row.one(self.reader()).await?)
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

    /// The last chunks that begin before a line, newest first.
    async fn chunks_before(&self, id: TaskId, before: u64) -> Result<Vec<row::Model>, StoreError> {
        let rows = row::Entity::find()
            .filter(row::Column::TaskId.eq(id.as_uuid()))
            .filter(row::Column::FirstSeq.lt(stored(before)))
            .order_by_desc(row::Column::FirstSeq)
            .limit(CHUNKS)
            .all(self.reader())
            .await?;
        Ok(rows)
    }
}

/// Which lines a search is for: those that meet all of its conditions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// In lower case.
    text: Option<String>,
    kind: Option<LogFilter>,
}

impl Wanted {
    /// Lines that contain a text, whatever its case, and are of a kind.
    pub fn new(text: Option<&str>, kind: Option<LogFilter>) -> Self {
        let text = text.filter(|text| !text.is_empty());
        Self {
            text: text.map(str::to_lowercase),
            kind,
        }
    }

    /// Whether there is any condition.
    pub fn is_everything(&self) -> bool {
        self.text.is_none() && self.kind.is_none()
    }

    fn holds(&self, line: &LogLine) -> bool {
        let has_text = |text: &String| line.text.to_lowercase().contains(text);
        self.kind.is_none_or(|kind| kind.shows(line)) && self.text.as_ref().is_none_or(has_text)
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

/// The lines of a chunk. In place of each line of a damaged one stands a remark, so that the rest of
/// the log can be read and its numbers have no gap.
pub(super) fn lines_of(row: &row::Model) -> Vec<LogLine> {
    let (first_seq, last_seq) = (counted(row.first_seq), counted(row.last_seq));
    let defect = match chunk::unpack(&stored_chunk(row), first_seq, last_seq) {
        Ok(lines) => return lines,
        Err(defect) => defect,
    };
    tracing::error!(
        task.id = %row.task_id,
        first_seq,
        last_seq,
        error = &defect as &dyn std::error::Error,
        "a log chunk is damaged"
    );
    let remark = |seq| LogLine {
        seq,
        at: began_at(row.run_id),
        stream: LogStream::System,
        kind: LogKind::Error,
        text: format!(
            "Line {seq} is lost: the record that it was stored in is damaged ({defect})."
        ),
    };
    (first_seq..=Ord::min(last_seq, first_seq + MOST_REMARKS))
        .map(remark)
        .collect()
}

/// When a run began, by its id.
fn began_at(run: Uuid) -> DateTime<Utc> {
    let (seconds, nanoseconds) = run.get_timestamp().map_or((0, 0), |at| at.to_unix());
    let seconds = i64::try_from(seconds).unwrap_or_default();
    DateTime::from_timestamp(seconds, nanoseconds).unwrap_or_default()
}

pub(super) fn stored_chunk(row: &row::Model) -> Stored<'_> {
    Stored {
        encoding: row.encoding,
        raw_bytes: row.raw_bytes,
        sha256: &row.sha256,
        bytes: &row.bytes,
    }
}
