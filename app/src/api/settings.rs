//! Settings as clients see and change them. The values of secrets only ever go in.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize};

use super::SecretText;
use crate::domain::money::Usd;
use crate::domain::permission::PermissionMode;
use crate::domain::settings::{
    BaseUrl, LoginFolder, PublicUrl, SecretKind, SecretSetting, SettingValues, SlackChannel,
};
use crate::domain::text::ModelName;
use crate::domain::word::words;
use crate::fault::FieldFault;

/// All settings, secrets without their values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct SettingsView {
    /// Goes up with every change; 0 before the first one.
    pub version: u64,
    /// When something was changed last.
    pub updated_at: Option<DateTime<Utc>>,
    #[serde(flatten)]
    pub values: SettingValues,
    /// What the values are unless somebody sets them.
    pub defaults: SettingValues,
    /// The names of those that the server's configuration sets: they can't be changed here.
    pub configured: Vec<String>,
    pub secrets: Vec<SecretSettingView>,
    /// What a person should know of a setting, to follow its name: `can be read by others`.
    #[serde(default)]
    pub warnings: Vec<FieldFault>,
}

impl SettingsView {
    /// Whether the server's configuration sets it.
    pub fn is_configured(&self, name: &str) -> bool {
        self.configured.iter().any(|known| known == name)
    }

    /// What is known of a secret.
    pub fn secret(&self, name: SecretSetting) -> Option<&SecretSettingView> {
        self.secrets.iter().find(|secret| secret.name == name)
    }
}

/// A setting whose value is never shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct SecretSettingView {
    pub name: SecretSetting,
    /// Whether there is a value.
    pub is_set: bool,
    /// The last four characters of a long value, to tell it from others.
    pub last_four: Option<String>,
    /// When the value was given; absent if the server's configuration gives it.
    pub updated_at: Option<DateTime<Utc>>,
}

/// A reusable secret that can be given to tasks by its name. Its value only ever goes in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct SecretView {
    pub name: String,
    pub kind: SecretKind,
    /// The last four characters of a long value, to tell it from others.
    pub last_four: Option<String>,
    /// How many tasks it was given to.
    pub tasks: u32,
    pub created_at: DateTime<Utc>,
    /// When the value was given last.
    pub updated_at: DateTime<Utc>,
}

/// A reusable secret on its way in.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewSecret {
    /// Letters, digits, `_`, `-` and `.`; agents get a variable under its name if it can be one, and under
    /// the name that they asked for.
    pub name: String,
    #[serde(default = "variable")]
    pub kind: SecretKind,
    /// At most 64 KiB.
    #[cfg_attr(feature = "ssr", schema(value_type = String, write_only))]
    pub value: SecretText,
}

const fn variable() -> SecretKind {
    SecretKind::Variable
}

/// Another value for a reusable secret.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SecretValue {
    /// At most 64 KiB.
    #[cfg_attr(feature = "ssr", schema(value_type = String, write_only))]
    pub value: SecretText,
}

/// What came of a call with Claude's credentials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct AccountCheck {
    pub state: AccountState,
    /// What was answered, for people.
    pub message: String,
}

words! {
    /// Whether Claude's credentials work.
    pub enum AccountState {
        /// Claude has answered.
        Works,
        /// The credentials are refused.
        Refused,
        /// They are good, and their limit is reached.
        Limited,
        /// Nothing could be reached.
        Unreachable,
        /// Anything else went wrong.
        Failed,
    }
}

impl AccountState {
    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Works => "It works: Claude has answered.",
            Self::Refused => "The credentials are refused.",
            Self::Limited => "The credentials are good, but their limit is reached.",
            Self::Unreachable => "Claude could not be reached.",
            Self::Failed => "It does not work.",
        }
    }
}

