//! Encodes an answer as the events of the Messages API, with pace and faults: pure.

use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use super::scenario::{Fault, Pace};
use super::selection::{Answer, Content};

/// Events without a pause between them are sent in chunks of about this size.
const MAX_CHUNK_BYTES: usize = 32 * 1024;

/// What the body of a streamed answer does next.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    Send(String),
    Wait(Duration),
    /// Breaks the connection.
    Cut,
}

/// What an answer costs, as the API counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tokens {
    pub input: u64,
    pub output: u64,
    pub cache_read: u64,
    pub cache_write: u64,
}

impl Tokens {
    /// What the script says, the rest estimated at four bytes a token. Of `history` bytes the last
    /// `fresh` ones are new to the cache.
    pub fn of(answer: &Answer, history: usize, fresh: usize) -> Self {
        let tokens = |bytes: usize| u64::try_from(bytes / 4 + 1).unwrap_or(u64::MAX);
        let produced = answer.blocks.iter().map(|block| match block {
            Content::Thinking(text) | Content::Text(text) => text.len(),
            Content::ToolUse { name, input } => name.len() + input.to_string().len(),
        });
        Self {
            input: answer.usage.input.unwrap_or(4),
            output: answer
                .usage
                .output
                .unwrap_or_else(|| tokens(produced.sum())),
            cache_read: answer
                .usage
                .cache_read
                .unwrap_or_else(|| tokens(history - fresh.min(history))),
            cache_write: answer.usage.cache_write.unwrap_or_else(|| tokens(fresh)),
        }
    }

    fn json(self, output: u64) -> Value {
        json!({
            "input_tokens": self.input,
            "output_tokens": output,
            "cache_read_input_tokens": self.cache_read,
            "cache_creation_input_tokens": self.cache_write,
        })
    }
}

/// Names of a message and its tool calls, from one random number made at the edge.
#[derive(Clone, Copy, Debug)]
pub struct Names(pub Uuid);

impl Names {
    fn message(self) -> String {
        format!("msg_{}", self.0.simple())
    }

    fn tool(self, index: usize) -> String {
        format!("toolu_{}{index:03}", self.0.simple())
    }
}

/// The answer as one JSON message, for requests that don't stream.
pub fn message(answer: &Answer, model: &str, tokens: Tokens, names: Names) -> Value {
    let blocks: Vec<Value> = answer
        .blocks
        .iter()
        .enumerate()
        .map(|(index, block)| match block {
            Content::Thinking(text) => {
                json!({"type": "thinking", "thinking": text, "signature": "scripted"})
            }
            Content::Text(text) => json!({"type": "text", "text": text}),
            Content::ToolUse { name, input } => {
                json!({"type": "tool_use", "id": names.tool(index), "name": name, "input": input})
            }
        })
        .collect();
    json!({
        "id": names.message(), "type": "message", "role": "assistant", "model": model,
        "content": blocks, "stop_reason": answer.stop_reason, "stop_sequence": null,
        "usage": tokens.json(tokens.output),
    })
}

/// The answer as a stream, with its fault if it strikes this time.
pub fn steps(
    answer: &Answer,
    model: &str,
    tokens: Tokens,
    names: Names,
    fault: Option<&Fault>,
) -> Vec<Step> {
    let mut script = Encoder {
        steps: Vec::new(),
        streamed: 0,
        fault,
        is_over: false,
    };
    let mut start = message(answer, model, tokens, names);
    start["content"] = json!([]);
    start["stop_reason"] = Value::Null;
    start["usage"] = tokens.json(1);
    script.send("message_start", json!({"message": start}));
    for (index, block) in answer.blocks.iter().enumerate() {
        script.block(index, block, answer.pace, names);
    }
    script.strike(); // a fault beyond the end hits at the end
    let delta = json!({"stop_reason": answer.stop_reason, "stop_sequence": null});
    let usage = tokens.json(tokens.output);
    script.send("message_delta", json!({"delta": delta, "usage": usage}));
    script.send("message_stop", json!({}));
    script.steps
}

struct Encoder<'a> {
    steps: Vec<Step>,
    /// Characters of content sent so far.
    streamed: usize,
    fault: Option<&'a Fault>,
    is_over: bool,
}

