//! Notifications that leave the house: pushed to browsers, posted to webhooks, written to Slack.
//!
//! What is to be sent is a row for each target and notification ([`jobs`](crate::jobs)), so that nothing is
//! forgotten and nothing sent twice but for a lost answer.

mod address;
mod browser;
mod encryption;
mod sender;
mod slack;
mod text;
mod webhook;

pub use address::{AddressError, Reach, Resolver};
pub use encryption::{KeyError, Receiver, ServerKey};

use std::time::Duration;

use app::api::{PushSubscription, TargetTrial};
use app::domain::settings::SecretSetting;
use futures::stream::{self, StreamExt as _};
use http::Uri;
use rand::rand_core::OsError;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::jobs::{Delivery, MOST_ATTEMPTS};
use crate::settings::Settings;
use crate::store::{Store, StoreError, Target};
use crate::vault::{Vault, VaultError};
use sender::Sender;
use text::Message;

/// So many messages are on their way at the same time.
const AT_ONCE: usize = 4;

/// How long after a failure of the database it is asked again.
const RETRY: Duration = Duration::from_secs(5);

/// Where Slack takes messages.
const SLACK: &str = "https://slack.com/api/chat.postMessage";

/// Why nothing can be sent at all.
#[derive(Debug, thiserror::Error)]
pub enum NotifierError {
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the stored key for push messages is damaged")]
    DamagedKey,
    #[error("the system gives no random numbers")]
    Randomness(#[from] OsError),
}

/// What is wrong with a browser's subscription.
#[derive(Debug, thiserror::Error)]
pub enum SubscriptionError {
    #[error(transparent)]
    Address(#[from] AddressError),
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl SubscriptionError {
    /// The field's name on the wire.
    pub const fn field(&self) -> &'static str {
        match self {
            Self::Address(_) => "endpoint",
            Self::Key(KeyError::Public) => "keys.p256dh",
            Self::Key(KeyError::Secret) => "keys.auth",
        }
    }
}

/// Where messages may go, and where this server is.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// Where push services may be.
    pub browsers: Reach,
    /// Where webhooks may be.
    pub webhooks: Reach,
    /// Where Slack takes messages.
    pub slack: Uri,
    /// What links begin with if the settings don't say it.
    pub origin: String,
}

impl Surroundings {
    /// Of a server that listens at `origin`. Webhooks may be anywhere if nobody but the owner can ask for one.
    pub fn new(origin: String, is_private: bool) -> Self {
        Self {
            browsers: Reach::Public,
            webhooks: if is_private {
                Reach::Anywhere
            } else {
                Reach::Public
            },
            slack: Uri::from_static(SLACK),
            origin,
        }
    }
}

/// Sends what is due. Cheap to clone.
#[derive(Clone)]
pub struct Notifier {
    store: Store,
    vault: Vault,
    settings: Settings,
    surroundings: Surroundings,
    browsers: Sender,
    webhooks: Sender,
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    Delivered,
    /// The browser wants no more.
    Gone,
    /// It will never be taken. Why, for people.
    Refused(String),
    /// Later, maybe. Why not now, for people.
    Failed(String),
}

impl Notifier {
    pub fn new(store: Store, vault: Vault, settings: Settings, surroundings: Surroundings) -> Self {
        Self {
            store,
            vault,
            settings,
            browsers: Sender::new(surroundings.browsers),
            webhooks: Sender::new(surroundings.webhooks),
            surroundings,
        }
    }

    /// The key that this installation signs push messages by; made when it is first asked for.
    pub async fn key(&self) -> Result<ServerKey, NotifierError> {
        browser::key(&self.vault).await
    }

    /// Whether messages can be sent to a browser.
    pub fn check(&self, given: &PushSubscription) -> Result<(), SubscriptionError> {
        self.browsers.check(&given.endpoint)?;
        Receiver::parse(&given.keys.p256dh, &given.keys.auth)?;
        Ok(())
    }

    /// Whether messages can be sent to a webhook.
    pub fn check_webhook(&self, url: &str) -> Result<(), AddressError> {
        self.webhooks.check(url).map(drop)
    }

    /// Makes what a new webhook's messages are signed by.
    pub async fn make_secret(&self, target: Uuid) -> Result<(), NotifierError> {
        webhook::make_secret(&self.vault, target).await
    }

    /// What a webhook's messages are signed by, as receivers are given it.
    pub async fn signing_secret(&self, target: Uuid) -> Result<Option<String>, NotifierError> {
        let secret = webhook::secret(&self.vault, target).await?;
        Ok(secret.map(|secret| secret.to_text()))
    }

