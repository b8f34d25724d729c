//! What the end of a turn means for its run. Pure.

use app::domain::money::Usd;
use app::domain::task::{ApiUse, LimitCause, Tokens, TurnOutcome, UsageDelta};
use chrono::{DateTime, TimeDelta, Utc};

use crate::agent::api_meter::Rejection;
use crate::agent::protocol::RateLimitInfo;
use crate::agent::system::ApiRetry;
use crate::agent::turn_result::TurnResult;
use crate::agent::usage::TurnUsage;
use crate::limits::Hit;

/// What follows from a turn's result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Go on with the next thing.
    GoOn,
    /// The agent waits for a person.
    Deferred,
    /// Somebody stopped the turn.
    Interrupted,
    /// The model can't be used at present.
    Limited { message: String, hit: Hit },
    /// Claude refuses the credentials.
    Refused { message: String },
    /// Anything else that went wrong.
    Failed { message: String },
}

/// What was seen of the model's API in the course of a turn.
#[derive(Clone, Debug, Default)]
pub struct Signs {
    /// What the CLI told last of the account's limits.
    pub limit: Option<RateLimitInfo>,
    /// The last failure that it has tried to get over.
    pub retry: Option<ApiRetry>,
    /// What passed the platform on its way to the CLI.
    pub rejected: Option<Rejection>,
}

impl Signs {
    /// The account's limit, with what was told of its end.
    fn account(&self) -> Hit {
        let told = self.limit.as_ref().filter(|limit| is_rejected(limit));
        let seen = self.rejected.as_ref();
        let reset = told.and_then(|limit| DateTime::from_timestamp(limit.resets_at?, 0));
        let name = told.and_then(|limit| limit.limit.clone());
        Hit {
            cause: LimitCause::Account,
            name: name
                .or_else(|| seen?.name.clone())
                .filter(|name| is_word(name)),
            reset: reset.or_else(|| seen?.reset),
        }
    }

    fn elsewhere(&self, cause: LimitCause) -> Hit {
        Hit {
            cause,
            name: None,
            reset: self.rejected.as_ref().and_then(|seen| seen.reset),
        }
    }
}

fn is_rejected(limit: &RateLimitInfo) -> bool {
    limit.status == "rejected"
}

/// As the API names its limits: `five_hour`.
fn is_word(name: &str) -> bool {
    const LONGEST: usize = 40;
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    name.len() <= LONGEST && name.bytes().all(is_plain)
}

/// Judges a result. Only `is_error` tells success; the other fields tell what kind of failure.
pub fn judge(result: &TurnResult, signs: &Signs) -> Verdict {
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
    let limited = |hit| Verdict::Limited {
        message: message.clone(),
        hit,
    };
    // Without a status nobody has answered, if that is also why it was tried again.
    let is_unanswered = reason == "api_error"
        && signs
            .retry
            .as_ref()
            .is_some_and(|retry| retry.error_status.is_none());
    match result.api_error_status {
        _ if signs.limit.as_ref().is_some_and(is_rejected) => limited(signs.account()),
        Some(429) => limited(signs.account()),
        Some(503 | 504 | 529) => limited(signs.elsewhere(LimitCause::Overloaded)),
        Some(502) => limited(signs.elsewhere(LimitCause::Unreachable)),
        None if is_unanswered => limited(signs.elsewhere(LimitCause::Unreachable)),
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
            Self::Limited { message, .. }
            | Self::Refused { message }
            | Self::Failed { message } => TurnOutcome::Failed {
                message: message.clone(),
            },
        }
    }
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
        let verdict = judge(&failure(500, "API Error: 500"), &Signs::default());
        assert_eq!(
            verdict,
            Verdict::Failed {
                message: "API Error: 500".to_owned()
            }
        );
    }

    fn kind(result: &TurnResult, signs: &Signs) -> String {
        match judge(result, signs) {
            Verdict::Limited { hit, .. } => hit.cause.to_string(),
            Verdict::Refused { .. } => "refused".to_owned(),
            Verdict::Failed { .. } => "failed".to_owned(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn limits_and_credentials_are_told_from_failures() {
        let told = |status, text| kind(&failure(status, text), &Signs::default());
        assert_eq!(told(429, "x"), "account");
        assert_eq!(told(529, "x"), "overloaded");
        assert_eq!(told(503, "x"), "overloaded");
        assert_eq!(told(502, "x"), "unreachable");
        assert_eq!(told(401, "x"), "refused");
        assert_eq!(told(402, "x"), "refused");
        assert_eq!(told(403, "x"), "refused");
        assert_eq!(told(400, "Credit balance is too low"), "refused");
        assert_eq!(told(400, "prompt is too long"), "failed");
        assert_eq!(told(404, "no such model"), "failed");
        assert_eq!(told(500, "x"), "failed");
    }

    #[test]
    fn an_api_that_never_answers_is_out_of_reach() {
        let unanswered = TurnResult {
            api_error_status: None,
            ..failure(0, "API Error: Connection refused")
        };
        let after = |error_status| Signs {
            retry: Some(ApiRetry {
                attempt: 10,
                max_retries: 10,
                retry_delay_ms: 500.0,
                error_status,
                error: None,
            }),
            ..Signs::default()
        };
        assert_eq!(kind(&unanswered, &after(None)), "unreachable");
        assert_eq!(kind(&unanswered, &after(Some(500))), "failed");
        assert_eq!(kind(&unanswered, &Signs::default()), "failed");
    }

    fn told(status: &str, resets_at: i64) -> RateLimitInfo {
        RateLimitInfo {
            status: status.to_owned(),
            resets_at: Some(resets_at),
            limit: Some("five_hour".to_owned()),
            utilization: None,
        }
    }

    #[test]
    fn what_the_cli_tells_of_a_limit_goes_before_what_was_seen_of_it() {
        let seen = Rejection {
            reset: DateTime::from_timestamp(7_000, 0),
            name: Some("seven_day".to_owned()),
        };
        let hit = |limit: Option<RateLimitInfo>| {
            let signs = Signs {
                limit,
                rejected: Some(seen.clone()),
                ..Signs::default()
            };
            match judge(&failure(429, "x"), &signs) {
                Verdict::Limited { hit, .. } => (hit.reset.unwrap().timestamp(), hit.name.unwrap()),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(hit(None), (7_000, "seven_day".to_owned()));
        let told_by_cli = hit(Some(told("rejected", 5_000)));
        assert_eq!(told_by_cli, (5_000, "five_hour".to_owned()));
        let still_allowed = hit(Some(told("allowed_warning", 5_000)));
        assert_eq!(still_allowed, (7_000, "seven_day".to_owned()));
    }

    #[test]
    fn a_subscription_that_is_used_up_is_a_limit_whatever_the_result_says() {
        let unclear = TurnResult {
            api_error_status: None,
            ..failure(0, "You've hit your limit · resets 2pm (UTC)")
        };
        let signs = Signs {
            limit: Some(told("rejected", 5_000)),
            ..Signs::default()
        };
        assert_eq!(kind(&unclear, &signs), "account");
    }

    #[test]
    fn a_limit_keeps_no_name_that_is_none() {
        for name in ["five hour", "x\n", &"a".repeat(41)] {
            assert!(!is_word(name), "{name}");
        }
        assert!(is_word("seven_day_overage_included"));
    }
}
