use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;

use super::super::control::{ControlOutcome, ControlRequestBody, HookInput};
use super::super::message::Block;
use super::*;

/// Name and lines of every recorded transcript, in order.
fn transcripts() -> Vec<(String, Vec<String>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/transcripts");
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
        .into_iter()
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let lines = fs::read_to_string(path)
                .unwrap()
                .lines()
                .map(str::to_owned)
                .collect();
            (name, lines)
        })
        .collect()
}

/// A message in a few words.
fn summary(message: &Message) -> String {
    match message {
        Message::System(SystemMessage::Init(init)) => {
            let servers: Vec<_> = init
                .mcp_servers
                .iter()
                .map(|s| format!("{}={}", s.name, s.status))
                .collect();
            format!("init({} {})", init.claude_code_version, servers.join(","))
        }
        Message::System(SystemMessage::ApiRetry(retry)) => format!(
            "api_retry({}/{} {:?} {})",
            retry.attempt,
            retry.max_retries,
            retry.error_status,
            retry.error.as_deref().unwrap_or("-")
        ),
        Message::System(SystemMessage::SessionStateChanged { state }) => {
            format!("state({state:?})")
        }
        Message::System(other) => {
            let debug = format!("{other:?}");
            debug.split([' ', '(']).next().unwrap().to_owned()
        }
        Message::Assistant(assistant) => {
            let error = if assistant.is_synthetic() {
                " synthetic"
            } else {
                ""
            };
            let parent = if assistant.parent_tool_use_id.is_some() {
                " sub"
            } else {
                ""
            };
            format!(
                "assistant({}{error}{parent})",
                blocks(&assistant.message.content)
            )
        }
        Message::User(user) => {
            let replay = if user.is_replay { " replay" } else { "" };
            format!("user({}{replay})", blocks(&user.message.content))
        }
        Message::StreamEvent(event) => event.text().map_or("stream", |_| "delta").to_owned(),
        Message::Result(result) => format!(
            "result(error={} {} {} ${:.4}{})",
            result.is_error,
            result.terminal_reason.as_deref().unwrap_or("-"),
            result.stop_reason.as_deref().unwrap_or("-"),
            result.total_cost_usd,
            result
                .deferred_tool_use
                .as_ref()
                .map(|call| format!(" deferred {}", call.name))
                .unwrap_or_default(),
        ),
        Message::ControlRequest(request) => match &request.request {
            ControlRequestBody::CanUseTool(ask) => format!("can_use_tool({})", ask.tool_name),
            ControlRequestBody::HookCallback(hook) => match &hook.input {
                HookInput::PreToolUse { tool_name, .. } => format!("hook(PreToolUse {tool_name})"),
                HookInput::Stop {
                    stop_hook_active, ..
                } => format!("hook(Stop {stop_hook_active})"),
                HookInput::Other => "hook(other)".to_owned(),
            },
            ControlRequestBody::McpMessage { server_name } => format!("mcp({server_name})"),
            ControlRequestBody::Other => "request(other)".to_owned(),
        },
        Message::ControlResponse(response) => match &response.response {
            ControlOutcome::Success { .. } => "ok".to_owned(),
            ControlOutcome::Error { error, .. } => format!("refused({error})"),
        },
        Message::ControlCancelRequest { .. } => "withdrawn".to_owned(),
        Message::CommandLifecycle(life) => format!("lifecycle({:?})", life.state),
        Message::ToolProgress(progress) => format!("progress({})", progress.tool_name),
        Message::RateLimitEvent(limit) => format!("rate_limit({})", limit.status),
        Message::TranscriptMirror(mirror) => format!("mirror({})", mirror.entries.len()),
        Message::ConversationReset { .. } => "reset".to_owned(),
        Message::Unknown(unknown) => {
            format!(
                "unknown({}/{})",
                unknown.kind,
                unknown.subtype.as_deref().unwrap_or("-")
            )
        }
    }
}

fn blocks(blocks: &[Block]) -> String {
    let name = |block: &Block| match block {
        Block::Text { .. } => "text".to_owned(),
        Block::Thinking { .. } => "thinking".to_owned(),
        Block::ToolUse { name, .. } => format!("tool_use {name}"),
        Block::ToolResult {
            is_error: false, ..
        } => "tool_result".to_owned(),
        Block::ToolResult { is_error: true, .. } => "tool_error".to_owned(),
        Block::Other => "other".to_owned(),
    };
    blocks.iter().map(name).collect::<Vec<_>>().join("+")
}