    /// Forgets what a webhook's messages are signed by.
    pub async fn forget_secret(&self, target: Uuid) -> Result<(), NotifierError> {
        webhook::forget_secret(&self.vault, target).await
    }

    /// Sends a message that is none, and says what came of it.
    pub async fn try_target(
        &self,
        id: Uuid,
        target: &Target,
    ) -> Result<TargetTrial, NotifierError> {
        let message = Message::trial(&self.origin());
        let outcome = self.deliver(id, target, &message).await?;
        self.note(id, &outcome).await?;
        let message = match &outcome {
            Outcome::Delivered => "The message was delivered.".to_owned(),
            Outcome::Gone => "Nobody is there any more.".to_owned(),
            Outcome::Refused(why) | Outcome::Failed(why) => why.clone(),
        };
        Ok(TargetTrial {
            is_delivered: outcome == Outcome::Delivered,
            message,
        })
    }

    /// Sends what is due until `stop` is cancelled. Several processes may do so at once.
    pub async fn run(self, stop: CancellationToken) {
        let heads = self.store.heads();
        let mut changes = heads.all();
        loop {
            // A message that is cut off by the end comes again.
            let sent = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                sent = self.send_due() => sent,
            };
            let pause = match sent {
                Ok(next) => next,
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "notifications could not be seen to"
                    );
                    Some(RETRY)
                }
            };
            let due = async {
                match pause {
                    Some(pause) => sleep(pause).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = heads.call(&mut changes) => {}
                () = due => {}
            }
        }
    }

    /// Sends what is due, and says how long until more is.
    pub async fn send_due(&self) -> Result<Option<Duration>, NotifierError> {
        // With nothing due, which is the rule, it is one look.
        while self.store.next_delivery().await? == Some(Duration::ZERO) {
            let due = self.store.take_deliveries().await?;
            let mut sent = stream::iter(due)
                .map(|delivery| self.see_to(delivery))
                .buffer_unordered(AT_ONCE);
            while let Some(seen_to) = sent.next().await {
                seen_to?;
            }
        }
        Ok(self.store.next_delivery().await?)
    }

    async fn see_to(&self, delivery: Delivery) -> Result<(), NotifierError> {
        let (id, notification) = (delivery.target_id, delivery.notification);
        // What nobody has to see to any more is no news.
        if !delivery.is_settled {
            let message = Message::of(&delivery, &self.origin());
            let outcome = self.deliver(id, &delivery.target, &message).await?;
            tracing::debug!(target = %id, %notification, ?outcome, "a notification was sent");
            self.note(id, &outcome).await?;
            match outcome {
                Outcome::Failed(_) if delivery.attempt < MOST_ATTEMPTS => return Ok(()),
                Outcome::Gone => {
                    self.store.remove_target(id).await?;
                    return Ok(());
                }
                Outcome::Delivered | Outcome::Refused(_) | Outcome::Failed(_) => {}
            }
        }
        Ok(self.store.drop_delivery(id, notification).await?)
    }

    async fn deliver(
        &self,
        id: Uuid,
        target: &Target,
        message: &Message,
    ) -> Result<Outcome, NotifierError> {
        match target {
            Target::Browser {
                endpoint,
                p256dh,
                auth,
            } => {
                let key = self.key().await?;
                let contact = self.contact();
                let keys = (p256dh.as_str(), auth.as_str());
                browser::push(&self.browsers, &key, &contact, endpoint, keys, message).await
            }
            Target::Webhook { url } => {
                let secret = webhook::secret(&self.vault, id).await?;
                webhook::post(&self.webhooks, url, secret.as_ref(), message).await
            }
            Target::Slack { channel } => {
                let token = self.settings.secret(SecretSetting::SlackBotToken).await?;
                let api = &self.surroundings.slack;
                Ok(slack::write(&self.webhooks, api, token.as_ref(), channel, message).await)
            }
        }
    }

    /// Notes on a target what came of the last message.
    async fn note(&self, id: Uuid, outcome: &Outcome) -> Result<(), StoreError> {
        let failure = match outcome {
            Outcome::Delivered | Outcome::Gone => None,
            Outcome::Refused(why) | Outcome::Failed(why) => Some(why.as_str()),
        };
        self.store.note_failure(id, failure).await
    }

    /// What links begin with.
    fn origin(&self) -> String {
        let known = self.settings.in_force().values.public_url;
        known.map_or_else(|| self.surroundings.origin.clone(), String::from)
    }

    /// Whom a push service may turn to.
    fn contact(&self) -> String {
        let origin = self.origin();
        if origin.starts_with("https://") {
            return origin;
        }
        // There is nobody who answers for all installations.
        "mailto:push@example.com".to_owned()
    }
}
