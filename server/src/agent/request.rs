//! What an agent can tell or ask the platform, however it does so: by a tool or by a text marker.

pub use app::domain::task::DependencyKind;
use serde::Deserialize;

/// The longest single field, in bytes.
pub const FIELD_LIMIT: usize = 10 * 1024;

/// What a question is about.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Deserialize, derive_more::Display, derive_more::FromStr,
)]
#[serde(rename_all = "snake_case")]
#[display(rename_all = "snake_case")]
#[from_str(rename_all = "snake_case")]
pub enum QuestionCategory {
    /// A decision of the business.
    Business,
    /// Something is unclear.
    Clarification,
    /// One of several ways.
    Choice,
    /// A yes or no.
    Confirmation,
}

impl QuestionCategory {
    /// The names, for schemas and error texts.
    pub const NAMES: [&str; 4] = ["business", "clarification", "choice", "confirmation"];
}

/// What kind of failure an agent reports.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Deserialize, derive_more::Display, derive_more::FromStr,
)]
#[serde(rename_all = "snake_case")]
#[display(rename_all = "snake_case")]
#[from_str(rename_all = "snake_case")]
pub enum FailureKind {
    /// A file that should be there is not.
    MissingFile,
    /// A command or program failed.
    ExecutionFailed,
    /// Something is not as it should be.
    ValidationError,
}

impl FailureKind {
    /// The names, for schemas and error texts.
    pub const NAMES: [&str; 3] = ["missing_file", "execution_failed", "validation_error"];
}

/// Something the agent needs from a person.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DependencyRequest {
    /// What kind of thing.
    #[serde(rename = "type")]
    pub kind: DependencyKind,
    /// Its name, such as `GITHUB_TOKEN`.
    pub name: String,
    /// What it is for and where to get it.
    pub description: String,
    /// Whether the work can't go on without it.
    #[serde(default = "yes")]
    pub required: bool,
}

/// Something the agent asks a person.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserQuestion {
    /// What it is about.
    pub category: QuestionCategory,
    /// The question.
    pub question: String,
    /// Answers to pick from; another answer is possible.
    #[serde(default)]
    pub options: Vec<String>,
    /// The answer the agent would take.
    #[serde(default)]
    pub default: Option<String>,
    /// Whether the work can't go on without an answer.
    #[serde(default = "yes")]
    pub required: bool,
}

/// How far a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// The agent works on it.
    Started,
    /// The agent is done with it.
    Completed,
}

/// The agent says how far a step is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepReport {
    /// The step's id, such as `01_idea`.
    pub step: String,
    /// How far it is.
    pub status: StepState,
    /// A remark.
    #[serde(default)]
    pub note: Option<String>,
}

/// The agent says that a phase is complete.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PhaseReport {
    /// The phase's number, from 1.
    pub phase: u32,
    /// What was done.
    pub summary: String,
    /// The files that belong to it, relative to the workspace.
    pub files: Vec<String>,
}

/// The agent says that something failed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailureReport {
    /// What kind of failure.
    #[serde(rename = "type")]
    pub kind: FailureKind,
    /// What failed.
    pub message: String,
    /// More about it.
    #[serde(default)]
    pub details: Option<String>,
}

const fn yes() -> bool {
    true
}
