//! What a secret is, beside its value.

use std::str::FromStr;

use app::domain::id::TaskId;
use chrono::{DateTime, Utc};
use secrecy::SecretSlice;
use uuid::Uuid;

use crate::store::LOCAL_TEAM;

/// The longest name, in bytes.
const NAME_LIMIT: usize = 128;

/// Whose secret it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// One task's, given to it as a dependency. No other task sees it.
    Task(TaskId),
    /// A reusable one: a task has it if a person grants it.
    Named,
    /// The platform's own, such as an integration's token. No task has it.
    Settings,
}

impl Scope {
    /// As it is stored.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Task(_) => "task",
            Self::Named => "named",
            Self::Settings => "settings",
        }
    }

    /// The task, or the team.
    pub(super) fn owner(self) -> Uuid {
        match self {
            Self::Task(task) => task.as_uuid(),
            Self::Named | Self::Settings => LOCAL_TEAM,
        }
    }
}

/// How an agent gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, derive_more::Display, derive_more::FromStr)]
#[display(rename_all = "snake_case")]
#[from_str(rename_all = "snake_case")]
pub enum SecretKind {
    /// As an environment variable of this name.
    Variable,
    /// As a file of this name.
    File,
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
}
