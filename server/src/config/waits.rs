//! How long agents and accounts are waited for.

use std::time::Duration;

use super::ConfigError;
use super::settings::{parsed, seconds};
use super::sources::Sources;
use crate::agent::api_patience::ApiPatience;
use crate::limits::Pacing;

/// The longest wait until the next try, in seconds: a week.
const LONGEST_WAIT: u64 = 7 * 24 * 60 * 60;

/// How long agents wait for the model's API by themselves.
pub(super) fn patience(sources: &Sources) -> Result<ApiPatience, ConfigError> {
    let defaults = ApiPatience::default();
    Ok(ApiPatience {
        retries: retries(sources)?,
        answer: seconds(sources, "api_answer_seconds", 1, 3_600)?,
        silence: seconds(sources, "api_silence_seconds", 1, 300)?.unwrap_or(defaults.silence),
    })
}

fn retries(sources: &Sources) -> Result<Option<u32>, ConfigError> {
    const MOST: u32 = 15;
    match (parsed(sources, "api_retries")?, sources.get("api_retries")) {
        (Some(times), Some((_, origin))) if times > MOST => {
            let reason = format!("must be between 0 and {MOST}");
            Err(ConfigError::malformed(origin, reason))
        }
        (times, _) => Ok(times),
    }
}

/// How long an account is left alone that can't be used.
pub(super) fn pacing(sources: &Sources) -> Result<Pacing, ConfigError> {
    let defaults = Pacing::default();
    Ok(Pacing {
        waits: waits(sources)?.unwrap_or(defaults.waits),
        stagger: seconds(sources, "limit_stagger_seconds", 0, 60)?.unwrap_or(defaults.stagger),
        probe: seconds(sources, "limit_probe_seconds", 0, 600)?.unwrap_or(defaults.probe),
    })
}

fn waits(sources: &Sources) -> Result<Option<Vec<Duration>>, ConfigError> {
    let Some((text, origin)) = sources.get("limit_waits") else {
        return Ok(None);
    };
    let wait = |word: &str| {
        let seconds: u64 = word.trim().parse().ok()?;
        let is_possible = (1..=LONGEST_WAIT).contains(&seconds);
        is_possible.then(|| Duration::from_secs(seconds))
    };
    let waits: Option<Vec<_>> = text.split(',').map(wait).collect();
    match waits {
        Some(waits) => Ok(Some(waits)),
        None => Err(ConfigError::malformed(
            origin,
            format!("must be numbers from 1 to {LONGEST_WAIT}, separated by commas"),
        )),
    }
}
