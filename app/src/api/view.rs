//! Views of the aggregate.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::estimate::PhaseEstimate;
use crate::domain::id::{
    CheckpointId, DependencyId, FeedbackId, MessageId, QuestionId, ReviewId, ScheduleId, SessionId,
    TaskId,
};
use crate::domain::money::Usd;
use crate::domain::permission::{AskedPermission, GrantedRule, PermissionMode};
use crate::domain::plan::TaskType;
use crate::domain::task::{
    Action, Actor, Answer, BudgetUse, Check, Choice, DeliverAt, Delivery, Dependency,
    DependencyKind, DependencyState, DependencyStatus, FeedbackStatus, Given, Limit, MessageStatus,
    Origin, Phase, PhaseStatus, Priority, Question, QuestionState, ReminderLevel, Review,
    ReviewState, ReviewStatus, Silence, Status, StatusName, StepStatus, Task, Tokens, Verification,
    Waiting, WaitingReason,
};
use crate::domain::text::Note;

/// A task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct TaskView {
    pub id: TaskId,
    pub title: String,
    #[serde(rename = "type")]
    pub task_type: TaskType,
    /// Absent from streams and lists for the pages: it can be as long as a book's chapter.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    pub status: StatusName,
    pub waiting_reason: Option<WaitingReason>,
    /// Why it failed, what it waits for, or what it was waiting for when it was paused, in words.
    pub reason: Option<String>,
    /// When it goes on by itself, if it waits for a time.
    pub resumes_at: Option<DateTime<Utc>>,
    /// The budget that it waits for.
    pub budget: Option<BudgetUse>,
    /// Nothing is heard of its agent.
    pub silence: Option<Silence>,
    /// The last lines of its log before it failed.
    pub last_lines: Vec<String>,
    /// The limit that it waits for.
    pub limit: Option<Limit>,
    /// Whether it goes on by itself when a limit has ended.
    pub auto_resume: bool,
    pub priority: Priority,
    pub phase: Option<u32>,
    pub phase_name: Option<String>,
    pub phases_total: u32,
    pub step: Option<String>,
    /// Percent.
    pub progress: u8,
    pub version: u64,
    pub cost_usd: Usd,
    pub tokens: Tokens,
    pub budget_usd: Option<Usd>,
    pub budget_tokens: Option<u64>,
    pub model: Option<String>,
    pub permission_mode: PermissionMode,
    pub repository: Option<String>,
    pub depends_on: Vec<TaskId>,
    /// Where it comes from, if it is a fork.
    #[serde(default)]
    pub forked_from: Option<Origin>,
    /// What has made it, if it was not a person.
    #[serde(default)]
    pub schedule_id: Option<ScheduleId>,
    /// The newest checkpoint.
    #[serde(default)]
    pub checkpoint_id: Option<CheckpointId>,
    /// Its files are being brought back from a checkpoint.
    #[serde(default)]
    pub restoring: bool,
    pub auto_approve: bool,
    /// After how many minutes a question takes the answer that its agent has proposed; 0 for never.
    pub answer_after_minutes: u32,
    pub actions: Vec<Action>,
    pub created_at: DateTime<Utc>,
    pub started_at: Option<DateTime<Utc>>,
    pub updated_at: DateTime<Utc>,
}

impl From<&Task> for TaskView {
    fn from(task: &Task) -> Self {
        let phase = task.active_phase();
        let step = phase.and_then(Phase::current_step);
        Self {
            id: task.id,
            title: task.title.to_string(),
            task_type: task.task_type,
            description: task.description.to_string(),
            status: task.status.name(),
            waiting_reason: task.status.waiting_reason(),
            reason: reason(&task.status),
            resumes_at: resumes_at(task),
            budget: task.exceeded().copied(),
            silence: task.silence,
            last_lines: task.last_lines.clone(),
            limit: task.limit().cloned(),
            auto_resume: task.auto_resume,
            priority: task.priority,
            phase: phase.map(|phase| phase.number),
            phase_name: phase.map(|phase| phase.plan.name.clone()),
            phases_total: u32::try_from(task.phases.len()).unwrap_or(u32::MAX),
            step: step.map(|step| step.plan.id.clone()),
            progress: task.progress(),
            version: task.version,
            cost_usd: task.cost,
            tokens: task.tokens,
            budget_usd: task.budget_usd,
            budget_tokens: task.budget_tokens,
            model: task.model.as_ref().map(ToString::to_string),
            permission_mode: task.permission_mode,
            repository: task.repository.clone(),
            depends_on: task.depends_on.clone(),
            schedule_id: task.schedule,
            forked_from: task.origin,
            checkpoint_id: task.checkpoint.map(|latest| latest.id),
            restoring: task.restoring.is_some(),
            auto_approve: task.auto_approve,
            answer_after_minutes: task.answer_after,
            actions: task.actions(),
            created_at: task.created_at,
            started_at: task.started_at,
            updated_at: task.updated_at,
        }
    }
}

