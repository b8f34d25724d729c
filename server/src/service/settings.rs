//! What people set for the whole installation.

use app::api::{Change, EditSettings, SecretText, SettingsView};
use app::domain::settings::{ChosenSettings, SecretSetting};
use app::fault::FieldFault;

use super::{ATTEMPTS, Service, pause};
use crate::error::Error;
use crate::login::Login;
use crate::settings::{Settings, SettingsError};
use crate::store::StoreError;

impl Service {
    /// The settings, for those who work by them.
    pub fn settings(&self) -> &Settings {
        &self.parts.settings
    }

    /// All settings, secrets without their values.
    pub async fn show_settings(&self) -> Result<SettingsView, Error> {
        Ok(self.settings().view().await?)
    }

    /// Changes some of them, all or none; the secrets after the rest.
    pub async fn edit_settings(&self, edit: EditSettings) -> Result<SettingsView, Error> {
        self.check_settings(&edit).await?;
        self.keep_chosen(&edit).await?;
        let settings = self.settings();
        for (setting, change) in secrets(&edit) {
            match change {
                Change::Keep => {}
                Change::Reset => settings.keep_secret(setting, None).await?,
                Change::To(value) => {
                    settings
                        .keep_secret(setting, Some(value.expose().trim()))
                        .await?;
                }
            }
        }
        let changed: Vec<&str> = changed(&edit).collect();
        tracing::info!(settings = changed.join(", "), "settings were changed");
        self.wake_after_budget(&edit).await?;
        self.show_settings().await
    }

    async fn keep_chosen(&self, edit: &EditSettings) -> Result<(), Error> {
        let store = &self.parts.store;
        for attempt in 0..ATTEMPTS {
            let stored = store.settings().await?;
            if edit.version.is_some_and(|seen| seen != stored.version) {
                return Err(Error::Conflict);
            }
            let mut chosen = stored.chosen;
            apply(edit.clone(), &mut chosen);
            match store.keep_settings(stored.version, &chosen).await {
                Err(StoreError::Conflict) => pause(attempt).await,
                kept => return Ok(kept?),
            }
        }
        Err(Error::Conflict)
    }

    /// Refuses what can't be set, everything at once.
    async fn check_settings(&self, edit: &EditSettings) -> Result<(), Error> {
        let configured = self.settings().configured_names();
        let fixed = changed(edit)
            .filter(|name| configured.iter().any(|known| known == name))
            .map(|name| FieldFault::new(name, "is set by the server's configuration"));
        let mut faults: Vec<FieldFault> = fixed.collect();
        let mut chosen = ChosenSettings::default();
        apply(edit.clone(), &mut chosen);
        let numbers = chosen.faults().into_iter();
        faults.extend(numbers.map(|(name, fault)| FieldFault::new(name, fault)));
        for (setting, change) in secrets(edit) {
            let Change::To(value) = change else { continue };
            let fault = setting.fault(value.expose().trim());
            faults.extend(fault.map(|fault| FieldFault::new(&setting.to_string(), fault)));
        }
        if let Change::To(folder) = &edit.claude_login_folder
            && let Err(error) = Login::read(folder).await
        {
            let message = format!("must be one that Claude Code has logged in to: {error}");
            faults.push(FieldFault::new("claude_login_folder", message));
        }
        if faults.is_empty() {
            Ok(())
        } else {
            Err(Error::Invalid { fields: faults })
        }
    }
}

fn secrets(edit: &EditSettings) -> [(SecretSetting, &Change<SecretText>); 4] {
    [
        (SecretSetting::AnthropicApiKey, &edit.anthropic_api_key),
        (SecretSetting::ClaudeLoginToken, &edit.claude_login_token),
        (SecretSetting::GithubToken, &edit.github_token),
        (SecretSetting::SlackBotToken, &edit.slack_bot_token),
    ]
}

/// The names of what is to change.
fn changed(edit: &EditSettings) -> impl Iterator<Item = &'static str> {
    let all = [
        ("model", edit.model.is_change()),
        ("permission_mode", edit.permission_mode.is_change()),
        ("auto_approve", edit.auto_approve.is_change()),
        ("auto_resume", edit.auto_resume.is_change()),
        ("day_budget_usd", edit.day_budget_usd.is_change()),
        ("day_budget_tokens", edit.day_budget_tokens.is_change()),
        ("agents_max", edit.agents_max.is_change()),
        (
            "review_reminder_hours",
            edit.review_reminder_hours.is_change(),
        ),
        ("review_urgent_hours", edit.review_urgent_hours.is_change()),
        (
            "review_escalation_hours",
            edit.review_escalation_hours.is_change(),
        ),
        (
            "review_approval_hours",
            edit.review_approval_hours.is_change(),
        ),
        ("anthropic_base_url", edit.anthropic_base_url.is_change()),
        ("anthropic_api_key", edit.anthropic_api_key.is_change()),
        ("claude_login_token", edit.claude_login_token.is_change()),
        ("claude_login_folder", edit.claude_login_folder.is_change()),
        ("github_token", edit.github_token.is_change()),
        ("slack_bot_token", edit.slack_bot_token.is_change()),
        ("slack_channel", edit.slack_channel.is_change()),
        ("public_url", edit.public_url.is_change()),
    ];
    all.into_iter()
        .filter(|(_, is_change)| *is_change)
        .map(|(name, _)| name)
}

fn apply(edit: EditSettings, chosen: &mut ChosenSettings) {
    edit.model.apply(&mut chosen.model);
    edit.permission_mode.apply(&mut chosen.permission_mode);
    edit.auto_approve.apply(&mut chosen.auto_approve);
    edit.auto_resume.apply(&mut chosen.auto_resume);
    edit.day_budget_usd.apply(&mut chosen.day_budget_usd);
    edit.day_budget_tokens.apply(&mut chosen.day_budget_tokens);
    edit.agents_max.apply(&mut chosen.agents_max);
    edit.review_reminder_hours
        .apply(&mut chosen.review_reminder_hours);
    edit.review_urgent_hours
        .apply(&mut chosen.review_urgent_hours);
    edit.review_escalation_hours
        .apply(&mut chosen.review_escalation_hours);
    edit.review_approval_hours
        .apply(&mut chosen.review_approval_hours);
    edit.anthropic_base_url
        .apply(&mut chosen.anthropic_base_url);
    edit.claude_login_folder
        .apply(&mut chosen.claude_login_folder);
    edit.slack_channel.apply(&mut chosen.slack_channel);
    edit.public_url.apply(&mut chosen.public_url);
}

impl From<SettingsError> for Error {
    fn from(error: SettingsError) -> Self {
        match error {
            SettingsError::Store(error) => error.into(),
            SettingsError::Vault(error) => error.into(),
        }
    }
}