impl Encoder<'_> {
    fn block(&mut self, index: usize, block: &Content, pace: Pace, names: Names) {
        let (start, kind, field, text, chars) = match block {
            Content::Thinking(text) => {
                let start = json!({"type": "thinking", "thinking": "", "signature": ""});
                (
                    start,
                    "thinking_delta",
                    "thinking",
                    text.clone(),
                    pace.chars,
                )
            }
            Content::Text(text) => {
                let start = json!({"type": "text", "text": ""});
                (start, "text_delta", "text", text.clone(), pace.chars)
            }
            Content::ToolUse { name, input } => {
                let id = names.tool(index);
                let start = json!({"type": "tool_use", "id": id, "name": name, "input": {}});
                let chars = pace.chars.saturating_mul(8);
                (
                    start,
                    "input_json_delta",
                    "partial_json",
                    input.to_string(),
                    chars,
                )
            }
        };
        self.send(
            "content_block_start",
            json!({"index": index, "content_block": start}),
        );
        for piece in pieces(&text, chars.max(1)) {
            self.piece(index, kind, field, piece);
            if pace.ms > 0 {
                self.push(Step::Wait(Duration::from_millis(pace.ms)));
            }
        }
        if matches!(block, Content::Thinking(_)) {
            let delta = json!({"type": "signature_delta", "signature": "scripted"});
            self.send(
                "content_block_delta",
                json!({"index": index, "delta": delta}),
            );
        }
        self.send("content_block_stop", json!({"index": index}));
    }

    /// Sends a piece whole, or up to the character where a fault strikes.
    fn piece(&mut self, index: usize, kind: &str, field: &str, piece: &str) {
        let length = piece.chars().count();
        let limit = self.fault.and_then(fault_position);
        let split = limit.filter(|limit| *limit < self.streamed + length);
        let split = split.map(|limit| byte_offset(piece, limit.saturating_sub(self.streamed)));
        let (before, after) = piece.split_at(split.unwrap_or(piece.len()));
        self.delta(index, kind, field, before);
        if split.is_some() {
            self.strike();
            self.delta(index, kind, field, after);
        }
        self.streamed += length;
    }

    fn delta(&mut self, index: usize, kind: &str, field: &str, text: &str) {
        if !text.is_empty() {
            let delta = json!({"type": kind, field: text});
            self.send(
                "content_block_delta",
                json!({"index": index, "delta": delta}),
            );
        }
    }

    fn strike(&mut self) {
        match self.fault.take() {
            Some(Fault::Stall { seconds, .. }) => {
                self.push(Step::Wait(Duration::from_secs(*seconds)));
            }
            Some(Fault::Cut { .. }) => {
                self.push(Step::Cut);
                self.is_over = true;
            }
            Some(Fault::ErrorEvent { kind, message, .. }) => {
                self.send(
                    "error",
                    json!({"error": {"type": kind, "message": message}}),
                );
                self.is_over = true;
            }
            Some(Fault::Status { .. }) | None => {}
        }
    }

    fn send(&mut self, event: &str, mut data: Value) {
        data["type"] = event.into();
        self.push(Step::Send(format!("event: {event}\ndata: {data}\n\n")));
    }

    fn push(&mut self, step: Step) {
        match (self.steps.last_mut(), step) {
            _ if self.is_over => {}
            // Events that follow each other at once travel together.
            (Some(Step::Send(sent)), Step::Send(more)) if sent.len() < MAX_CHUNK_BYTES => {
                sent.push_str(&more);
            }
            (_, step) => self.steps.push(step),
        }
    }
}

const fn fault_position(fault: &Fault) -> Option<usize> {
    match fault {
        Fault::Cut { after_chars, .. }
        | Fault::Stall { after_chars, .. }
        | Fault::ErrorEvent { after_chars, .. } => Some(*after_chars),
        Fault::Status { .. } => None,
    }
}

fn byte_offset(text: &str, chars: usize) -> usize {
    text.char_indices()
        .nth(chars)
        .map_or(text.len(), |(offset, _)| offset)
}

