//! What people set for the whole installation, with its limits.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::permission::PermissionMode;
use super::task::ReviewHours;
use super::text::ModelName;
use super::word::words;

/// The most agents at once that can be set.
pub const MOST_AGENTS: u32 = 64;

/// A year of waiting for a decision, in hours.
pub const MOST_HOURS: u32 = 8_760;

/// The longest address of a model's API, in bytes.
const LONGEST_URL: usize = 2_000;

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
}

impl Default for SettingValues {
    fn default() -> Self {
        let hours = ReviewHours::default();
        Self {
            model: None,
            permission_mode: PermissionMode::default(),
            auto_approve: false,
            agents_max: 3,
            review_reminder_hours: hours.reminder,
            review_urgent_hours: hours.urgent,
            review_escalation_hours: hours.escalation,
            review_approval_hours: hours.approval,
            anthropic_base_url: None,
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
}

impl ChosenSettings {
    /// The settings with these in place of those below.
    #[must_use]
    pub fn over(self, below: SettingValues) -> SettingValues {
        SettingValues {
            model: self.model.or(below.model),
            permission_mode: self.permission_mode.unwrap_or(below.permission_mode),
            auto_approve: self.auto_approve.unwrap_or(below.auto_approve),
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
            _ => None,
        }
    }
}

/// The address of a model's API: `https`, or `http` on this machine, and no credentials in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, derive_more::Display)]
#[serde(try_from = "String", into = "String")]
pub struct BaseUrl(String);

/// Why an address can't be that of an API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BaseUrlError {
    /// It is no address, or one with a part that has no place here.
    #[error(
        "must be an address such as https://gateway.example.com, without a name, a password or a query"
    )]
    NotAnAddress,
    /// Keys would travel in the open.
    #[error("must be an https address; http is for this machine only, as in http://127.0.0.1:8080")]
    NotEncrypted,
}

impl BaseUrl {
    /// Without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for BaseUrl {
    type Error = BaseUrlError;

    fn try_from(text: String) -> Result<Self, BaseUrlError> {
        let text = text.trim().trim_end_matches('/');
        let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"@?#\\\"'<>`{}|^".contains(&byte);
        if text.len() > LONGEST_URL || !text.bytes().all(is_plain) {
            return Err(BaseUrlError::NotAnAddress);
        }
        let (scheme, rest) = text.split_once("://").ok_or(BaseUrlError::NotAnAddress)?;
        let authority = rest.split('/').next().unwrap_or_default();
        let host = host_of(authority).ok_or(BaseUrlError::NotAnAddress)?;
        match scheme.to_ascii_lowercase().as_str() {
            "https" => {}
            "http" if is_loopback(host) => {}
            "http" => return Err(BaseUrlError::NotEncrypted),
            _ => return Err(BaseUrlError::NotAnAddress),
        }
        Ok(Self(text.to_owned()))
    }
}

impl std::str::FromStr for BaseUrl {
    type Err = BaseUrlError;

    fn from_str(text: &str) -> Result<Self, BaseUrlError> {
        text.to_owned().try_into()
    }
}

impl From<BaseUrl> for String {
    fn from(url: BaseUrl) -> Self {
        url.0
    }
}

/// The host of `host`, `host:port` or `[v6]:port`.
fn host_of(authority: &str) -> Option<&str> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (
                host,
                port.strip_prefix(':').or(port.is_empty().then_some("1")),
            )
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, Some("1")),
        },
    };
    let is_port = port?.parse::<u16>().is_ok_and(|port| port > 0);
    (is_port && !host.is_empty()).then_some(host)
}

fn is_loopback(host: &str) -> bool {
    let v4 = host.parse::<Ipv4Addr>();
    host == "localhost" || host == "::1" || v4.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_travel_encrypted_or_not_at_all() {
        for good in [
            "https://api.anthropic.com",
            "https://gateway.example.com:8443/anthropic",
            "http://127.0.0.1:8080",
            "http://localhost",
            "http://[::1]:80",
            " https://api.example.com/ ",
        ] {
            let url = good.parse::<BaseUrl>();
            assert_eq!(
                url.map(String::from),
                Ok(good.trim().trim_end_matches('/').to_owned())
            );
        }
        for open in [
            "http://example.com",
            "http://127.0.0.1.example.com",
            "HTTP://10.0.0.1",
            "http://localhost.example",
        ] {
            assert_eq!(
                open.parse::<BaseUrl>(),
                Err(BaseUrlError::NotEncrypted),
                "{open}"
            );
        }
        for wrong in [
            "",
            "https://",
            "https://:80",
            "example.com",
            "https://key@example.com",
            "https://example.com?key=1",
            "https://exa mple.com",
            "https://example.com:port",
            "https://example.com:0",
            "https://example.com:99999",
            "ftp://example.com",
            "http://[127.0.0.1]",
            "https://example.com\\@127.0.0.1",
            "javascript://127.0.0.1",
        ] {
            assert_eq!(
                wrong.parse::<BaseUrl>(),
                Err(BaseUrlError::NotAnAddress),
                "{wrong}"
            );
        }
    }

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
        use SecretSetting::{AnthropicApiKey, ClaudeLoginToken};
        assert_eq!(AnthropicApiKey.fault("sk-ant-api03-x"), None);
        assert_eq!(ClaudeLoginToken.fault("sk-ant-oat01-x"), None);
        assert!(AnthropicApiKey.fault("sk-ant-oat01-x").is_some());
        assert!(ClaudeLoginToken.fault("sk-ant-api03-x").is_some());
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
