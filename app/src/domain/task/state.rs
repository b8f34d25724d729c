//! A task as its events have made it. Each state holds only what is true in it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::phase::{Phase, PhaseStatus, StepStatus, Verification};
use super::{
    BudgetUse, Dependency, EventRecord, LatestCheckpoint, Limit, Message, Origin, Priority,
    Question, ReminderLevel, Restoring, Silence, Tokens, TurnPurpose,
};
use crate::domain::id::{FeedbackId, MessageId, ReviewId, RunId, ScheduleId, SessionId, TaskId};
use crate::domain::money::Usd;
use crate::domain::permission::{GrantedRule, PermissionMode};
use crate::domain::plan::TaskType;
use crate::domain::text::{Description, ModelName, Note, Title};
use crate::domain::word::words;

/// A task that was created. Also the content of a snapshot, so its JSON must stay readable; a
/// snapshot that isn't is dropped and the events are replayed.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts, each true or false beside any status"
)]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    pub id: TaskId,
    /// The number of its newest event.
    pub version: u64,
    pub title: Title,
    pub task_type: TaskType,
    pub description: Description,
    pub priority: Priority,
    pub permission_mode: PermissionMode,
    pub model: Option<ModelName>,
    pub repository: Option<String>,
    pub depends_on: Vec<TaskId>,
    pub auto_approve: bool,
    pub budget_usd: Option<Usd>,
    pub budget_tokens: Option<u64>,
    /// The budget that people were told will not last.
    #[serde(default)]
    pub budget_warned: Option<BudgetUse>,
    /// After how many minutes a question takes the answer that its agent has proposed; 0 for never.
    #[serde(default)]
    pub answer_after: u32,
    /// Whether it goes on by itself when a limit has ended.
    #[serde(default = "super::event::yes")]
    pub auto_resume: bool,
    /// What has made it, if it was not a person.
    #[serde(default)]
    pub schedule: Option<ScheduleId>,
    pub status: Status,
    /// Since when the task would have to wait for the place that a person gave it in the queue. Its next
    /// run begins from a place of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<DateTime<Utc>>,
    pub archived: bool,
    pub phases: Vec<Phase>,
    /// The session of a conversation without phases.
    pub conversation: Option<SessionId>,
    /// Whether a conversation's first prompt was answered.
    pub prompted: bool,
    /// The turn that was sent and has not ended, even if the process that served it is gone.
    pub turn: Option<Turn>,
    pub messages: Vec<Message>,
    /// A person wants the agent to stop, and nothing was said since.
    #[serde(default)]
    pub interrupt_requested: bool,
    /// Turns that a person has interrupted, until the agent has answered what was said then.
    #[serde(default)]
    pub interrupted: Vec<Turn>,
    pub reviews: Vec<Review>,
    /// The turn that ended to wait for a person. It goes on, under the same message, once that
    /// person has answered.
    #[serde(default)]
    pub parked: Option<Turn>,
    pub questions: Vec<Question>,
    /// What needs no more yes, oldest first.
    #[serde(default)]
    pub rules: Vec<GrantedRule>,
    pub dependencies: Vec<Dependency>,
    #[serde(default)]
    pub checkpoint: Option<LatestCheckpoint>,
    /// Where it comes from, if it is a fork.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// Its files are still to be brought back from a checkpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restoring: Option<Restoring>,
    pub review_requested: bool,
    /// A person wants the task held up when the agent's turn has ended.
    #[serde(default)]
    pub pause_requested: bool,
    /// Nothing is heard of the agent.
    #[serde(default)]
    pub silence: Option<Silence>,
    /// The last lines of the log before the task failed.
    #[serde(default)]
    pub last_lines: Vec<String>,
    /// Failures in a row; a completed turn forgets them.
    pub failures: u32,
    /// Rate limits in a row; a completed turn forgets them.
    pub limits: u32,
    pub tokens: Tokens,
    pub cost: Usd,
    /// Whether it was told what its phases will probably need.
    #[serde(default)]
    pub estimated: bool,
    /// Since when a run is at work on a phase.
    #[serde(default)]
    pub at_work_since: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub started_at: Option<DateTime<Utc>>,
    pub updated_at: DateTime<Utc>,
}

