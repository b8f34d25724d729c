//! What a process says, on its way in: secrets are taken out first, then it is understood.

use std::borrow::Cow;
use std::path::PathBuf;

use chrono::{DateTime, Utc};

use super::event::{AgentEvent, RawInput};
use super::lines::Line;
use super::protocol::{Message, parse};
use super::translate::{Translation, translate};
use crate::redaction::{AgentRedaction, KnownSecrets};

/// Hears one process. Nothing of its output reaches anybody in another way.
pub(super) struct Hearing {
    workspace: PathBuf,
    redaction: AgentRedaction,
}

impl Hearing {
    /// `workspace` is the work directory as the agent sees it.
    pub(super) fn new(workspace: PathBuf, secrets: KnownSecrets) -> Self {
        Self {
            workspace,
            redaction: AgentRedaction::new(secrets),
        }
    }

    /// A line of standard output.
    pub(super) fn stdout(&mut self, line: &Line, at: DateTime<Utc>) -> Translation {
        let mut translation = match self.redaction.line(&line.text, line.cut > 0) {
            Cow::Borrowed(_) => translate(line, &self.workspace, at),
            Cow::Owned(text) => {
                let clean = Line {
                    text,
                    cut: line.cut,
                };
                let translation = translate(&clean, &self.workspace, at);
                self.restored(translation, line, at)
            }
        };
        let events = std::mem::take(&mut translation.events).into_iter();
        translation.events = events.filter_map(|event| self.words(event)).collect();
        translation
    }

    /// Puts back what must not be changed: words that come in pieces are cleaned as a whole, and
    /// what is permitted has to be what is asked for.
    fn restored(&self, clean: Translation, line: &Line, at: DateTime<Utc>) -> Translation {
        let is_stream = matches!(parse(&line.text), Ok(Message::StreamEvent(_)));
        let asks = |event: &AgentEvent| {
            matches!(
                event,
                AgentEvent::AskPermission(_) | AgentEvent::HookPreToolUse(_)
            )
        };
        if is_stream {
            return translate(line, &self.workspace, at);
        }
        if !clean.events.iter().any(asks) {
            return clean;
        }
        let raw = translate(line, &self.workspace, at).events;
        let mut inputs = raw.into_iter().filter_map(|event| match event {
            AgentEvent::AskPermission(request) => Some(request.input),
            AgentEvent::HookPreToolUse(hook) => Some(hook.raw),
            _ => None,
        });
        let mut clean = clean;
        for event in &mut clean.events {
            let input = match event {
                AgentEvent::AskPermission(request) => &mut request.input,
                AgentEvent::HookPreToolUse(hook) => &mut hook.raw,
                _ => continue,
            };
            *input = inputs.next().unwrap_or(RawInput::default());
        }
        clean
    }

    fn words(&mut self, event: AgentEvent) -> Option<AgentEvent> {
        match event {
            AgentEvent::TextDelta(words) => {
                let clean = self.redaction.words(&words);
                (!clean.is_empty()).then_some(AgentEvent::TextDelta(clean))
            }
            AgentEvent::TextEnded { .. } => {
                self.redaction.end_of_words();
                Some(event)
            }
            event => Some(event),
        }
    }

    /// A line of standard error; the lines that can be told by now.
    pub(super) fn stderr(&mut self, line: &Line) -> Vec<String> {
        self.redaction.stderr(&line.text)
    }

