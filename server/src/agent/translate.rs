//! Messages of the CLI as news for the session. Pure.

use std::path::Path;

use app::domain::action::describe;
use app::domain::log::{LogKind, NewLine};
use chrono::{DateTime, Utc};

use super::control::{CanUseTool, ControlOutcome, ControlRequest, ControlRequestBody, HookInput};
use super::event::{AgentEvent, PermissionRequest, RawInput, StopHook, ToolHook};
use super::lines::Line;
use super::log_lines::{log_lines, note, raw_line};
use super::marker;
use super::message::{ApiEvent, Assistant, Block, StreamEvent};
use super::protocol::{Message, ParseError, parse};
use super::stdin;
use super::system::{Init, SystemMessage};

/// What one line of the CLI comes to.
#[derive(Debug, Default)]
pub(super) struct Translation {
    /// News for the session, in order.
    pub(super) events: Vec<AgentEvent>,
    /// The answer to a request of the platform.
    pub(super) response: Option<ControlOutcome>,
    /// A line to send back, for a request that nobody serves.
    pub(super) refusal: Option<String>,
}

/// Translates one line. `workspace` is the work directory as the agent sees it.
pub(super) fn translate(line: &Line, workspace: &Path, at: DateTime<Utc>) -> Translation {
    let mut translation = Translation::default();
    let say = |text: String| AgentEvent::Log(vec![note(text, at)]);
    if line.cut > 0 {
        let bytes = line.text.len() + line.cut;
        let text = format!("A line of {bytes} bytes from the agent was too long and is cut off.");
        translation.events.push(say(text));
        translation
            .events
            .push(AgentEvent::Log(vec![raw_line(&line.text, at)]));
        return translation;
    }
    match parse(&line.text) {
        Ok(message) => understood(message, &workspace.to_string_lossy(), at, &mut translation),
        Err(ParseError::NotAMessage(_)) if line.text.trim().is_empty() => {}
        Err(ParseError::NotAMessage(_)) => {
            translation
                .events
                .push(AgentEvent::Log(vec![raw_line(&line.text, at)]));
        }
        Err(error @ ParseError::Shape { .. }) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a message is not understood"
            );
            translation
                .events
                .push(say(format!("The agent's program sent {error}.")));
        }
    }
    translation
}

fn understood(message: Message, workspace: &str, at: DateTime<Utc>, into: &mut Translation) {
    let lines = log_lines(&message, workspace, at);
    if let Message::Assistant(assistant) = &message {
        into.events.extend(text_end(assistant, &lines));
    }
    if !lines.is_empty() {
        into.events.push(AgentEvent::Log(lines));
    }
    let event = match message {
        Message::Assistant(assistant) => {
            into.events.extend(acting(&assistant, workspace));
            into.events.extend(markers(&assistant));
            return;
        }
        Message::StreamEvent(event) => match written(&event) {
            Some(event) => event,
            None => return,
        },
        Message::System(system) => match system_event(system, into) {
            Some(event) => event,
            None => return,
        },
        Message::Result(result) => AgentEvent::TurnEnded(result),
        Message::ControlRequest(request) => match question(request) {
            Ok(event) => event,
            Err(refusal) => {
                into.refusal = Some(refusal);
                return;
            }
        },
        Message::ControlResponse(response) => {
            into.response = Some(response.response);
            return;
        }
        Message::ControlCancelRequest { request_id } => AgentEvent::Withdrawn { request_id },
        Message::CommandLifecycle(lifecycle) => AgentEvent::Lifecycle {
            message: lifecycle.command_uuid,
            state: lifecycle.state,
        },
        Message::RateLimitEvent(limit) => AgentEvent::RateLimit(limit),
        Message::Unknown(unknown) => AgentEvent::Unknown {
            kind: unknown.kind,
            subtype: unknown.subtype,
        },
        Message::User(_)
        | Message::ToolProgress(_)
        | Message::TranscriptMirror(_)
        | Message::ConversationReset { .. } => return,
    };
    into.events.push(event);
}