/// Where a task stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Written down, not started.
    Draft,
    /// Waiting for a free place, not before the given time.
    Queued { not_before: Option<DateTime<Utc>> },
    /// A run holds it.
    Running(Run),
    /// Waiting for something that the reason names.
    Waiting(Waiting),
    /// A person holds it up.
    Paused {
        /// Where it goes on from. A run may still hold it: its agent stands still for a moment.
        before: Box<Status>,
    },
    /// All is done.
    Completed,
    /// It can't go on.
    Failed { reason: String },
    /// Called off.
    Cancelled,
}

words! {
    /// A status by its name on the wire.
    pub enum StatusName {
        Draft,
        Queued,
        Running,
        Waiting,
        Paused,
        Completed,
        Failed,
        Cancelled,
    }

    /// What a task waits for, by its name on the wire.
    pub enum WaitingReason {
        Review,
        Question,
        Dependency,
        RateLimit,
        Budget,
        Credentials,
        Message,
    }

    /// What came of a review, by its name on the wire.
    pub enum ReviewState {
        Open,
        Approved,
        ChangesRequested,
        Superseded,
    }
}

/// The run that holds a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    pub id: RunId,
    /// Grows with every run of the task.
    pub epoch: u64,
}

/// What a task waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Waiting {
    Review {
        review: ReviewId,
    },
    Question,
    Dependency,
    RateLimit(Limit),
    Budget(BudgetUse),
    Credentials {
        message: String,
    },
    /// The agent was interrupted.
    Message,
}

/// A user message to the agent whose answer has not ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    pub message: MessageId,
    pub session: SessionId,
    pub purpose: TurnPurpose,
    /// What a person wrote and the agent got in the course of it.
    #[serde(default)]
    pub delivered: Vec<MessageId>,
}

/// One round of a gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    pub id: ReviewId,
    pub phase: u32,
    pub round: u32,
    pub status: ReviewStatus,
    pub summary: String,
    /// The commits between which the work under review lies.
    pub base: String,
    pub head: String,
    /// Asked for by a person in the middle of the phase.
    pub interim: bool,
    /// The checks' result when the gate opened.
    pub verification: Option<Verification>,
    pub feedback: Vec<Feedback>,
    pub cost: Usd,
    pub created_at: DateTime<Utc>,
    /// How urgently it was called to mind so far.
    #[serde(default)]
    pub reminded: Option<ReminderLevel>,
}

/// What came of a review.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewStatus {
    Open,
    Approved {
        at: DateTime<Utc>,
        comment: Option<Note>,
    },
    ChangesRequested {
        at: DateTime<Utc>,
        feedback: Note,
    },
    /// The task went back to before it.
    Superseded,
}

/// A comment on a review.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feedback {
    pub id: FeedbackId,
    pub file: Option<String>,
    pub line: Option<u32>,
    /// The last line, if it is about several.
    #[serde(default)]
    pub end_line: Option<u32>,
    pub text: Note,
    pub status: FeedbackStatus,
}

impl Feedback {
    /// Whether it still asks for something.
    pub fn is_open(&self) -> bool {
        self.status == FeedbackStatus::Open
    }
}

words! {
    /// Whether a comment still asks for something.
    pub enum FeedbackStatus {
        Open,
        Resolved,
    }
}

