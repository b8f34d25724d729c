//! What can be asked of a task. Clock, ids and what lies in the work tree come with the command.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    Action, Answer, AskedQuestion, BudgetUse, Check, DeliverAt, DependencyKind, Given, Limit,
    NeededDependency, PauseAt, Point, Priority, ReminderLevel, Restore, RunEnd, Silence,
    TurnOutcome, TurnPurpose, UsageDelta,
};
use crate::domain::estimate::EstimatedPhase;
use crate::domain::id::{
    CheckpointId, DependencyId, FeedbackId, MessageId, QuestionId, ReviewId, RuleId, RunId,
    ScheduleId, SessionId, TaskId,
};
use crate::domain::money::Usd;
use crate::domain::permission::{PermissionMode, PermissionRule};
use crate::domain::plan::Workflow;
use crate::domain::text::{Description, ModelName, Note, Title};

/// A job as a person describes it, parsed.
#[derive(Clone, Debug, PartialEq)]
pub struct NewTask {
    pub title: Title,
    pub description: Description,
    pub workflow: Workflow,
    pub priority: Priority,
    pub permission_mode: PermissionMode,
    pub model: Option<ModelName>,
    pub repository: Option<String>,
    pub depends_on: Vec<TaskId>,
    pub auto_approve: bool,
    pub budget_usd: Option<Usd>,
    pub budget_tokens: Option<u64>,
    /// In minutes; 0 for never.
    pub answer_after: u32,
    /// Go on by itself when a limit has ended.
    pub auto_resume: bool,
    /// What makes it, if it is not a person.
    pub schedule: Option<ScheduleId>,
    /// Queue it at once instead of leaving a draft.
    pub start: bool,
}

/// What may change about a task; `None` leaves it as it is. Part of an event: a newer program may
/// have stored more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskEdit {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Title>,
    /// Only while the task is a draft.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Description>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_approve: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permission_mode: Option<PermissionMode>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_after: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_resume: Option<bool>,
    /// Zero for none. An event of its own says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_usd: Option<Usd>,
    /// The same in tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_tokens: Option<u64>,
    /// All of them anew. Who writes it sees to it that no task waits for itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub depends_on: Option<Vec<TaskId>>,
}

/// A remark on a file, or on some of its lines, or on the whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Comment {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Counts from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The last line, if it is about several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_line: Option<u32>,
    pub text: Note,
}

/// What a reviewer wants done differently.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ChangeRequest {
    /// May be left out where comments say enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feedback: Option<Note>,
    #[serde(default)]
    pub comments: Vec<Comment>,
}

/// Something that an agent asked for and a person answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Answerable {
    Question(QuestionId, AskedQuestion),
    Dependency(DependencyId, NeededDependency),
}

