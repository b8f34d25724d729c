//! The five tools of the platform: their schemas, and calls of them read strictly. Pure.

use app::domain::task::DependencyNameError;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::request::{
    DependencyKind, DependencyRequest, FIELD_LIMIT, FailureKind, FailureReport, PhaseReport,
    QuestionCategory, StepReport, UserQuestion,
};

/// The most items in a list of a call.
const LIST_LIMIT: usize = 1000;

/// A call of one of the platform's tools.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlatformTool {
    /// Ask a person.
    AskUser(UserQuestion),
    /// Need something from a person.
    RequestDependency(DependencyRequest),
    /// Tell how far a step is.
    ReportStep(StepReport),
    /// Tell that a phase is complete.
    CompletePhase(PhaseReport),
    /// Tell that something failed.
    ReportError(FailureReport),
}

/// Why a call is refused; the text tells the agent what to do better.
#[derive(Debug, thiserror::Error)]
pub enum ToolCallError {
    /// There is no such tool.
    #[error("The platform has no tool \"{name}\".")]
    UnknownTool {
        /// The name that was called.
        name: String,
    },
    /// The arguments are not as the schema says.
    #[error("The arguments are not as the schema of the tool says: {0}.")]
    Arguments(serde_json::Error),
    /// A text is empty.
    #[error("\"{field}\" must not be empty.")]
    Empty {
        /// The argument.
        field: &'static str,
    },
    /// Two items are the same.
    #[error("\"{field}\" must not say the same twice.")]
    Repeated {
        /// The argument.
        field: &'static str,
    },
    /// A text is too long.
    #[error("\"{field}\" must not be longer than {FIELD_LIMIT} bytes.")]
    TooLong {
        /// The argument.
        field: &'static str,
    },
    /// A list is too long.
    #[error("\"{field}\" must not have more than {LIST_LIMIT} items.")]
    TooMany {
        /// The argument.
        field: &'static str,
    },
    /// A name that what is needed can't have.
    #[error("\"name\" {0}.")]
    Name(DependencyNameError),
    /// A phase number that is none.
    #[error("\"phase\" is the number of the phase, from 1.")]
    NotAPhase,
}

impl PlatformTool {
    /// Reads a call, and refuses what the schema does not allow.
    pub fn read(name: &str, arguments: Value) -> Result<Self, ToolCallError> {
        let arguments = match arguments {
            Value::Null => json!({}),
            other => other,
        };
        let tool = match name {
            "ask_user" => Self::AskUser(typed(arguments)?),
            "request_dependency" => Self::RequestDependency(typed(arguments)?),
            "report_step" => Self::ReportStep(typed(arguments)?),
            "complete_phase" => Self::CompletePhase(typed(arguments)?),
            "report_error" => Self::ReportError(typed(arguments)?),
            _ => {
                return Err(ToolCallError::UnknownTool {
                    name: name.chars().take(100).collect(),
                });
            }
        };
        tool.check()?;
        Ok(tool)
    }

    fn check(&self) -> Result<(), ToolCallError> {
        match self {
            Self::AskUser(question) => {
                check::text("question", &question.question)?;
                check::optional("default", question.default.as_ref())?;
                check::list("options", &question.options)
            }
            Self::RequestDependency(dependency) => {
                check::text("name", &dependency.name)?;
                check::text("description", &dependency.description)?;
                let name = dependency.kind.check_name(&dependency.name);
                name.map_err(ToolCallError::Name)
            }
            Self::ReportStep(report) => {
                check::text("step", &report.step)?;
                check::optional("note", report.note.as_ref())
            }
            Self::CompletePhase(report) => {
                if report.phase == 0 {
                    return Err(ToolCallError::NotAPhase);
                }
                check::text("summary", &report.summary)?;
                check::list("files", &report.files)
            }
            Self::ReportError(report) => {
                check::text("message", &report.message)?;
                check::optional("details", report.details.as_ref())
            }
        }
    }
}

fn typed<T: DeserializeOwned>(arguments: Value) -> Result<T, ToolCallError> {
    serde_json::from_value(arguments).map_err(ToolCallError::Arguments)
}

/// What every argument is held to.
pub(crate) mod check {
    use super::{FIELD_LIMIT, LIST_LIMIT, ToolCallError};

    /// A text that has to say something.
    pub(crate) fn text(field: &'static str, text: &str) -> Result<(), ToolCallError> {
        if text.trim().is_empty() {
            return Err(ToolCallError::Empty { field });
        }
        length(field, text)
    }

    /// A text that may be empty.
    pub(crate) fn length(field: &'static str, text: &str) -> Result<(), ToolCallError> {
        if text.len() > FIELD_LIMIT {
            return Err(ToolCallError::TooLong { field });
        }
        Ok(())
    }

    /// How many items a list has.
    pub(crate) fn count(field: &'static str, items: usize) -> Result<(), ToolCallError> {
        if items > LIST_LIMIT {
            return Err(ToolCallError::TooMany { field });
        }
        Ok(())
    }

    pub(super) fn optional(
        field: &'static str,
        value: Option<&String>,
    ) -> Result<(), ToolCallError> {
        value.map_or(Ok(()), |value| length(field, value))
    }

