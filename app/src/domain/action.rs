//! What an agent is doing, in plain words: the server stores it with each tool call, the pages
//! show it, and both agree because it is decided here.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The longest target in characters; a page has one line for it.
const TARGET_LIMIT: usize = 160;

/// What a tool call does, as a verb a page can pick an icon for.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    derive_more::Display,
    derive_more::FromStr,
)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// A file is changed.
    Editing,
    /// A file is created or replaced.
    Writing,
    /// A file is looked at.
    Reading,
    /// A shell command is executed.
    Running,
    /// Files or their content are searched.
    Searching,
    /// A page of the web is fetched.
    Fetching,
    /// Work is handed to a subagent.
    Delegating,
    /// A list of things to do is kept.
    Planning,
    /// A person is asked something.
    Asking,
    /// Something is needed from a person.
    Requesting,
    /// The platform is told how far the work is.
    Reporting,
    /// Any other tool.
    Using,
}

/// One tool call in plain words: "Editing src/main.rs".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, derive_more::Display)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[display("{verb} {target}")]
pub struct Action {
    /// What is done.
    pub verb: Verb,
    /// To what: a path relative to the workspace, a command, a question. One line.
    pub target: String,
}

/// Says in plain words what a call of `tool` does. Paths are shown relative to `workspace`.
pub fn describe(tool: &str, input: &Value, workspace: &str) -> Action {
    let field = |name: &str| input.get(name).and_then(Value::as_str).unwrap_or_default();
    let path = |name: &str| relative(field(name), workspace);
    let (verb, target) = match tool {
        "Edit" | "MultiEdit" => (Verb::Editing, path("file_path")),
        "NotebookEdit" => (Verb::Editing, path("notebook_path")),
        "Write" => (Verb::Writing, path("file_path")),
        "Read" => (Verb::Reading, path("file_path")),
        "LS" => (Verb::Reading, path("path")),
        "Bash" => (Verb::Running, field("command")),
        "Grep" | "Glob" => (Verb::Searching, field("pattern")),
        "ToolSearch" | "WebSearch" => (Verb::Searching, field("query")),
        "WebFetch" => (Verb::Fetching, field("url")),
        "Task" | "Agent" => (Verb::Delegating, field("description")),
        "TodoWrite" | "TaskCreate" | "TaskUpdate" | "EnterPlanMode" | "ExitPlanMode" => {
            (Verb::Planning, "the next steps")
        }
        "Skill" => (Verb::Using, field("skill")),
        "AskUserQuestion" => (Verb::Asking, first_question(input)),
        "mcp__platform__ask_user" => (Verb::Asking, field("question")),
        "mcp__platform__request_dependency" => (Verb::Requesting, field("name")),
        "mcp__platform__report_step" => (Verb::Reporting, field("step")),
        "mcp__platform__complete_phase" => (Verb::Reporting, "the phase as complete"),
        "mcp__platform__report_error" => (Verb::Reporting, field("message")),
        _ => (Verb::Using, ""),
    };
    let target = if target.trim().is_empty() {
        tool
    } else {
        target
    };
    Action {
        verb,
        target: one_line(target),
    }
}

fn first_question(input: &Value) -> &str {
    input
        .pointer("/questions/0/question")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// `path` without the workspace in front; paths elsewhere stay as they are.
fn relative<'a>(path: &'a str, workspace: &str) -> &'a str {
    let root = workspace.trim_end_matches('/');
    match path.strip_prefix(root) {
        Some("" | "/") if !root.is_empty() => ".",
        Some(rest) if !root.is_empty() && rest.starts_with('/') => rest.trim_start_matches('/'),
        _ => path,
    }
}

/// The text on one line, without control characters, cut at [`TARGET_LIMIT`].
fn one_line(text: &str) -> String {
    let printable = text.replace(|c: char| c.is_control() && !c.is_whitespace(), "");
    let words = printable.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.chars().count() <= TARGET_LIMIT {
        return words;
    }
    let mut cut: String = words.chars().take(TARGET_LIMIT - 1).collect();
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::describe;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    #[test]
    fn calls_are_told_in_plain_words() {
        let cases = [
            (
                "Edit",
                json!({"file_path": "/workspace/src/main.rs"}),
                "Editing src/main.rs",
            ),
            (
                "Write",
                json!({"file_path": "/workspace/docs/a b.md"}),
                "Writing docs/a b.md",
            ),
            (
                "Read",
                json!({"file_path": "/etc/hosts"}),
                "Reading /etc/hosts",
            ),
            (
                "Read",
                json!({"file_path": "/workspaces/x"}),
                "Reading /workspaces/x",
            ),
            (
                "Bash",
                json!({"command": "cargo  test\n--all"}),
                "Running cargo test --all",
            ),
            ("Grep", json!({"pattern": "fn main"}), "Searching fn main"),
            (
                "WebFetch",
                json!({"url": "https://example.org"}),
                "Fetching https://example.org",
            ),
            (
                "Task",
                json!({"description": "review the tests"}),
                "Delegating review the tests",
            ),
            (
                "AskUserQuestion",
                json!({"questions": [{"question": "Which?"}]}),
                "Asking Which?",
            ),
            (
                "mcp__platform__report_step",
                json!({"step": "01_idea"}),
                "Reporting 01_idea",
            ),
            (
                "mcp__platform__complete_phase",
                json!({}),
                "Reporting the phase as complete",
            ),
            ("SomethingNew", json!({"x": 1}), "Using SomethingNew"),
            ("Bash", json!({}), "Running Bash"),
            ("LS", json!({"path": "/workspace"}), "Reading ."),
        ];
        for (tool, input, expected) in cases {
            assert_eq!(describe(tool, &input, "/workspace").to_string(), expected);
        }
    }

    #[test]
    fn a_long_target_is_cut_visibly() {
        let action = describe("Bash", &json!({"command": "x".repeat(1000)}), "/workspace");
        assert_eq!(action.target.chars().count(), 160);
        assert!(action.target.ends_with('…'));
    }

    proptest! {
        #[test]
        fn any_input_gives_one_printable_line(tool in ".{0,40}", text in ".{0,400}") {
            for input in [json!({"file_path": text, "command": text}), Value::String(text)] {
                let action = describe(&tool, &input, "/workspace");
                prop_assert!(action.target.chars().count() <= 160);
                prop_assert!(!action.target.contains(char::is_control));
            }
        }
    }
}
