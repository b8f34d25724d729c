//! Messages of type `system`: state of the session, the API and subagents.

use serde::Deserialize;

/// The subtypes that are understood.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "subtype", rename_all = "snake_case")]
pub enum SystemMessage {
    /// A turn begins; says what the session has at hand.
    Init(Box<Init>),
    /// The CLI is calling the API, compacting, or has changed its permission mode.
    Status {
        /// `requesting`, `compacting` or nothing.
        #[serde(default)]
        status: Option<String>,
    },
    /// A call of the API failed and will be repeated.
    ApiRetry(ApiRetry),
    /// A tool call was denied without asking.
    PermissionDenied {
        /// The tool.
        #[serde(default)]
        tool_name: String,
        /// The call.
        #[serde(default)]
        tool_use_id: String,
        /// What the model was told.
        #[serde(default)]
        message: String,
    },
    /// The session works, waits for an answer, or rests.
    SessionStateChanged {
        /// The state.
        state: SessionState,
    },
    /// The conversation was shortened to fit.
    CompactBoundary {
        /// How it came about.
        #[serde(default)]
        compact_metadata: CompactMetadata,
    },
    /// A subagent or a background command has begun.
    TaskStarted(SubtaskNote),
    /// A subagent is at work.
    TaskProgress(SubtaskNote),
    /// A subagent or a background command has changed.
    TaskUpdated(SubtaskNote),
    /// A subagent or a background command has ended.
    TaskNotification(SubtaskNote),
    /// The set of background tasks has changed.
    BackgroundTasksChanged {},
    /// Another model took over.
    ModelFallback {
        /// The model that was asked for.
        #[serde(default)]
        original_model: String,
        /// The model that answers.
        #[serde(default)]
        fallback_model: String,
        /// The CLI's words about it.
        #[serde(default)]
        content: String,
    },
    /// A note of the CLI.
    Informational {
        /// The note.
        #[serde(default)]
        content: String,
        /// `info`, `warning` and others.
        #[serde(default)]
        level: String,
    },
    /// A short note of the CLI for its own screen.
    Notification {
        /// The note.
        #[serde(default)]
        text: String,
    },
}

impl SystemMessage {
    /// Whether a subtype is one of those above.
    pub(super) fn known(subtype: &str) -> bool {
        matches!(
            subtype,
            "init"
                | "status"
                | "api_retry"
                | "permission_denied"
                | "session_state_changed"
                | "compact_boundary"
                | "task_started"
                | "task_progress"
                | "task_updated"
                | "task_notification"
                | "background_tasks_changed"
                | "model_fallback"
                | "informational"
                | "notification"
        )
    }
}

/// What the session has at hand, told at the start of every turn.
#[derive(Clone, Debug, Deserialize)]
pub struct Init {
    /// The conversation.
    pub session_id: String,
    /// Working directory as the CLI sees it.
    #[serde(default)]
    pub cwd: String,
    /// Names of the tools.
    #[serde(default)]
    pub tools: Vec<String>,
    /// The tool servers and whether they answer.
    #[serde(default)]
    pub mcp_servers: Vec<McpServerState>,
    /// The model that will answer.
    #[serde(default)]
    pub model: String,
    /// The CLI's own permission mode.
    #[serde(default, rename = "permissionMode")]
    pub permission_mode: String,
    /// Version of the CLI.
    #[serde(default)]
    pub claude_code_version: String,
}

/// A tool server of the session.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct McpServerState {
    /// The server's name.
    pub name: String,
    /// `connected`, `failed`, `pending` and others.
    #[serde(default)]
    pub status: String,
}

/// A failed call of the API that will be repeated.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ApiRetry {
    /// The attempt that failed, from 1.
    #[serde(default)]
    pub attempt: u32,
    /// How many repetitions there will be at most.
    #[serde(default)]
    pub max_retries: u32,
    /// Milliseconds until the next attempt.
    #[serde(default)]
    pub retry_delay_ms: f64,
    /// HTTP status, or `None` if there was no answer.
    #[serde(default)]
    pub error_status: Option<u16>,
    /// Kind of failure: `rate_limit`, `overloaded`, `unknown` and others.
    #[serde(default)]
    pub error: Option<String>,
}

/// What the session is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionState {
    /// A turn is running.
    Running,
    /// A turn waits for an answer of ours.
    RequiresAction,
    /// No turn is running.
    Idle,
    /// A state this version does not know.
    #[serde(other)]
    Unknown,
}

/// How a conversation was shortened.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct CompactMetadata {
    /// `manual` or `auto`.
    #[serde(default)]
    pub trigger: String,
    /// Tokens before.
    #[serde(default)]
    pub pre_tokens: u64,
    /// Tokens after.
    #[serde(default)]
    pub post_tokens: Option<u64>,
}

/// News of a subagent or a background command.
#[derive(Clone, Debug, Deserialize)]
pub struct SubtaskNote {
    /// The CLI's id of it.
    #[serde(default)]
    pub task_id: String,
    /// The tool call it belongs to.
    #[serde(default)]
    pub tool_use_id: Option<String>,
    /// What it does.
    #[serde(default)]
    pub description: Option<String>,
    /// Kind of subagent; `None` for a command.
    #[serde(default)]
    pub subagent_type: Option<String>,
    /// Whether it runs beside the turn.
    #[serde(default)]
    pub is_backgrounded: Option<bool>,
    /// `completed`, `failed` and others.
    #[serde(default)]
    pub status: Option<String>,
    /// What came of it.
    #[serde(default)]
    pub summary: Option<String>,
}
