//! What a running agent tells the session that owns it.

use std::fmt;

use app::domain::action::Action;
use app::domain::log::NewLine;
use serde_json::Value;
use uuid::Uuid;

use super::exit::Exit;
use super::marker::{Marker, ProtocolWarning};
use super::protocol::{LifecycleState, RateLimitInfo};
use super::system::{ApiRetry, Init, SessionState};
use super::turn_result::TurnResult;

/// One piece of news, in the order it happened.
#[derive(Debug)]
pub enum AgentEvent {
    /// Lines for the log. They come before the event they belong to.
    Log(Vec<NewLine>),
    /// Words of the main agent as they are being written. Lossy: when the session is behind, some
    /// are left out; the finished text comes as a log line.
    TextDelta(String),
    /// The words before belong to a text that is finished, or that is given up because its request
    /// failed. Comes only after words.
    TextEnded {
        /// Whether the finished text is the next log line.
        is_logged: bool,
    },
    /// What the agent is doing now, for the live view.
    Acting(Action),
    /// A turn begins.
    TurnStarted(Box<Init>),
    /// The platform's own tools are not at hand in the turn that has just begun: it must not go on.
    PlatformToolsMissing,
    /// A turn has ended.
    TurnEnded(Box<TurnResult>),
    /// May a tool run? Needs an answer.
    AskPermission(PermissionRequest),
    /// A tool is about to run. Needs an answer.
    HookPreToolUse(ToolHook),
    /// The agent wants to end its turn. Needs an answer.
    HookStop(StopHook),
    /// A question above needs no answer any more.
    Withdrawn {
        /// The question.
        request_id: String,
    },
    /// A user message has come further.
    Lifecycle {
        /// The uuid it was sent with.
        message: Uuid,
        /// How far it is.
        state: LifecycleState,
    },
    /// The account's usage limits.
    RateLimit(RateLimitInfo),
    /// The API failed and the CLI waits to try again.
    Retry(ApiRetry),
    /// The session works, waits for an answer, or rests.
    State(SessionState),
    /// The agent wrote a marker.
    Marker(Marker),
    /// The agent wrote a marker that can't be read; the text is meant for the agent.
    Warning(ProtocolWarning),
    /// A message this version does not know.
    Unknown {
        /// The message's `type`.
        kind: String,
        /// The message's `subtype`.
        subtype: Option<String>,
    },
    /// The process has ended and nothing of it is left. Always the last event.
    Exited(Exit),
}

/// Arguments that may hold secrets: they are judged, and never stored, logged or shown.
#[derive(Clone, Default, PartialEq)]
pub struct RawInput(Value);

impl RawInput {
    pub(super) fn new(input: Value) -> Self {
        Self(input)
    }

    /// The arguments.
    pub fn value(&self) -> &Value {
        &self.0
    }
}

impl fmt::Debug for RawInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RawInput(…)")
    }
}

/// May a tool run?
#[derive(Clone, Debug, PartialEq)]
pub struct PermissionRequest {
    /// Goes back with the answer.
    pub request_id: String,
    /// The tool.
    pub tool: String,
    /// Its arguments as they are, for the judgement alone.
    pub input: RawInput,
    /// Its arguments without secrets.
    pub shown: Value,
    /// The call.
    pub tool_use_id: String,
    /// Set when only a person can answer.
    pub needs_person: bool,
    /// Rules the CLI proposes to remember with a yes.
    pub suggestions: Vec<Value>,
}

/// A tool is about to run.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolHook {
    /// Goes back with the answer.
    pub request_id: String,
    /// The tool.
    pub tool: String,
    /// Its arguments without secrets.
    pub input: Value,
    /// Its arguments as they are, for the judgement alone.
    pub raw: RawInput,
    /// The call.
    pub tool_use_id: String,
    /// A subagent makes it.
    pub is_subagent: bool,
}

/// The agent wants to end its turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StopHook {
    /// Goes back with the answer.
    pub request_id: String,
    /// Set when it was already sent back once in this turn.
    pub stop_hook_active: bool,
    /// The agent's last words.
    pub last_message: Option<String>,
}