    pub(super) fn list(field: &'static str, items: &[String]) -> Result<(), ToolCallError> {
        count(field, items.len())?;
        items.iter().try_for_each(|item| text(field, item))
    }
}

/// The tools as the protocol lists them.
pub fn list_of_tools() -> Value {
    let words = |description: &str| json!({"type": "string", "description": description});
    let one_of = |names: &[&str]| json!({"type": "string", "enum": names});
    let tool = |name: &str, description: &str, required: &[&str], properties: Value| {
        json!({
            "name": name,
            "description": description,
            "inputSchema": {
                "type": "object",
                "properties": properties,
                "required": required,
                "additionalProperties": false,
            },
            "_meta": {"anthropic/alwaysLoad": true},
        })
    };
    json!({"tools": [
        tool(
            "ask_user",
            "Ask the person you work for. Your work stops here and goes on with the answer.",
            &["category", "question"],
            json!({
                "category": one_of(&QuestionCategory::NAMES),
                "question": words("The question, complete in itself."),
                "options": {"type": "array", "items": {"type": "string"},
                    "description": "Answers to pick from; another answer is always possible."},
                "default": words("The answer you would take."),
                "required": {"type": "boolean", "description": "False if you can go on without."},
            }),
        ),
        tool(
            "request_dependency",
            "Ask for something only a person can give, such as a key. Your work stops here and \
             goes on when it is there or declined.",
            &["type", "name", "description"],
            json!({
                "type": one_of(&DependencyKind::NAMES),
                "name": words("Its name: of a key or a variable the environment variable you will \
                    find it in, such as GITHUB_TOKEN; of a file its name, such as key.pem."),
                "description": words("What it is for and where to get it."),
                "required": {"type": "boolean", "description": "False if you can go on without."},
            }),
        ),
        tool(
            "report_step",
            "Tell that you begin or have finished a step of the phase.",
            &["step", "status"],
            json!({
                "step": words("The step's id, such as 01_idea."),
                "status": one_of(&["started", "completed"]),
                "note": words("A remark for the person."),
            }),
        ),
        tool(
            "complete_phase",
            "Tell that the phase is complete: every deliverable is written and checked.",
            &["phase", "summary", "files"],
            json!({
                "phase": {"type": "integer", "minimum": 1, "description": "The phase's number."},
                "summary": words("What was done and what the person should look at."),
                "files": {"type": "array", "items": {"type": "string"},
                    "description": "The files of this phase, relative to the work directory."},
            }),
        ),
        tool(
            "report_error",
            "Tell about a failure that you can't put right.",
            &["type", "message"],
            json!({
                "type": one_of(&FailureKind::NAMES),
                "message": words("What failed."),
                "details": words("Output, paths, what you have tried."),
            }),
        ),
    ]})
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refusal(name: &str, arguments: Value) -> String {
        PlatformTool::read(name, arguments).unwrap_err().to_string()
    }

    #[test]
    fn valid_calls_are_read() {
        let calls = [
            (
                "ask_user",
                json!({"category": "choice", "question": "Which?", "options": ["a"]}),
            ),
            (
                "request_dependency",
                json!({"type": "api_key", "name": "K", "description": "d"}),
            ),
            (
                "report_step",
                json!({"step": "01_idea", "status": "completed", "note": null}),
            ),
            (
                "complete_phase",
                json!({"phase": 1, "summary": "s", "files": []}),
            ),
            (
                "report_error",
                json!({"type": "missing_file", "message": "m"}),
            ),
        ];
        for (name, arguments) in calls {
            assert!(PlatformTool::read(name, arguments).is_ok(), "{name}");
        }
    }

    #[test]
    fn a_wrong_call_is_told_what_is_wrong() {
        let told = [
            refusal("delete_everything", json!({})),
            refusal("ask_user", Value::Null),
            refusal("ask_user", json!({"category": "gossip", "question": "?"})),
            refusal("ask_user", json!({"category": "choice", "question": " "})),
            refusal(
                "report_step",
                json!({"step": "x", "status": "started", "extra": 1}),
            ),
            refusal(
                "complete_phase",
                json!({"phase": 0, "summary": "s", "files": []}),
            ),
            refusal(
                "complete_phase",
                json!({"phase": "1", "summary": "s", "files": []}),
            ),
            refusal(
                "report_error",
                json!({"type": "missing_file", "message": "x".repeat(10_241)}),
            ),
        ];
        insta::assert_snapshot!(told.join("\n"));
    }

    #[test]
    fn every_listed_tool_can_be_called() {
        let listed = list_of_tools();
        let names = listed["tools"]
            .as_array()
            .unwrap()
            .iter()
            .map(|tool| &tool["name"]);
        for name in names {
            let error = PlatformTool::read(name.as_str().unwrap(), json!({})).unwrap_err();
            assert!(matches!(error, ToolCallError::Arguments(_)), "{name}");
        }
        assert_eq!(listed["tools"].as_array().unwrap().len(), 5);
    }

    proptest! {
        #[test]
        fn any_arguments_are_survived(
            name in "ask_user|complete_phase|.{0,10}",
            field in "category|phase|question|.{0,5}",
            value in ".{0,20}",
        ) {
            PlatformTool::read(&name, json!({field: value})).ok();
        }
    }
}
