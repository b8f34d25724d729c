//! Keeping a claim alive while its run goes on.

use std::sync::Arc;

use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

use super::Options;
use crate::jobs::Claim;
use crate::store::{Store, StoreError};

/// Renews the claim until it is dropped. Cancels `lost` when the claim is somebody else's, or when
/// the database could not be reached for so long that it may be.
pub async fn keep(store: Store, options: Arc<Options>, claim: Claim, lost: CancellationToken) {
    let mut good_until = Instant::now() + options.lease;
    loop {
        sleep_until(good_until.min(Instant::now() + options.renew)).await;
        let asked = Instant::now();
        let renewing = store.renew(claim.task, claim.epoch, &options.owner, options.lease);
        match timeout_at(good_until, renewing).await {
            Ok(Ok(())) => good_until = asked + options.lease,
            Ok(Err(StoreError::Fenced)) => {
                tracing::debug!("the claim has ended");
                return lost.cancel();
            }
            Ok(Err(error)) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the lease is not renewed"
                );
            }
            Err(_) => {
                tracing::warn!("the lease was not renewed in time");
                return lost.cancel();
            }
        }
    }
}
