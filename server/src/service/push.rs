//! Browsers that notifications are pushed to.

use app::api::{PushSubscription, PushSubscriptionView, PushView};
use uuid::Uuid;

use super::Service;
use crate::error::Error;

impl Service {
    pub async fn push(&self) -> Result<PushView, Error> {
        let public_key = self.parts.push.key().await?.public();
        let subscriptions = self.parts.store.subscriptions().await?;
        Ok(PushView {
            public_key,
            subscriptions,
        })
    }

    /// Keeps a browser, or of which kinds one wants to hear that is known already.
    pub async fn subscribe(&self, given: &PushSubscription) -> Result<PushSubscriptionView, Error> {
        let check = self.parts.push.check(given);
        check.map_err(|error| Error::field(error.field(), error.to_string()))?;
        let id = Uuid::now_v7();
        Ok(self.parts.store.keep_subscription(id, given).await?)
    }

    /// Forgets a browser. Twice is once.
    pub async fn unsubscribe(&self, id: Uuid) -> Result<(), Error> {
        self.parts.store.remove_subscription(id).await?;
        Ok(())
    }
}
