//! Protocol messages as lines a person can read. Pure.

use app::domain::action::describe;
use app::domain::log::{LogKind, LogStream, NewLine, ToolResult, ToolUse};
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::message::{Assistant, Block, UserMessage};
use super::protocol::Message;
use super::system::SystemMessage;
use super::turn_result::TurnResult;

/// The longest text, reasoning or tool output in one line, in bytes.
const TEXT_LIMIT: usize = 64 * 1024;

/// The longest string among the arguments of a tool call, in bytes.
const ARGUMENT_LIMIT: usize = 16 * 1024;

/// How the text of a line is introduced when a subagent wrote it.
const SUBAGENT: &str = "[subagent] ";

/// The lines a message gives; many give none. `workspace` is the agent's work directory as the
/// agent sees it: paths are shown relative to it.
pub fn log_lines(message: &Message, workspace: &str, at: DateTime<Utc>) -> Vec<NewLine> {
    let line = |stream, kind, text| NewLine {
        at,
        stream,
        kind,
        text,
    };
    match message {
        Message::Assistant(assistant) => assistant_lines(assistant, workspace, &line),
        Message::User(user) if !user.is_replay => user_lines(user, &line),
        Message::Result(result) => {
            let (kind, text) = turn_end(result);
            vec![line(LogStream::System, kind, text)]
        }
        Message::System(system) => match system_note(system) {
            Some((kind, text)) => vec![line(LogStream::System, kind, text)],
            None => Vec::new(),
        },
        Message::ConversationReset { .. } => {
            let text = "The conversation was cleared.".to_owned();
            vec![line(LogStream::System, LogKind::Note, text)]
        }
        _ => Vec::new(),
    }
}

/// A line of the process's standard error.
pub fn stderr_line(text: &str, at: DateTime<Utc>) -> NewLine {
    NewLine {
        at,
        stream: LogStream::Stderr,
        kind: LogKind::Raw,
        text: capped(text, TEXT_LIMIT),
    }
}

/// A line of the process's standard output that is no message of the protocol.
pub fn raw_line(text: &str, at: DateTime<Utc>) -> NewLine {
    NewLine {
        at,
        stream: LogStream::Agent,
        kind: LogKind::Raw,
        text: capped(text, TEXT_LIMIT),
    }
}

/// A remark of the platform.
pub fn note(text: impl Into<String>, at: DateTime<Utc>) -> NewLine {
    NewLine {
        at,
        stream: LogStream::System,
        kind: LogKind::Note,
        text: text.into(),
    }
}

fn assistant_lines(
    assistant: &Assistant,
    workspace: &str,
    line: &impl Fn(LogStream, LogKind, String) -> NewLine,
) -> Vec<NewLine> {
    let parent = assistant.parent_tool_use_id.as_ref();
    let introduced = |text: &str| {
        let introduction = if parent.is_some() { SUBAGENT } else { "" };
        capped(&format!("{introduction}{text}"), TEXT_LIMIT)
    };
    let lines = assistant
        .message
        .content
        .iter()
        .filter_map(|block| match block {
            Block::Text { text } if text.trim().is_empty() => None,
            Block::Text { text } if assistant.is_failure() => {
                Some(line(LogStream::System, LogKind::Error, introduced(text)))
            }
            Block::Text { text } if assistant.is_synthetic() => {
                Some(line(LogStream::System, LogKind::Note, introduced(text)))
            }
            Block::Text { text } => Some(line(LogStream::Agent, LogKind::Text, introduced(text))),
            Block::Thinking { thinking } if thinking.trim().is_empty() => None,
            Block::Thinking { thinking } => Some(line(
                LogStream::Agent,
                LogKind::Thinking,
                introduced(thinking),
            )),
            Block::ToolUse { id, name, input } => {
                let action = describe(name, input, workspace);
                let call = ToolUse {
                    id: id.clone(),
                    tool: name.clone(),
                    verb: action.verb.to_string(),
                    target: action.target,
                    input: arguments(input),
                    parent: parent.cloned(),
                };
                Some(line(LogStream::Agent, LogKind::ToolUse, json(&call)))
            }
            Block::ToolResult { .. } | Block::Other => None,
        });
    lines.collect()
}

fn user_lines(
    user: &UserMessage,
    line: &impl Fn(LogStream, LogKind, String) -> NewLine,
) -> Vec<NewLine> {
    let lines = user.message.content.iter().filter_map(|block| match block {
        Block::ToolResult {
            tool_use_id,
            content,
            is_error,
        } => {
            let result = ToolResult {
                id: tool_use_id.clone(),
                ok: !is_error,
                output: capped(content, TEXT_LIMIT),
            };
            Some(line(LogStream::Tool, LogKind::ToolResult, json(&result)))
        }
        // The prompt of a subagent is already told by the call that started it.
        Block::Text { text } if user.parent_tool_use_id.is_none() && !text.trim().is_empty() => {
            Some(line(
                LogStream::System,
                LogKind::Note,
                capped(text, TEXT_LIMIT),
            ))
        }
        _ => None,
    });
    lines.collect()
}