/// Judged by [`super::Task::decide`].
#[derive(Clone, Debug, PartialEq)]
pub enum TaskCommand {
    Create(Box<NewTask>),
    Edit(TaskEdit),
    /// Queue a draft.
    Execute,
    /// Give a queued task the place of one that waits since then.
    Rank {
        place: DateTime<Utc>,
    },
    Cancel,
    /// Try a failed or held task again.
    Retry,
    Archive,
    /// Go back to a checkpoint.
    Restore(Box<Restore>),
    SendMessage {
        message: MessageId,
        text: Note,
        deliver_at: DeliverAt,
    },
    /// Change a message that the agent has not got yet; `None` leaves it as it is.
    EditMessage {
        message: MessageId,
        text: Option<Note>,
        deliver_at: Option<DeliverAt>,
    },
    /// Take a message back that the agent has not got yet.
    CancelMessage {
        message: MessageId,
    },
    /// End the running turn, or don't begin the next one.
    Interrupt,
    /// Hold the task up.
    Pause {
        at: PauseAt,
    },
    /// Let a paused task go on, or don't hold it up after all.
    Resume,
    AnswerQuestion {
        question: QuestionId,
        answer: Answer,
        /// Only of a call that is decided.
        reason: Option<Note>,
    },
    /// Allow calls of a kind for the rest of the task.
    GrantPermission {
        id: RuleId,
        rule: PermissionRule,
    },
    /// Ask for them again.
    RevokePermission {
        id: RuleId,
    },
    /// Give what the agent needs. The value itself is in the vault.
    Provide {
        dependency: DependencyId,
        given: Given,
    },
    /// Don't give what the agent needs.
    Decline {
        dependency: DependencyId,
        reason: Option<Note>,
    },
    /// Open a gate at the next end of a turn.
    RequestReview,
    AddFeedback {
        review: ReviewId,
        feedback: FeedbackId,
        comment: Comment,
    },
    ResolveFeedback {
        feedback: FeedbackId,
    },
    Approve {
        review: ReviewId,
        comment: Option<Note>,
    },
    RequestChanges {
        review: ReviewId,
        /// May be left out if the review has comments, these included.
        feedback: Option<Note>,
        comments: Vec<(FeedbackId, Comment)>,
    },
    /// Call a review to mind that nobody decides.
    RemindReview {
        review: ReviewId,
        level: ReminderLevel,
    },
    /// Approve a review that nobody has decided for so many hours, if the task is to go on by itself.
    ApproveByItself {
        review: ReviewId,
        hours: u32,
    },
    /// Give the answers that the agent has proposed, if the task is to go on by itself.
    AnswerByItself,
    /// A run claims the task.
    StartRun {
        run: RunId,
        epoch: u64,
    },
    /// What the run that holds the task has to say.
    Run {
        run: RunId,
        command: RunCommand,
    },
}

/// What only the run that holds the task may say.
#[derive(Clone, Debug, PartialEq)]
pub enum RunCommand {
    StartConversation {
        session: SessionId,
    },
    /// What the phases will probably need.
    Estimate {
        phases: Vec<EstimatedPhase>,
    },
    StartPhase {
        session: SessionId,
        base: String,
    },
    StartTurn {
        message: MessageId,
        purpose: TurnPurpose,
    },
    /// The agent has taken up a message.
    DeliverMessage {
        message: MessageId,
        /// How often its text had been changed.
        revision: u32,
    },
    /// The agent was killed before it had kept a message that it had taken up.
    LoseMessage {
        message: MessageId,
    },
    /// The agent was interrupted, and nobody has said yet how it goes on.
    AwaitMessage,
    /// The turn has ended, and a person wants the task held up.
    Pause,
    /// The call that asked these gets its answers.
    DeliverAnswers {
        questions: Vec<QuestionId>,
        dependencies: Vec<DependencyId>,
    },
    ReportStep {
        step: String,
        completed: bool,
        note: Option<String>,
    },
    ReportPhase {
        phase: u32,
        summary: String,
        files: Vec<String>,
    },
    ReportError {
        kind: String,
        message: String,
        details: Option<String>,
    },
    EndTurn {
        message: MessageId,
        outcome: TurnOutcome,
        usage: Option<UsageDelta>,
        /// Due files that are there and not empty.
        present: Vec<String>,
        /// What the agent waits for a person to answer. The run ends with it.
        asked: Vec<Answerable>,
    },
    /// A checkpoint was made, for what is to be said with it.
    Checkpoint {
        point: Box<Point>,
        then: Option<Box<RunCommand>>,
    },
    /// The result of the checks, and where the work tree stands.
    Verify {
        checks: Vec<Check>,
        review: ReviewId,
        checkpoint: CheckpointId,
        head: String,
        /// For the agent that verifies next, if the plan says so.
        verifier: SessionId,
    },
    /// The verifying agent's turn has ended, with what it found or why that can't be used.
    ConcludeVerification {
        message: MessageId,
        usage: Option<UsageDelta>,
        verdict: Result<Vec<Check>, String>,
        review: ReviewId,
    },
    OpenReview {
        review: ReviewId,
        head: String,
    },
    /// The files of the checkpoint that the task goes back to are there.
    RestoreFiles,
    Complete,
    /// Nothing is heard of the agent any more; it is nudged.
    FallSilent(Silence),
    /// Something is heard of it again.
    Stir,
    Limit(Limit),
    /// The task's budget is used up, and the next turn would need more.
    AwaitBudget,
    /// The budget of the day is used up.
    AwaitDay(BudgetUse),
    /// Little is left of the budget of the day.
    WarnOfDay(BudgetUse),
    RefuseCredentials {
        message: String,
    },
    /// The task can't be done as it is: trying again would not help.
    GiveUp {
        reason: String,
    },
    /// The run is over. After a failure the task is queued again, for `retry_at`, or fails.
    End {
        end: RunEnd,
        retry_at: DateTime<Utc>,
    },
}