impl Task {
    /// The task after these events; `None` if they don't begin with its creation.
    pub fn replay<'a>(events: impl IntoIterator<Item = &'a EventRecord>) -> Option<Self> {
        events.into_iter().fold(None, Self::apply)
    }

    /// Whether it is one free conversation.
    pub fn is_conversation(&self) -> bool {
        self.phases.is_empty()
    }

    /// The run that holds the task.
    pub fn run(&self) -> Option<Run> {
        match self.status.beneath() {
            Status::Running(run) => Some(*run),
            _ => None,
        }
    }

    /// The phase that is being worked on or reviewed.
    pub fn active_phase(&self) -> Option<&Phase> {
        let at_work =
            |phase: &&Phase| matches!(phase.status, PhaseStatus::Active | PhaseStatus::InReview);
        self.phases.iter().find(at_work)
    }

    /// A phase by its number.
    pub fn phase(&self, number: u32) -> Option<&Phase> {
        self.phases.get((number as usize).checked_sub(1)?)
    }

    /// The session that the agent works in now.
    pub fn session(&self) -> Option<SessionId> {
        if self.is_conversation() {
            self.conversation
        } else {
            self.active_phase()?.session
        }
    }

    /// The session that a turn belongs to.
    pub fn session_for(&self, purpose: &TurnPurpose) -> Option<SessionId> {
        match purpose {
            TurnPurpose::Verification { phase } => {
                let inspection = self.phase(*phase)?.inspection.as_ref()?;
                Some(inspection.session)
            }
            _ => self.session(),
        }
    }

    /// The review that waits for a decision.
    pub fn open_review(&self) -> Option<&Review> {
        self.reviews
            .iter()
            .rev()
            .find(|review| review.status == ReviewStatus::Open)
    }

    /// The latest review of a phase that was sent back.
    pub fn latest_change_request(&self, phase: u32) -> Option<&Review> {
        self.reviews.iter().rev().find(|review| {
            review.phase == phase && matches!(review.status, ReviewStatus::ChangesRequested { .. })
        })
    }

    /// The comments on the rounds of a phase up to one, each with its round.
    pub fn feedback_until(&self, phase: u32, round: u32) -> impl Iterator<Item = (u32, &Feedback)> {
        let rounds = self
            .reviews
            .iter()
            .filter(move |review| review.phase == phase && review.round <= round);
        rounds.flat_map(|review| {
            let feedback = review.feedback.iter();
            feedback.map(|comment| (review.round, comment))
        })
    }

    /// How much is done, in percent. Phases weigh equally, steps share their phase; a phase under
    /// review counts as done but for its gate.
    pub fn progress(&self) -> u8 {
        if self.status == Status::Completed {
            return 100;
        }
        if self.phases.is_empty() {
            return 0;
        }
        let share = |phase: &Phase| match phase.status {
            PhaseStatus::Pending => 0,
            PhaseStatus::Completed => 1000,
            PhaseStatus::InReview => 950,
            PhaseStatus::Active if phase.approved => 950,
            PhaseStatus::Active if phase.steps.is_empty() => 500,
            PhaseStatus::Active => {
                let done = phase
                    .steps
                    .iter()
                    .filter(|step| step.status == StepStatus::Completed);
                done.count() * 900 / phase.steps.len()
            }
        };
        let total: usize = self.phases.iter().map(share).sum();
        u8::try_from(total / (self.phases.len() * 10)).unwrap_or(100)
    }
}

impl Status {
    /// The name on the wire.
    pub const fn name(&self) -> StatusName {
        match self {
            Self::Draft => StatusName::Draft,
            Self::Queued { .. } => StatusName::Queued,
            Self::Running(_) => StatusName::Running,
            Self::Waiting(_) => StatusName::Waiting,
            Self::Paused { .. } => StatusName::Paused,
            Self::Completed => StatusName::Completed,
            Self::Failed { .. } => StatusName::Failed,
            Self::Cancelled => StatusName::Cancelled,
        }
    }

    /// What is waited for, by its name on the wire.
    pub const fn waiting_reason(&self) -> Option<WaitingReason> {
        match self {
            Self::Waiting(waiting) => Some(waiting.reason()),
            _ => None,
        }
    }

    /// In one word or two, for programs: `waiting (review)`.
    pub fn describe(&self) -> String {
        match self.waiting_reason() {
            Some(reason) => format!("{} ({reason})", self.name()),
            None => self.name().to_string(),
        }
    }

    /// For a sentence: "A task that is …".
    pub const fn phrase(&self) -> &'static str {
        match self {
            Self::Draft => "a draft",
            Self::Waiting(Waiting::Review { .. }) => "waiting for a review",
            Self::Waiting(Waiting::Question) => "waiting for an answer",
            Self::Waiting(Waiting::Dependency) => "waiting for a dependency",
            Self::Waiting(Waiting::RateLimit(_)) => "waiting for a limit to end",
            Self::Waiting(Waiting::Budget(_)) => "waiting for a larger budget",
            Self::Waiting(Waiting::Credentials { .. }) => "waiting for usable credentials",
            Self::Waiting(Waiting::Message) => "interrupted and waiting for a message",
            Self::Queued { .. } => "queued",
            Self::Running(_) => "running",
            Self::Paused { .. } => "paused",
            Self::Completed => "completed",
            Self::Failed { .. } => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl Waiting {
    /// The name on the wire.
    pub const fn reason(&self) -> WaitingReason {
        match self {
            Self::Review { .. } => WaitingReason::Review,
            Self::Question => WaitingReason::Question,
            Self::Dependency => WaitingReason::Dependency,
            Self::RateLimit(_) => WaitingReason::RateLimit,
            Self::Budget(_) => WaitingReason::Budget,
            Self::Credentials { .. } => WaitingReason::Credentials,
            Self::Message => WaitingReason::Message,
        }
    }
}
