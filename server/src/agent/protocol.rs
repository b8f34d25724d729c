//! The line protocol of the Claude CLI (`--output-format stream-json`), read side. Pure.
//!
//! Every line is one JSON object with a `type`. Types and subtypes this version does not know are
//! kept as [`Message::Unknown`]: the CLI adds some with every release.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

use super::control::{ControlRequest, ControlRequestBody, ControlResponse};
use super::message::{Assistant, StreamEvent, UserMessage};
use super::system::SystemMessage;
use super::turn_result::TurnResult;

/// One line of the CLI's stdout.
#[derive(Clone, Debug)]
pub enum Message {
    /// State of the session, the API and subagents.
    System(SystemMessage),
    /// One finished content block of the model.
    Assistant(Assistant),
    /// Tool results, replayed prompts, notes of the CLI.
    User(UserMessage),
    /// A raw event of the API stream.
    StreamEvent(StreamEvent),
    /// The end of a turn: exactly one for each.
    Result(Box<TurnResult>),
    /// The CLI asks something and waits for the answer.
    ControlRequest(ControlRequest),
    /// The answer to a request of ours.
    ControlResponse(ControlResponse),
    /// A request of the CLI that needs no answer any more.
    ControlCancelRequest {
        /// The request that is withdrawn.
        request_id: String,
    },
    /// How far a user message with a uuid has come.
    CommandLifecycle(CommandLifecycle),
    /// Heartbeat of a long tool call.
    ToolProgress(ToolProgress),
    /// The account's usage limits.
    RateLimitEvent(RateLimitInfo),
    /// New lines of the session's transcript file.
    TranscriptMirror(TranscriptMirror),
    /// The conversation was cleared; its id has changed.
    ConversationReset {
        /// The id from now on.
        new_conversation_id: String,
    },
    /// A type or subtype this version does not know.
    Unknown(Unknown),
}

/// A message that is kept, but not understood.
#[derive(Clone, Debug)]
pub struct Unknown {
    /// The message's `type`.
    pub kind: String,
    /// The message's `subtype`, if it has one.
    pub subtype: Option<String>,
    /// All of it.
    pub raw: Value,
}

/// Progress of one user message.
#[derive(Clone, Debug, Deserialize)]
pub struct CommandLifecycle {
    /// The uuid the message was sent with.
    pub command_uuid: Uuid,
    /// How far it is.
    pub state: LifecycleState,
}

/// Where a user message is on its way through the CLI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LifecycleState {
    /// Received; waits for its turn.
    Queued,
    /// Its turn is running.
    Started,
    /// Its turn has ended.
    Completed,
    /// It was taken back.
    Cancelled,
    /// A state this version does not know.
    #[serde(other)]
    Unknown,
}

/// A long tool call is still running.
#[derive(Clone, Debug, Deserialize)]
pub struct ToolProgress {
    /// Id of the heartbeat, derived from the call's.
    #[serde(default)]
    pub tool_use_id: String,
    /// The tool that is running.
    #[serde(default)]
    pub tool_name: String,
    /// Seconds since the call began.
    #[serde(default)]
    pub elapsed_time_seconds: f64,
}

/// The account's usage limits as the API told them.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct RateLimitInfo {
    /// `allowed`, `allowed_warning` or `rejected`.
    #[serde(default)]
    pub status: String,
    /// When the limit lifts, in Unix seconds.
    #[serde(default, rename = "resetsAt")]
    pub resets_at: Option<i64>,
    /// Which limit: `five_hour`, `seven_day` and others.
    #[serde(default, rename = "rateLimitType")]
    pub limit: Option<String>,
    /// Part of the limit that is used up, 0 to 1.
    #[serde(default)]
    pub utilization: Option<f64>,
}

/// Lines the CLI has written to a transcript file.
#[derive(Clone, Debug, Deserialize)]
pub struct TranscriptMirror {
    /// The file as the CLI sees it.
    #[serde(default, rename = "filePath")]
    pub file_path: String,
    /// The lines, parsed.
    #[serde(default)]
    pub entries: Vec<Value>,
}

/// Why a line is no message.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// Not a JSON object with a `type`.
    #[error("the line is not a JSON object with a type")]
    NotAMessage(#[source] serde_json::Error),
    /// A known type whose fields are not as expected.
    #[error("a message of type {kind} has unexpected fields")]
    Shape {
        /// `type`, or `type/subtype`.
        kind: String,
        /// What did not fit.
        #[source]
        source: serde_json::Error,
    },
}

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    subtype: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Cancel {
    request_id: String,
}

#[derive(Deserialize)]
struct RateLimit {
    rate_limit_info: RateLimitInfo,
}

#[derive(Deserialize)]
struct Reset {
    new_conversation_id: String,
}

/// Reads one line. Unknown messages are not an error; a line that is no message is.
pub fn parse(line: &str) -> Result<Message, ParseError> {
    parse_valid(line).or_else(|error| match without_lone_surrogates(line) {
        Some(repaired) => parse_valid(&repaired),
        None => Err(error),
    })
}