#[test]
fn every_recorded_transcript_is_understood() {
    let mut overview = String::new();
    for (name, lines) in transcripts() {
        let mut told: Vec<(String, usize)> = Vec::new();
        for line in &lines {
            let message = parse(line).unwrap_or_else(|error| panic!("{name}: {error:?}\n{line}"));
            let words = summary(&message);
            match told.last_mut() {
                Some((last, count)) if *last == words => *count += 1,
                _ => told.push((words, 1)),
            }
        }
        writeln!(overview, "{name}").unwrap();
        for (words, count) in told {
            let times = if count > 1 {
                format!(" x{count}")
            } else {
                String::new()
            };
            writeln!(overview, "  {words}{times}").unwrap();
        }
    }
    insta::assert_snapshot!(overview);
}

#[test]
fn an_unknown_message_is_kept_whole() {
    let message = parse(r#"{"type":"system","subtype":"brand_new","x":[1]}"#).unwrap();
    let Message::Unknown(unknown) = message else {
        panic!("{message:?}")
    };
    assert_eq!(
        (unknown.kind.as_str(), unknown.subtype.as_deref()),
        ("system", Some("brand_new"))
    );
    assert_eq!(unknown.raw["x"][0], 1);
}

#[test]
fn a_usage_limit_tells_when_it_lifts() {
    let line = r#"{"type":"rate_limit_event","rate_limit_info":{"status":"rejected","resetsAt":1778565600,"rateLimitType":"five_hour","overageStatus":"rejected","isUsingOverage":false},"uuid":"u","session_id":"s"}"#;
    let Message::RateLimitEvent(limit) = parse(line).unwrap() else {
        panic!()
    };
    assert_eq!(limit.status, "rejected");
    assert_eq!(limit.resets_at, Some(1_778_565_600));
    assert_eq!(limit.limit.as_deref(), Some("five_hour"));
}

#[test]
fn a_result_with_odd_fields_still_ends_the_turn() {
    let line = r#"{"type":"result","is_error":false,"duration_ms":"soon","result":"done"}"#;
    let Message::Result(result) = parse(line).unwrap() else {
        panic!()
    };
    assert!(!result.is_error);
    assert_eq!(result.result.as_deref(), Some("done"));
}

#[test]
fn a_request_with_odd_fields_can_still_be_refused() {
    let line =
        r#"{"type":"control_request","request_id":"r","request":{"subtype":"can_use_tool"}}"#;
    let Message::ControlRequest(request) = parse(line).unwrap() else {
        panic!()
    };
    assert_eq!(request.request_id, "r");
    assert!(matches!(request.request, ControlRequestBody::Other));
}

#[test]
fn half_an_emoji_does_not_cost_the_message() {
    let line = r#"{"type":"user","message":{"role":"user","content":"\\ud83d a\ud83d b\ud83d\ude00 \udc00"}}"#;
    let Message::User(user) = parse(line).unwrap() else {
        panic!()
    };
    let Block::Text { text } = &user.message.content[0] else {
        panic!()
    };
    assert_eq!(text, "\\ud83d a\u{fffd} b😀 \u{fffd}");
}

#[test]
fn lines_that_are_no_messages_say_so() {
    for line in [
        "",
        "null",
        "[]",
        "Hello",
        "{",
        r#"{"type":1}"#,
        r#"{"kind":"x"}"#,
    ] {
        assert!(
            matches!(parse(line), Err(ParseError::NotAMessage(_))),
            "{line}"
        );
    }
    let line = r#"{"type":"assistant","message":{"content":5}}"#;
    assert!(matches!(parse(line), Err(ParseError::Shape { .. })));
}

proptest! {
    #[test]
    fn garbage_never_panics(line in any::<String>()) {
        parse(&line).ok();
    }

    #[test]
    fn escapes_never_panic(line in r#"(\{"type":"user","x":")?(\\|u|d8|00|[0-9a-fA-F]|é|"){0,40}"#) {
        parse(&line).ok();
    }

    #[test]
    fn cut_and_bent_lines_never_panic(pick in any::<prop::sample::Index>(), cut in any::<prop::sample::Index>(), junk in "[\\PC]{0,3}") {
        thread_local! {
            static LINES: Vec<String> =
                transcripts().into_iter().flat_map(|(_, lines)| lines).collect();
        }
        LINES.with(|lines| {
            let line = &lines[pick.index(lines.len())];
            let mut at = cut.index(line.len());
            while !line.is_char_boundary(at) {
                at -= 1;
            }
            parse(&line[..at]).ok();
            parse(&format!("{}{junk}{}", &line[..at], &line[at..])).ok();
        });
    }
}
