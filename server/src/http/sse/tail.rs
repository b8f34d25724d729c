//! One task, read forward from a cursor.

use std::fmt;
use std::str::FromStr;

use app::api::TaskView;
use app::domain::id::TaskId;
use app::domain::log::LogLine;
use app::domain::task::{Task, TaskEvent};
use axum::response::sse::Event;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use tokio::sync::watch;
use tokio::time::Instant;

use super::announce::announce;
use super::writing::WritingTail;
use super::{Events, event};
use crate::error::Error;
use crate::service::Service;
use crate::store::Moved;

/// Domain events in one look.
const EVENTS: u32 = 200;
/// Log lines in one look.
const LINES: u32 = 2_000;
/// Log lines in one event.
const BATCH_LINES: usize = 500;
/// Text in one `log` event, in bytes; a single longer line goes alone.
const BATCH_BYTES: usize = 256 * 1024;

/// How far a client has come: both are exclusive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    pub version: u64,
    pub log_seq: u64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.version, self.log_seq)
    }
}

/// The text is no cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor")]
pub struct NotACursor;

impl FromStr for Cursor {
    type Err = NotACursor;

    fn from_str(text: &str) -> Result<Self, NotACursor> {
        let number = |digits: &str| {
            let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            plain
                .then(|| digits.parse().ok())
                .flatten()
                .ok_or(NotACursor)
        };
        let (version, log_seq) = text.split_once('.').ok_or(NotACursor)?;
        Ok(Self {
            version: number(version)?,
            log_seq: number(log_seq)?,
        })
    }
}

/// A reader of one task's history.
pub struct Tail {
    service: Service,
    id: TaskId,
    head: watch::Receiver<Moved>,
    /// What the head showed at the latest look.
    seen: Moved,
    /// When events and lines were both looked for.
    looked: Instant,
    /// There may be events after the cursor.
    events_due: bool,
    /// There may be log lines after the cursor.
    lines_due: bool,
    cursor: Cursor,
    /// The task as it was at the cursor.
    task: Option<Task>,
    /// What the agent is writing, for those who watch.
    writing: Option<WritingTail>,
    /// What is sent before the first look.
    greeting: Option<Event>,
    ended: bool,
}

impl Tail {
    /// Starts behind the cursor; if the history is shorter than that, the client is told to begin
    /// anew.
    pub async fn open(service: &Service, id: TaskId, after: Cursor) -> Result<Self, Error> {
        let head = service.store().heads().task(id);
        let seen = *head.borrow();
        let log_seq = service.store().log_head(id).await?;
        let now = service.load(id).await?;
        let mut tail = Self {
            service: service.clone(),
            id,
            head,
            seen,
            looked: Instant::now(),
            events_due: true,
            lines_due: true,
            cursor: after,
            task: None,
            writing: None,
            greeting: None,
            ended: false,
        };
        if after.version > now.version || after.log_seq > log_seq {
            tail.cursor = Cursor {
                version: now.version,
                log_seq,
            };
            let reset = event("reset", &TaskView::slim(&now))?;
            tail.greeting = Some(reset.id(tail.cursor.to_string()));
            tail.task = Some(now);
        } else if after.version == now.version {
            tail.task = Some(now);
        } else if after.version > 0 {
            tail.task = service.store().load_at(id, after.version).await?;
        }
        Ok(tail)
    }

    /// Tells of the text that the agent is writing, too.
    pub fn with_writing(self) -> Self {
        let writing = Some(WritingTail::new(self.service.writing(self.id)));
        Self { writing, ..self }
    }

    /// Everything from here on, without an end.
    pub fn into_events(self) -> Events {
        stream::try_unfold(self, Self::next_page)
            .map_ok(|page| stream::iter(page).map(Ok))
            .try_flatten()
            .boxed()
    }