fn parse_valid(line: &str) -> Result<Message, ParseError> {
    let head: Head<'_> = serde_json::from_str(line).map_err(ParseError::NotAMessage)?;
    let kind = head.kind.as_ref();
    Ok(match kind {
        "system" => {
            let subtype = head.subtype.as_deref().unwrap_or_default();
            if SystemMessage::known(subtype) {
                Message::System(shape(line, || format!("system/{subtype}"))?)
            } else {
                unknown(line, head)?
            }
        }
        "assistant" => Message::Assistant(typed(line, kind)?),
        "user" => Message::User(typed(line, kind)?),
        "stream_event" => Message::StreamEvent(typed(line, kind)?),
        "result" => Message::Result(result(line)?),
        "control_request" => Message::ControlRequest(control_request(line)?),
        "control_response" => Message::ControlResponse(typed(line, kind)?),
        "control_cancel_request" => {
            let Cancel { request_id } = typed(line, kind)?;
            Message::ControlCancelRequest { request_id }
        }
        "command_lifecycle" => Message::CommandLifecycle(typed(line, kind)?),
        "tool_progress" => Message::ToolProgress(typed(line, kind)?),
        "rate_limit_event" => {
            Message::RateLimitEvent(typed::<RateLimit>(line, kind)?.rate_limit_info)
        }
        "transcript_mirror" => Message::TranscriptMirror(typed(line, kind)?),
        "conversation_reset" => {
            let Reset {
                new_conversation_id,
            } = typed(line, kind)?;
            Message::ConversationReset {
                new_conversation_id,
            }
        }
        _ => unknown(line, head)?,
    })
}

/// A turn must end even if a field of its result is not as expected: then the fields that decide
/// are taken, and a result that doesn't say otherwise counts as failed.
fn result(line: &str) -> Result<Box<TurnResult>, ParseError> {
    typed(line, "result").or_else(|error| {
        let value: Value = serde_json::from_str(line).map_err(ParseError::NotAMessage)?;
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "a result has unexpected fields"
        );
        Ok(Box::new(TurnResult::from_unexpected(&value)))
    })
}

/// The CLI waits for the answer to every request, so one with unexpected fields is kept as far as
/// it can be refused.
fn control_request(line: &str) -> Result<ControlRequest, ParseError> {
    typed(line, "control_request").or_else(|error| {
        let Cancel { request_id } = typed(line, "control_request").map_err(|_| error)?;
        Ok(ControlRequest {
            request_id,
            request: ControlRequestBody::Other,
        })
    })
}

fn typed<T: DeserializeOwned>(line: &str, kind: &str) -> Result<T, ParseError> {
    shape(line, || kind.to_owned())
}

fn shape<T: DeserializeOwned>(line: &str, kind: impl FnOnce() -> String) -> Result<T, ParseError> {
    serde_json::from_str(line).map_err(|source| ParseError::Shape {
        kind: kind(),
        source,
    })
}

fn unknown(line: &str, head: Head<'_>) -> Result<Message, ParseError> {
    Ok(Message::Unknown(Unknown {
        kind: head.kind.into_owned(),
        subtype: head.subtype.map(Cow::into_owned),
        raw: serde_json::from_str(line).map_err(ParseError::NotAMessage)?,
    }))
}

/// The line with lone UTF-16 surrogates (`\ud83d` without its partner) replaced, or `None` if it
/// has none. JavaScript writes them when it cuts a string in the middle of an emoji; Rust's JSON
/// rightly refuses them, but one bad character must not cost a whole message.
fn without_lone_surrogates(line: &str) -> Option<String> {
    let bytes = line.as_bytes();
    let mut repaired = String::new();
    let mut copied = 0;
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] != b'\\' {
            at += 1;
            continue;
        }
        let Some(first) = surrogate(line, at) else {
            at += 2; // an escape of another kind, its second character included
            continue;
        };
        let paired = first < 0xDC00
            && surrogate(line, at + 6).is_some_and(|second| (0xDC00..0xE000).contains(&second));
        if paired {
            at += 12;
            continue;
        }
        repaired.push_str(&line[copied..at]);
        repaired.push_str("\\ufffd");
        at += 6;
        copied = at;
    }
    if copied == 0 {
        return None;
    }
    repaired.push_str(&line[copied..]);
    Some(repaired)
}

/// The code unit of an escape `\uD800` to `\uDFFF` at this place.
fn surrogate(line: &str, at: usize) -> Option<u32> {
    let digits = line.get(at..at + 6)?.strip_prefix("\\u")?;
    let unit = u32::from_str_radix(digits, 16).ok()?;
    (0xD800..0xE000).contains(&unit).then_some(unit)
}

#[cfg(test)]
#[path = "protocol_tests.rs"]
mod tests;
