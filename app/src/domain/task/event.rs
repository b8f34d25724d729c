//! Facts about a task. Their JSON is a contract: fields are only ever added, with a default.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    Answer, Budget, BudgetUse, CheckpointKind, ConversationPlace, DeliverAt, DependencyKind, Given,
    Limit, Origin, Priority, ReminderLevel, Silence, Standing, TaskEdit, Tokens,
};
use crate::domain::estimate::EstimatedPhase;
use crate::domain::id::{
    CheckpointId, DependencyId, FeedbackId, MessageId, QuestionId, ReviewId, RuleId, RunId,
    ScheduleId, SessionId, TaskId,
};
use crate::domain::money::Usd;
use crate::domain::permission::{AskedPermission, PermissionMode, PermissionRule};
use crate::domain::plan::{PhasePlan, TaskType};
use crate::domain::text::{Description, ModelName, Note, Title};
use crate::domain::word::words;

words! {
    /// Who made an event happen.
    pub enum Actor {
        /// Somebody in front of a browser or behind the API.
        Person,
        /// The agent, through one of the platform's tools.
        Agent,
        /// The platform itself: the orchestrator, a timer, recovery.
        Platform,
    }
}

/// An event in its place: stored, numbered, never changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventRecord {
    /// Whose history it is part of.
    pub task_id: TaskId,
    /// Counts from 1 per task, without gaps.
    pub version: u64,
    /// What happened.
    #[serde(flatten)]
    pub event: TaskEvent,
    /// Who made it happen.
    pub actor: Actor,
    /// When it was stored.
    pub at: DateTime<Utc>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum TaskEvent {
    /// Somebody described a job.
    TaskCreated {
        title: Title,
        task_type: TaskType,
        description: Description,
        priority: Priority,
        /// The workflow as it was at this moment.
        phases: Vec<PhasePlan>,
        permission_mode: PermissionMode,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<ModelName>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        repository: Option<String>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        depends_on: Vec<TaskId>,
        #[serde(default)]
        auto_approve: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        budget_usd: Option<Usd>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        budget_tokens: Option<u64>,
        /// After how many minutes a question takes the answer that its agent has proposed; 0 for never.
        #[serde(default, skip_serializing_if = "is_never")]
        answer_after: u32,
        /// Whether it goes on by itself when a limit has ended.
        #[serde(default = "yes", skip_serializing_if = "is_yes")]
        auto_resume: bool,
        /// What has made it, if it was not a person.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        schedule: Option<ScheduleId>,
    },
    /// Somebody changed what was asked for.
    TaskUpdated { edit: TaskEdit },
    /// The task waits for its turn to run.
    TaskQueued {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        not_before: Option<DateTime<Utc>>,
    },
    /// Somebody gave the queued task the place of one that waits since then.
    TaskRanked { place: DateTime<Utc> },
    /// A run began for the first time.
    TaskStarted {},
    /// What the phases will probably need, as far as that could be told before the first of them.
    TaskEstimated { phases: Vec<EstimatedPhase> },
    /// A run claimed the task. Only writes that carry its epoch count from here on.
    RunStarted { run: RunId, epoch: u64 },
    /// The run is over, and why.
    RunEnded { run: RunId, end: RunEnd },
    /// A conversation without phases has got its session.
    ConversationStarted { session: SessionId },
    /// A phase began, in a session of its own.
    PhaseStarted {
        phase: u32,
        session: SessionId,
        /// The workspace's commit that the phase's changes are counted from.
        base: String,
    },
    /// A user message is about to be sent to the agent. It is stored before it is sent.
    TurnStarted {
        message: MessageId,
        session: SessionId,
        purpose: TurnPurpose,
    },
    /// The agent's turn is over.
    TurnEnded {
        message: MessageId,
        outcome: TurnOutcome,
    },
    /// The agent took up a step.
    StepStarted { phase: u32, step: String },
    /// A step is done.
    StepCompleted {
        phase: u32,
        step: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// The agent says that the phase is complete.
    PhaseReported {
        phase: u32,
        summary: String,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        files: Vec<String>,
    },
    /// All that the phase was checked for is as it should be.
    VerificationPassed { phase: u32, checks: Vec<Check> },
    /// Something that the phase was checked for is not as it should be.
    VerificationFailed { phase: u32, checks: Vec<Check> },
    /// The platform's own checks hold; an agent that did not do the work looks at it next.
    VerificationStarted {
        phase: u32,
        /// The verifying agent's own.
        session: SessionId,
        /// The commit that is verified.
        head: String,
        /// What the platform has checked by itself.
        checks: Vec<Check>,
    },
    /// The verifying agent gave no answer that can be used; it is asked once more.
    VerificationUnreadable { phase: u32, reason: String },
    /// The platform sends the phase back to the agent by itself.
    ReworkStarted { phase: u32, rework: u32 },
    /// The phase is through: approved, or without a gate.
    PhaseCompleted { phase: u32 },
    /// A person is asked to decide.
    ReviewCreated {
        review: ReviewId,
        phase: u32,
        /// Counts the reviews of the phase from 1.
        round: u32,
        summary: String,
        base: String,
        head: String,
        /// Asked for by a person in the middle of the phase.
        #[serde(default)]
        interim: bool,
    },
    /// Somebody asked for a review at the next end of a turn.
    ReviewRequested {},
    /// A comment on a review.
    FeedbackAdded {
        review: ReviewId,
        feedback: FeedbackId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        file: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        line: Option<u32>,
        /// The last line, if it is about several.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        end_line: Option<u32>,
        text: Note,
    },
    /// A comment is settled.
    FeedbackResolved { feedback: FeedbackId },
    /// A review that nobody decides was called to mind.
    ReviewReminded {
        review: ReviewId,
        level: ReminderLevel,
    },
    /// A person approved, or nobody did for so long that the platform does.
    ReviewApproved {
        review: ReviewId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        comment: Option<Note>,
    },
    /// A person sent the phase back, with the review's open comments.
    ChangesRequested { review: ReviewId, feedback: Note },
    /// The agent asked a person something.
    QuestionAsked {
        id: QuestionId,
        #[serde(flatten)]
        asked: AskedQuestion,
    },
    /// A person answered; without any part, the agent is to go on without an answer.
    QuestionAnswered {
        id: QuestionId,
        answer: Answer,
        /// Why, of a call that was decided.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Note>,
    },
    /// The call that asked these has come again and got its answers.
    AnswersDelivered {
        questions: Vec<QuestionId>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        dependencies: Vec<DependencyId>,
    },
    /// Calls of this kind need no more yes.
    PermissionGranted { id: RuleId, rule: PermissionRule },
    /// They do again.
    PermissionRevoked { id: RuleId },
    /// The agent needs something from a person.
    DependencyRequested {
        id: DependencyId,
        #[serde(flatten)]
        needed: NeededDependency,
    },
    /// A person gave it, or gave another value in its place. The value is in the vault.
    DependencyProvided { id: DependencyId, given: Given },
    /// A person won't give it.
    DependencyDeclined {
        id: DependencyId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Note>,
    },
    /// The agent reported that something went wrong.
    ErrorReported {
        kind: String,
        message: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        details: Option<String>,
    },
    /// A point that the task can be resumed or forked from.
    CheckpointCreated {
        checkpoint: CheckpointId,
        commit: String,
        session: SessionId,
        phase: Option<u32>,
        label: String,
        #[serde(default)]
        kind: CheckpointKind,
        /// Where the conversation stood.
        #[serde(flatten)]
        place: ConversationPlace,
    },
    /// The task is another one from here on: a fork. What came before is its origin's.
    TaskForked {
        #[serde(flatten)]
        origin: Origin,
        title: Title,
    },
    /// A person took the task back to a checkpoint. A run brings its files back next.
    TaskRestored {
        checkpoint: CheckpointId,
        /// The task's version then.
        version: u64,
        commit: String,
        /// The conversation that goes on in the place of the checkpoint's, from where that stood.
        session: SessionId,
        #[serde(flatten)]
        place: ConversationPlace,
        standing: Box<Standing>,
    },
    /// The files are as they were at the checkpoint.
    FilesRestored {},
    /// What a turn has used, beyond what was recorded before.
    UsageRecorded {
        session: SessionId,
        #[serde(flatten)]
        usage: UsageDelta,
    },
    /// A person wrote to the agent.
    MessageSent {
        message: MessageId,
        text: Note,
        #[serde(default, skip_serializing_if = "DeliverAt::is_usual")]
        deliver_at: DeliverAt,
    },
    /// A person changed a message that the agent had not got yet.
    MessageEdited {
        message: MessageId,
        text: Note,
        #[serde(default, skip_serializing_if = "DeliverAt::is_usual")]
        deliver_at: DeliverAt,
    },
    /// A person took a message back that the agent had not got yet.
    MessageCancelled { message: MessageId },
    /// The agent has got the message.
    MessageDelivered { message: MessageId },
    /// The agent was killed before it had kept the message: it gets it again.
    MessageLost { message: MessageId },
    /// A person wants the agent to stop what it is doing.
    InterruptRequested {},
    /// The agent was interrupted; it goes on when a person says how.
    MessageAwaited {},
    /// A person wants the task held up when the agent's turn has ended.
    PauseRequested {},
    /// A person holds the task up. It keeps where it stands.
    TaskPaused {},
    /// A person lets the task go on, or does not want it held up any more.
    TaskResumed {},
    /// Nothing is heard of the agent any more; it was nudged.
    AgentSilent {
        #[serde(flatten)]
        silence: Silence,
    },
    /// Something is heard of it again.
    AgentStirred {},
    /// The account's limit is reached, or Claude can't be used for another reason; the task waits.
    RateLimited {
        #[serde(flatten)]
        limit: Limit,
    },
    /// The task has waited long enough: it is tried whether the model can be used again.
    LimitLifted {},
    /// Little is left of a budget.
    BudgetWarned {
        #[serde(flatten)]
        used: BudgetUse,
    },
    /// A budget is used up; the task waits before its next turn.
    BudgetExceeded {
        #[serde(flatten)]
        used: BudgetUse,
    },
    /// The task has another budget than before.
    BudgetRaised {
        #[serde(flatten)]
        budget: Budget,
    },
    /// Claude refused the credentials; a person has to see to it.
    CredentialsRefused { message: String },
    /// Somebody tries a failed or held task again.
    TaskRetried {},
    /// All is done.
    TaskCompleted {},
    /// The task can't go on.
    TaskFailed {
        reason: String,
        /// The last lines of the log before that.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        last_lines: Vec<String>,
    },
    /// Somebody called it off. The work is kept.
    TaskCancelled {},
    /// Somebody put the task away. Its history stays.
    TaskArchived {},
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
const fn is_never(minutes: &u32) -> bool {
    *minutes == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
const fn is_yes(answer: &bool) -> bool {
    *answer
}

pub(super) const fn yes() -> bool {
    true
}

/// Why a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum RunEnd {
    /// The task waits, is done, or was called off.
    Settled,
    /// The agent or its process failed.
    Failed {
        message: String,
        /// The last lines of the log before that.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        last_lines: Vec<String>,
    },
    /// The server is shutting down; the task goes on after the next start.
    Shutdown,
    /// The process that drove the run was gone.
    Lost,
}

/// What a turn is for, which decides its prompt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TurnPurpose {
    /// A conversation's first prompt.
    Prompt,
    /// A phase's aim and rules.
    Opening { phase: u32 },
    /// One step with its guide.
    Step { phase: u32, step: String },
    /// The end of a phase.
    Closing { phase: u32 },
    /// Feedback of a person or of the checks.
    Rework { phase: u32 },
    /// Another agent's look at what the phase has left.
    Verification { phase: u32 },
    /// Messages that a person sent.
    Messages { messages: Vec<MessageId> },
    /// What a person answered to questions, and gave or declined of dependencies, in the agent's text.
    Answers {
        questions: Vec<QuestionId>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        dependencies: Vec<DependencyId>,
    },
}

/// How a turn ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum TurnOutcome {
    /// The agent finished what it had to say.
    Completed,
    /// The agent waits for a person's answer; its call is parked.
    Deferred,
    /// Somebody stopped it.
    Interrupted,
    /// The model or the agent failed.
    Failed { message: String },
    /// The turn had ended, but nobody was there to see how.
    Unseen,
}

