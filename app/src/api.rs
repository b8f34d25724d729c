//! The shapes of the API, shared by the server, the pages and the server functions.
//!
//! JSON in `snake_case`, times RFC 3339 in UTC, money as a decimal string with six places. Views
//! are made from the aggregate, so that a task as it was at any version has the same shape.

mod checkpoint;
mod estimate;
mod notification;
mod queue;
mod request;
mod schedule;
mod settings;
mod shown;
mod usage;
mod version;
mod view;

pub use checkpoint::{CheckpointView, CompareQuery, ForkTask, RestoreTask};
pub use estimate::{Calibration, EstimateReport, JudgedEstimate, KindCalibration};
pub use notification::{
    EditTarget, NeedView, NeedsYou, NewTarget, NotificationQuery, NotificationView, PushKeys,
    PushSubscription, PushSubscriptionView, PushView, ReadCount, SigningSecret, TargetChannel,
    TargetTrial, TargetView,
};
pub use queue::{MoveTask, Prerequisite, QueueView, QueuedTask};
pub use request::{
    Approval, CreateTask, Decided, DiffQuery, EditMessage, EditTask, EventQuery, GivenAnswer,
    LogFilter, LogMatchQuery, LogQuery, MessageText, PauseTask, ProvideDependency, SecretText,
    TaskQuery,
};
pub use schedule::{NewSchedule, ScheduleView};
pub use settings::{
    AccountCheck, AccountState, Change, EditSettings, NewSecret, SecretSettingView, SecretValue,
    SecretView, SettingsView,
};
pub use shown::{
    ChangeList, ChangedFile, ConversationView, LINE_LINK, MovedComment, OPEN_LINK, Piece,
    ReviewWork, Shape, ShowFile, ShownFile,
};
pub use usage::{UsageBy, UsageFigures, UsagePage, UsageQuery, UsageReport, UsageRow};
pub use version::{Fact, FactChange, TaskVersion, VersionDiff, VersionQuery};
pub use view::{
    DependencyView, FeedbackView, MessageView, PermissionsView, PhaseView, QuestionView,
    ReviewView, StepView, TaskView, UsageView, VerificationView,
};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::id::TaskId;
use crate::domain::log::LogLine;
use crate::domain::money::Usd;
use crate::domain::permission::PermissionMode;
use crate::domain::plan::TaskType;
use crate::domain::task::{Actor, Limit, StatusName, Tokens, WaitingReason};
use crate::domain::word::words;

/// One page of a collection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Asks for the next page; absent on the last one.
    pub next_cursor: Option<String>,
}

/// A stored event as clients see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct EventView {
    pub task_id: TaskId,
    pub version: u64,
    /// The event's name, such as `PhaseStarted`.
    #[serde(rename = "type")]
    pub event_type: String,
    #[cfg_attr(feature = "ssr", schema(value_type = Object))]
    pub data: serde_json::Value,
    pub actor: Actor,
    pub at: DateTime<Utc>,
}

/// Everything that a task's page shows at first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct TaskDetail {
    pub task: TaskView,
    pub phases: Vec<PhaseView>,
    /// Newest first.
    pub reviews: Vec<ReviewView>,
    /// Undelivered and delivered, oldest first, the last 100.
    pub messages: Vec<MessageView>,
    pub questions: Vec<QuestionView>,
    pub dependencies: Vec<DependencyView>,
    pub permissions: PermissionsView,
    /// The names of the reusable secrets that can be given to the agent as variables.
    pub secrets: Vec<String>,
    /// The same as files.
    pub secret_files: Vec<String>,
    /// The newest log line's number: where a live stream goes on from.
    pub log_seq: u64,
    /// What the agent is doing, if one is running here.
    pub agent: Option<AgentView>,
}

/// A live agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct AgentView {
    pub state: AgentState,
    /// What it is doing in plain words: "Editing src/main.rs".
    pub action: Option<String>,
    /// The last five actions, newest first.
    pub recent: Vec<String>,
}

/// What an agent is writing, as a stream tells of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WritingView {
    /// Words; none of them: nothing is being written.
    pub text: String,
    /// Whether they are added to what was told before, or take its place.
    pub append: bool,
}

words! {
    /// What a live agent is busy with.
    pub enum AgentState {
        Starting,
        Running,
        Waiting,
        Verifying,
        Paused,
        Stopped,
    }
}

/// The state of a task in short, for polling.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct TaskStatus {
    pub status: StatusName,
    pub waiting_reason: Option<WaitingReason>,
    pub phase: Option<u32>,
    pub step: Option<String>,
    pub progress: u8,
    pub version: u64,
    pub log_seq: u64,
    pub cost_usd: Usd,
    pub tokens: Tokens,
    pub agent: Option<AgentView>,
}