fn turn_end(result: &TurnResult) -> (LogKind, String) {
    let seconds = std::time::Duration::from_millis(result.duration_ms).as_secs_f64();
    if !result.is_error {
        let parked = result.deferred_tool_use.is_some();
        let words = if parked {
            "The turn ended to wait for a person"
        } else {
            "The turn ended"
        };
        return (LogKind::Note, format!("{words} after {seconds:.1} s."));
    }
    if result.is_interrupted() {
        return (
            LogKind::Note,
            format!("The turn was stopped after {seconds:.1} s."),
        );
    }
    let reason = result
        .terminal_reason
        .as_deref()
        .unwrap_or(&result.subtype)
        .replace('_', " ");
    let details = match &result.result {
        Some(text) if !text.trim().is_empty() => text.clone(),
        _ => result.errors.join("; "),
    };
    let text = format!("The turn failed after {seconds:.1} s ({reason}): {details}");
    (
        LogKind::Error,
        capped(text.trim_end_matches([':', ' ']), TEXT_LIMIT),
    )
}

fn system_note(system: &SystemMessage) -> Option<(LogKind, String)> {
    let note = |text: String| Some((LogKind::Note, capped(&text, TEXT_LIMIT)));
    match system {
        SystemMessage::ApiRetry(retry) => {
            let cause = match (retry.error_status, retry.error.as_deref()) {
                (Some(status), Some(error)) => format!("{status}, {error}"),
                (Some(status), None) => status.to_string(),
                (None, error) => error.unwrap_or("no answer").to_owned(),
            };
            note(format!(
                "The model's API failed ({cause}); attempt {} of {} follows in {:.0} s.",
                retry.attempt,
                retry.max_retries,
                (retry.retry_delay_ms / 1000.0).max(1.0),
            ))
        }
        SystemMessage::PermissionDenied {
            tool_name, message, ..
        } => note(format!("{tool_name} was denied: {message}")),
        SystemMessage::CompactBoundary { compact_metadata } => note(format!(
            "The conversation was shortened from {} tokens to fit.",
            compact_metadata.pre_tokens
        )),
        SystemMessage::ModelFallback {
            content,
            fallback_model,
            ..
        } => match content.as_str() {
            "" => note(format!("The model is now {fallback_model}.")),
            content => note(content.to_owned()),
        },
        SystemMessage::Informational { content, .. } if !content.is_empty() => {
            note(content.clone())
        }
        _ => None,
    }
}

/// The text, cut at `limit` bytes with a visible note.
fn capped(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let kept = text.floor_char_boundary(limit);
    format!(
        "{}\n… truncated, {} more bytes",
        &text[..kept],
        text.len() - kept
    )
}

/// The arguments of a call as JSON, with long strings cut, and cut as a whole if that is not
/// enough.
fn arguments(input: &Value) -> String {
    let mut input = input.clone();
    cap_strings(&mut input);
    capped(&input.to_string(), TEXT_LIMIT)
}

fn cap_strings(value: &mut Value) {
    match value {
        Value::String(text) if text.len() > ARGUMENT_LIMIT => *text = capped(text, ARGUMENT_LIMIT),
        Value::Array(items) => items.iter_mut().for_each(cap_strings),
        Value::Object(fields) => fields.values_mut().for_each(cap_strings),
        _ => {}
    }
}

fn json(line: &impl serde::Serialize) -> String {
    serde_json::to_string(line).expect("strings always become JSON")
}

#[cfg(test)]
mod tests {
    use super::super::protocol::parse;
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn lines_of(transcript: &str, workspace: &str) -> String {
        let at = DateTime::UNIX_EPOCH;
        let lines = transcript.lines().flat_map(|line| {
            log_lines(&parse(line).unwrap(), workspace, at)
                .into_iter()
                .map(|line| format!("{}/{}: {}", line.stream, line.kind, line.text))
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_conversation_reads_well() {
        let transcript =
            include_str!("../../tests/fixtures/transcripts/02_multiturn_partial_replay.jsonl");
        insta::assert_snapshot!(lines_of(
            transcript,
            "/agents/wd/02_multiturn_partial_replay"
        ));
    }

    #[test]
    fn subagents_and_failures_read_well() {
        let parts = [
            include_str!("../../tests/fixtures/transcripts/21e_state_bg_compact.jsonl"),
            include_str!("../../tests/fixtures/transcripts/05_interrupt.jsonl"),
            include_str!("../../tests/fixtures/transcripts/19b_defer.jsonl"),
        ];
        insta::assert_snapshot!(lines_of(&parts.concat(), "/agents/wd/t21"));
    }

    #[test]
    fn long_output_is_cut_visibly_and_at_a_character() {
        let text = "é".repeat(TEXT_LIMIT);
        let line = json!({"type": "user", "message": {"content": [
            {"type": "tool_result", "tool_use_id": "t", "content": text},
        ]}});
        let lines = log_lines(
            &parse(&line.to_string()).unwrap(),
            "/workspace",
            DateTime::UNIX_EPOCH,
        );
        let result: ToolResult = serde_json::from_str(&lines[0].text).unwrap();
        assert!(result.output.ends_with("… truncated, 65536 more bytes"));
        assert!(result.output.len() < TEXT_LIMIT + 100);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn no_line_is_longer_than_its_limit(strings in prop::collection::vec(".{0,30000}", 0..6)) {
            let line = json!({"type": "assistant", "message": {"content": [
                {"type": "tool_use", "id": "t", "name": "Write", "input": strings},
            ]}});
            let message = parse(&line.to_string()).unwrap();
            for line in log_lines(&message, "/workspace", DateTime::UNIX_EPOCH) {
                let call: ToolUse = serde_json::from_str(&line.text).unwrap();
                prop_assert!(call.input.len() <= TEXT_LIMIT + 100);
            }
        }
    }
}
