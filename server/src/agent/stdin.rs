//! The line protocol of the Claude CLI, write side. Pure: every function gives one line.
//!
//! A malformed line kills the CLI, so lines are only ever made here, from values.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use uuid::Uuid;

/// When a message takes effect that is sent during a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// After the running tool call, within the running turn.
    Next,
}

/// The answer to a permission request.
#[derive(Clone, Debug, PartialEq)]
pub enum PermissionAnswer {
    /// The tool may run.
    Allow {
        /// Other arguments than those asked for, if any.
        updated_input: Option<Value>,
    },
    /// The tool may not run.
    Deny {
        /// Shown to the model verbatim.
        message: String,
        /// Whether the turn ends as well.
        interrupt: bool,
    },
}

/// The answer to a hook.
#[derive(Clone, Debug, PartialEq)]
pub enum HookAnswer {
    /// No opinion: the ordinary way goes on.
    Continue,
    /// `PreToolUse`: end the turn here; a later process asks again.
    Defer,
    /// `PreToolUse`: the tool may not run; the model is told why.
    Deny(String),
    /// `PreToolUse`: the tool may run, without asking for permission.
    Allow {
        /// Other arguments than those asked for, if any.
        updated_input: Option<Value>,
    },
    /// `Stop`: the agent must go on; it is told why.
    Block(String),
}

/// A user message. The same uuid sent twice is one message for the CLI.
pub fn user(uuid: Uuid, text: &str, priority: Option<Priority>) -> String {
    let mut message = json!({
        "type": "user",
        "message": {"role": "user", "content": text},
        "parent_tool_use_id": null,
        "session_id": "",
        "uuid": uuid,
    });
    if let Some(priority) = priority {
        message["priority"] = match priority {
            Priority::Next => "next",
        }
        .into();
    }
    line(&message)
}

/// Registers the platform's hooks and adds to the system prompt; the CLI answers once it is ready.
pub fn initialize(
    request_id: &str,
    deferrable_tools: &str,
    append_system_prompt: Option<&str>,
) -> String {
    let mut body = json!({
        "subtype": "initialize",
        "hooks": {
            "PreToolUse": [{"matcher": deferrable_tools, "hookCallbackIds": ["pre_tool_use"]}],
            "Stop": [{"hookCallbackIds": ["stop"]}],
        },
    });
    if let Some(prompt) = append_system_prompt {
        body["appendSystemPrompt"] = prompt.into();
    }
    request(request_id, &body)
}

/// Takes back a message that the CLI has not taken up; its lifecycle tells whether it was in time.
pub fn withdraw(request_id: &str, uuid: Uuid) -> String {
    request(
        request_id,
        &json!({"subtype": "cancel_async_message", "message_uuid": uuid}),
    )
}

/// Ends the running turn, and drops what was queued for it.
pub fn interrupt_all(request_id: &str) -> String {
    request(
        request_id,
        &json!({"subtype": "interrupt", "cancel_queued": true}),
    )
}

/// Ends the running turn.
pub fn interrupt(request_id: &str) -> String {
    request(request_id, &json!({"subtype": "interrupt"}))
}

/// Adds variables to the environment of the agent's commands, effective at once and kept in the
/// CLI's memory only. An empty value blanks a variable; none can be removed.
pub fn apply_environment(request_id: &str, variables: &BTreeMap<String, String>) -> String {
    request(
        request_id,
        &json!({"subtype": "apply_flag_settings", "settings": {"env": variables}}),
    )
}

/// Answers a permission request.
pub fn permission_answer(request_id: &str, answer: &PermissionAnswer) -> String {
    let body = match answer {
        PermissionAnswer::Allow {
            updated_input: None,
        } => json!({"behavior": "allow"}),
        PermissionAnswer::Allow {
            updated_input: Some(input),
        } => {
            json!({"behavior": "allow", "updatedInput": input})
        }
        PermissionAnswer::Deny {
            message,
            interrupt: false,
        } => {
            json!({"behavior": "deny", "message": message})
        }
        PermissionAnswer::Deny {
            message,
            interrupt: true,
        } => {
            json!({"behavior": "deny", "message": message, "interrupt": true})
        }
    };
    success(request_id, &body)
}

/// Answers a hook.
pub fn hook_answer(request_id: &str, answer: &HookAnswer) -> String {
    let decision = |decision: Value| {
        let mut output = json!({"hookEventName": "PreToolUse"});
        if let (Some(output), Value::Object(decision)) = (output.as_object_mut(), decision) {
            output.extend(decision);
        }
        json!({"hookSpecificOutput": output})
    };
    let body = match answer {
        HookAnswer::Continue => json!({}),
        HookAnswer::Defer => decision(json!({"permissionDecision": "defer"})),
        HookAnswer::Deny(reason) => decision(json!({
            "permissionDecision": "deny",
            "permissionDecisionReason": reason,
        })),
        HookAnswer::Allow {
            updated_input: None,
        } => decision(json!({"permissionDecision": "allow"})),
        HookAnswer::Allow {
            updated_input: Some(input),
        } => decision(json!({"permissionDecision": "allow", "updatedInput": input})),
        HookAnswer::Block(reason) => json!({"decision": "block", "reason": reason}),
    };
    success(request_id, &body)
}

/// Refuses a request that the platform does not serve.
pub fn refusal(request_id: &str, error: &str) -> String {
    line(&json!({
        "type": "control_response",
        "response": {"subtype": "error", "request_id": request_id, "error": error},
    }))
}

fn request(request_id: &str, request: &Value) -> String {
    line(&json!({"type": "control_request", "request_id": request_id, "request": request}))
}

fn success(request_id: &str, response: &Value) -> String {
    line(&json!({
        "type": "control_response",
        "response": {"subtype": "success", "request_id": request_id, "response": response},
    }))
}

fn line(message: &Value) -> String {
    let mut line = message.to_string();
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn messages_have_the_shape_the_cli_reads() {
        let lines = [
            user(Uuid::nil(), "go", None),
            user(Uuid::nil(), "then", Some(Priority::Next)),
            initialize("req-1", "AskUserQuestion", Some("Be brief.")),
            interrupt("req-2"),
            interrupt_all("req-4"),
            withdraw("req-5", Uuid::nil()),
            apply_environment("req-3", &BTreeMap::from([("K".to_owned(), "v".to_owned())])),
            permission_answer(
                "p",
                &PermissionAnswer::Allow {
                    updated_input: None,
                },
            ),
            permission_answer(
                "p",
                &PermissionAnswer::Deny {
                    message: "no".into(),
                    interrupt: true,
                },
            ),
            hook_answer("h", &HookAnswer::Continue),
            hook_answer("h", &HookAnswer::Defer),
            hook_answer("h", &HookAnswer::Deny("because".into())),
            hook_answer(
                "h",
                &HookAnswer::Allow {
                    updated_input: Some(json!({"a": 1})),
                },
            ),
            hook_answer("h", &HookAnswer::Block("write the file".into())),
            refusal("x", "not served"),
        ];
        insta::assert_snapshot!(lines.concat());
    }

    proptest! {
        #[test]
        fn whatever_is_said_stays_on_one_line(text in any::<String>()) {
            let line = user(Uuid::nil(), &text, None);
            prop_assert_eq!(line.find('\n'), Some(line.len() - 1));
            let back: Value = serde_json::from_str(&line).unwrap();
            prop_assert_eq!(back["message"]["content"].as_str(), Some(text.as_str()));
        }
    }
}
