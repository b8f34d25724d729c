//! What the end of a turn means for its run. Pure.

use app::domain::money::Usd;
use app::domain::task::{ApiUse, Tokens, TurnOutcome, UsageDelta};
use chrono::{DateTime, TimeDelta, Utc};

use crate::agent::protocol::RateLimitInfo;
use crate::agent::turn_result::TurnResult;
use crate::agent::usage::TurnUsage;

/// What follows from a turn's result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Go on with the next thing.
    GoOn,
    /// The agent waits for a person.
    Deferred,
    /// Somebody stopped the turn.
    Interrupted,
    /// The account's limit is reached.
    Limited { message: String },
    /// Claude refuses the credentials.
    Refused { message: String },
    /// Anything else that went wrong.
    Failed { message: String },
}

/// Judges a result. Only `is_error` tells success; the other fields tell what kind of failure.
pub fn judge(result: &TurnResult, limit: Option<&RateLimitInfo>) -> Verdict {
    let reason = result.terminal_reason.as_deref().unwrap_or_default();
    if reason == "tool_deferred" {
        return Verdict::Deferred;
    }
    if !result.is_error {
        return Verdict::GoOn;
    }
    if result.is_interrupted() {
        return Verdict::Interrupted;
    }
    let message = message_of(result);
    let rejected = limit.is_some_and(|limit| limit.status == "rejected");
    match result.api_error_status {
        _ if rejected => Verdict::Limited { message },
        Some(429 | 529) => Verdict::Limited { message },
        Some(401..=403) => Verdict::Refused { message },
        Some(400) if message.starts_with("Credit balance") => Verdict::Refused { message },
        _ => Verdict::Failed { message },
    }
}

fn message_of(result: &TurnResult) -> String {
    let text = result.result.as_deref().filter(|text| !text.is_empty());
    let text = text.map_or_else(|| result.errors.join("; "), str::to_owned);
    let text = if text.is_empty() {
        result.subtype.clone()
    } else {
        text
    };
    text.chars().take(2_000).collect()
}

impl Verdict {
    /// How the turn is recorded.
    pub fn outcome(&self) -> TurnOutcome {
        match self {
            Self::GoOn => TurnOutcome::Completed,
            Self::Deferred => TurnOutcome::Deferred,
            Self::Interrupted => TurnOutcome::Interrupted,
            Self::Limited { message } | Self::Refused { message } | Self::Failed { message } => {
                TurnOutcome::Failed {
                    message: message.clone(),
                }
            }
        }
    }
}

/// When a limited task is tried again: at the reset that was told, else after 1, 5, 15, 30 and then
/// 60 minutes.
pub fn limit_ends(now: DateTime<Utc>, limit: Option<&RateLimitInfo>, before: u32) -> DateTime<Utc> {
    let told = limit
        .filter(|limit| limit.status == "rejected")
        .and_then(|limit| DateTime::from_timestamp(limit.resets_at?, 0));
    if let Some(reset) = told.filter(|reset| *reset > now) {
        return reset + TimeDelta::seconds(1);
    }
    let minutes = match before {
        0 => 1,
        1 => 5,
        2 => 15,
        3 => 30,
        _ => 60,
    };
    now + TimeDelta::minutes(minutes)
}

/// When a failed run is tried again: after 2, 10 and then 50 seconds.
pub fn retry_at(now: DateTime<Utc>, failures: u32) -> DateTime<Utc> {
    now + TimeDelta::seconds(2 * 5_i64.pow(failures.min(2)))
}

/// The use of a turn as events carry it; nothing if there was none.
pub fn usage_delta(usage: &TurnUsage, api: Option<ApiUse>) -> Option<UsageDelta> {
    let total = usage.total();
    let tokens = Tokens {
        input: total.input_tokens,
        output: total.output_tokens,
        cache_read: total.cache_read_input_tokens,
        cache_write: total.cache_creation_input_tokens,
    };
    let cost = Usd::from_dollars(total.cost_usd);
    if tokens.total() == 0 && cost == Usd::ZERO && api.is_none() {
        return None;
    }
    let models: Vec<_> = usage.by_model.keys().map(String::as_str).collect();
    Some(UsageDelta {
        model: models.join(", "),
        tokens,
        cost,
        api,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(status: u16, text: &str) -> TurnResult {
        TurnResult {
            subtype: "success".to_owned(),
            is_error: true,
            terminal_reason: Some("api_error".to_owned()),
            api_error_status: Some(status),
            result: Some(text.to_owned()),
            ..TurnResult::default()
        }
    }

    #[test]
    fn an_error_with_the_subtype_success_is_no_success() {
        let verdict = judge(&failure(500, "API Error: 500"), None);
        assert_eq!(
            verdict,
            Verdict::Failed {
                message: "API Error: 500".to_owned()
            }
        );
    }

    #[test]
    fn limits_and_credentials_are_told_from_failures() {
        let kind = |status, text| match judge(&failure(status, text), None) {
            Verdict::Limited { .. } => "limited",
            Verdict::Refused { .. } => "refused",
            Verdict::Failed { .. } => "failed",
            other => panic!("{other:?}"),
        };
        assert_eq!(kind(429, "x"), "limited");
        assert_eq!(kind(529, "x"), "limited");
        assert_eq!(kind(401, "x"), "refused");
        assert_eq!(kind(403, "x"), "refused");
        assert_eq!(kind(400, "Credit balance is too low"), "refused");
        assert_eq!(kind(400, "prompt is too long"), "failed");
    }

    #[test]
    fn a_told_reset_goes_before_the_back_off() {
        let now = DateTime::from_timestamp(1_000, 0).unwrap();
        let told = |resets_at| RateLimitInfo {
            status: "rejected".to_owned(),
            resets_at: Some(resets_at),
            limit: None,
            utilization: None,
        };
        assert_eq!(limit_ends(now, Some(&told(5_000)), 0).timestamp(), 5_001);
        assert_eq!(limit_ends(now, Some(&told(500)), 0).timestamp(), 1_060);
        let waits: Vec<_> = (0..6)
            .map(|n| limit_ends(now, None, n).timestamp() - 1_000)
            .collect();
        assert_eq!(waits, [60, 300, 900, 1_800, 3_600, 3_600]);
    }
}