/// What the main agent's stream says of the text it is writing.
fn written(stream: &StreamEvent) -> Option<AgentEvent> {
    if stream.parent_tool_use_id.is_some() {
        return None;
    }
    if matches!(stream.event, ApiEvent::MessageStart) {
        // If a text is unfinished, its request had failed and is repeated.
        return Some(AgentEvent::TextEnded { is_logged: false });
    }
    let words = stream.text()?;
    Some(AgentEvent::TextDelta(words.to_owned()))
}

/// Comes before the text's line.
fn text_end(assistant: &Assistant, lines: &[NewLine]) -> Option<AgentEvent> {
    let is_text = |block: &Block| matches!(block, Block::Text { .. });
    let is_end =
        assistant.parent_tool_use_id.is_none() && assistant.message.content.iter().any(is_text);
    let is_logged = lines.iter().any(|line| line.kind == LogKind::Text);
    is_end.then_some(AgentEvent::TextEnded { is_logged })
}

fn system_event(system: SystemMessage, into: &mut Translation) -> Option<AgentEvent> {
    match system {
        SystemMessage::Init(init) => {
            let missing = !has_platform_tools(&init);
            into.events.push(AgentEvent::TurnStarted(init));
            missing.then_some(AgentEvent::PlatformToolsMissing)
        }
        SystemMessage::ApiRetry(retry) => Some(AgentEvent::Retry(retry)),
        SystemMessage::SessionStateChanged { state } => Some(AgentEvent::State(state)),
        _ => None,
    }
}

/// A server that is still connecting will be there when its tools are called.
fn has_platform_tools(init: &Init) -> bool {
    let mut servers = init
        .mcp_servers
        .iter()
        .filter(|server| server.name == "platform");
    servers.any(|server| matches!(server.status.as_str(), "connected" | "pending"))
}

fn acting(assistant: &Assistant, workspace: &str) -> Vec<AgentEvent> {
    let calls = assistant
        .message
        .content
        .iter()
        .filter_map(|block| match block {
            Block::ToolUse { name, input, .. } => {
                Some(AgentEvent::Acting(describe(name, input, workspace)))
            }
            _ => None,
        });
    calls.collect()
}

/// Only the main agent's own words count: not a subagent's, not the CLI's.
fn markers(assistant: &Assistant) -> Vec<AgentEvent> {
    if assistant.parent_tool_use_id.is_some() || assistant.is_synthetic() || assistant.aborted {
        return Vec::new();
    }
    let texts = assistant
        .message
        .content
        .iter()
        .filter_map(|block| match block {
            Block::Text { text } => Some(text),
            _ => None,
        });
    let found = texts
        .flat_map(|text| marker::find(text))
        .map(|found| match found {
            Ok(marker) => AgentEvent::Marker(marker),
            Err(warning) => AgentEvent::Warning(warning),
        });
    found.collect()
}