/// The text in pieces of so many characters.
fn pieces(mut text: &str, chars: usize) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        if text.is_empty() {
            return None;
        }
        let (piece, rest) = text.split_at(byte_offset(text, chars));
        text = rest;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted_model::selection::plain;

    const NAMES: Names = Names(Uuid::nil());

    fn answer(blocks: Vec<Content>, pace: Pace) -> Answer {
        Answer {
            blocks,
            pace,
            ..plain("")
        }
    }

    fn tokens() -> Tokens {
        Tokens {
            input: 1,
            output: 9,
            cache_read: 2,
            cache_write: 3,
        }
    }

    /// Events as `(name, data)`, and what happens between them in brackets.
    fn played(answer: &Answer, fault: Option<&Fault>) -> Vec<(String, Value)> {
        let mut events = Vec::new();
        for step in steps(answer, "m", tokens(), NAMES, fault) {
            match step {
                Step::Send(text) => events.extend(text.split_terminator("\n\n").map(|event| {
                    let (name, data) = event.split_once("\ndata: ").unwrap();
                    let name = name.strip_prefix("event: ").unwrap().to_owned();
                    (name, serde_json::from_str(data).unwrap())
                })),
                Step::Wait(time) => events.push((format!("[wait {time:?}]"), Value::Null)),
                Step::Cut => events.push(("[cut]".to_owned(), Value::Null)),
            }
        }
        events
    }

    fn names(events: &[(String, Value)]) -> Vec<&str> {
        events.iter().map(|(name, _)| name.as_str()).collect()
    }

    fn text(events: &[(String, Value)]) -> String {
        events
            .iter()
            .filter_map(|(_, data)| data["delta"]["text"].as_str())
            .collect()
    }

    fn hello() -> Answer {
        answer(
            vec![Content::Text("größer".to_owned())],
            Pace { chars: 4, ms: 5 },
        )
    }

    #[test]
    fn a_text_is_streamed_in_pieces_of_whole_characters() {
        let events = played(&hello(), None);
        let expected = [
            "message_start",
            "content_block_start",
            "content_block_delta",
            "[wait 5ms]",
            "content_block_delta",
            "[wait 5ms]",
            "content_block_stop",
            "message_delta",
            "message_stop",
        ];
        assert_eq!(names(&events), expected);
        assert_eq!(events[2].1["delta"]["text"], "größ");
        assert_eq!(events[7].1["usage"]["output_tokens"], 9);
        assert_eq!(events[7].1["delta"]["stop_reason"], "end_turn");
    }

    #[test]
    fn tool_input_arrives_as_json_in_pieces() {
        let input = json!({"command": "echo a long enough command"});
        let call = Content::ToolUse {
            name: "Bash".to_owned(),
            input: input.clone(),
        };
        let events = played(&answer(vec![call], Pace { chars: 1, ms: 0 }), None);
        assert_eq!(events[1].1["content_block"]["input"], json!({}));
        let parts = events
            .iter()
            .filter_map(|(_, data)| data["delta"]["partial_json"].as_str());
        let parts: Vec<_> = parts.collect();
        assert!(parts.len() > 1);
        assert_eq!(
            serde_json::from_str::<Value>(&parts.concat()).unwrap(),
            input
        );
    }

    #[test]
    fn a_cut_breaks_the_stream_after_so_many_characters() {
        let events = played(
            &hello(),
            Some(&Fault::Cut {
                after_chars: 5,
                times: 1,
            }),
        );
        assert_eq!(text(&events), "größe");
        assert_eq!(names(&events).last(), Some(&"[cut]"));
        let late = played(
            &hello(),
            Some(&Fault::Cut {
                after_chars: 99,
                times: 1,
            }),
        );
        assert_eq!(
            (text(&late).as_str(), names(&late).last()),
            ("größer", Some(&"[cut]"))
        );
    }

    #[test]
    fn a_stall_waits_and_goes_on() {
        let stall = Fault::Stall {
            after_chars: 2,
            seconds: 3,
            times: 1,
        };
        let events = played(&hello(), Some(&stall));
        assert_eq!(text(&events), "größer");
        assert_eq!(
            names(&events)
                .iter()
                .filter(|name| **name == "[wait 3s]")
                .count(),
            1
        );
        assert_eq!(names(&events).last(), Some(&"message_stop"));
    }

    #[test]
    fn an_error_event_ends_the_stream() {
        let kind = "overloaded_error".to_owned();
        let fault = Fault::ErrorEvent {
            after_chars: 0,
            kind,
            message: "Overloaded".to_owned(),
            times: 1,
        };
        let events = played(&hello(), Some(&fault));
        let (name, data) = events.last().unwrap();
        assert_eq!((name.as_str(), text(&events).as_str()), ("error", ""));
        assert_eq!(data["error"]["type"], "overloaded_error");
    }

    #[test]
    fn thinking_is_signed() {
        let events = played(
            &answer(vec![Content::Thinking("Hm".to_owned())], Pace::default()),
            None,
        );
        assert_eq!(events[2].1["delta"]["thinking"], "Hm");
        assert_eq!(events[3].1["delta"]["type"], "signature_delta");
    }

    #[test]
    fn usage_is_estimated_from_lengths_unless_given() {
        let mut reply = hello();
        assert_eq!(
            Tokens::of(&reply, 400, 40),
            Tokens {
                input: 4,
                output: 3,
                cache_read: 91,
                cache_write: 11
            }
        );
        reply.usage.output = Some(7);
        assert_eq!(Tokens::of(&reply, 0, 9).output, 7);
    }
}
