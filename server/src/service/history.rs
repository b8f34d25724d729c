//! A task's past: how it was at a version, and its whole history as a file that another installation takes.

use app::api::{PhaseView, TaskVersion, TaskView, VersionDiff, VersionQuery};
use app::domain::id::TaskId;
use app::domain::task::{EventRecord, Status, Task, Waiting};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::stream::{self, Stream, StreamExt as _};
use serde::{Deserialize, Serialize};

use super::Service;
use super::messages::listed;
use super::queries::{event_view, reviews};
use super::shown::off_thread;
use crate::error::Error;
use crate::store::{Corruption, Store, StoreError};

/// The first line of an exported history says so.
const FORMAT: &str = "claude-code-server/task";
/// The meaning of the lines. Raise it when older ones can't be read as they are any more.
const SCHEMA: u32 = 1;
/// So many events are read at once.
const PAGE: u32 = 500;
/// So many events can be taken over at once.
const MOST_EVENTS: u64 = 200_000;

/// The first line of an exported history.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    format: String,
    schema: u32,
    task_id: TaskId,
    /// How many lines follow, one for each event.
    events: u64,
    exported_at: DateTime<Utc>,
}

impl Service {
    /// A task as it was after so many events.
    pub async fn task_version(&self, id: TaskId, version: u64) -> Result<TaskVersion, Error> {
        let task = self.load_version(id, version).await?;
        let store = &self.parts.store;
        let newest = store.events_after(id, version - 1, 1).await?;
        let newest = newest.first().ok_or(Error::NotFound { what: "version" })?;
        let event = event_view(newest)?;
        let points = self.checkpoints(id).await?;
        Ok(TaskVersion {
            version,
            at: event.at,
            actor: event.actor,
            event_type: event.event_type,
            phases: task.phases.iter().map(PhaseView::from).collect(),
            reviews: reviews(&task),
            questions: task.question_views(),
            dependencies: task.dependency_views(),
            messages: listed(&task).len() as u64,
            log_seq: store.log_at(id, event.at).await?,
            // The newest comes first.
            checkpoint: points.into_iter().find(|point| point.version <= version),
            task: TaskView::from(&task),
        })
    }

    /// What differs between a version of a task and another one.
    pub async fn compare_versions(
        &self,
        id: TaskId,
        from: u64,
        query: VersionQuery,
    ) -> Result<VersionDiff, Error> {
        let to = match query.to {
            Some(to) => to,
            None => self.load(id).await?.version,
        };
        let before = self.task_version(id, from).await?;
        let after = self.task_version(id, to).await?;
        Ok(VersionDiff {
            task_id: id,
            from,
            to,
            changes: before.changes_to(&after),
        })
    }

    /// A task's whole history as JSON Lines: what it is, then each event. It is read while it is sent, up to
    /// the version of now.
    pub async fn export_task(
        &self,
        id: TaskId,
    ) -> Result<impl Stream<Item = Result<Bytes, Error>> + use<>, Error> {
        let task = self.load(id).await?;
        let header = Header {
            format: FORMAT.to_owned(),
            schema: SCHEMA,
            task_id: id,
            events: task.version,
            exported_at: Utc::now(),
        };
        let begun = Sending {
            store: self.parts.store.clone(),
            id,
            sent: 0,
            until: task.version,
        };
        let first = line_of(&header)?;
        let first = stream::iter([Ok(Bytes::from(first))]);
        Ok(first.chain(stream::try_unfold(begun, Sending::next)))
    }

    /// Takes a task over that was exported elsewhere: its history as it is, event by event, under its own id.
    /// Its files, its log and its conversation stay where they are.
    pub async fn import_task(&self, lines: Bytes) -> Result<TaskView, Error> {
        let records = off_thread(move || parse(&lines)).await??;
        let id = records.first().map(|record| record.task_id);
        let id = id.ok_or_else(|| Error::field("events", "are missing"))?;
        if self.parts.store.load(id).await?.is_some() {
            let message = "is that of a task that this installation has, or had, already";
            return Err(Error::field("task_id", message));
        }
        let task = self.parts.store.adopt(&records).await;
        let task = task.map_err(|error| match error {
            // Its parts have ids of their own, and one of them is known here.
            StoreError::Conflict => Error::field("events", "name what another task has already"),
            error => error.into(),
        })?;
        Ok(TaskView::from(&task))
    }
}

/// How far an export has come.
struct Sending {
    store: Store,
    id: TaskId,
    sent: u64,
    until: u64,
}

impl Sending {
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, Error> {
        if self.sent >= self.until {
            return Ok(None);
        }
        let mut page = self.store.events_after(self.id, self.sent, PAGE).await?;
        page.retain(|record| record.version <= self.until);
        let Some(last) = page.last().map(|record| record.version) else {
            let version = self.sent;
            return Err(StoreError::from(Corruption::Gap {
                task: self.id,
                version,
            })
            .into());
        };
        let mut lines = Vec::new();
        for record in &page {
            lines.extend(line_of(record)?);
        }
        self.sent = last;
        Ok(Some((lines.into(), self)))
    }
}

fn line_of(value: &impl Serialize) -> Result<Vec<u8>, Error> {
    let mut line = serde_json::to_vec(value).map_err(Error::Undecodable)?;
    line.push(b'\n');
    Ok(line)
}

/// The events of an exported history, if they are all there and make a task that can be taken over.
fn parse(text: &[u8]) -> Result<Vec<EventRecord>, Error> {
    let mut lines = (1_u64..)
        .zip(text.split(|byte| *byte == b'\n'))
        .filter(|(_, line)| !line.trim_ascii().is_empty());
    let (_, first) = lines
        .next()
        .ok_or_else(|| Error::field("body", "is empty"))?;
    let header: Header = serde_json::from_slice(first)
        .map_err(|error| Error::field("line 1", format!("does not begin a history: {error}")))?;
    if header.format != FORMAT || header.schema != SCHEMA {
        let message = format!("must say the format {FORMAT} and the schema {SCHEMA}");
        return Err(Error::field("line 1", message));
    }
    if header.events > MOST_EVENTS {
        let message = format!("must be at most {MOST_EVENTS}");
        return Err(Error::field("events", message));
    }
    let mut records: Vec<EventRecord> = Vec::new();
    let mut task: Option<Task> = None;
    for (number, line) in lines {
        let at = format!("line {number}");
        let record: EventRecord = serde_json::from_slice(line)
            .map_err(|error| Error::field(&at, format!("is no event: {error}")))?;
        let due = task.as_ref().map_or(0, |task| task.version) + 1;
        if record.task_id != header.task_id || record.version != due || due > header.events {
            let message = format!("must be event {due} of task {}", header.task_id);
            return Err(Error::field(&at, message));
        }
        task = Task::apply(task, &record);
        if task.is_none() {
            return Err(Error::field(&at, "must be the task's creation"));
        }
        records.push(record);
    }
    if records.len() as u64 != header.events {
        let message = format!("are {}, and {} were exported", records.len(), header.events);
        return Err(Error::field("events", message));
    }
    match task {
        Some(task) if is_at_rest(&task) => Ok(records),
        Some(_) => {
            let message = "end while the task was at work or queued: pause it, and export it again";
            Err(Error::field("events", message))
        }
        None => Err(Error::field("events", "are missing")),
    }
}

/// Whether nothing happens to it by itself: an agent would find none of its files here.
fn is_at_rest(task: &Task) -> bool {
    let is_due = matches!(
        task.status,
        Status::Queued { .. } | Status::Waiting(Waiting::RateLimit(_) | Waiting::Budget(_))
    );
    task.run().is_none() && !is_due && !task.archived
}
