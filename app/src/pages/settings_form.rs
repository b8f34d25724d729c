//! What a person typed into a section of the settings, as text, and what it changes.

#[cfg(feature = "ssr")]
use leptos_router::location::Url;
use serde::{Deserialize, Serialize};

use crate::api::SecretText;
#[cfg(any(feature = "ssr", test))]
use crate::api::{Change, EditSettings};
#[cfg(feature = "ssr")]
use crate::fault::Fault;
#[cfg(any(feature = "ssr", test))]
use crate::fault::FieldFault;

/// The fields as they were typed. What is absent was not in the form, or could not be changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SettingsForm {
    /// Which section was sent, by its button's value; or `remove:` and the name of a secret.
    pub section: String,
    pub model: Option<String>,
    pub permission_mode: Option<String>,
    /// `on` if it is checked.
    pub auto_approve: Option<String>,
    /// `on` if it is checked.
    pub auto_resume: Option<String>,
    pub day_budget_usd: Option<String>,
    pub day_budget_tokens: Option<String>,
    pub agents_max: Option<String>,
    pub review_reminder_hours: Option<String>,
    pub review_urgent_hours: Option<String>,
    pub review_escalation_hours: Option<String>,
    pub review_approval_hours: Option<String>,
    pub anthropic_base_url: Option<String>,
    pub anthropic_api_key: SecretText,
    pub claude_login_token: SecretText,
    pub claude_login_folder: Option<String>,
    pub github_token: SecretText,
    pub slack_bot_token: SecretText,
    pub slack_channel: Option<String>,
    pub public_url: Option<String>,
}

#[cfg(any(feature = "ssr", test))]
impl SettingsForm {
    /// What the section changes, or everything that is wrong with it.
    pub fn parse(self) -> Result<EditSettings, Vec<FieldFault>> {
        let mut edit = EditSettings::default();
        match self.section.as_str() {
            "remove:anthropic_api_key" => edit.anthropic_api_key = Change::Reset,
            "remove:claude_login_token" => edit.claude_login_token = Change::Reset,
            "remove:github_token" => edit.github_token = Change::Reset,
            "remove:slack_bot_token" => edit.slack_bot_token = Change::Reset,
            _ => return self.parse_fields(edit),
        }
        Ok(edit)
    }

    fn parse_fields(self, mut edit: EditSettings) -> Result<EditSettings, Vec<FieldFault>> {
        let mut faults = Vec::new();
        let mut fault = |field: &str, message: String| faults.push(FieldFault::new(field, message));
        edit.model = typed("model", self.model, &mut fault);
        let mode = typed("permission_mode", self.permission_mode, &mut |field, _| {
            fault(field, "must be strict, balanced or autonomous".to_owned());
        });
        edit.permission_mode = mode;
        if self.section == "tasks" {
            edit.auto_approve = Change::To(self.auto_approve.is_some());
            edit.auto_resume = Change::To(self.auto_resume.is_some());
        }
        edit.day_budget_usd = typed("day_budget_usd", self.day_budget_usd, &mut fault);
        edit.day_budget_tokens = typed(
            "day_budget_tokens",
            self.day_budget_tokens,
            &mut |field, _| {
                fault(field, "must be a whole number".to_owned());
            },
        );
        let mut number = |field, text| {
            typed(field, text, &mut |field, _| {
                fault(field, "must be a whole number".to_owned());
            })
        };
        edit.agents_max = number("agents_max", self.agents_max);
        edit.review_reminder_hours = number("review_reminder_hours", self.review_reminder_hours);
        edit.review_urgent_hours = number("review_urgent_hours", self.review_urgent_hours);
        edit.review_escalation_hours =
            number("review_escalation_hours", self.review_escalation_hours);
        edit.review_approval_hours = number("review_approval_hours", self.review_approval_hours);
        edit.anthropic_base_url = typed("anthropic_base_url", self.anthropic_base_url, &mut fault);
        let folder = self.claude_login_folder;
        edit.claude_login_folder = typed("claude_login_folder", folder, &mut fault);
        edit.slack_channel = typed("slack_channel", self.slack_channel, &mut fault);
        edit.public_url = typed("public_url", self.public_url, &mut fault);
        edit.github_token = secret(self.github_token);
        edit.slack_bot_token = secret(self.slack_bot_token);
        edit.anthropic_api_key = secret(self.anthropic_api_key);
        edit.claude_login_token = secret(self.claude_login_token);
        if faults.is_empty() {
            Ok(edit)
        } else {
            Err(faults)
        }
    }