/// A request that the session can answer, or the refusal of one that nobody serves.
fn question(request: ControlRequest) -> Result<AgentEvent, String> {
    let ControlRequest {
        request_id,
        request,
    } = request;
    let refuse = |error: &str| Err(stdin::refusal(&request_id, error));
    match request {
        ControlRequestBody::CanUseTool(CanUseTool {
            tool_name,
            input,
            tool_use_id,
            permission_suggestions,
            requires_user_interaction,
            ..
        }) => Ok(AgentEvent::AskPermission(PermissionRequest {
            request_id,
            tool: tool_name,
            shown: input.clone(),
            input: RawInput::new(input),
            tool_use_id,
            needs_person: requires_user_interaction,
            suggestions: permission_suggestions,
        })),
        ControlRequestBody::HookCallback(hook) => match hook.input {
            HookInput::PreToolUse {
                tool_name,
                tool_input,
                tool_use_id,
                agent_id,
            } => Ok(AgentEvent::HookPreToolUse(ToolHook {
                request_id,
                tool: tool_name,
                raw: RawInput::new(tool_input.clone()),
                input: tool_input,
                tool_use_id,
                is_subagent: agent_id.is_some(),
            })),
            HookInput::Stop {
                stop_hook_active,
                last_assistant_message,
            } => Ok(AgentEvent::HookStop(StopHook {
                request_id,
                stop_hook_active,
                last_message: last_assistant_message,
            })),
            HookInput::Other => refuse("The platform has no hook for this event."),
        },
        ControlRequestBody::McpMessage { .. } => {
            refuse("The platform's tools are served over HTTP only.")
        }
        ControlRequestBody::Other => refuse("The platform does not know this request."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn events(message: &Value) -> String {
        let line = Line {
            text: message.to_string(),
            cut: 0,
        };
        let translation = translate(&line, Path::new("/workspace"), DateTime::UNIX_EPOCH);
        let names = translation.events.iter().map(|event| {
            let debug = format!("{event:?}");
            debug
                .split(['(', ' ', '{'])
                .next()
                .map(str::to_owned)
                .unwrap()
        });
        names.collect::<Vec<_>>().join(" ")
    }

    fn says(text: &str, more: &Value) -> Value {
        let mut message = json!({"type": "assistant", "message": {"model": "m", "content": [
            {"type": "text", "text": text},
        ]}});
        message
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        message
    }

    #[test]
    fn a_marker_counts_only_in_the_main_agents_own_words() {
        let done = "Done.\n=== PHASE 1 COMPLETE ===";
        assert_eq!(events(&says(done, &json!({}))), "TextEnded Log Marker");
        assert_eq!(
            events(&says("[ERROR]", &json!({}))),
            "TextEnded Log Warning"
        );
        assert_eq!(
            events(&says(done, &json!({"parent_tool_use_id": "t"}))),
            "Log"
        );
        assert_eq!(
            events(&says(done, &json!({"is_api_error_message": true}))),
            "TextEnded Log"
        );
        let result = json!({"type": "user", "message": {"content": [
            {"type": "tool_result", "tool_use_id": "t", "content": done},
        ]}});
        assert_eq!(events(&result), "Log");
        let prompt = json!({"type": "user", "message": {"content": done}});
        assert_eq!(events(&prompt), "Log");
    }

    #[test]
    fn words_are_the_main_agents_and_a_message_that_begins_anew_ends_them() {
        let stream = |event: Value, parent: Value| json!({"type": "stream_event", "event": event, "parent_tool_use_id": parent});
        let words =
            json!({"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Once"}});
        assert_eq!(events(&stream(words.clone(), Value::Null)), "TextDelta");
        assert_eq!(events(&stream(words, json!("t"))), "");
        let start = json!({"type": "message_start", "message": {}});
        assert_eq!(events(&stream(start.clone(), Value::Null)), "TextEnded");
        assert_eq!(events(&stream(start, json!("t"))), "");
        assert_eq!(events(&says(" ", &json!({}))), "TextEnded");
    }

    #[test]
    fn a_turn_without_the_platforms_tools_is_told() {
        let init = |servers: Value| json!({"type": "system", "subtype": "init", "session_id": "s", "mcp_servers": servers});
        assert_eq!(
            events(&init(json!([{"name": "platform", "status": "connected"}]))),
            "TurnStarted"
        );
        let missing = "TurnStarted PlatformToolsMissing";
        assert_eq!(events(&init(json!([]))), missing);
        assert_eq!(
            events(&init(json!([{"name": "platform", "status": "failed"}]))),
            missing
        );
    }

    #[test]
    fn whatever_is_no_message_becomes_a_line() {
        let line = |text: &str, cut| {
            let line = Line {
                text: text.to_owned(),
                cut,
            };
            translate(&line, Path::new("/workspace"), DateTime::UNIX_EPOCH)
                .events
                .len()
        };
        assert_eq!(line("Warning: something", 0), 1);
        assert_eq!(line("  ", 0), 0);
        assert_eq!(line(r#"{"type":"assistant"}"#, 0), 1);
        assert_eq!(line(r#"{"type":"assistant","#, 100), 2);
    }

    #[test]
    fn a_request_nobody_serves_is_refused() {
        let request = json!({"type": "control_request", "request_id": "r", "request": {
            "subtype": "brand_new",
        }});
        let line = Line {
            text: request.to_string(),
            cut: 0,
        };
        let translation = translate(&line, Path::new("/workspace"), DateTime::UNIX_EPOCH);
        assert!(
            translation
                .refusal
                .unwrap()
                .contains(r#""subtype":"error""#)
        );
    }
}