impl TaskView {
    /// The task without its description.
    pub fn slim(task: &Task) -> Self {
        Self::from(task).without_description()
    }

    /// The same without its description.
    #[must_use]
    pub fn without_description(self) -> Self {
        Self {
            description: String::new(),
            ..self
        }
    }
}

fn reason(status: &Status) -> Option<String> {
    match status {
        Status::Failed { reason } => Some(reason.clone()),
        Status::Waiting(Waiting::Credentials { message }) => Some(message.clone()),
        Status::Paused { before } if matches!(**before, Status::Waiting(_)) => {
            Some(format!("It was {}.", before.phrase()))
        }
        Status::Waiting(Waiting::Budget(used)) => {
            Some(format!("The budget is used up. {}", used.figures()))
        }
        Status::Waiting(Waiting::RateLimit(limit)) => Some(limit.sentence().to_owned()),
        _ => None,
    }
}

fn resumes_at(task: &Task) -> Option<DateTime<Utc>> {
    match &task.status {
        Status::Queued { not_before } => *not_before,
        Status::Waiting(Waiting::Budget(used)) => used.until,
        _ => task.goes_on_at(),
    }
}

/// A phase with its steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct PhaseView {
    pub number: u32,
    pub name: String,
    pub status: PhaseStatus,
    pub steps: Vec<StepView>,
    pub session_id: Option<SessionId>,
    pub started_at: Option<DateTime<Utc>>,
    pub completed_at: Option<DateTime<Utc>>,
    pub cost_usd: Usd,
    pub tokens: Tokens,
    /// How long agents and checks were at work on it, in milliseconds, up to the last time that they stopped.
    pub active_ms: u64,
    /// What was expected of it before the task began, or is expected as long as it has not.
    pub estimate: Option<PhaseEstimate>,
    pub verification: Option<VerificationView>,
}

/// A step of a phase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct StepView {
    pub id: String,
    pub name: String,
    pub status: StepStatus,
    /// The path of the file it must leave.
    pub deliverable: Option<String>,
}

impl From<&Phase> for PhaseView {
    fn from(phase: &Phase) -> Self {
        let step = |step: &crate::domain::task::Step| StepView {
            id: step.plan.id.clone(),
            name: step.plan.name.clone(),
            status: step.status,
            deliverable: step.plan.deliverable.as_ref().map(|due| due.path.clone()),
        };
        Self {
            number: phase.number,
            name: phase.plan.name.clone(),
            status: phase.status,
            steps: phase.steps.iter().map(step).collect(),
            session_id: phase.session,
            started_at: phase.started_at,
            completed_at: phase.completed_at,
            cost_usd: phase.cost,
            tokens: phase.tokens,
            active_ms: phase.active_ms,
            estimate: phase.estimate,
            verification: phase.verification.as_ref().map(VerificationView::from),
        }
    }
}

/// What the checks have found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct VerificationView {
    pub passed: bool,
    pub checks: Vec<Check>,
    pub at: DateTime<Utc>,
}

impl From<&Verification> for VerificationView {
    fn from(found: &Verification) -> Self {
        Self {
            passed: found.passed(),
            checks: found.checks.clone(),
            at: found.at,
        }
    }
}

