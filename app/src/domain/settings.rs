//! What people set for the whole installation, with its limits.

mod address;

pub use address::{
    BaseUrl, BaseUrlError, LoginFolder, NotAChannel, NotAFolder, NotAPublicUrl, PublicUrl,
    SlackChannel,
};

use serde::{Deserialize, Serialize};

use super::money::Usd;
use super::permission::PermissionMode;
use super::task::ReviewHours;
use super::text::ModelName;
use super::word::words;

/// The most agents at once that can be set.
pub const MOST_AGENTS: u32 = 64;

/// A year of waiting for a decision, in hours.
pub const MOST_HOURS: u32 = 8_760;

/// The settings that are in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct SettingValues {
    /// The model of tasks that name none; absent for the CLI's own choice.
    pub model: Option<ModelName>,
    /// The permission mode of tasks that name none.
    pub permission_mode: PermissionMode,
    /// Whether tasks that don't say so approve their gates by themselves.
    pub auto_approve: bool,
    /// Whether tasks that don't say so go on by themselves when a limit has ended.
    pub auto_resume: bool,
    /// What all tasks may use in a day that ends at midnight UTC; absent for any amount.
    #[serde(default)]
    pub day_budget_usd: Option<Usd>,
    /// The same in tokens.
    #[serde(default)]
    pub day_budget_tokens: Option<u64>,
    /// How many agents work at once, 1 to 64.
    pub agents_max: u32,
    /// After so many hours an undecided review is called to mind; 0 for never.
    pub review_reminder_hours: u32,
    /// The same as urgent.
    pub review_urgent_hours: u32,
    /// The same for the last time.
    pub review_escalation_hours: u32,
    /// After so many hours it is approved, if the task approves by itself; 0 for never.
    pub review_approval_hours: u32,
    /// Where the model's API is; absent for Anthropic's.
    #[cfg_attr(feature = "ssr", schema(value_type = Option<String>))]
    pub anthropic_base_url: Option<BaseUrl>,
    /// A folder of the server's machine that Claude Code has logged in to: each agent gets a copy of it.
    #[serde(default)]
    #[cfg_attr(feature = "ssr", schema(value_type = Option<String>))]
    pub claude_login_folder: Option<LoginFolder>,
    /// Where automations write to in Slack.
    #[serde(default)]
    #[cfg_attr(feature = "ssr", schema(value_type = Option<String>))]
    pub slack_channel: Option<SlackChannel>,
    /// Where people reach this server, for links in messages; absent for its own address.
    #[serde(default)]
    #[cfg_attr(feature = "ssr", schema(value_type = Option<String>))]
    pub public_url: Option<PublicUrl>,
}

impl Default for SettingValues {
    fn default() -> Self {
        let hours = ReviewHours::default();
        Self {
            model: None,
            permission_mode: PermissionMode::default(),
            auto_approve: false,
            auto_resume: true,
            day_budget_usd: None,
            day_budget_tokens: None,
            agents_max: 3,
            review_reminder_hours: hours.reminder,
            review_urgent_hours: hours.urgent,
            review_escalation_hours: hours.escalation,
            review_approval_hours: hours.approval,
            anthropic_base_url: None,
            claude_login_folder: None,
            slack_channel: None,
            public_url: None,
        }
    }
}

impl SettingValues {
    /// When an undecided review leads to what.
    pub const fn review_hours(&self) -> ReviewHours {
        ReviewHours {
            reminder: self.review_reminder_hours,
            urgent: self.review_urgent_hours,
            escalation: self.review_escalation_hours,
            approval: self.review_approval_hours,
        }
    }
}

/// What somebody has set; the rest is as it would be without it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChosenSettings {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permission_mode: Option<PermissionMode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_approve: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_resume: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub day_budget_usd: Option<Usd>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub day_budget_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agents_max: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review_reminder_hours: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review_urgent_hours: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review_escalation_hours: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review_approval_hours: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anthropic_base_url: Option<BaseUrl>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claude_login_folder: Option<LoginFolder>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slack_channel: Option<SlackChannel>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_url: Option<PublicUrl>,
}

impl ChosenSettings {
    /// The settings with these in place of those below.
    #[must_use]
    pub fn over(self, below: SettingValues) -> SettingValues {
        SettingValues {
            model: self.model.or(below.model),
            permission_mode: self.permission_mode.unwrap_or(below.permission_mode),
            auto_approve: self.auto_approve.unwrap_or(below.auto_approve),
            auto_resume: self.auto_resume.unwrap_or(below.auto_resume),
            day_budget_usd: self.day_budget_usd.or(below.day_budget_usd),
            day_budget_tokens: self.day_budget_tokens.or(below.day_budget_tokens),
            agents_max: self.agents_max.unwrap_or(below.agents_max),
            review_reminder_hours: self
                .review_reminder_hours
                .unwrap_or(below.review_reminder_hours),
            review_urgent_hours: self
                .review_urgent_hours
                .unwrap_or(below.review_urgent_hours),
            review_escalation_hours: self
                .review_escalation_hours
                .unwrap_or(below.review_escalation_hours),
            review_approval_hours: self
                .review_approval_hours
                .unwrap_or(below.review_approval_hours),
            anthropic_base_url: self.anthropic_base_url.or(below.anthropic_base_url),
            claude_login_folder: self.claude_login_folder.or(below.claude_login_folder),
            slack_channel: self.slack_channel.or(below.slack_channel),
            public_url: self.public_url.or(below.public_url),
        }
    }

