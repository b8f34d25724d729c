//! How long the CLI waits for the model's API before it gives up by itself.

use std::time::Duration;

/// The limits, as far as they are not the CLI's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiPatience {
    /// How often a request is repeated.
    pub retries: Option<u32>,
    /// How long an answer may take to begin.
    pub answer: Option<Duration>,
    /// How long an answer that has begun may be silent. It is asked for again then.
    pub silence: Duration,
}

impl Default for ApiPatience {
    fn default() -> Self {
        Self {
            retries: None,
            answer: None,
            // The API itself says something every few seconds; left alone, the CLI waits for five minutes.
            silence: Duration::from_mins(2),
        }
    }
}

impl ApiPatience {
    /// The variables by which the CLI is told.
    pub fn variables(&self) -> impl Iterator<Item = (&'static str, String)> + use<> {
        let millis = |time: Duration| time.as_millis().to_string();
        let all = [
            (
                "CLAUDE_CODE_MAX_RETRIES",
                self.retries.map(|times| times.to_string()),
            ),
            ("API_TIMEOUT_MS", self.answer.map(millis)),
            ("CLAUDE_ENABLE_BYTE_WATCHDOG", Some("1".to_owned())),
            (
                "CLAUDE_BYTE_STREAM_IDLE_TIMEOUT_MS",
                Some(millis(self.silence)),
            ),
        ];
        all.into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
    }
}
