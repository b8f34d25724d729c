//! One cheap call through the CLI, to see whether the credentials work.

use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use tokio::process::Command;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use uuid::Uuid;

use super::spawner::Spawner;
use super::turn_result::TurnResult;
use crate::redaction::KnownSecrets;
use crate::settings::Credential;

/// How long the call may take.
const LIMIT: Duration = Duration::from_secs(30);

/// What Claude is asked.
const PROMPT: &str = "Answer with the word OK and nothing else.";

/// The cheapest model, unless the settings name one.
const MODEL: &str = "haiku";

/// What is tried.
#[derive(Clone, Debug)]
pub struct Trial<'a> {
    pub program: &'a Path,
    /// A folder is made below it, and removed afterwards.
    pub folder: &'a Path,
    pub base_url: Option<&'a str>,
    pub credential: &'a Credential,
    pub model: Option<&'a str>,
}

/// Why there was no answer at all.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    #[error("the Claude CLI can't be started")]
    NotStarted(#[from] io::Error),
    #[error("there was no answer within 30 seconds")]
    TimedOut,
    #[error("the Claude CLI did not tell what came of it")]
    Silent,
}

impl Trial<'_> {
    /// Makes the call, in a folder and an environment of its own.
    pub async fn run(&self, spawner: &Spawner) -> Result<TurnResult, TrialError> {
        let folder = self.folder.join(format!("trial-{}", Uuid::new_v4()));
        tokio::fs::create_dir_all(&folder).await?;
        let (credential, config) = (self.credential.clone(), folder.clone());
        let writing = spawn_blocking(move || credential.write_in(&config)).await;
        writing.unwrap_or_else(|error| Err(error.into()))?;
        let result = self.call(spawner, &folder).await;
        if let Err(error) = tokio::fs::remove_dir_all(&folder).await {
            tracing::warn!(path = %folder.display(), error = &error as &dyn std::error::Error, "a folder is left behind");
        }
        result
    }

    async fn call(&self, spawner: &Spawner, folder: &Path) -> Result<TurnResult, TrialError> {
        let mut command = Command::new(self.program);
        let arguments = [
            "-p",
            "--output-format",
            "json",
            "--max-turns",
            "1",
            "--strict-mcp-config",
            "--setting-sources=",
            // None: an answer in words is all that is wanted.
            "--tools=",
        ];
        command
            .args(arguments)
            .args(["--model", self.model.unwrap_or(MODEL), PROMPT])
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", folder)
            .env("TMPDIR", folder)
            .env("CLAUDE_CONFIG_DIR", folder)
            .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1")
            .env("DISABLE_AUTOUPDATER", "1")
            .env("DISABLE_TELEMETRY", "1")
            .env("DISABLE_ERROR_REPORTING", "1")
            .env("CLAUDE_CODE_MAX_RETRIES", "1")
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        if let Some(variable) = self.credential.variable() {
            command.env(variable, self.credential.value().expose_secret());
        }
        if let Some(url) = self.base_url {
            command.env("ANTHROPIC_BASE_URL", url);
        }
        let child = spawner.spawn(command).await?;
        let output = timeout(LIMIT, child.wait_with_output())
            .await
            .map_err(|_| TrialError::TimedOut)??;
        let mut text = String::from_utf8(output.stdout).map_err(|_| TrialError::Silent)?;
        // An answer may tell the key that was presented.
        let known = KnownSecrets::default();
        self.credential.add_to(&known);
        known.redactor().clean(&mut text);
        serde_json::from_str(text.trim()).map_err(|_| TrialError::Silent)
    }
}
