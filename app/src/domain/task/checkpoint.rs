//! Points that a task can be resumed or forked from.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::decide::Decision;
use super::{Run, RunCommand, Task, TaskEvent};
use crate::domain::id::{CheckpointId, SessionId};
use crate::domain::word::words;

/// So many of a task's newest checkpoints are kept, besides the last of each phase's end.
pub const KEPT_CHECKPOINTS: usize = 10;

words! {
    /// What a checkpoint was made at.
    #[derive(Default)]
    pub enum CheckpointKind {
        /// The end of a phase's work.
        #[default]
        Phase,
        /// The end of a turn.
        Turn,
        /// The agent asked a person something.
        Question,
        /// A person has held the task up, or interrupted its agent.
        Pause,
        /// The account's limit was reached.
        Limit,
        /// Something went wrong.
        Error,
        /// The server stopped.
        Shutdown,
        /// A long turn goes on.
        Interval,
        /// A person has taken the task back from here.
        Restore,
    }
}

/// Where work tree and conversation stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    pub checkpoint: CheckpointId,
    pub kind: CheckpointKind,
    /// The commit of the work tree.
    pub commit: String,
    pub session: SessionId,
    pub place: ConversationPlace,
    /// In a few words.
    pub label: String,
}

/// Where a conversation stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversationPlace {
    /// The last message that the agent's program has written down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Uuid>,
    /// How much of the transcript is mirrored, in bytes.
    #[serde(default)]
    pub transcript: u64,
}

/// The newest checkpoint, as the task remembers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatestCheckpoint {
    pub id: CheckpointId,
    pub session: SessionId,
    pub place: ConversationPlace,
}

impl Task {
    /// Where a conversation stood at the newest checkpoint.
    pub(super) fn place_of(&self, session: SessionId) -> ConversationPlace {
        let latest = self.checkpoint.filter(|latest| latest.session == session);
        latest.map_or_else(ConversationPlace::default, |latest| latest.place)
    }

    /// What a run has to say, with the checkpoint that was made for it. It comes before the end of the
    /// run: its state is the one that the next run goes on from.
    pub(super) fn checkpointed(
        &self,
        run: Run,
        point: Point,
        then: Option<RunCommand>,
    ) -> Decision {
        let mut events = match then {
            Some(command) => self.judge_run(run, command)?,
            None => Vec::new(),
        };
        let end = events
            .iter()
            .position(|event| matches!(event, TaskEvent::RunEnded { .. }));
        events.insert(end.unwrap_or(events.len()), self.checkpoint_created(point));
        Ok(events)
    }

    pub(super) fn checkpoint_created(&self, point: Point) -> TaskEvent {
        TaskEvent::CheckpointCreated {
            checkpoint: point.checkpoint,
            commit: point.commit,
            session: point.session,
            phase: self.active_phase().map(|phase| phase.number),
            label: point.label,
            kind: point.kind,
            place: point.place,
        }
    }
}
