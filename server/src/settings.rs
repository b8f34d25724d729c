//! The settings that are in force: what the configuration gives stands over what people set, and that
//! over the defaults. Whoever works by them reads them here each time, so that a change counts at once.

use std::io;
use std::path::Path;
use std::sync::Arc;

use app::api::{SecretSettingView, SettingsView};
use app::domain::settings::{ChosenSettings, SecretSetting, SettingValues, SlackChannel};
use app::fault::FieldFault;
use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::watch;

use crate::login::{self, Login, LoginError};
use crate::redaction::KnownSecrets;
use crate::store::{Store, StoreError};
use crate::vault::{
    Scope, Secret, SecretKind, SecretName, SecretSummary, Vault, VaultError, telling_end,
};

/// What a gateway is given that needs no key of ours.
const UNUSED_KEY: &str = "sk-unused";

/// The variables that agents get the tokens of other services as.
const GITHUB_VARIABLE: &str = "GITHUB_TOKEN";
const SLACK_VARIABLE: &str = "SLACK_BOT_TOKEN";

/// The settings. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Settings {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Store,
    vault: Vault,
    configured: Configured,
    current: watch::Sender<InForce>,
}

/// What the server's configuration sets. Nobody can change it while the server runs.
#[derive(Clone, Debug, Default)]
pub struct Configured {
    pub values: ChosenSettings,
    /// Where agents reach their model, and as whom.
    pub account: Option<Account>,
}

/// What is in force at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InForce {
    pub values: SettingValues,
    /// Whether agents have an account at the model's API.
    pub has_account: bool,
    version: u64,
    updated_at: Option<DateTime<Utc>>,
}

/// An account at the model's API.
#[derive(Clone, Debug)]
pub struct Account {
    /// Another address than Anthropic's.
    pub base_url: Option<String>,
    pub credential: Credential,
}

/// What is presented to the model's API.
#[derive(Clone, Debug)]
pub enum Credential {
    /// A key, which the platform can present in the agent's place.
    ApiKey(SecretString),
    /// A login, which the CLI has to present itself.
    LoginToken(SecretString),
    /// The same, with what renews it.
    Login(Login),
}

/// Why there is no account to be had.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error(transparent)]
    Login(#[from] LoginError),
}

/// Services that automations can use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Integrations {
    pub github: bool,
    pub slack: bool,
    pub slack_channel: Option<SlackChannel>,
}

impl Integrations {
    /// The variable that has the token of GitHub, if there is one.
    pub fn github_variable(&self) -> Option<&'static str> {
        self.github.then_some(GITHUB_VARIABLE)
    }

    /// The variable that has the token of Slack, if there is one.
    pub fn slack_variable(&self) -> Option<&'static str> {
        self.slack.then_some(SLACK_VARIABLE)
    }
}

/// Why the settings can't be read.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Vault(#[from] VaultError),
}

