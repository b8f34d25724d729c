//! JSON-RPC of the tool server. Pure: says what to answer, or whom to ask.

use serde::Deserialize;
use serde_json::{Value, json};

use super::mcp::ToolReply;
use super::platform_tool::{PlatformTool, list_of_tools};
use crate::redaction::Redactor;

/// The version of the protocol that is spoken if the agent does not name one.
const PROTOCOL: &str = "2025-11-25";

/// A request or a notification.
#[derive(Debug, Deserialize)]
pub(super) struct Rpc {
    /// Missing in a notification.
    #[serde(default)]
    id: Option<Value>,
    method: String,
    #[serde(default)]
    params: Value,
}

impl Rpc {
    /// The same without secrets in what the agent has written.
    pub(super) fn redacted(mut self, redactor: &Redactor) -> Self {
        if let Some(arguments) = self.params.get_mut("arguments") {
            redactor.redact_json(arguments);
        }
        self
    }
}

/// What to do with a request.
#[derive(Debug)]
pub(super) enum Answer {
    /// It was a notification.
    Nothing,
    /// Send this.
    Now(Value),
    /// The platform has to be asked.
    Ask(Call),
}

/// A valid call of a tool.
#[derive(Debug)]
pub(super) struct Call {
    /// The request's id.
    pub(super) id: Value,
    /// The call.
    pub(super) tool: PlatformTool,
    /// The agent's id of the call.
    pub(super) tool_use_id: Option<String>,
}

/// What to do with this request.
pub(super) fn answer(request: Rpc) -> Answer {
    let Some(id) = request.id else {
        return Answer::Nothing;
    };
    match request.method.as_str() {
        "initialize" => Answer::Now(result(&id, &initialized(&request.params))),
        "ping" => Answer::Now(result(&id, &json!({}))),
        "tools/list" => Answer::Now(result(&id, &list_of_tools())),
        "tools/call" => call(id, &request.params),
        _ => Answer::Now(json!({
            "jsonrpc": "2.0",
            "id": id,
            "error": {"code": -32601, "message": "The platform has no such method."},
        })),
    }
}

/// The platform's answer to a call.
pub(super) fn reply(id: &Value, reply: &ToolReply) -> Value {
    let (text, is_error) = match reply {
        ToolReply::Done(text) => (text, false),
        ToolReply::Failed(text) => (text, true),
    };
    result(
        id,
        &json!({"content": [{"type": "text", "text": text}], "isError": is_error}),
    )
}

fn initialized(params: &Value) -> Value {
    let version = params
        .get("protocolVersion")
        .and_then(Value::as_str)
        .unwrap_or(PROTOCOL);
    json!({
        "protocolVersion": version,
        "capabilities": {"tools": {}},
        "serverInfo": {"name": "platform", "version": env!("CARGO_PKG_VERSION")},
    })
}

fn call(id: Value, params: &Value) -> Answer {
    let name = params
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let arguments = params.get("arguments").cloned().unwrap_or_default();
    match PlatformTool::read(name, arguments) {
        Ok(tool) => {
            let tool_use_id = params.pointer("/_meta/claudecode~1toolUseId");
            let tool_use_id = tool_use_id.and_then(Value::as_str).map(str::to_owned);
            Answer::Ask(Call {
                id,
                tool,
                tool_use_id,
            })
        }
        Err(error) => Answer::Now(reply(&id, &ToolReply::Failed(error.to_string()))),
    }
}

fn result(id: &Value, result: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "result": result})
}
