//! The task: what a person asked for, and everything that has happened to it since.
//!
//! `decide` judges a command against the present state and answers with events; `apply` folds an
//! event into the state. Between them they are the only rules about tasks in the product: the
//! API, the pages and the orchestrator ask here what is possible and what comes next.

mod action;
mod apply;
mod apply_phase;
mod budget;
mod checkpoint;
mod command;
mod concern;
mod decide;
mod decide_run;
mod decide_verification;
mod dependency;
mod estimate;
mod event;
mod fork;
mod limit;
mod message;
mod pause;
mod permission;
mod phase;
mod question;
mod rank;
mod reminder;
mod restore;
mod silence;
mod state;
mod work;

pub use action::Action;
pub use budget::{Budget, BudgetScope, BudgetUse, Spent};
pub use checkpoint::{
    CheckpointKind, ConversationPlace, KEPT_CHECKPOINTS, LatestCheckpoint, Point,
};
pub use command::{
    Answerable, ChangeRequest, Comment, NewTask, Refusal, RunCommand, TaskCommand, TaskEdit,
};
pub use concern::{Concern, ConcernKind};
pub use dependency::{
    Dependency, DependencyKind, DependencyNameError, DependencyState, DependencyStatus, Given,
    file_variable,
};
pub use event::{
    Actor, ApiUse, AskedQuestion, Check, Choice, EventRecord, NeededDependency, RunEnd, TaskEvent,
    TurnOutcome, TurnPurpose, UsageDelta, Via,
};
pub use fork::{ForkError, Forked, NewFork, Origin, forked};
pub use limit::{Limit, LimitCause};
pub use message::{DeliverAt, Delivery, Message, MessageStatus};
pub use pause::PauseAt;
pub use phase::{Inspection, Phase, PhaseStatus, Step, StepStatus, Verification};
pub use question::{
    Answer, AnswerError, MAX_ANSWER_BYTES, MAX_ANSWER_PARTS, Question, QuestionState,
    QuestionStatus,
};
pub use rank::{Placed, moved};
pub use reminder::{ReminderLevel, ReviewHours};
pub use restore::{IsOpen, Restore, Restoring, Standing, Told};
pub use silence::Silence;
pub use state::{
    Feedback, FeedbackStatus, Review, ReviewState, ReviewStatus, Run, Status, StatusName, Task,
    Turn, Waiting, WaitingReason,
};
pub use work::Work;

use serde::{Deserialize, Serialize};

use crate::domain::word::words;
words! {
    /// How urgent a task is. Ordered: the later, the more urgent.
    #[derive(Default, PartialOrd, Ord)]
    pub enum Priority {
        /// When nothing else waits.
        Low,
        /// The usual.
        #[default]
        Normal,
        /// Before the usual.
        High,
        /// Before everything else.
        Critical,
    }
}

/// Tokens by how they are billed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct Tokens {
    /// Read fresh.
    pub input: u64,
    /// Written by the model.
    pub output: u64,
    /// Read from the cache.
    pub cache_read: u64,
    /// Written to the cache.
    pub cache_write: u64,
}

impl Tokens {
    /// All of them.
    pub const fn total(self) -> u64 {
        self.input
            .saturating_add(self.output)
            .saturating_add(self.cache_read)
            .saturating_add(self.cache_write)
    }
}

impl std::ops::AddAssign for Tokens {
    fn add_assign(&mut self, other: Self) {
        self.input = self.input.saturating_add(other.input);
        self.output = self.output.saturating_add(other.output);
        self.cache_read = self.cache_read.saturating_add(other.cache_read);
        self.cache_write = self.cache_write.saturating_add(other.cache_write);
    }
}

/// How often the platform sends a phase back by itself before a person sees it.
pub const MAX_REWORKS: u32 = 3;

/// How often in a row an agent may fail before its task does.
pub const MAX_FAILURES: u32 = 3;

/// The most messages that may wait for delivery.
pub const MAX_PENDING_MESSAGES: usize = 100;

/// The most comments one review may hold.
pub const MAX_FEEDBACK: usize = 500;

#[cfg(test)]
mod tests;