    /// The page's address with what was typed, but for secrets, and what was wrong with it: for browsers
    /// without script.
    #[cfg(feature = "ssr")]
    pub fn address(&self, fault: &Fault) -> String {
        let fault = serde_json::to_string(fault).unwrap_or_default();
        let mut address = format!(
            "/settings?section={}&fault={}",
            Url::escape(&self.section),
            Url::escape(&fault)
        );
        for (name, value) in [
            ("model", &self.model),
            ("permission_mode", &self.permission_mode),
            ("day_budget_usd", &self.day_budget_usd),
            ("day_budget_tokens", &self.day_budget_tokens),
            ("agents_max", &self.agents_max),
            ("review_reminder_hours", &self.review_reminder_hours),
            ("review_urgent_hours", &self.review_urgent_hours),
            ("review_escalation_hours", &self.review_escalation_hours),
            ("review_approval_hours", &self.review_approval_hours),
            ("anthropic_base_url", &self.anthropic_base_url),
            ("claude_login_folder", &self.claude_login_folder),
            ("slack_channel", &self.slack_channel),
            ("public_url", &self.public_url),
        ] {
            let short = value.as_ref().filter(|value| value.len() < 2_000);
            if let Some(value) = short {
                address.extend(["&", name, "=", &Url::escape(value)]);
            }
        }
        address
    }
}

/// A field that was in the form: empty, it goes back to its default.
#[cfg(any(feature = "ssr", test))]
fn typed<T: std::str::FromStr<Err: std::fmt::Display>>(
    field: &str,
    text: Option<String>,
    fault: &mut dyn FnMut(&str, String),
) -> Change<T> {
    let Some(text) = text else {
        return Change::Keep;
    };
    let text = text.trim();
    if text.is_empty() {
        return Change::Reset;
    }
    match text.parse() {
        Ok(value) => Change::To(value),
        Err(error) => {
            fault(field, error.to_string());
            Change::Keep
        }
    }
}

/// An empty field keeps the secret: it is never shown, so it is empty unless somebody types a new one.
#[cfg(any(feature = "ssr", test))]
fn secret(text: SecretText) -> Change<SecretText> {
    if text.expose().trim().is_empty() {
        Change::Keep
    } else {
        Change::To(text)
    }
}

#[cfg(test)]
mod tests {
    use super::SettingsForm;
    use crate::api::{Change, EditSettings};

    #[test]
    fn what_is_not_in_the_form_stays_and_what_is_emptied_goes_back() {
        let form = SettingsForm {
            section: "work".to_owned(),
            agents_max: Some(" 5 ".to_owned()),
            review_urgent_hours: Some(String::new()),
            ..SettingsForm::default()
        };
        let expected = EditSettings {
            agents_max: Change::To(5),
            review_urgent_hours: Change::Reset,
            ..EditSettings::default()
        };
        assert_eq!(form.parse(), Ok(expected));
    }

    #[test]
    fn an_empty_secret_stays_and_a_button_removes_it() {
        let form = |section: &str| SettingsForm {
            section: section.to_owned(),
            ..SettingsForm::default()
        };
        assert_eq!(form("claude").parse(), Ok(EditSettings::default()));
        let removed = EditSettings {
            anthropic_api_key: Change::Reset,
            ..EditSettings::default()
        };
        assert_eq!(form("remove:anthropic_api_key").parse(), Ok(removed));
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let form = SettingsForm {
            section: "work".to_owned(),
            agents_max: Some("many".to_owned()),
            permission_mode: Some("bypass".to_owned()),
            anthropic_base_url: Some("http://example.com".to_owned()),
            ..SettingsForm::default()
        };
        let faults = form.parse().expect_err("all wrong");
        let fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(
            fields,
            ["permission_mode", "agents_max", "anthropic_base_url"]
        );
    }
}
