//! Requests that the CLI and the platform make of each other while a turn runs.

use serde::Deserialize;
use serde_json::Value;

/// A request of the CLI. Each needs exactly one answer.
#[derive(Clone, Debug, Deserialize)]
pub struct ControlRequest {
    /// Goes back with the answer.
    pub request_id: String,
    /// What is asked.
    pub request: ControlRequestBody,
}

/// What the CLI may ask.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "subtype", rename_all = "snake_case")]
pub enum ControlRequestBody {
    /// May this tool run?
    CanUseTool(CanUseTool),
    /// A hook we registered has been reached.
    HookCallback(HookCallback),
    /// A message for a tool server inside this process; the platform has none.
    McpMessage {
        /// The server's name.
        #[serde(default)]
        server_name: String,
    },
    /// A request this version does not know.
    #[serde(other)]
    Other,
}

/// May this tool run?
#[derive(Clone, Debug, Deserialize)]
pub struct CanUseTool {
    /// The tool.
    pub tool_name: String,
    /// Its arguments.
    #[serde(default)]
    pub input: Value,
    /// The call.
    #[serde(default)]
    pub tool_use_id: String,
    /// A path the CLI's own rules stop at.
    #[serde(default)]
    pub blocked_path: Option<String>,
    /// Rules the CLI proposes to remember with a yes.
    #[serde(default)]
    pub permission_suggestions: Vec<Value>,
    /// Set when only a person can answer.
    #[serde(default)]
    pub requires_user_interaction: bool,
}

/// A hook has been reached.
#[derive(Clone, Debug, Deserialize)]
pub struct HookCallback {
    /// The id it was registered with.
    #[serde(default)]
    pub callback_id: String,
    /// What the hook is told.
    pub input: HookInput,
}

/// What a hook is told, by event.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "hook_event_name")]
pub enum HookInput {
    /// A tool is about to run.
    PreToolUse {
        /// The tool.
        tool_name: String,
        /// Its arguments.
        #[serde(default)]
        tool_input: Value,
        /// The call.
        #[serde(default)]
        tool_use_id: String,
        /// The subagent that makes the call.
        #[serde(default)]
        agent_id: Option<String>,
    },
    /// The agent wants to end its turn.
    Stop {
        /// Set when it was already sent back once in this turn.
        #[serde(default)]
        stop_hook_active: bool,
        /// The agent's last words.
        #[serde(default)]
        last_assistant_message: Option<String>,
    },
    /// An event nothing was registered for.
    #[serde(other)]
    Other,
}

/// The answer to a request of ours.
#[derive(Clone, Debug, Deserialize)]
pub struct ControlResponse {
    /// The answer.
    pub response: ControlOutcome,
}

/// How a request of ours went.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "subtype", rename_all = "snake_case")]
pub enum ControlOutcome {
    /// Done.
    Success {
        /// The request.
        request_id: String,
        /// What came of it; its shape depends on the request.
        #[serde(default)]
        response: Value,
    },
    /// Refused.
    Error {
        /// The request.
        request_id: String,
        /// The CLI's words.
        #[serde(default)]
        error: String,
    },
}
