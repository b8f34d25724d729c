//! Keeping a claim alive while its run goes on.

use std::sync::Arc;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::Options;
use crate::jobs::Claim;
use crate::store::Store;

/// Renews the claim until it is dropped. Cancels `lost` when the claim is somebody else's, or when
/// the database could not be reached for so long that it may be.
pub async fn keep(store: Store, options: Arc<Options>, claim: Claim, lost: CancellationToken) {
    let mut good_until = Instant::now() + options.lease;
    loop {
        sleep(options.renew).await;
        let asked = Instant::now();
        match store
            .renew(claim.task, claim.epoch, &options.owner, options.lease)
            .await
        {
            Ok(()) => good_until = asked + options.lease,
            Err(error) if super::is_fenced(&error) => {
                tracing::debug!("the claim has ended");
                return lost.cancel();
            }
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the lease is not renewed"
                );
                if Instant::now() >= good_until {
                    return lost.cancel();
                }
            }
        }
    }
}
