//! Whether Claude's credentials work.

use std::path::PathBuf;
use std::sync::Arc;

use app::api::{AccountCheck, AccountState};
use tokio::sync::Mutex;

use super::Service;
use crate::agent::spawner::Spawner;
use crate::agent::trial::{Trial, TrialError};
use crate::agent::turn_result::TurnResult;
use crate::error::{Error, chain};
use crate::orchestrator::model::Models;

/// The longest message that is shown, in characters.
const MESSAGE_LIMIT: usize = 500;

/// What it takes to try the credentials. Cheap to clone.
#[derive(Clone)]
pub struct AccountTrial {
    models: Models,
    spawner: Spawner,
    program: PathBuf,
    folder: PathBuf,
    /// One at a time: each is a process.
    turn: Arc<Mutex<()>>,
}

impl AccountTrial {
    /// Tries what `models` gives, by means of the CLI `program`, in folders below `folder`.
    pub fn new(models: Models, spawner: Spawner, program: PathBuf, folder: PathBuf) -> Self {
        Self {
            models,
            spawner,
            program,
            folder,
            turn: Arc::default(),
        }
    }

    async fn run(&self) -> AccountCheck {
        let _turn = self.turn.lock().await;
        let endpoint = match self.models.endpoint_for(None).await {
            Ok(endpoint) => endpoint,
            Err(error) => return check(AccountState::Failed, &chain(&error)),
        };
        let trial = Trial {
            program: &self.program,
            folder: &self.folder,
            base_url: endpoint.base_url.as_deref(),
            credential: &endpoint.credential,
            model: endpoint.model.as_deref(),
        };
        match trial.run(&self.spawner).await {
            Ok(result) => judge(&result),
            Err(error @ TrialError::TimedOut) => check(AccountState::Unreachable, &chain(&error)),
            Err(error) => check(AccountState::Failed, &chain(&error)),
        }
    }
}

impl Service {
    /// Makes one cheap call with the credentials that the next agent would use.
    pub async fn check_account(&self) -> Result<AccountCheck, Error> {
        let Some(trial) = &self.parts.account_trial else {
            let message = "There is no Claude CLI that could be used.";
            return Ok(check(AccountState::Failed, message));
        };
        Ok(trial.run().await)
    }
}

fn judge(result: &TurnResult) -> AccountCheck {
    let text = result.result.clone().filter(|text| !text.is_empty());
    let message = text.unwrap_or_else(|| result.errors.join("; "));
    let state = match result.api_error_status {
        _ if !result.is_error => AccountState::Works,
        Some(429 | 529) => AccountState::Limited,
        Some(401..=403) => AccountState::Refused,
        _ if message.starts_with("Credit balance") => AccountState::Limited,
        _ if message.starts_with("Invalid API key") => AccountState::Refused,
        None if message.contains("onnect") => AccountState::Unreachable,
        _ => AccountState::Failed,
    };
    check(state, &message)
}

fn check(state: AccountState, message: &str) -> AccountCheck {
    let message = message.chars().take(MESSAGE_LIMIT).collect();
    AccountCheck { state, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_told_apart() {
        let failed = |status, text: &str| {
            let result = TurnResult {
                is_error: true,
                api_error_status: status,
                result: Some(text.to_owned()),
                ..TurnResult::default()
            };
            judge(&result).state
        };
        let refused = failed(Some(401), "Invalid API key · Fix external API key");
        assert_eq!(refused, AccountState::Refused);
        assert_eq!(
            failed(Some(429), "API Error: Request rejected (429)"),
            AccountState::Limited
        );
        assert_eq!(
            failed(Some(400), "Credit balance is too low"),
            AccountState::Limited
        );
        assert_eq!(
            failed(None, "API Error: Connection refused"),
            AccountState::Unreachable
        );
        assert_eq!(
            failed(None, "API Error: Unable to connect to API"),
            AccountState::Unreachable
        );
        assert_eq!(
            failed(Some(404), "There's an issue with the selected model"),
            AccountState::Failed
        );
        assert_eq!(judge(&TurnResult::default()).state, AccountState::Works);
    }
}
