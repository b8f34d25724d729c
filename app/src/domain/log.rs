//! Lines of an agent's output: stored in order, shown in order, never lost.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::word::words;

words! {
    /// Who speaks in a line.
    pub enum LogStream {
        /// The model: text, thinking, tool calls.
        Agent,
        /// A tool's result.
        Tool,
        /// The platform.
        System,
        /// The agent process's standard error.
        Stderr,
    }
}

words! {
    /// What a line is, which decides how it is shown and how its text is read.
    pub enum LogKind {
        /// Markdown of the agent.
        Text,
        /// The agent's reasoning.
        Thinking,
        /// A call of a tool: JSON of [`ToolUse`].
        ToolUse,
        /// What the tool answered: JSON of [`ToolResult`].
        ToolResult,
        /// A new turn began; the text says for what.
        Turn,
        /// A person's message, as it was delivered.
        Message,
        /// A remark of the platform.
        Note,
        /// Something went wrong.
        Error,
        /// A line that is no message of the protocol.
        Raw,
    }
}

/// The text of a [`LogKind::ToolUse`] line, as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolUse {
    /// The call's id, which its result repeats.
    pub id: String,
    /// The tool's name, such as `Bash`.
    pub tool: String,
    /// What it is doing in plain words, such as `Editing`.
    pub verb: String,
    /// To what, such as `src/main.rs`.
    pub target: String,
    /// The input as given, capped.
    pub input: String,
    /// The call that started the sub-agent which makes this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
}

/// The text of a [`LogKind::ToolResult`] line, as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolResult {
    /// The id of the call it answers.
    pub id: String,
    /// Whether the tool did what it was asked.
    pub ok: bool,
    /// What it said, capped.
    pub output: String,
}

/// A line before it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewLine {
    /// When the platform read it.
    pub at: DateTime<Utc>,
    /// Who speaks.
    pub stream: LogStream,
    /// What it is.
    pub kind: LogKind,
    /// Plain text, Markdown or JSON, by `kind`.
    pub text: String,
}

/// A stored line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct LogLine {
    /// Counts from 1 per task, without gaps.
    pub seq: u64,
    /// When the platform read it.
    pub at: DateTime<Utc>,
    /// Who speaks.
    pub stream: LogStream,
    /// What it is.
    pub kind: LogKind,
    /// Plain text, Markdown or JSON, by `kind`.
    pub text: String,
}

impl LogLine {
    /// Whether an agent's text ends with this line: what was shown of it while it was being
    /// written gives way.
    pub fn is_agent_text(&self) -> bool {
        self.stream == LogStream::Agent && self.kind == LogKind::Text
    }
}