/// One thing that was checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct Check {
    /// Names the rule, as in `deliverable`, or the criterion of a guide, as in `P1-05`.
    pub id: String,
    /// What it was applied to, a path as a rule.
    pub subject: String,
    /// Whether it holds.
    pub passed: bool,
    /// What was found.
    pub evidence: String,
    /// What would settle it, in the words of an agent that has verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
    /// Paths of the documents that are concerned; where the fault lies first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub documents: Vec<String>,
}

/// The model's use between two points, and what it cost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageDelta {
    /// The models' names, comma separated if several worked.
    pub model: String,
    /// Tokens by kind.
    pub tokens: Tokens,
    /// US dollars.
    pub cost: Usd,
    /// What the platform saw pass meanwhile. Not of agents that reach the API by themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<ApiUse>,
}

/// What an agent's process has asked of the model's API, as the platform saw it pass.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiUse {
    /// Requests.
    pub requests: u64,
    /// Those of them without an answer, or with an error in its place.
    pub failures: u64,
    /// As the answers told them.
    pub tokens: Tokens,
    /// What the last answer that spoke of limits said: headers by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub limits: BTreeMap<String, String>,
}

/// By which way the agent asked, which decides how an answer reaches it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "way", rename_all = "snake_case")]
pub enum Via {
    /// A call that is parked until the answer is there.
    Tool { tool: String, tool_use_id: String },
    /// A block in the agent's text.
    Marker,
}

/// A question as the agent asked it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedQuestion {
    /// Questions asked together; the agent goes on when all of them are answered.
    pub group: Uuid,
    pub category: String,
    pub question: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<Choice>,
    #[serde(default)]
    pub multi_select: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    pub required: bool,
    pub via: Via,
    /// The call that a person is to decide on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permission: Option<Box<AskedPermission>>,
}

/// One of the answers that an agent offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct Choice {
    pub label: String,
    #[serde(default)]
    pub description: String,
}

/// A dependency as the agent asked for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NeededDependency {
    pub kind: DependencyKind,
    pub name: String,
    pub description: String,
    pub required: bool,
    pub via: Via,
}