    async fn next_page(mut self) -> Result<Option<(Vec<Event>, Self)>, Error> {
        if let Some(greeting) = self.greeting.take() {
            return Ok(Some((vec![greeting], self)));
        }
        while !self.ended {
            // Before reading: a commit in between wakes us.
            let moved = *self.head.borrow_and_update();
            let overdue = self.service.store().heads().is_overdue(self.looked);
            self.events_due |= overdue || moved.events != self.seen.events;
            self.lines_due |= overdue || moved.lines != self.seen.lines;
            self.seen = moved;
            if self.events_due && self.lines_due {
                // Words that are being written bring us here too, and are no look at the store.
                self.looked = Instant::now();
            }
            let mut page = self.look().await?;
            let writing = self.writing.as_mut();
            let writing = writing.and_then(|writing| writing.news(Instant::now()));
            if let Some(view) = writing {
                page.push(event("writing", &view)?);
            }
            if !page.is_empty() {
                return Ok(Some((page, self)));
            }
            if !self.events_due && !self.lines_due {
                self.wait().await;
            }
        }
        Ok(None)
    }

    /// Waits until there is a reason to look again.
    async fn wait(&mut self) {
        let writing = async {
            match &mut self.writing {
                Some(writing) => writing.due().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.service.store().heads().call(&mut self.head) => {}
            () = writing => {}
        }
    }

    async fn look(&mut self) -> Result<Vec<Event>, Error> {
        let store = self.service.store();
        let (mut records, mut lines) = (Vec::new(), Vec::new());
        if self.events_due {
            let after = self.cursor.version;
            records = store.events_after(self.id, after, EVENTS).await?;
            self.events_due = records.len() == EVENTS as usize;
        }
        if self.lines_due {
            let after = self.cursor.log_seq;
            let part = store.log_after(self.id, after, LINES).await?;
            (lines, self.lines_due) = (part.lines, part.more);
        }
        let mut page = Vec::new();
        for record in &records {
            let before = self.task.clone();
            self.task = Task::apply(self.task.take(), record);
            self.cursor.version = record.version;
            self.ended |= matches!(record.event, TaskEvent::TaskArchived {});
            if let Some(task) = &self.task {
                page.extend(announce(record, before.as_ref(), task, self.cursor)?);
            }
        }
        if let Some(writing) = &mut self.writing
            && lines.iter().any(LogLine::is_agent_text)
        {
            writing.replaced(Instant::now());
        }
        for batch in batches(&lines) {
            self.cursor.log_seq = batch.last().map_or(self.cursor.log_seq, |line| line.seq);
            page.push(event("log", &batch)?.id(self.cursor.to_string()));
        }
        Ok(page)
    }
}

/// The lines in groups that are small enough for one event each.
fn batches(lines: &[LogLine]) -> impl Iterator<Item = &[LogLine]> {
    let mut rest = lines;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |line: &&LogLine| {
            bytes += line.text.len();
            bytes <= BATCH_BYTES
        };
        let fitting = rest.iter().take(BATCH_LINES).take_while(fits).count();
        let (batch, more) = rest.split_at_checked(fitting.max(1))?;
        rest = more;
        Some(batch)
    })
}

#[cfg(test)]
mod tests {
    use app::domain::log::{LogKind, LogStream};
    use chrono::DateTime;

    use super::*;

    fn line(seq: u64, length: usize) -> LogLine {
        LogLine {
            seq,
            at: DateTime::UNIX_EPOCH,
            stream: LogStream::Agent,
            kind: LogKind::Text,
            text: "x".repeat(length),
        }
    }

    #[test]
    fn a_cursor_reads_back_what_it_prints() {
        let cursor = Cursor {
            version: 12,
            log_seq: 345,
        };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for text in [
            "",
            "1",
            ".",
            "1.",
            ".1",
            "a.b",
            "1.2.3",
            "-1.2",
            "+1.2",
            "99999999999999999999.1",
            " 1.2",
        ] {
            assert_eq!(text.parse::<Cursor>(), Err(NotACursor), "{text:?}");
        }
    }

    #[test]
    fn batches_are_bounded_and_complete() {
        let many: Vec<_> = (1..=1_200).map(|seq| line(seq, 10)).collect();
        let sizes: Vec<_> = batches(&many).map(<[_]>::len).collect();
        assert_eq!(sizes, [500, 500, 200]);
        let big: Vec<_> = [100, 300_000, 100, 200_000, 100_000]
            .into_iter()
            .zip(1..)
            .map(|(length, seq)| line(seq, length))
            .collect();
        let sizes: Vec<_> = batches(&big).map(<[_]>::len).collect();
        assert_eq!(sizes, [1, 1, 2, 1]);
    }
}