    /// Which of the numbers are out of their limits, and what is wrong with each.
    pub fn faults(&self) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        if let Some(agents) = self.agents_max
            && !(1..=MOST_AGENTS).contains(&agents)
        {
            let fault = format!("must be between 1 and {MOST_AGENTS}");
            faults.push(("agents_max", fault));
        }
        let nothing = [
            ("day_budget_usd", self.day_budget_usd == Some(Usd::ZERO)),
            ("day_budget_tokens", self.day_budget_tokens == Some(0)),
        ];
        let nothing = nothing.into_iter().filter(|(_, is_nothing)| *is_nothing);
        faults.extend(nothing.map(|(name, _)| (name, "must be more than 0".to_owned())));
        let hours = [
            ("review_reminder_hours", self.review_reminder_hours),
            ("review_urgent_hours", self.review_urgent_hours),
            ("review_escalation_hours", self.review_escalation_hours),
            ("review_approval_hours", self.review_approval_hours),
        ];
        let long = hours
            .into_iter()
            .filter(|(_, hours)| hours.is_some_and(|hours| hours > MOST_HOURS));
        faults.extend(long.map(|(name, _)| (name, format!("must be between 0 and {MOST_HOURS}"))));
        faults
    }
}

words! {
    /// Settings whose values are never shown.
    pub enum SecretSetting {
        /// The key of the model's API.
        AnthropicApiKey,
        /// The long-lived token that `claude setup-token` gives.
        ClaudeLoginToken,
        /// A token for GitHub.
        GithubToken,
        /// The token of a bot in Slack.
        SlackBotToken,
    }
}

words! {
    /// How an agent gets a secret.
    pub enum SecretKind {
        /// As an environment variable of its name.
        Variable,
        /// As a file of its name.
        File,
    }
}

impl SecretSetting {
    /// What Claude can be asked with.
    pub const CREDENTIALS: [Self; 2] = [Self::AnthropicApiKey, Self::ClaudeLoginToken];

    /// What is wrong with a value, to follow the field's name.
    pub fn fault(self, value: &str) -> Option<&'static str> {
        const LONGEST: usize = 4_096;
        if value.is_empty() {
            return Some("must not be empty");
        }
        if value.len() > LONGEST || !value.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Some("must be one word of at most 4,096 letters, digits and signs");
        }
        let is_login = value.starts_with("sk-ant-oat");
        match self {
            Self::AnthropicApiKey if is_login => {
                Some("is a login token, not an API key: put it into the field for the login token")
            }
            Self::ClaudeLoginToken if !is_login => {
                Some("must be what `claude setup-token` prints: it begins with sk-ant-oat")
            }
            Self::SlackBotToken if !value.starts_with("xoxb-") => {
                Some("must be the token of a bot: it begins with xoxb-")
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_stands_over_what_would_be() {
        let chosen = ChosenSettings {
            agents_max: Some(7),
            auto_approve: Some(true),
            ..ChosenSettings::default()
        };
        let values = chosen.over(SettingValues::default());
        assert_eq!((values.agents_max, values.auto_approve), (7, true));
        assert_eq!(values.review_hours(), ReviewHours::default());
        assert_eq!(ChosenSettings::default().over(values.clone()), values);
    }

    #[test]
    fn numbers_have_limits() {
        let of = |agents, hours| ChosenSettings {
            agents_max: Some(agents),
            review_urgent_hours: Some(hours),
            ..ChosenSettings::default()
        };
        assert_eq!(of(1, 0).faults(), []);
        assert_eq!(of(64, 8_760).faults(), []);
        let names: Vec<_> = of(0, 8_761)
            .faults()
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(names, ["agents_max", "review_urgent_hours"]);
        assert_eq!(of(65, 0).faults().len(), 1);
    }

    #[test]
    fn what_is_stored_later_is_read_today() {
        let stored = r#"{"agents_max":4,"a setting of a later version":true}"#;
        let chosen: ChosenSettings = serde_json::from_str(stored).unwrap();
        assert_eq!(chosen.agents_max, Some(4));
        assert_eq!(
            serde_json::to_string(&chosen).unwrap(),
            r#"{"agents_max":4}"#
        );
    }

    #[test]
    fn a_credential_in_the_wrong_place_is_noticed() {
        use SecretSetting::{AnthropicApiKey, ClaudeLoginToken, GithubToken, SlackBotToken};
        assert_eq!(AnthropicApiKey.fault("sk-ant-api03-x"), None);
        assert_eq!(ClaudeLoginToken.fault("sk-ant-oat01-x"), None);
        assert!(AnthropicApiKey.fault("sk-ant-oat01-x").is_some());
        assert!(ClaudeLoginToken.fault("sk-ant-api03-x").is_some());
        assert_eq!(GithubToken.fault("ghp_x"), None);
        assert_eq!(SlackBotToken.fault("xoxb-1-x"), None);
        assert!(SlackBotToken.fault("xoxp-1-x").is_some());
        for wrong in [
            "",
            "two words",
            "line\nbreak",
            "schlüssel",
            &"x".repeat(4_097),
        ] {
            assert!(AnthropicApiKey.fault(wrong).is_some(), "{wrong}");
        }
    }
}
