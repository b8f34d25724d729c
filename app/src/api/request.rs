//! What clients send. Unknown fields are errors: a typo should not be a silent default.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::domain::id::TaskId;
use crate::domain::log::{LogKind, LogLine, ToolResult};
use crate::domain::money::Usd;
use crate::domain::permission::PermissionMode;
use crate::domain::task::{Answer, DeliverAt, PauseAt, Priority, TaskEdit};
use crate::domain::text::{Description, ModelName, Note, Title};
use crate::domain::word::words;
use crate::wire::from_json;

/// A job, as `POST /api/tasks` and the page's form take it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CreateTask {
    pub title: Title,
    /// `create_app`, `custom` …
    #[serde(rename = "type")]
    pub task_type: String,
    pub description: Description,
    #[serde(default)]
    pub priority: Priority,
    #[serde(default)]
    pub repository: Option<String>,
    #[serde(default)]
    pub depends_on: Vec<TaskId>,
    /// As the settings say unless given.
    #[serde(default)]
    pub auto_approve: Option<bool>,
    #[serde(default)]
    pub budget_usd: Option<Usd>,
    #[serde(default)]
    pub budget_tokens: Option<u64>,
    /// As the settings say unless given, when an agent is started.
    #[serde(default)]
    pub model: Option<ModelName>,
    /// As the settings say unless given.
    #[serde(default)]
    pub permission_mode: Option<PermissionMode>,
    /// After how many minutes a question takes the answer that its agent has proposed; 0 for never.
    #[serde(default)]
    pub answer_after_minutes: u32,
    /// Go on by itself when a limit has ended; as the settings say unless given.
    #[serde(default)]
    pub auto_resume: Option<bool>,
    /// Queue it at once instead of leaving a draft.
    #[serde(default)]
    pub start: bool,
}

/// When a task is to be held up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct PauseTask {
    /// At once unless given.
    pub at: PauseAt,
}

/// What to change about a task; what is left out stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct EditTask {
    pub title: Option<Title>,
    /// Only while the task is a draft.
    pub description: Option<Description>,
    pub priority: Option<Priority>,
    pub auto_approve: Option<bool>,
    pub permission_mode: Option<PermissionMode>,
    pub model: Option<ModelName>,
    /// 0 for never.
    pub answer_after_minutes: Option<u32>,
    /// Whether it goes on by itself when a limit has ended.
    pub auto_resume: Option<bool>,
    /// What the task may cost; 0 for any amount. A task that waits for a larger budget goes on.
    pub budget_usd: Option<Usd>,
    /// How many tokens it may use; 0 for any number.
    pub budget_tokens: Option<u64>,
    /// The tasks that have to be completed before it runs, all of them anew.
    pub depends_on: Option<Vec<TaskId>>,
}

impl From<EditTask> for TaskEdit {
    fn from(edit: EditTask) -> Self {
        Self {
            title: edit.title,
            description: edit.description,
            priority: edit.priority,
            auto_approve: edit.auto_approve,
            permission_mode: edit.permission_mode,
            model: edit.model,
            answer_after: edit.answer_after_minutes,
            auto_resume: edit.auto_resume,
            budget_usd: edit.budget_usd,
            budget_tokens: edit.budget_tokens,
            depends_on: edit.depends_on,
        }
    }
}

/// Which tasks to list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields, default)]
pub struct TaskQuery {
    /// A status by its name, or `active` for all that are not finished, or `needs_you` for all
    /// that wait for a person.
    pub status: Option<String>,
    /// A task type.
    #[serde(rename = "type")]
    pub task_type: Option<String>,
    /// Words in the title or the description.
    pub q: Option<String>,
    /// 1 to 200; 50 unless given.
    pub limit: Option<u32>,
    /// From the page before.
    pub cursor: Option<String>,
}

/// Which lines of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields, default)]
pub struct LogQuery {
    /// Lines after this number; 0 is the start.
    pub after: u64,
    /// 1 to 1,000; 200 unless given.
    pub limit: Option<u32>,
    /// Only lines that contain this text, whatever their case.
    pub q: Option<String>,
    /// Only lines of this kind.
    pub kind: Option<LogFilter>,
}

