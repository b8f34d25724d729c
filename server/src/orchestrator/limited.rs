//! What a run does about an account that can't be used.

use app::domain::task::Limit;
use std::time::Duration;

use super::run::{Ending, Run, RunError};
use super::turn::Turn;
use crate::agent::system::ApiRetry;
use crate::error::Error;
use crate::limits::Hit;
use crate::store::Standing;

/// Shorter waits of an agent are nobody else's business.
const WORTH_TELLING: Duration = Duration::from_secs(1);

impl Run {
    /// The limit that keeps a turn from beginning. It saves a try that would come to nothing.
    pub(super) async fn limit_in_force(&mut self) -> Result<Option<Limit>, RunError> {
        let standing = self.deps.store.account_standing(self.task).await;
        let standing = standing.map_err(Error::from)?;
        self.is_trying = standing != Standing::Open;
        Ok(match standing {
            Standing::Held(limit) => Some(limit),
            Standing::Open | Standing::Tried => None,
        })
    }

    /// Leaves the account alone, with all tasks that use it.
    pub(super) async fn hit_limit(&self, message: &str, hit: &Hit) -> Result<Ending, RunError> {
        let (store, pacing) = (&self.deps.store, &self.deps.options.pacing);
        let held = store.hold_account(self.task, hit, pacing).await;
        let limit = held.map_err(Error::from)?;
        let until = limit.until.format("%-d %b %Y, %H:%M:%S UTC");
        let next = if limit.told { "ends" } else { "is tried again" };
        self.note(&format!(
            "{} {message} It {next} on {until}.",
            limit.sentence()
        ))
        .await?;
        Ok(Ending::Limited { limit })
    }

    /// An agent waits to try again: no other task of the account starts meanwhile.
    pub(super) async fn heed_retry(
        &self,
        turn: &mut Turn,
        retry: ApiRetry,
    ) -> Result<(), RunError> {
        let delay = Duration::try_from_secs_f64(retry.retry_delay_ms / 1_000.0).unwrap_or_default();
        let is_common = matches!(retry.error_status, None | Some(429 | 502 | 503 | 504 | 529));
        if is_common && delay >= WORTH_TELLING {
            let delayed = self.deps.store.delay_account(self.task, delay).await;
            delayed.map_err(Error::from)?;
            turn.is_trying = true;
        }
        turn.retry = Some(retry);
        Ok(())
    }

    /// The model has answered: whoever was held back may start.
    pub(super) async fn heed_answer(&self, turn: &mut Turn) -> Result<(), RunError> {
        if std::mem::take(&mut turn.is_trying) {
            let freed = self.deps.store.free_account(self.task).await;
            freed.map_err(Error::from)?;
        }
        Ok(())
    }
}