/// A review.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct ReviewView {
    pub id: ReviewId,
    pub task_id: TaskId,
    pub phase: u32,
    pub phase_name: String,
    pub round: u32,
    pub status: ReviewState,
    pub summary: String,
    /// Paths of the files the phase must produce.
    pub deliverables: Vec<String>,
    pub verification: Option<VerificationView>,
    pub feedback: Vec<FeedbackView>,
    /// What the reviewer wrote on deciding.
    pub comment: Option<String>,
    /// Asked for in the middle of the phase.
    pub interim: bool,
    /// The commits between which the work lies.
    pub base: String,
    pub head: String,
    pub cost_usd: Usd,
    pub created_at: DateTime<Utc>,
    pub decided_at: Option<DateTime<Utc>>,
    /// How urgently it was called to mind so far.
    #[serde(default)]
    pub reminded: Option<ReminderLevel>,
}

/// A comment on a review.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct FeedbackView {
    pub id: FeedbackId,
    pub file: Option<String>,
    pub line: Option<u32>,
    /// The last line, if it is about several.
    #[serde(default)]
    pub end_line: Option<u32>,
    pub text: String,
    pub status: FeedbackStatus,
}

impl ReviewView {
    /// The view of one of the task's reviews.
    pub fn of(task: &Task, review: &Review) -> Self {
        let phase = task.phase(review.phase);
        let due = phase.map(|phase| phase.plan.due().map(|due| due.path.clone()).collect());
        let (status, decided_at, comment) = match &review.status {
            ReviewStatus::Open => (ReviewState::Open, None, None),
            ReviewStatus::Approved { at, comment } => (
                ReviewState::Approved,
                Some(*at),
                comment.as_ref().map(ToString::to_string),
            ),
            ReviewStatus::ChangesRequested { at, feedback } => (
                ReviewState::ChangesRequested,
                Some(*at),
                Some(feedback.to_string()),
            ),
            ReviewStatus::Superseded => (ReviewState::Superseded, None, None),
        };
        let feedback = review.feedback.iter().map(|comment| FeedbackView {
            id: comment.id,
            file: comment.file.clone(),
            line: comment.line,
            end_line: comment.end_line,
            text: comment.text.to_string(),
            status: comment.status,
        });
        Self {
            id: review.id,
            task_id: task.id,
            phase: review.phase,
            phase_name: phase
                .map(|phase| phase.plan.name.clone())
                .unwrap_or_default(),
            round: review.round,
            status,
            summary: review.summary.clone(),
            deliverables: due.unwrap_or_default(),
            verification: review.verification.as_ref().map(VerificationView::from),
            feedback: feedback.collect(),
            comment,
            interim: review.interim,
            base: review.base.clone(),
            head: review.head.clone(),
            cost_usd: review.cost,
            created_at: review.created_at,
            decided_at,
            reminded: review.reminded,
        }
    }
}

/// What a person wrote to the agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct MessageView {
    pub id: MessageId,
    pub text: String,
    pub deliver_at: DeliverAt,
    /// While it is queued, it can be changed and cancelled.
    pub status: MessageStatus,
    pub sent_at: DateTime<Utc>,
    /// When it was changed last, if it was.
    pub edited_at: Option<DateTime<Utc>>,
    /// Absent while it waits.
    pub delivered_at: Option<DateTime<Utc>>,
    /// The turn that it was delivered in, by the id that the task's events name it by.
    pub turn: Option<MessageId>,
}

impl From<&crate::domain::task::Message> for MessageView {
    fn from(message: &crate::domain::task::Message) -> Self {
        let (delivered_at, turn) = match message.delivery {
            Delivery::Pending | Delivery::Cancelled { .. } => (None, None),
            Delivery::Delivered { at, turn } => (Some(at), turn),
        };
        Self {
            id: message.id,
            text: message.text.to_string(),
            deliver_at: message.deliver_at,
            status: message.status(),
            sent_at: message.sent_at,
            edited_at: message.edited_at,
            delivered_at,
            turn,
        }
    }
}