/// Which of a log's lines to name by their numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields, default)]
pub struct LogMatchQuery {
    /// Lines before this number; the end of the log unless given.
    pub before: Option<u64>,
    /// 1 to 1,000; 200 unless given.
    pub limit: Option<u32>,
    /// Only lines that contain this text, whatever their case.
    pub q: Option<String>,
    /// Only lines of this kind.
    pub kind: Option<LogFilter>,
}

/// Kinds of lines that a reader may want to see alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, derive_more::Display)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[display(rename_all = "snake_case")]
pub enum LogFilter {
    /// What the agent and the person say.
    Conversation,
    /// What the agent does.
    Tools,
    /// What went wrong, results of failed calls included.
    Errors,
}

impl LogFilter {
    /// Whether the line is of this kind.
    pub fn shows(self, line: &LogLine) -> bool {
        match (self, line.kind) {
            (Self::Conversation, LogKind::Text | LogKind::Turn | LogKind::Message)
            | (Self::Conversation | Self::Errors, LogKind::Error)
            | (Self::Tools, LogKind::ToolUse | LogKind::ToolResult | LogKind::Turn) => true,
            (Self::Errors, LogKind::ToolResult) => {
                from_json::<ToolResult>(&line.text).is_ok_and(|result| !result.ok)
            }
            _ => false,
        }
    }
}

/// Which events of a task.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields, default)]
pub struct EventQuery {
    /// Events after this version; 0 is the start.
    pub after: u64,
    /// 1 to 1,000; 200 unless given.
    pub limit: Option<u32>,
}

/// Which changes of a task's workspace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields, default)]
pub struct DiffQuery {
    /// The phase whose changes are asked for; the present or last one unless given.
    pub phase: Option<u32>,
}

/// A message to an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct MessageText {
    pub text: Note,
    /// Matters only to an agent that is at work.
    #[serde(default)]
    pub deliver_at: DeliverAt,
}

/// What may change about a message that is queued; a field that is left out stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct EditMessage {
    pub text: Option<Note>,
    pub deliver_at: Option<DeliverAt>,
}

/// An answer to an agent's question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct GivenAnswer {
    /// One text or a list; an empty list to let the agent go on without an answer.
    pub answer: Answer,
    /// Of a call that is allowed or denied: why.
    #[serde(default)]
    pub reason: Option<Note>,
}

/// What an agent needs, or that it won't get it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ProvideDependency {
    /// The value, kept encrypted and never returned; of a file its text; for a permission `yes` or `no`.
    /// For a service or a package it may be left out.
    #[serde(default)]
    #[cfg_attr(feature = "ssr", schema(value_type = Option<String>, write_only))]
    pub value: Option<SecretText>,
    /// The name of a reusable secret, instead of a value.
    #[serde(default)]
    pub secret: Option<String>,
    #[serde(default)]
    pub declined: bool,
    /// Why it is declined, for the agent.
    #[serde(default)]
    pub reason: Option<Note>,
    /// A remark for the agent on a permission, a service or a package. It is no secret.
    #[serde(default)]
    pub note: Option<Note>,
}

/// A text that is never printed and never told in an error.
#[derive(Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct SecretText(String);

impl SecretText {
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for SecretText {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("SecretText")
    }
}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // A derived refusal would quote what stands there.
        let value = serde_json::Value::deserialize(deserializer)?;
        match value {
            serde_json::Value::String(text) => Ok(Self(text)),
            _ => Err(D::Error::custom("must be a text")),
        }
    }
}

/// A yes at a gate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Approval {
    pub comment: Option<Note>,
}

words! {
    /// The two ways to decide.
    pub enum Decided {
        /// The next phase begins; what was written goes along as remarks.
        Approve,
        /// The phase goes back, with what was written and the comments that are open.
        RequestChanges,
    }
}
