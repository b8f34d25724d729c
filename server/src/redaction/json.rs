//! Secrets in JSON: in its strings, so that it stays JSON.

use serde_json::{Map, Value};

use super::Redactor;

/// Members through which a message of an agent's program goes on.
const FRAMES: [&str; 9] = [
    "message",
    "request",
    "response",
    "event",
    "delta",
    "content_block",
    "content",
    "mcp_servers",
    "rate_limit_info",
];

/// Members in such frames that are the protocol's own words and ids. A secret that is the same as
/// one of these words must not make the message unreadable.
const WORDS: [&str; 21] = [
    "type",
    "subtype",
    "role",
    "id",
    "uuid",
    "name",
    "model",
    "state",
    "status",
    "session_id",
    "request_id",
    "tool_use_id",
    "parent_tool_use_id",
    "command_uuid",
    "user_message_uuids",
    "tool_name",
    "hook_event_name",
    "callback_id",
    "stop_reason",
    "terminal_reason",
    "claude_code_version",
];

/// Members in such frames that an agent or a tool has written, numbers included. Other numbers are
/// the protocol's counts and times.
const WRITTEN: [&str; 4] = [
    "input",
    "tool_input",
    "structured_output",
    "tool_use_result",
];

impl Redactor {
    /// Removes secrets from all strings, names of members and numbers.
    pub fn redact_json(&self, value: &mut Value) {
        match value {
            Value::String(text) => self.clean(text),
            Value::Number(number) => {
                let text = number.to_string();
                if !self.is_clean(&text) {
                    *value = Value::String(self.redact(&text).into_owned());
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.redact_json(item)),
            Value::Object(members) => {
                members
                    .values_mut()
                    .for_each(|member| self.redact_json(member));
                self.redact_names(members);
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// The same for a message of an agent's program: what the protocol itself says stays.
    pub(super) fn redact_frame(&self, frame: &mut Value) {
        match frame {
            Value::Object(members) => {
                for (name, member) in members.iter_mut() {
                    match name.as_str() {
                        name if WORDS.contains(&name) && !member.is_object() => {}
                        name if WRITTEN.contains(&name) => self.redact_json(member),
                        name if FRAMES.contains(&name) => self.redact_frame(member),
                        _ => self.redact_texts(member),
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.redact_frame(item)),
            other => self.redact_texts(other),
        }
    }

    /// Removes secrets from all strings and names of members.
    fn redact_texts(&self, value: &mut Value) {
        match value {
            Value::String(text) => self.clean(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.redact_texts(item)),
            Value::Object(members) => {
                members
                    .values_mut()
                    .for_each(|member| self.redact_texts(member));
                self.redact_names(members);
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn redact_names(&self, members: &mut Map<String, Value>) {
        if members.keys().all(|name| self.is_clean(name)) {
            return;
        }
        let renamed = std::mem::take(members).into_iter();
        *members = renamed
            .map(|(name, member)| (self.redact(&name).into_owned(), member))
            .collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::SecretName;
    use serde_json::json;

    fn redactor(values: &[&str]) -> Redactor {
        let name: SecretName = "S".parse().unwrap();
        Redactor::new(values.iter().map(|value| (&name, value.as_bytes())))
    }

    #[test]
    fn strings_names_and_numbers_are_cleaned() {
        let mut value = json!({"a": ["x hunter22 y"], "hunter22": 5, "pin": 12_345_678});
        redactor(&["hunter22", "12345678"]).redact_json(&mut value);
        let clean = json!({"a": ["x [secret S] y"], "[secret S]": 5, "pin": "[secret S]"});
        assert_eq!(value, clean);
    }

    #[test]
    fn a_secret_that_is_a_word_of_the_protocol_leaves_the_message_readable() {
        let call = json!({"type": "tool_use", "id": "t", "name": "Bash", "input": {
            "type": "text", "command": "echo assistant", "name": "Bash",
        }});
        let mut value = json!({
            "type": "assistant", "duration_ms": 1234, "usage": {"tokens": 1234}, "message": {
                "role": "assistant",
                "content": [{"type": "text", "text": "the assistant said text"}, call],
            },
        });
        redactor(&["assistant", "text", "Bash", "1234"]).redact_frame(&mut value);
        let clean_call = json!({"type": "tool_use", "id": "t", "name": "Bash", "input": {
            "type": "[secret S]", "command": "echo [secret S]", "name": "[secret S]",
        }});
        let clean = json!({
            "type": "assistant", "duration_ms": 1234, "usage": {"tokens": 1234}, "message": {
                "role": "assistant",
                "content": [{"type": "text", "text": "the [secret S] said [secret S]"}, clean_call],
            },
        });
        assert_eq!(value, clean);
    }
}
