//! What a person may do with a task, from its state alone. The API, the pages and `decide` agree
//! because they ask here.

use super::{BudgetScope, Status, Task, Waiting};
use crate::domain::word::words;

words! {
    /// Something a person may do with a task.
    pub enum Action {
        /// Start a draft.
        Execute,
        /// Change title, priority and the like.
        Edit,
        /// Call it off, keeping the work.
        Cancel,
        /// Try again after a failure.
        Retry,
        /// Answer what the agent asks.
        Answer,
        /// Give or decline what the agent needs.
        Provide,
        /// Write to the agent.
        Message,
        /// Stop what the agent is doing right now, without ending the task.
        Interrupt,
        /// Hold the task up, at once or at the end of the agent's turn.
        Pause,
        /// Let a paused task go on, or don't pause it at the end of the turn.
        Resume,
        /// Say yes at a gate.
        Approve,
        /// Send a phase back.
        RequestChanges,
        /// Ask for a gate at the next end of a turn.
        RequestReview,
        /// Begin another task at one of its checkpoints.
        Fork,
        /// Go back to one of its checkpoints.
        Restore,
        /// Put the task away.
        Delete,
    }
}

impl Action {
    /// For a sentence: "A task that is completed can't be …".
    pub const fn participle(self) -> &'static str {
        match self {
            Self::Execute => "started",
            Self::Edit => "changed",
            Self::Cancel => "cancelled",
            Self::Retry => "tried again",
            Self::Answer => "answered",
            Self::Provide => "given what it asks for",
            Self::Message => "sent a message",
            Self::Interrupt => "interrupted",
            Self::Pause => "paused",
            Self::Resume => "resumed",
            Self::Approve => "approved",
            Self::RequestChanges => "sent back",
            Self::RequestReview => "stopped for a review",
            Self::Fork => "forked",
            Self::Restore => "taken back to a checkpoint",
            Self::Delete => "deleted",
        }
    }
}

impl Task {
    /// What a person may do now, the most likely first.
    pub fn actions(&self) -> Vec<Action> {
        use Action::{
            Answer, Approve, Cancel, Delete, Edit, Execute, Fork, Interrupt, Message, Pause,
            Provide, RequestChanges, RequestReview, Restore, Resume, Retry,
        };
        let mut actions = match &self.status {
            Status::Draft => vec![Execute, Edit, Cancel, Delete],
            Status::Queued { .. } => vec![Message, Pause, Edit, Cancel, Delete],
            Status::Running(_) => vec![Message, Pause, Edit, Cancel],
            Status::Paused { .. } => self.actions_in_pause(),
            Status::Waiting(Waiting::Review { .. }) => {
                vec![
                    Approve,
                    RequestChanges,
                    Message,
                    Pause,
                    Edit,
                    Cancel,
                    Delete,
                ]
            }
            Status::Waiting(
                Waiting::Credentials { .. } | Waiting::RateLimit(_) | Waiting::Message,
            ) => {
                vec![Retry, Message, Pause, Edit, Cancel, Delete]
            }
            // The day's ends by itself, and may be raised meanwhile.
            Status::Waiting(Waiting::Budget(used)) if used.scope == BudgetScope::Day => {
                vec![Retry, Message, Pause, Edit, Cancel, Delete]
            }
            Status::Waiting(Waiting::Question | Waiting::Dependency | Waiting::Budget(_)) => {
                vec![Message, Pause, Edit, Cancel, Delete]
            }
            Status::Failed { .. } => vec![Retry, Edit, Delete],
            Status::Completed if self.is_conversation() => vec![Message, Edit, Delete],
            Status::Completed | Status::Cancelled => vec![Edit, Delete],
        };
        if matches!(self.status.beneath(), Status::Waiting(_)) {
            let place = usize::from(self.status.is_paused());
            if self.open_dependencies().next().is_some() {
                actions.insert(place, Provide);
            }
            if self.open_questions().next().is_some() {
                actions.insert(place, Answer);
            }
        }
        if matches!(self.status, Status::Running(_))
            && self.active_phase().is_some()
            && !self.review_requested
        {
            actions.insert(1, RequestReview);
        }
        if matches!(self.status, Status::Running(_)) && !self.interrupt_requested {
            actions.insert(1, Interrupt);
        }
        if matches!(self.status, Status::Running(_)) && self.pause_requested {
            actions.insert(1, Resume);
        }
        if self.checkpoint.is_some() {
            let rear = actions.len() - usize::from(actions.last() == Some(&Delete));
            actions.insert(rear, Fork);
            // What an agent is doing is stopped before it is undone.
            if !matches!(self.status, Status::Running(_)) {
                actions.insert(rear + 1, Restore);
            }
        }
        actions
    }
}