/// Something an agent asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct QuestionView {
    pub id: QuestionId,
    pub task_id: TaskId,
    pub group_id: Uuid,
    pub category: String,
    pub question: String,
    pub options: Vec<Choice>,
    pub multi_select: bool,
    pub default: Option<String>,
    pub required: bool,
    pub status: QuestionState,
    /// One part for each choice; empty if the agent goes on without. Absent while it is open.
    pub answer: Option<Answer>,
    /// Why a call was decided as it was.
    pub reason: Option<Note>,
    /// The call that is to be decided on, by `once`, `task` or `deny`.
    pub permission: Option<Box<AskedPermission>>,
}

impl QuestionView {
    /// A task's question.
    pub fn of(task_id: TaskId, question: &Question) -> Self {
        let asked = question.asked.clone();
        Self {
            id: question.id,
            task_id,
            group_id: asked.group,
            category: asked.category,
            question: asked.question,
            options: asked.options,
            multi_select: asked.multi_select,
            default: asked.default,
            required: asked.required,
            status: question.state(),
            answer: question.answer().cloned(),
            reason: question.reason().cloned(),
            permission: asked.permission,
        }
    }
}

/// What a task's agents may do without asking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct PermissionsView {
    pub mode: PermissionMode,
    /// The commands that the mode allows; none where it allows all that the sandbox does.
    pub commands: Vec<String>,
    /// What a person has allowed beyond that, oldest first.
    pub rules: Vec<GrantedRule>,
}

/// Something an agent needs, and what became of it. Never the value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct DependencyView {
    pub id: DependencyId,
    pub task_id: TaskId,
    #[serde(rename = "type")]
    pub kind: DependencyKind,
    pub name: String,
    pub description: String,
    pub required: bool,
    pub status: DependencyState,
    pub requested_at: DateTime<Utc>,
    /// When it was provided, last if it was replaced, or declined.
    pub settled_at: Option<DateTime<Utc>>,
    /// Who did so.
    pub settled_by: Option<Actor>,
    /// The environment variable that the agent finds the value in, or the path of the file.
    pub variable: Option<String>,
    /// The reusable secret that was chosen, by its name.
    pub secret: Option<String>,
    /// What was remarked: the reason of a refusal, or what was said of what is there now.
    pub note: Option<String>,
}

impl DependencyView {
    /// A task's dependency.
    pub fn of(task_id: TaskId, known: &Dependency) -> Self {
        let needed = known.needed.clone();
        let variable = needed.variable().ok().flatten();
        let mut view = Self {
            id: known.id,
            task_id,
            kind: needed.kind,
            name: needed.name,
            description: needed.description,
            required: needed.required,
            status: known.state(),
            requested_at: known.requested_at,
            settled_at: None,
            settled_by: None,
            variable: None,
            secret: None,
            note: None,
        };
        match known.status.clone() {
            DependencyStatus::Open | DependencyStatus::Withdrawn => {
                let is_certain = matches!(
                    view.kind,
                    DependencyKind::ApiKey | DependencyKind::EnvVariable | DependencyKind::File
                );
                view.variable = variable.filter(|_| is_certain).map(|name| name.to_string());
            }
            DependencyStatus::Provided { at, by, given } => {
                (view.settled_at, view.settled_by) = (Some(at), Some(by));
                if given.has_value() {
                    view.variable = variable.map(|name| name.to_string());
                }
                match given {
                    Given::Secret { name } => view.secret = Some(name),
                    Given::Done { note } => view.note = note.map(String::from),
                    Given::Value | Given::File { .. } => {}
                }
            }
            DependencyStatus::Declined { at, by, reason } => {
                (view.settled_at, view.settled_by) = (Some(at), Some(by));
                view.note = reason.map(String::from);
            }
        }
        view
    }
}

/// What a task has used so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct UsageView {
    pub cost_usd: Usd,
    pub tokens: Tokens,
}

impl Task {
    /// All that was asked, oldest first.
    pub fn question_views(&self) -> Vec<QuestionView> {
        let questions = self.questions.iter();
        questions
            .map(|question| QuestionView::of(self.id, question))
            .collect()
    }

    /// All that the agent has needed, oldest first.
    pub fn dependency_views(&self) -> Vec<DependencyView> {
        let dependencies = self.dependencies.iter();
        dependencies
            .map(|known| DependencyView::of(self.id, known))
            .collect()
    }
}
