//! Where notifications are sent to: browsers, webhooks and channels of Slack.

use app::api::{
    NewTarget, PushSubscription, PushSubscriptionView, PushView, SigningSecret, TargetChannel,
    TargetTrial, TargetView,
};
use app::domain::settings::{SecretSetting, SlackChannel};
use app::domain::task::ConcernKind;
use uuid::Uuid;

use super::Service;
use crate::error::Error;
use crate::store::Target;

/// The most webhooks and channels: each is sent every notification.
const MOST_TARGETS: u32 = 20;

impl Service {
    pub async fn push(&self) -> Result<PushView, Error> {
        let public_key = self.parts.notifier.key().await?.public();
        let subscriptions = self.parts.store.subscriptions().await?;
        Ok(PushView {
            public_key,
            subscriptions,
        })
    }

    /// Keeps a browser, or of which kinds one wants to hear that is known already.
    pub async fn subscribe(&self, given: &PushSubscription) -> Result<PushSubscriptionView, Error> {
        let check = self.parts.notifier.check(given);
        check.map_err(|error| Error::field(error.field(), error.to_string()))?;
        let id = Uuid::now_v7();
        Ok(self.parts.store.keep_subscription(id, given).await?)
    }

    /// Forgets a browser. Twice is once.
    pub async fn unsubscribe(&self, id: Uuid) -> Result<(), Error> {
        self.parts.store.remove_target(id).await?;
        Ok(())
    }

    /// All webhooks and channels of Slack, the oldest first.
    pub async fn targets(&self) -> Result<Vec<TargetView>, Error> {
        Ok(self.parts.store.targets().await?)
    }

    /// Adds a webhook or a channel of Slack.
    pub async fn add_target(&self, new: NewTarget) -> Result<TargetView, Error> {
        let target = self.parse_target(new.channel, new.address.trim()).await?;
        let kinds = new.kinds.unwrap_or_else(|| ConcernKind::ALL.to_vec());
        let id = Uuid::now_v7();
        let (store, notifier) = (&self.parts.store, &self.parts.notifier);
        // Before the target: a message without a signature can't be sent.
        if matches!(target, Target::Webhook { .. }) {
            notifier.make_secret(id).await?;
        }
        let Some(added) = store.add_target(id, &target, &kinds, MOST_TARGETS).await? else {
            notifier.forget_secret(id).await?;
            let known = store.targets().await?;
            let message = if known.len() >= MOST_TARGETS as usize {
                format!("would be one of more than {MOST_TARGETS}")
            } else {
                "is there already".to_owned()
            };
            return Err(Error::field("address", message));
        };
        tracing::info!(target = %id, channel = %added.channel, "a target for notifications was added");
        Ok(added)
    }

    async fn parse_target(&self, channel: TargetChannel, address: &str) -> Result<Target, Error> {
        let refused = |message: String| Error::field("address", message);
        match channel {
            TargetChannel::Webhook => {
                let checked = self.parts.notifier.check_webhook(address);
                checked.map_err(|error| refused(error.to_string()))?;
                Ok(Target::Webhook {
                    url: address.to_owned(),
                })
            }
            TargetChannel::Slack => {
                let parsed = address.parse::<SlackChannel>();
                let parsed = parsed.map_err(|error| refused(error.to_string()))?;
                let token = self.parts.settings.secret(SecretSetting::SlackBotToken);
                if token.await?.is_none() {
                    let message =
                        "needs the token of a Slack bot, which is set among the integrations";
                    return Err(Error::field("channel", message));
                }
                Ok(Target::Slack {
                    channel: parsed.into(),
                })
            }
        }
    }

    /// What a webhook's messages are signed by: the one secret that comes out again, for the other side has to
    /// know it too.
    pub async fn signing_secret(&self, id: Uuid) -> Result<SigningSecret, Error> {
        let secret = self.parts.notifier.signing_secret(id).await?;
        let secret = secret.ok_or(Error::NotFound { what: "secret" })?;
        Ok(SigningSecret { secret })
    }

    /// Which notifications a target gets from now on.
    pub async fn edit_target(&self, id: Uuid, kinds: &[ConcernKind]) -> Result<TargetView, Error> {
        let edited = self.parts.store.edit_target(id, kinds).await?;
        edited.ok_or_else(unknown)
    }

    /// Forgets a webhook or a channel of Slack.
    pub async fn remove_target(&self, id: Uuid) -> Result<(), Error> {
        self.target(id).await?;
        self.parts.store.remove_target(id).await?;
        self.parts.notifier.forget_secret(id).await?;
        tracing::info!(target = %id, "a target for notifications was removed");
        Ok(())
    }

    /// Sends a message that is none, and says what came of it.
    pub async fn try_target(&self, id: Uuid) -> Result<TargetTrial, Error> {
        let known = self.target(id).await?;
        let target = match known.channel {
            TargetChannel::Webhook => Target::Webhook { url: known.address },
            TargetChannel::Slack => Target::Slack {
                channel: known.address,
            },
        };
        Ok(self.parts.notifier.try_target(id, &target).await?)
    }

    async fn target(&self, id: Uuid) -> Result<TargetView, Error> {
        let all = self.parts.store.targets().await?;
        let known = all.into_iter().find(|known| known.id == id);
        known.ok_or_else(unknown)
    }
}

fn unknown() -> Error {
    Error::NotFound { what: "target" }
}