/// What to change about the settings: what is left out stays, `null` takes a setting back to its default
/// and removes a secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct EditSettings {
    /// The version that was seen: refused with 409 if somebody has changed the settings since.
    #[serde(default)]
    pub version: Option<u64>,
    #[serde(default)]
    #[cfg_attr(feature = "ssr", schema(value_type = Option<ModelName>))]
    pub model: Change<ModelName>,
    #[serde(default)]
    #[cfg_attr(feature = "ssr", schema(value_type = Option<PermissionMode>))]
    pub permission_mode: Change<PermissionMode>,
    #[serde(default)]
    #[cfg_attr(feature = "ssr", schema(value_type = Option<bool>))]
    pub auto_approve: Change<bool>,
    #[serde(default)]
    #[cfg_attr(feature = "ssr", schema(value_type = Option<bool>))]
    pub auto_resume: Change<bool>,
    #[serde(default)]
    #[cfg_attr(feature = "ssr", schema(value_type = Option<Usd>))]
    pub day_budget_usd: Change<Usd>,
    #[serde(default)]
    #[cfg_attr(feature = "ssr", schema(value_type = Option<u64>))]
    pub day_budget_tokens: Change<u64>,
    #[serde(default)]
    #[cfg_attr(feature = "ssr", schema(value_type = Option<u32>))]
    pub agents_max: Change<u32>,
    #[serde(default)]
    #[cfg_attr(feature = "ssr", schema(value_type = Option<u32>))]
    pub review_reminder_hours: Change<u32>,
    #[serde(default)]
    #[cfg_attr(feature = "ssr", schema(value_type = Option<u32>))]
    pub review_urgent_hours: Change<u32>,
    #[serde(default)]
    #[cfg_attr(feature = "ssr", schema(value_type = Option<u32>))]
    pub review_escalation_hours: Change<u32>,
    #[serde(default)]
    #[cfg_attr(feature = "ssr", schema(value_type = Option<u32>))]
    pub review_approval_hours: Change<u32>,
    #[serde(default)]
    #[cfg_attr(feature = "ssr", schema(value_type = Option<String>))]
    pub anthropic_base_url: Change<BaseUrl>,
    #[serde(default)]
    #[cfg_attr(feature = "ssr", schema(value_type = Option<String>, write_only))]
    pub anthropic_api_key: Change<SecretText>,
    #[serde(default)]
    #[cfg_attr(feature = "ssr", schema(value_type = Option<String>, write_only))]
    pub claude_login_token: Change<SecretText>,
    #[serde(default)]
    #[cfg_attr(feature = "ssr", schema(value_type = Option<String>))]
    pub claude_login_folder: Change<LoginFolder>,
    #[serde(default)]
    #[cfg_attr(feature = "ssr", schema(value_type = Option<String>, write_only))]
    pub github_token: Change<SecretText>,
    #[serde(default)]
    #[cfg_attr(feature = "ssr", schema(value_type = Option<String>, write_only))]
    pub slack_bot_token: Change<SecretText>,
    #[serde(default)]
    #[cfg_attr(feature = "ssr", schema(value_type = Option<String>))]
    pub slack_channel: Change<SlackChannel>,
    #[serde(default)]
    #[cfg_attr(feature = "ssr", schema(value_type = Option<String>))]
    pub public_url: Change<PublicUrl>,
}

/// What becomes of one setting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Change<T> {
    /// It stays.
    #[default]
    Keep,
    /// It goes back to its default.
    Reset,
    /// It becomes this.
    To(T),
}

impl<T> Change<T> {
    /// Whether anything becomes of it.
    pub const fn is_change(&self) -> bool {
        !matches!(self, Self::Keep)
    }

    /// Changes what was set.
    pub fn apply(self, value: &mut Option<T>) {
        match self {
            Self::Keep => {}
            Self::Reset => *value = None,
            Self::To(new) => *value = Some(new),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Change<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Reset, Self::To))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_stays_and_null_takes_back() {
        let edit: EditSettings =
            serde_json::from_str(r#"{"model":null,"agents_max":5,"anthropic_api_key":"key"}"#)
                .unwrap();
        assert_eq!(edit.model, Change::Reset);
        assert_eq!(edit.agents_max, Change::To(5));
        assert_eq!(edit.auto_approve, Change::Keep);
        assert!(!format!("{edit:?}").contains("key \""));
        let Change::To(key) = edit.anthropic_api_key else {
            panic!("no key");
        };
        assert_eq!(key.expose(), "key");
        assert!(serde_json::from_str::<EditSettings>(r#"{"agent_max":5}"#).is_err());
    }
}
