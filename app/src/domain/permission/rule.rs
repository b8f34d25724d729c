//! What a person has allowed for a whole task, and how one call is decided.

use serde::{Deserialize, Serialize};

use crate::domain::id::RuleId;
use crate::domain::text::RuleText;
use crate::domain::word::words;

/// The most rules that a task may have.
pub const MAX_RULES: usize = 200;

words! {
    /// A person's decision on one call.
    pub enum Consent {
        /// This call may go through.
        Once,
        /// So may all of its kind, for the rest of the task.
        Task,
        /// It may not.
        Deny,
    }
}

/// Calls that need no more yes. What belongs to git or to the platform stays closed all the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum PermissionRule {
    /// Commands whose words begin with these, wherever they stand in a line.
    Command { begins_with: RuleText },
    /// This very line of commands.
    Line { command: RuleText },
    /// Changing a file, or whatever lies in a folder, which ends with a slash.
    Edit { path: RuleText },
    /// Reading a file, or whatever lies in a folder, which ends with a slash.
    Read { path: RuleText },
    /// Fetching pages from a host.
    Fetch { host: RuleText },
    /// Any use of a tool.
    Tool { tool: RuleText },
}

words! {
    /// The kind of a rule, by its name on the wire.
    pub enum RuleKind {
        Command,
        Line,
        Edit,
        Read,
        Fetch,
        Tool,
    }
}

impl RuleKind {
    /// The rule of this kind.
    pub fn rule(self, subject: RuleText) -> PermissionRule {
        match self {
            Self::Command => PermissionRule::Command {
                begins_with: subject,
            },
            Self::Line => PermissionRule::Line { command: subject },
            Self::Edit => PermissionRule::Edit { path: subject },
            Self::Read => PermissionRule::Read { path: subject },
            Self::Fetch => PermissionRule::Fetch { host: subject },
            Self::Tool => PermissionRule::Tool { tool: subject },
        }
    }

    /// For people: what the subject of such a rule is preceded by.
    pub const fn phrase(self) -> &'static str {
        match self {
            Self::Command => "Run commands that begin with",
            Self::Line => "Run exactly",
            Self::Edit => "Change",
            Self::Read => "Read",
            Self::Fetch => "Fetch from",
            Self::Tool => "Use the tool",
        }
    }
}

impl PermissionRule {
    /// What it allows is of this kind.
    pub const fn kind(&self) -> RuleKind {
        match self {
            Self::Command { .. } => RuleKind::Command,
            Self::Line { .. } => RuleKind::Line,
            Self::Edit { .. } => RuleKind::Edit,
            Self::Read { .. } => RuleKind::Read,
            Self::Fetch { .. } => RuleKind::Fetch,
            Self::Tool { .. } => RuleKind::Tool,
        }
    }

    /// What it allows that kind of call for.
    pub fn subject(&self) -> &str {
        match self {
            Self::Command {
                begins_with: subject,
            }
            | Self::Line { command: subject }
            | Self::Edit { path: subject }
            | Self::Read { path: subject }
            | Self::Fetch { host: subject }
            | Self::Tool { tool: subject } => subject.as_str(),
        }
    }
}

/// A rule in its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct GrantedRule {
    pub id: RuleId,
    pub rule: PermissionRule,
}

/// A call that waits for a person's decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct AskedPermission {
    /// The tool.
    pub tool: String,
    /// Why the task's mode leaves it to a person.
    pub why: String,
    /// What `text` is.
    pub form: CallForm,
    /// What would be done, without secrets.
    pub text: String,
    /// How much of it is left out, in bytes.
    #[serde(default)]
    pub omitted: u64,
    /// Tells this very call from any other; says nothing by itself.
    pub fingerprint: String,
    /// What a yes for the whole task allows; nothing if there can be none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub offered: Vec<GrantedRule>,
}

words! {
    /// How a call is shown.
    pub enum CallForm {
        /// A line of commands.
        Command,
        /// Lines of a file, each after a sign: taken away (`-`), put there (`+`), kept (space).
        Change,
        /// Arguments, or a plan.
        Text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_made_of_its_kind_and_its_subject() {
        for kind in RuleKind::ALL {
            let rule = kind.rule("x y".parse().unwrap());
            assert_eq!((rule.kind(), rule.subject()), (kind, "x y"));
            let json = serde_json::to_value(&rule).unwrap();
            assert_eq!(json["kind"], kind.to_string());
            assert_eq!(
                serde_json::from_value::<PermissionRule>(json).unwrap(),
                rule
            );
        }
    }
}
