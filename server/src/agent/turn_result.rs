//! The end of a turn.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

/// The message of type `result`.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct TurnResult {
    /// `success`, `error_during_execution` and others. Says nothing about success: see `is_error`.
    #[serde(default)]
    pub subtype: String,
    /// The only test for success.
    pub is_error: bool,
    /// Why the turn ended: `completed`, `tool_deferred`, `api_error` and others.
    #[serde(default)]
    pub terminal_reason: Option<String>,
    /// Why the model stopped: `end_turn`, `tool_deferred` and others.
    #[serde(default)]
    pub stop_reason: Option<String>,
    /// The last words of the agent, or the text of an API failure.
    #[serde(default)]
    pub result: Option<String>,
    /// Messages of the CLI about a failure.
    #[serde(default)]
    pub errors: Vec<String>,
    /// HTTP status of a failed API call.
    #[serde(default)]
    pub api_error_status: Option<u16>,
    /// The API's word for the failure.
    #[serde(default)]
    pub api_error_type: Option<String>,
    /// How many times the model was called.
    #[serde(default)]
    pub num_turns: u32,
    /// Wall clock, in milliseconds.
    #[serde(default)]
    pub duration_ms: u64,
    /// The conversation.
    #[serde(default)]
    pub session_id: String,
    /// Dollars, **cumulative** over the session and its earlier processes.
    #[serde(default)]
    pub total_cost_usd: f64,
    /// Tokens and dollars by model, **cumulative** like the cost.
    #[serde(default, rename = "modelUsage")]
    pub model_usage: BTreeMap<String, ModelUsage>,
    /// Tokens and dollars by model since this process's previous result.
    #[serde(default)]
    pub model_usage_since_last_result: Option<BTreeMap<String, ModelUsage>>,
    /// The user messages this turn has consumed.
    #[serde(default)]
    pub user_message_uuids: Vec<Uuid>,
    /// How many user messages are still waiting.
    #[serde(default)]
    pub queued_turn_count: u32,
    /// The call that was put off, when a hook answered "defer".
    #[serde(default)]
    pub deferred_tool_use: Option<DeferredToolUse>,
    /// The answer by the JSON schema that was asked for, if the agent gave one.
    #[serde(default)]
    pub structured_output: Option<Value>,
}

impl TurnResult {
    /// Whether the turn was ended on request.
    pub fn is_interrupted(&self) -> bool {
        let reason = self.terminal_reason.as_deref();
        self.is_error && matches!(reason, Some("aborted_streaming" | "aborted_tools"))
    }

    /// Takes what decides from a result whose other fields are not as expected.
    pub(super) fn from_unexpected(value: &Value) -> Self {
        let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let part = |name: &str| value.get(name).cloned().unwrap_or_default();
        Self {
            subtype: text("subtype").unwrap_or_default(),
            is_error: value
                .get("is_error")
                .and_then(Value::as_bool)
                .unwrap_or(true),
            terminal_reason: text("terminal_reason"),
            stop_reason: text("stop_reason"),
            result: text("result"),
            session_id: text("session_id").unwrap_or_default(),
            total_cost_usd: value
                .get("total_cost_usd")
                .and_then(Value::as_f64)
                .unwrap_or_default(),
            model_usage: serde_json::from_value(part("modelUsage")).unwrap_or_default(),
            model_usage_since_last_result: serde_json::from_value(part(
                "model_usage_since_last_result",
            ))
            .ok(),
            user_message_uuids: serde_json::from_value(part("user_message_uuids"))
                .unwrap_or_default(),
            deferred_tool_use: serde_json::from_value(part("deferred_tool_use")).ok(),
            structured_output: value.get("structured_output").cloned(),
            ..Self::default()
        }
    }
}

/// Tokens and dollars of one model.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelUsage {
    /// Tokens sent, without those read from or written to the cache.
    #[serde(default)]
    pub input_tokens: u64,
    /// Tokens generated.
    #[serde(default)]
    pub output_tokens: u64,
    /// Tokens read from the cache.
    #[serde(default)]
    pub cache_read_input_tokens: u64,
    /// Tokens written to the cache.
    #[serde(default)]
    pub cache_creation_input_tokens: u64,
    /// Dollars.
    #[serde(default, rename = "costUSD")]
    pub cost_usd: f64,
}

impl AddAssign<&Self> for ModelUsage {
    fn add_assign(&mut self, more: &Self) {
        self.input_tokens += more.input_tokens;
        self.output_tokens += more.output_tokens;
        self.cache_read_input_tokens += more.cache_read_input_tokens;
        self.cache_creation_input_tokens += more.cache_creation_input_tokens;
        self.cost_usd += more.cost_usd;
    }
}

/// A tool call that was put off until a later process.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct DeferredToolUse {
    /// The call.
    pub id: String,
    /// The tool.
    pub name: String,
    /// Its arguments.
    #[serde(default)]
    pub input: Value,
}
