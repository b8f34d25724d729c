//! What a secret is, beside its value.

use std::str::FromStr;

use app::domain::id::TaskId;
pub use app::domain::settings::SecretKind;
use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret as _, SecretSlice};
use uuid::Uuid;

use crate::store::LOCAL_TEAM;

/// The longest name, in bytes.
const NAME_LIMIT: usize = 128;

/// Shorter values are not told by their end: too little would be left to guess.
const TELLING_LENGTH: usize = 24;

/// How much of the end is told, in characters.
const TOLD: usize = 4;

/// Whose secret it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// One task's, given to it as a dependency. No other task sees it.
    Task(TaskId),
    /// A reusable one: a task has it if a person grants it.
    Named,
    /// What a task's conversations are sealed with. No agent has it.
    Transcripts(TaskId),
    /// The platform's own, such as an integration's token. No task has it.
    Settings,
}

impl Scope {
    /// As it is stored.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Task(_) => "task",
            Self::Named => "named",
            Self::Transcripts(_) => "transcripts",
            Self::Settings => "settings",
        }
    }

    /// The task, or the team.
    pub(super) fn owner(self) -> Uuid {
        match self {
            Self::Task(task) | Self::Transcripts(task) => task.as_uuid(),
            Self::Named | Self::Settings => LOCAL_TEAM,
        }
    }
}

/// A name of letters, digits, `_`, `-` and `.`: it can stand in a path, a variable and a log line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, derive_more::Display)]
pub struct SecretName(String);

/// Why a name can't be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// It is empty or very long.
    #[error("must have 1 to {NAME_LIMIT} characters")]
    Length,
    /// It has other characters, or begins with a dot or a dash.
    #[error("may have letters, digits, _, - and ., and begins with a letter, a digit or _")]
    Characters,
}

impl SecretName {
    /// For what has no name, or none that can be told.
    pub fn unnamed() -> Self {
        Self("unnamed".to_owned())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SecretName {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, NameError> {
        if name.is_empty() || name.len() > NAME_LIMIT {
            return Err(NameError::Length);
        }
        let is_word = |character: char| character.is_ascii_alphanumeric() || character == '_';
        let is_inner = |character: char| is_word(character) || matches!(character, '-' | '.');
        if !name.starts_with(is_word) || !name.chars().all(is_inner) {
            return Err(NameError::Characters);
        }
        Ok(Self(name.to_owned()))
    }
}

/// A secret as people see it in a list: without its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretSummary {
    pub name: SecretName,
    pub kind: SecretKind,
    pub created_at: DateTime<Utc>,
    /// When the value was given last.
    pub updated_at: DateTime<Utc>,
}

/// A secret with its value, which is wiped when dropped and never printed.
#[derive(Debug)]
pub struct Secret {
    pub name: SecretName,
    pub kind: SecretKind,
    pub value: SecretSlice<u8>,
}

impl Secret {
    /// The end of a long value of one line, to tell it from others.
    pub fn last_four(&self) -> Option<String> {
        match self.kind {
            SecretKind::Variable => {
                telling_end(std::str::from_utf8(self.value.expose_secret()).ok()?)
            }
            SecretKind::File => None,
        }
    }
}

/// The end of a long value of one line.
pub fn telling_end(value: &str) -> Option<String> {
    let is_line = value.bytes().all(|byte| byte.is_ascii_graphic());
    let is_long = is_line && value.len() >= TELLING_LENGTH;
    is_long.then(|| value[value.len() - TOLD..].to_owned())
}

/// What a task's agents may have.
#[derive(Debug, Default)]
pub struct TaskSecrets {
    /// Given for this task.
    pub own: Vec<Secret>,
    /// Reusable ones that it was granted.
    pub granted: Vec<Secret>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_stand_anywhere() {
        for good in ["TOKEN", "_x", "service-account.json", "9"] {
            assert!(good.parse::<SecretName>().is_ok(), "{good}");
        }
        let long = "x".repeat(129);
        for bad in ["", ".env", "-rf", "a/b", "a b", "a]", "ä", "a\n", &long] {
            assert!(bad.parse::<SecretName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn only_the_end_of_a_long_secret_is_told() {
        let end = telling_end("sk-ant-api03-0123456789-abcd");
        assert_eq!(end.as_deref(), Some("abcd"));
        assert_eq!(telling_end("sk-ant-0123456789-abcde"), None);
        assert_eq!(telling_end(&"ä".repeat(40)), None);
        assert_eq!(telling_end("postgres://me:pw@db.example/x\ny"), None);
    }
}