/// Why a command was refused. Shown to people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Never created, or put away.
    #[error("There is no such task.")]
    UnknownTask,
    /// Ids are given once.
    #[error("The task exists already.")]
    AlreadyCreated,
    /// No such review in this task.
    #[error("There is no such review.")]
    UnknownReview,
    /// No such comment in this task.
    #[error("There is no such comment.")]
    UnknownFeedback,
    /// No such question in this task.
    #[error("There is no such question.")]
    UnknownQuestion,
    /// No such dependency in this task.
    #[error("There is no such dependency.")]
    UnknownDependency,
    /// No such message in this task.
    #[error("There is no such message.")]
    UnknownMessage,
    /// The agent has it.
    #[error("The agent has got this message already. Write another one.")]
    MessageDelivered,
    /// It was taken back before.
    #[error("This message was cancelled. Write another one.")]
    MessageCancelled,
    /// It was given before.
    #[error("This was already provided.")]
    AlreadyProvided,
    /// It was declined before.
    #[error("This was already declined.")]
    AlreadyDeclined,
    /// What was given is not of the kind that the agent needs.
    #[error("This is not how a dependency of the type {0} is provided.")]
    DoesNotFit(DependencyKind),
    /// Another answer was given before.
    #[error("This question was already answered.")]
    AlreadyAnswered,
    /// The agent can't go on without.
    #[error("This question needs an answer.")]
    AnswerMissing,
    /// Only one choice was asked for.
    #[error("This question takes one answer.")]
    OneAnswer,
    /// A call is decided in one of three ways.
    #[error("Answer with once, task or deny.")]
    NoConsent,
    /// There is no rule that would allow such calls.
    #[error("This call can be allowed once only.")]
    NotForTask,
    /// Other questions have answers without a reason.
    #[error("Only the decision on a call has a reason.")]
    NoReason,
    /// No such rule in this task.
    #[error("There is no such rule.")]
    UnknownRule,
    /// It has no place among those that wait.
    #[error("Only a task that waits in the queue has a place there.")]
    NotQueued,
    /// The state forbids it.
    #[error("A task that is {state} can't be {}.", action.participle())]
    NotAllowed {
        /// The state in words, as in "waiting for a review".
        state: &'static str,
        /// What was asked.
        action: Action,
        /// What is possible.
        allowed: Vec<Action>,
    },
    /// The review was decided before.
    #[error("This review was already {decision}.")]
    AlreadyDecided {
        /// What came of it.
        decision: &'static str,
    },
    /// A description can't change under a working agent.
    #[error(
        "The description can only be changed while the task is a draft. Write a message instead."
    )]
    DescriptionFixed,
    /// Nobody can work on a phase that was sent back without a word.
    #[error("Say what should change, or leave a comment.")]
    NothingToChange,
    /// Too much is waiting already.
    #[error("There can be at most {limit} {what}.")]
    TooMany {
        /// The limit.
        limit: usize,
        /// Of what.
        what: &'static str,
    },
    /// Another run holds the task now.
    #[error("This run no longer holds the task.")]
    StaleRun,
    /// The orchestrator asked for something that is not next.
    #[error("It is not the moment for {0}.")]
    OutOfTurn(&'static str),
}