/// A file that a phase must produce, as it lies in the workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct DeliverableView {
    pub path: String,
    pub phase: u32,
    /// The step it belongs to, if to one.
    pub step: Option<String>,
    pub exists: bool,
    /// Bytes; 0 if it is missing.
    pub size: u64,
    /// In hexadecimal digits. Absent unless it was asked for, and of files over 64 MiB.
    pub sha256: Option<String>,
    /// Why what lies there is not taken for the file: it leads out of the workspace, it is a folder.
    pub problem: Option<String>,
}

/// A deliverable's content, ready to be shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct DeliverableContent {
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// The text, if it is text; cut at 512 KiB.
    pub text: Option<String>,
    /// Sanitised HTML, if it is Markdown.
    pub html: Option<String>,
    /// Whether `text` was cut.
    pub truncated: bool,
    /// Of the whole file, in hexadecimal digits. Absent if the file is larger than what is shown.
    pub sha256: Option<String>,
}

/// The changes between two commits of a workspace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct Diff {
    pub base: String,
    pub head: String,
    pub files: Vec<FileDiff>,
    /// Whether files or lines beyond the limits were left out.
    pub truncated: bool,
}

/// The changes to one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct FileDiff {
    pub path: String,
    /// Where it was before, if it was renamed.
    pub old_path: Option<String>,
    pub change: FileChange,
    /// The modes before and after in octal digits, as in `100644 100755`, if they differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    pub binary: bool,
    pub additions: u32,
    pub deletions: u32,
    pub hunks: Vec<Hunk>,
}

words! {
    /// What happened to a file.
    pub enum FileChange {
        Added,
        Modified,
        Deleted,
        Renamed,
    }
}

/// Lines that changed together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct Hunk {
    pub header: String,
    pub lines: Vec<DiffLine>,
}

/// A line of a hunk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct DiffLine {
    pub kind: DiffLineKind,
    /// The number before the change, from 1.
    pub old: Option<u32>,
    /// The number after the change, from 1.
    pub new: Option<u32>,
    pub text: String,
}

words! {
    /// Which side a line is on.
    pub enum DiffLineKind {
        Context,
        Added,
        Removed,
    }
}

/// A kind of task that can be asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct WorkflowView {
    pub id: TaskType,
    pub title: String,
    pub summary: String,
    /// The phases' names with their number of steps and whether a gate follows.
    pub phases: Vec<WorkflowPhaseView>,
}

/// One phase of a kind of task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct WorkflowPhaseView {
    pub name: String,
    pub steps: u32,
    pub gate: bool,
}

/// A document that agents work by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct GuideView {
    /// As in `planning/01_idea.md`.
    pub path: String,
    /// The folder: `planning`.
    pub group: String,
    /// The file without its ending: `01_idea`.
    pub name: String,
    pub title: String,
    /// Whether a file of this installation stands in for the built-in one.
    pub is_replaced: bool,
}

/// A guide, ready to be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct GuideContent {
    #[serde(flatten)]
    pub guide: GuideView,
    /// The Markdown, as agents get it.
    pub text: String,
    /// Sanitised HTML of what follows the title.
    pub html: String,
    /// The steps it belongs to, in words: "New application, Planning: Idea".
    pub used_by: Vec<String>,
    pub previous: Option<GuideView>,
    pub next: Option<GuideView>,
}

/// The state of the installation, for the frame of every page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct Overview {
    pub agents_running: u32,
    pub agents_max: u32,
    /// Tasks that wait for a person.
    pub needs_you: u32,
    /// Notifications that nobody has read and whose cause still holds.
    pub unread: u32,
    /// Where the model's answers come from.
    pub model_source: ModelSource,
    /// The permission mode of tasks that name none.
    pub permission_mode: PermissionMode,
    /// Whether tasks that don't say so approve their gates by themselves.
    pub auto_approve: bool,
    /// Why no agent starts at present, for all tasks alike.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Limit>,
    /// What keeps agents from working; empty if nothing does.
    pub problems: Vec<String>,
    /// How agents are contained: `bwrap` or `none`.
    pub sandbox: String,
    /// The path of a repository on the server to try changes on; only in the demo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample_repository: Option<String>,
    pub version: String,
}

words! {
    /// Where the model's answers come from.
    pub enum ModelSource {
        /// The configured account.
        Account,
        /// No credentials: tasks can only use the scripted model.
        None,
        /// The whole server runs on the scripted model.
        Scripted,
    }
}

/// The model's name that stands for the scripted model of the demo.
pub const SCRIPTED_MODEL: &str = "scripted-demo";

/// One page of a log.
pub type LogPage = Page<LogLine>;

/// Numbers of a log's lines, in order, from the end of the log: the next page lies before this one.
pub type LogMatches = Page<u64>;

/// The branch that a task's work ends in: one commit on top of the repository that it began with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct BranchView {
    /// Its name, as in `ccs/1a2b3c4d`.
    pub name: String,
    /// The commit of the task's repository that it is made on.
    pub base: String,
    /// Its newest commit.
    pub head: String,
    /// Where it can be fetched from: a folder of the server.
    pub repository: String,
    /// What fetches it, in a copy of the task's repository on the same machine.
    pub command: String,
}
