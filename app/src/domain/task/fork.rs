//! How a task begins where another one stood.
//!
//! A fork has its origin's history up to a checkpoint, under ids of its own, and goes on from there by
//! itself. What the origin has used and what its runs were at work for is not the fork's: both begin anew.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use uuid::Uuid;

use super::{Actor, EventRecord, Status, Task, TaskEvent, Waiting};
use crate::domain::id::{CheckpointId, SessionId, TaskId};
use crate::domain::text::Title;

/// Where a fork comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct Origin {
    pub task_id: TaskId,
    /// One of the origin's.
    pub checkpoint_id: CheckpointId,
    /// The origin's newest event that the fork shares.
    pub version: u64,
}

/// A fork that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFork {
    pub id: TaskId,
    pub title: Title,
    pub at: DateTime<Utc>,
    /// Let it go on at once instead of holding it up.
    pub start: bool,
}

/// What a fork begins with.
#[derive(Clone, Debug, PartialEq)]
pub struct Forked {
    /// Its history.
    pub records: Vec<EventRecord>,
    /// The checkpoint that it has in the place of its origin's.
    pub checkpoint: CheckpointId,
    /// The conversation that goes on in the place of its origin's.
    pub session: SessionId,
}

/// Why a history can't be forked.
#[derive(Debug, thiserror::Error)]
pub enum ForkError {
    /// It does not end with a checkpoint.
    #[error("a fork begins at a checkpoint")]
    NoCheckpoint,
    /// An event can't be written anew.
    #[error("an event can't be written under other ids")]
    Unreadable(#[from] serde_json::Error),
}

/// The history of a fork. `history` is the origin's up to a checkpoint; `new_id` gives an id in the place of
/// another one.
pub fn forked(
    history: &[EventRecord],
    new: &NewFork,
    new_id: impl Fn(Uuid) -> Uuid,
) -> Result<Forked, ForkError> {
    let last = history.last().ok_or(ForkError::NoCheckpoint)?;
    let TaskEvent::CheckpointCreated {
        checkpoint,
        session,
        ..
    } = &last.event
    else {
        return Err(ForkError::NoCheckpoint);
    };
    let ids: HashMap<String, Uuid> = history
        .iter()
        .filter_map(|record| given(&record.event))
        .map(|id| (id.to_string(), new_id(id)))
        .collect();
    let renamed = |id: Uuid| ids.get(&id.to_string()).copied().unwrap_or(id);
    let is_shared =
        |record: &&EventRecord| record.version == last.version || is_shared(&record.event);
    let mut records = Vec::new();
    for (version, record) in (1..).zip(history.iter().filter(is_shared)) {
        let mut event = serde_json::to_value(&record.event)?;
        rename(&mut event, &ids);
        records.push(EventRecord {
            task_id: new.id,
            version,
            event: serde_json::from_value(event)?,
            actor: record.actor,
            at: record.at,
        });
    }
    let origin = Origin {
        task_id: last.task_id,
        checkpoint_id: *checkpoint,
        version: last.version,
    };
    let title = new.title.clone();
    let resumed = new.start.then_some(TaskEvent::TaskResumed {});
    let own = std::iter::once(TaskEvent::TaskForked { origin, title }).chain(resumed);
    for event in own {
        records.push(EventRecord {
            task_id: new.id,
            version: records.len() as u64 + 1,
            event,
            actor: Actor::Person,
            at: new.at,
        });
    }
    Ok(Forked {
        records,
        checkpoint: CheckpointId::from_uuid(renamed(checkpoint.as_uuid())),
        session: SessionId::from_uuid(renamed(session.as_uuid())),
    })
}

/// The id that an event gives, of those that belong to one task alone. Turns keep theirs: the conversation
/// knows them by it.
fn given(event: &TaskEvent) -> Option<Uuid> {
    Some(match event {
        TaskEvent::ConversationStarted { session }
        | TaskEvent::PhaseStarted { session, .. }
        | TaskEvent::VerificationStarted { session, .. }
        | TaskEvent::TaskRestored { session, .. } => session.as_uuid(),
        TaskEvent::ReviewCreated { review, .. } => review.as_uuid(),
        TaskEvent::FeedbackAdded { feedback, .. } => feedback.as_uuid(),
        TaskEvent::QuestionAsked { id, .. } => id.as_uuid(),
        TaskEvent::DependencyRequested { id, .. } => id.as_uuid(),
        TaskEvent::PermissionGranted { id, .. } => id.as_uuid(),
        TaskEvent::CheckpointCreated { checkpoint, .. } => checkpoint.as_uuid(),
        _ => return None,
    })
}

/// Whether the fork has this too. Its budget begins anew, and other checkpoints lie in the origin's record.
const fn is_shared(event: &TaskEvent) -> bool {
    !matches!(
        event,
        TaskEvent::UsageRecorded { .. }
            | TaskEvent::BudgetWarned { .. }
            | TaskEvent::CheckpointCreated { .. }
    )
}

fn rename(json: &mut Json, ids: &HashMap<String, Uuid>) {
    match json {
        Json::String(text) => {
            if let Some(id) = ids.get(text.as_str()) {
                *text = id.to_string();
            }
        }
        Json::Array(items) => items.iter_mut().for_each(|item| rename(item, ids)),
        Json::Object(fields) => fields.values_mut().for_each(|value| rename(value, ids)),
        _ => {}
    }
}

impl Task {
    /// The task is another one from here on. What waits for a person waits; else it is held up, until
    /// somebody lets it go on.
    pub(super) fn become_fork(&mut self, origin: Origin, title: &Title, at: DateTime<Utc>) {
        self.origin = Some(origin);
        self.title = title.clone();
        self.created_at = at;
        self.started_at = None;
        self.archived = false;
        self.failures = 0;
        self.limits = 0;
        self.pause_requested = false;
        self.interrupt_requested = false;
        self.place = None;
        self.silence = None;
        self.last_lines.clear();
        self.at_work_since = None;
        for phase in &mut self.phases {
            phase.active_ms = 0;
        }
        self.status = held(self.status.beneath());
    }
}

/// Where a task that goes back to this state stands: it waits for a person as it did, or is paused.
pub(super) fn held(then: &Status) -> Status {
    match then {
        Status::Waiting(
            waiting @ (Waiting::Review { .. }
            | Waiting::Question
            | Waiting::Dependency
            | Waiting::Message),
        ) => Status::Waiting(waiting.clone()),
        _ => Status::Paused {
            before: Box::new(Status::Queued { not_before: None }),
        },
    }
}
