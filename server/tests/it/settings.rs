//! What people set, as it lies in the database and as it takes effect.

use app::domain::settings::{ChosenSettings, SecretSetting, SettingValues};
use secrecy::{ExposeSecret as _, SecretString};
use server::settings::{Account, Configured, Credential, Settings};
use server::store::{Store, StoreError};

use crate::support::database::{on_both_databases, vault};

fn agents(max: u32) -> ChosenSettings {
    ChosenSettings {
        agents_max: Some(max),
        ..ChosenSettings::default()
    }
}

fn settings(store: &Store, configured: Configured) -> Settings {
    Settings::new(store.clone(), vault(store), configured)
}

/// What the next agent would present, and where.
async fn account(settings: &Settings) -> Option<(Option<String>, String)> {
    let account = settings.account().await.unwrap()?;
    let value = match account.credential {
        Credential::ApiKey(value) => format!("key {}", value.expose_secret()),
        Credential::LoginToken(value) => format!("login {}", value.expose_secret()),
        Credential::Login(login) => format!("folder {}", login.access_token().expose_secret()),
    };
    Some((account.base_url, value))
}

on_both_databases! {
    async fn of_two_who_change_the_settings_at_once_one_is_told(database) {
        let store = database.store.clone();
        assert_eq!(store.settings().await.unwrap().version, 0);
        store.keep_settings(0, &agents(5)).await.unwrap();
        let late = store.keep_settings(0, &agents(6)).await;
        assert!(matches!(late, Err(StoreError::Conflict)), "{late:?}");
        store.keep_settings(1, &agents(7)).await.unwrap();
        let late = store.keep_settings(1, &agents(8)).await;
        assert!(matches!(late, Err(StoreError::Conflict)), "{late:?}");
        let stored = store.settings().await.unwrap();
        assert_eq!((stored.version, stored.chosen), (2, agents(7)));
        assert!(stored.updated_at.is_some());
    }

    async fn what_is_set_survives_a_restart_and_stands_below_the_configuration(database) {
        let store = database.store.clone();
        let chosen = ChosenSettings {
            review_urgent_hours: Some(5),
            ..agents(9)
        };
        store.keep_settings(0, &chosen).await.unwrap();
        let configured = Configured {
            values: agents(2),
            account: None,
        };
        let settings = settings(&store, configured);
        settings.refresh().await.unwrap();
        let values = settings.in_force().values;
        assert_eq!((values.agents_max, values.review_urgent_hours), (2, 5));
        assert_eq!(settings.configured_names(), ["agents_max"]);
        assert_eq!(settings.view().await.unwrap().defaults.review_urgent_hours, 48);
    }

    async fn credentials_count_for_the_next_agent(database) {
        let store = database.store.clone();
        let settings = settings(&store, Configured::default());
        assert_eq!(account(&settings).await, None);
        assert!(!settings.in_force().has_account);

        let (login, key) = (SecretSetting::ClaudeLoginToken, SecretSetting::AnthropicApiKey);
        settings.keep_secret(login, Some("sk-ant-oat01-t")).await.unwrap();
        settings.refresh().await.unwrap();
        assert!(settings.in_force().has_account);
        assert_eq!(account(&settings).await, Some((None, "login sk-ant-oat01-t".to_owned())));

        settings.keep_secret(key, Some("first")).await.unwrap();
        settings.keep_secret(key, Some("second")).await.unwrap();
        let url = "http://127.0.0.1:1".to_owned();
        let chosen = ChosenSettings {
            anthropic_base_url: Some(url.clone().try_into().unwrap()),
            ..ChosenSettings::default()
        };
        store.keep_settings(0, &chosen).await.unwrap();
        settings.refresh().await.unwrap();
        let expected = Some((Some(url.clone()), "key second".to_owned()));
        assert_eq!(account(&settings).await, expected);

        settings.keep_secret(key, None).await.unwrap();
        settings.keep_secret(login, None).await.unwrap();
        settings.refresh().await.unwrap();
        // A gateway may know the key.
        assert_eq!(account(&settings).await, Some((Some(url), "key sk-unused".to_owned())));
        store.keep_settings(1, &ChosenSettings::default()).await.unwrap();
        settings.refresh().await.unwrap();
        assert_eq!(account(&settings).await, None);
        assert_eq!(settings.in_force().values, SettingValues::default());
        let rows = database.dump("secrets").await;
        assert_eq!(rows, Vec::<String>::new());
    }

    async fn tokens_of_other_services_are_no_credentials_of_claude(database) {
        let settings = settings(&database.store, Configured::default());
        let (github, slack) = (SecretSetting::GithubToken, SecretSetting::SlackBotToken);
        assert!(settings.integrations().await.unwrap().1.is_empty());
        settings.keep_secret(github, Some("ghp_made_up")).await.unwrap();
        settings.keep_secret(slack, Some("xoxb-made-up")).await.unwrap();
        settings.refresh().await.unwrap();
        assert!(!settings.in_force().has_account);
        assert_eq!(account(&settings).await, None);
        let (known, secrets) = settings.integrations().await.unwrap();
        assert!(known.github && known.slack && known.slack_channel.is_none());
        let names: Vec<_> = secrets.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["GITHUB_TOKEN", "SLACK_BOT_TOKEN"]);
        settings.keep_secret(slack, None).await.unwrap();
        assert!(!settings.integrations().await.unwrap().0.slack);
    }

    async fn a_configured_account_hides_the_stored_one(database) {
        let store = database.store.clone();
        let configured = Configured {
            values: ChosenSettings::default(),
            account: Some(Account {
                base_url: None,
                credential: Credential::ApiKey(SecretString::from("sk-of-the-configuration-wxyz")),
            }),
        };
        let settings = settings(&store, configured);
        let key = SecretSetting::AnthropicApiKey;
        settings.keep_secret(key, Some("sk-that-was-stored-long-ago-abcd")).await.unwrap();
        let expected = (None, "key sk-of-the-configuration-wxyz".to_owned());
        assert_eq!(account(&settings).await, Some(expected));
        let view = settings.view().await.unwrap();
        let shown = view.secret(key).unwrap();
        assert_eq!((shown.is_set, shown.last_four.as_deref()), (true, Some("wxyz")));
        assert!(view.is_configured("anthropic_api_key"));
        assert!(view.is_configured("anthropic_base_url"));
    }
}