impl Settings {
    /// What the configuration and the defaults give; what people have set counts from the first
    /// [`Settings::refresh`] on.
    pub fn new(store: Store, vault: Vault, configured: Configured) -> Self {
        let values = configured.values.clone().over(SettingValues::default());
        let current = InForce {
            values,
            has_account: configured.account.is_some(),
            version: 0,
            updated_at: None,
        };
        let inner = Inner {
            store,
            vault,
            configured,
            current: watch::Sender::new(current),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Looks what is stored now; other processes may have changed it.
    pub async fn refresh(&self) -> Result<(), SettingsError> {
        let inner = &*self.inner;
        let stored = inner.store.settings().await?;
        let kept = inner.vault.list(Scope::Settings).await?;
        let has_credential = SecretSetting::CREDENTIALS
            .iter()
            .any(|setting| kept.iter().any(|kept| kept.name == vault_name(*setting)));
        let chosen = stored.chosen.over(SettingValues::default());
        let values = inner.configured.values.clone().over(chosen);
        let now = InForce {
            has_account: inner.configured.account.is_some()
                || has_credential
                || values.claude_login_folder.is_some()
                || values.anthropic_base_url.is_some(),
            values,
            version: stored.version,
            updated_at: stored.updated_at,
        };
        inner.current.send_if_modified(|current| {
            // Of two who look at the same time the one with the newer version is right.
            let is_news = *current != now && now.version >= current.version;
            if is_news {
                *current = now;
            }
            is_news
        });
        Ok(())
    }

    /// What is in force.
    pub fn in_force(&self) -> InForce {
        self.inner.current.borrow().clone()
    }

    /// What is in force, and what will be.
    pub fn watch(&self) -> watch::Receiver<InForce> {
        self.inner.current.subscribe()
    }

    /// What the configuration sets.
    pub fn configured(&self) -> &Configured {
        &self.inner.configured
    }

    /// The account that the next agent uses, if there is one.
    pub async fn account(&self) -> Result<Option<Account>, AccountError> {
        if let Some(account) = &self.inner.configured.account {
            return Ok(Some(account.clone()));
        }
        let values = self.in_force().values;
        let url = values.anthropic_base_url;
        let base_url = url.map(String::from);
        let credential = if let Some(key) = self.secret(SecretSetting::AnthropicApiKey).await? {
            Credential::ApiKey(key)
        } else if let Some(token) = self.secret(SecretSetting::ClaudeLoginToken).await? {
            Credential::LoginToken(token)
        } else if let Some(folder) = &values.claude_login_folder {
            Credential::Login(Login::read(folder).await?)
        } else if base_url.is_some() {
            // A gateway may hold the key itself.
            Credential::unused()
        } else {
            return Ok(None);
        };
        Ok(Some(Account {
            base_url,
            credential,
        }))
    }

    /// The services that automations can use, and the secrets for them by the names of their variables.
    pub async fn integrations(&self) -> Result<(Integrations, Vec<Secret>), VaultError> {
        let mut secrets = Vec::new();
        for (setting, variable) in [
            (SecretSetting::GithubToken, GITHUB_VARIABLE),
            (SecretSetting::SlackBotToken, SLACK_VARIABLE),
        ] {
            let (vault, name) = (&self.inner.vault, vault_name(setting));
            if let Some(secret) = vault.get(Scope::Settings, &name).await? {
                let name = word(variable);
                secrets.push(Secret { name, ..secret });
            }
        }
        let has = |variable: &str| secrets.iter().any(|it| it.name.as_str() == variable);
        let known = Integrations {
            github: has(GITHUB_VARIABLE),
            slack: has(SLACK_VARIABLE),
            slack_channel: self.in_force().values.slack_channel,
        };
        Ok((known, secrets))
    }

    /// Keeps a secret in place of an earlier one, or removes it.
    pub async fn keep_secret(
        &self,
        setting: SecretSetting,
        value: Option<&str>,
    ) -> Result<(), VaultError> {
        let (vault, name) = (&self.inner.vault, vault_name(setting));
        match value {
            Some(value) => {
                let value = value.as_bytes();
                vault
                    .put(Scope::Settings, &name, SecretKind::Variable, value)
                    .await
            }
            None => vault.delete(Scope::Settings, &name).await.map(drop),
        }
    }

    /// All of it for people, secrets without their values.
    pub async fn view(&self) -> Result<SettingsView, SettingsError> {
        self.refresh().await?;
        let current = self.in_force();
        let defaults = self.inner.configured.values.clone();
        let kept = self.inner.vault.list(Scope::Settings).await?;
        let mut secrets = Vec::new();
        for setting in SecretSetting::ALL {
            secrets.push(self.secret_view(setting, &kept).await?);
        }
        Ok(SettingsView {
            version: current.version,
            updated_at: current.updated_at,
            values: self.with_configured_address(current.values),
            defaults: defaults.over(SettingValues::default()),
            configured: self.configured_names(),
            warnings: self.warnings().await,
            secrets,
        })
    }

    /// What is the matter with settings that were fine when they were set, or are fine all the same.
    async fn warnings(&self) -> Vec<FieldFault> {
        let Some(folder) = self.in_force().values.claude_login_folder else {
            return Vec::new();
        };
        let message = match Login::read(&folder).await {
            Ok(login) if !login.is_open => return Vec::new(),
            Ok(_) => "can be read by others on the server's machine".to_owned(),
            Err(error) => format!("can't be used any more: {error}"),
        };
        vec![FieldFault::new("claude_login_folder", message)]
    }

    /// The names of the settings that the configuration sets.
    pub fn configured_names(&self) -> Vec<String> {
        let configured = &self.inner.configured;
        let values = serde_json::to_value(&configured.values).unwrap_or_default();
        let set = values.as_object().into_iter().flat_map(|set| set.keys());
        let mut names: Vec<String> = set.cloned().collect();
        if configured.account.is_some() {
            names.push("anthropic_base_url".to_owned());
            names.push("claude_login_folder".to_owned());
            names.extend(SecretSetting::CREDENTIALS.map(|secret| secret.to_string()));
        }
        names
    }

    fn with_configured_address(&self, values: SettingValues) -> SettingValues {
        let Some(account) = &self.inner.configured.account else {
            return values;
        };
        let url = account.base_url.as_ref();
        SettingValues {
            anthropic_base_url: url.and_then(|url| url.parse().ok()),
            claude_login_folder: None,
            ..values
        }
    }

    async fn secret_view(
        &self,
        setting: SecretSetting,
        kept: &[SecretSummary],
    ) -> Result<SecretSettingView, VaultError> {
        let view = |value: Option<&str>, updated_at| SecretSettingView {
            name: setting,
            is_set: value.is_some(),
            last_four: value.and_then(telling_end),
            updated_at,
        };
        if let Some(account) = &self.inner.configured.account
            && SecretSetting::CREDENTIALS.contains(&setting)
        {
            let value = match (&account.credential, setting) {
                (Credential::ApiKey(key), SecretSetting::AnthropicApiKey)
                | (Credential::LoginToken(key), SecretSetting::ClaudeLoginToken) => {
                    Some(key.expose_secret()).filter(|key| *key != UNUSED_KEY)
                }
                _ => None,
            };
            return Ok(view(value, None));
        }
        let name = vault_name(setting);
        let updated_at = kept.iter().find(|kept| kept.name == name);
        let value = self.secret(setting).await?;
        let value = value.as_ref().map(secrecy::ExposeSecret::expose_secret);
        Ok(view(value, updated_at.map(|kept| kept.updated_at)))
    }

    /// The value of a secret that people have set; never that of the configuration.
    pub async fn secret(&self, setting: SecretSetting) -> Result<Option<SecretString>, VaultError> {
        let name = vault_name(setting);
        let found = self.inner.vault.get(Scope::Settings, &name).await?;
        found.map(|secret| text(&secret)).transpose()
    }
}

impl Credential {
    /// What a gateway is given that needs no key of ours.
    pub fn unused() -> Self {
        Self::ApiKey(SecretString::from(UNUSED_KEY))
    }

    /// The variable in which the CLI looks for it, if it does not look into its folder.
    pub const fn variable(&self) -> Option<&'static str> {
        match self {
            Self::ApiKey(_) => Some("ANTHROPIC_API_KEY"),
            // Bound to the CLI: it is of use to nothing else.
            Self::LoginToken(_) => Some("CLAUDE_CODE_OAUTH_TOKEN"),
            Self::Login(_) => None,
        }
    }

    /// Puts into the CLI's configuration what it looks for there, and nothing else of the kind. Blocks.
    pub fn write_in(&self, config: &Path) -> io::Result<()> {
        match self {
            Self::Login(login) => login.write_in(config),
            Self::ApiKey(_) | Self::LoginToken(_) => login::remove_from(config),
        }
    }

    /// Makes it known to the redaction.
    pub fn add_to(&self, secrets: &KnownSecrets) {
        secrets.add_text("api_key", self.value());
        if let Self::Login(login) = self
            && let Some(token) = login.refresh_token()
        {
            secrets.add_text("refresh_token", token);
        }
    }

    /// What is presented.
    pub const fn value(&self) -> &SecretString {
        match self {
            Self::ApiKey(value) | Self::LoginToken(value) => value,
            Self::Login(login) => login.access_token(),
        }
    }
}

fn text(secret: &Secret) -> Result<SecretString, VaultError> {
    let text = std::str::from_utf8(secret.value.expose_secret());
    text.map(SecretString::from)
        .map_err(|_| VaultError::Damaged {
            name: secret.name.to_string(),
        })
}

fn vault_name(setting: SecretSetting) -> SecretName {
    word(&setting.to_string())
}

/// The name of a setting or of a variable of ours.
fn word(name: &str) -> SecretName {
    name.parse().expect("it has letters and _ only")
}