    /// The last lines of standard error.
    pub(super) fn end_of_stderr(&mut self) -> Vec<String> {
        self.redaction.end_of_stderr()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::SecretString;
    use serde_json::{Value, json};

    const SECRET: &str = "hunter2-secret9";

    fn hearing() -> Hearing {
        let secrets = KnownSecrets::default();
        secrets.add_text("PASSWORD", &SecretString::from(SECRET));
        Hearing::new("/workspace".into(), secrets)
    }

    fn heard(hearing: &mut Hearing, message: &Value) -> Vec<AgentEvent> {
        let line = Line {
            text: message.to_string(),
            cut: 0,
        };
        hearing.stdout(&line, DateTime::UNIX_EPOCH).events
    }

    fn delta(text: &str) -> Value {
        json!({"type": "stream_event", "event": {
            "type": "content_block_delta", "delta": {"type": "text_delta", "text": text},
        }})
    }

    #[test]
    fn words_are_clean_however_they_are_cut() {
        for size in 1..20 {
            let mut hearing = hearing();
            let text = format!("It is {SECRET}, and that is {SECRET}");
            let mut words = String::new();
            let bytes: Vec<_> = text.chars().collect();
            for piece in bytes.chunks(size) {
                let piece: String = piece.iter().collect();
                for event in heard(&mut hearing, &delta(&piece)) {
                    let AgentEvent::TextDelta(more) = event else {
                        panic!("{event:?}")
                    };
                    words.push_str(&more);
                }
            }
            assert_eq!(
                words,
                "It is [secret PASSWORD], and that is [secret PASSWORD]"
            );
        }
    }

    #[test]
    fn a_permission_is_judged_by_what_is_asked_and_shown_without_secrets() {
        let request = json!({"type": "control_request", "request_id": "r", "request": {
            "subtype": "can_use_tool", "tool_name": "Bash", "tool_use_id": "t",
            "input": {"command": format!("curl -H {SECRET}")},
        }});
        let events = heard(&mut hearing(), &request);
        let Some(AgentEvent::AskPermission(asked)) = events.last() else {
            panic!("{events:?}")
        };
        assert_eq!(asked.input.value()["command"], format!("curl -H {SECRET}"));
        assert_eq!(asked.shown["command"], "curl -H [secret PASSWORD]");
        assert!(!format!("{events:?}").contains(SECRET));
    }

    #[test]
    fn so_is_a_call_that_a_hook_looks_at() {
        let request = json!({"type": "control_request", "request_id": "r", "request": {
            "subtype": "hook_callback", "callback_id": "pre_tool_use", "input": {
                "hook_event_name": "PreToolUse", "tool_name": "Bash", "tool_use_id": "t",
                "tool_input": {"command": format!("curl -H {SECRET}")},
            },
        }});
        let events = heard(&mut hearing(), &request);
        let Some(AgentEvent::HookPreToolUse(hook)) = events.last() else {
            panic!("{events:?}")
        };
        assert_eq!(hook.raw.value()["command"], format!("curl -H {SECRET}"));
        assert_eq!(hook.input["command"], "curl -H [secret PASSWORD]");
        assert!(!format!("{events:?}").contains(SECRET));
    }

    #[test]
    fn other_lines_are_clean_from_the_start() {
        let mut hearing = hearing();
        let lines = [
            json!({"type": "assistant", "message": {"content": [{"type": "text", "text": SECRET}]}})
                .to_string(),
            format!("{{\"type\": \"{SECRET}\"}} {SECRET}"),
            format!("{{\"type\": \"user\", \"message\": \"{SECRET}"),
        ];
        for text in lines {
            for cut in [0, 10] {
                let line = Line {
                    text: text.clone(),
                    cut,
                };
                let events = hearing.stdout(&line, DateTime::UNIX_EPOCH).events;
                assert!(!format!("{events:?}").contains("hunter2"), "{events:?}");
            }
        }
        // A sign that is escaped without need.
        let hidden = r#"{"type":"assistant","message":{"content":[{"type":"text","text":"hunter\u0032-secret9"}]}}"#;
        let line = |text: &str| Line {
            text: text.to_owned(),
            cut: 0,
        };
        let events = hearing.stdout(&line(hidden), DateTime::UNIX_EPOCH).events;
        let text = format!("{events:?}");
        assert!(text.contains("[secret PASSWORD]"), "{text}");
        assert_eq!(hearing.stderr(&line("no secret")), ["no secret"]);
        assert_eq!(hearing.stderr(&line(SECRET)), ["[secret PASSWORD]"]);
        assert!(hearing.end_of_stderr().is_empty());
    }
}
