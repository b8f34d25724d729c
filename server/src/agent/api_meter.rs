//! What the model's API says it has used, and how much of its limits is left: read from its answers
//! while they pass. Pure.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use http::{HeaderMap, HeaderName, StatusCode};
use serde::Deserialize;

use super::lines::Splitter;

/// The longest line of an answer that is read, in bytes. Those that carry usage are a few hundred.
const LINE_LIMIT: usize = 256 * 1024;

/// The most headers about limits that are kept of one answer, and the longest value.
const MOST_LIMITS: usize = 32;
const LONGEST_LIMIT: usize = 128;

/// What one process has asked of the API.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiUsage {
    /// Requests that were passed on.
    pub requests: u64,
    /// Those of them that got no answer, or one with an error status.
    pub failures: u64,
    /// As the answers say, in tokens.
    pub tokens: ApiTokens,
    /// What the latest answer said about limits; empty if it said nothing.
    pub limits: BTreeMap<String, String>,
    /// The latest time that the API would not answer, for it was asked too much.
    pub rejected: Option<Rejection>,
}

/// The API would not answer, for it was asked too much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// When it can be asked again, if it said so.
    pub reset: Option<DateTime<Utc>>,
    /// Which limit is reached, as it names it.
    pub name: Option<String>,
}

/// Tokens of one answer or of many, as the Messages API names them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ApiTokens {
    #[serde(rename = "input_tokens")]
    pub input: u64,
    #[serde(rename = "output_tokens")]
    pub output: u64,
    #[serde(rename = "cache_read_input_tokens")]
    pub cache_read: u64,
    #[serde(rename = "cache_creation_input_tokens")]
    pub cache_write: u64,
}

impl ApiUsage {
    /// An answer has begun.
    pub fn begin(&mut self, status: StatusCode, headers: &HeaderMap, now: DateTime<Utc>) {
        if status.is_client_error() || status.is_server_error() {
            self.failures += 1;
        }
        let limits = limits(headers);
        if matches!(status.as_u16(), 429 | 503 | 529) {
            self.rejected = Some(Rejection {
                reset: reset(&limits, now),
                name: limits.get(CLAIM).cloned(),
            });
        }
        if !limits.is_empty() {
            self.limits = limits;
        }
    }

    /// An answer has ended, or was cut off.
    pub fn end(&mut self, answer: &AnswerMeter) {
        self.tokens.input += answer.tokens.input;
        self.tokens.output += answer.tokens.output;
        self.tokens.cache_read += answer.tokens.cache_read;
        self.tokens.cache_write += answer.tokens.cache_write;
    }
}

/// The header with the name of the limit that counts.
const CLAIM: &str = "anthropic-ratelimit-unified-representative-claim";

/// When the API can be asked again, as its headers tell it
/// (<https://docs.claude.com/en/api/rate-limits>).
fn reset(limits: &BTreeMap<String, String>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let number = |name: &str| limits.get(name)?.trim().parse::<i64>().ok();
    let is_rejected = limits
        .get("anthropic-ratelimit-unified-status")
        .is_some_and(|status| status == "rejected");
    let unified = number("anthropic-ratelimit-unified-reset").filter(|_| is_rejected);
    if let Some(reset) = unified.and_then(|seconds| DateTime::from_timestamp(seconds, 0)) {
        return Some(reset);
    }
    if let Some(seconds) = number("retry-after") {
        return now.checked_add_signed(TimeDelta::try_seconds(seconds)?);
    }
    let used_up = ["requests", "tokens", "input-tokens", "output-tokens"].map(|kind| {
        let prefix = format!("anthropic-ratelimit-{kind}");
        let rest = number(&format!("{prefix}-remaining")).filter(|rest| *rest == 0);
        rest.and_then(|_| limits.get(&format!("{prefix}-reset"))?.parse().ok())
    });
    used_up.into_iter().flatten().max()
}

/// The headers that tell of limits: `anthropic-ratelimit-…` and `retry-after`.
fn limits(headers: &HeaderMap) -> BTreeMap<String, String> {
    let tells = |name: &HeaderName| {
        name.as_str().starts_with("anthropic-ratelimit-") || *name == http::header::RETRY_AFTER
    };
    let told = headers.iter().filter(|(name, _)| tells(name));
    told.filter_map(|(name, value)| {
        let value = value.to_str().ok()?;
        (value.len() <= LONGEST_LIMIT).then(|| (name.as_str().to_owned(), value.to_owned()))
    })
    .take(MOST_LIMITS)
    .collect()
}

/// Reads the usage out of one answer, streamed (`text/event-stream`) or whole.
///
/// A stream tells it twice: at its beginning what was read, then, as running totals, what was
/// written (<https://docs.claude.com/en/api/messages-streaming>).
#[derive(Debug)]
pub struct AnswerMeter {
    lines: Splitter,
    tokens: ApiTokens,
}

impl Default for AnswerMeter {
    fn default() -> Self {
        Self {
            lines: Splitter::new(LINE_LIMIT),
            tokens: ApiTokens::default(),
        }
    }
}

/// The part of an event, or of a whole answer, that tells of usage.
#[derive(Deserialize)]
struct Told {
    message: Option<Whole>,
    usage: Option<ApiTokens>,
}

#[derive(Deserialize)]
struct Whole {
    usage: Option<ApiTokens>,
}

impl AnswerMeter {
    /// More of the answer.
    pub fn push(&mut self, bytes: &[u8]) {
        for line in self.lines.push(bytes) {
            self.tokens.take(&line.text);
        }
    }

    /// The last line has no end of its own in an answer that is not streamed.
    pub fn finish(&mut self) {
        let line = self.lines.finish();
        self.tokens.take(&line.text);
    }
}

impl ApiTokens {
    fn take(&mut self, line: &str) {
        if !line.contains("\"usage\"") {
            return;
        }
        let text = line.strip_prefix("data:").unwrap_or(line);
        // What is no JSON is not about usage.
        let Ok(told) = serde_json::from_str::<Told>(text) else {
            return;
        };
        let told = told
            .usage
            .or_else(|| told.message.and_then(|message| message.usage));
        let Some(told) = told else { return };
        self.input = self.input.max(told.input);
        self.output = self.output.max(told.output);
        self.cache_read = self.cache_read.max(told.cache_read);
        self.cache_write = self.cache_write.max(told.cache_write);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STREAMED: &str = concat!(
        "event: message_start\n",
        "data: {\"type\":\"message_start\",\"message\":{\"model\":\"claude-sonnet-5\",\"usage\":",
        "{\"input_tokens\":7,\"cache_read_input_tokens\":100,\"cache_creation_input_tokens\":20,",
        "\"output_tokens\":1}}}\n\n",
        "event: content_block_delta\n",
        "data: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"a \\\"usage\\\" of words\"}}\n\n",
        "event: message_delta\n",
        "data: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":42}}\n\n",
    );

    const READ: ApiTokens = ApiTokens {
        input: 7,
        output: 42,
        cache_read: 100,
        cache_write: 20,
    };

    fn usage(parts: &[&[u8]]) -> ApiTokens {
        let mut meter = AnswerMeter::default();
        for part in parts {
            meter.push(part);
        }
        meter.finish();
        let mut usage = ApiUsage::default();
        usage.end(&meter);
        usage.tokens
    }

    #[test]
    fn an_answer_in_one_piece_is_metered_too() {
        let whole = br#"{"type":"message","usage":{"input_tokens":3,"output_tokens":9}}"#;
        let tokens = usage(&[whole]);
        assert_eq!((tokens.input, tokens.output), (3, 9));
    }

    #[test]
    fn what_a_cut_answer_has_told_counts() {
        let (told, _) = STREAMED.split_once("event: message_delta").unwrap();
        assert_eq!(usage(&[told.as_bytes()]), ApiTokens { output: 1, ..READ });
    }

    #[test]
    fn the_latest_word_on_limits_stays_and_an_answer_without_one_leaves_it() {
        let mut usage = ApiUsage::default();
        let mut headers = HeaderMap::new();
        headers.insert(
            "anthropic-ratelimit-requests-remaining",
            "4".parse().unwrap(),
        );
        headers.insert("retry-after", "30".parse().unwrap());
        headers.insert("x-request-id", "one".parse().unwrap());
        let now = DateTime::UNIX_EPOCH;
        usage.begin(StatusCode::TOO_MANY_REQUESTS, &headers, now);
        usage.begin(StatusCode::OK, &HeaderMap::new(), now);
        assert_eq!(usage.failures, 1);
        let told: Vec<_> = usage.limits.keys().map(String::as_str).collect();
        assert_eq!(
            told,
            ["anthropic-ratelimit-requests-remaining", "retry-after"]
        );
    }

    #[test]
    fn the_end_of_a_limit_is_read_where_the_api_tells_it() {
        let now = DateTime::from_timestamp(1_000, 0).unwrap();
        let told = |headers: &[(&str, &str)]| {
            let headers = headers.iter().map(|(name, value)| {
                let name = format!("anthropic-ratelimit-{name}");
                let name = name.replace("anthropic-ratelimit-retry", "retry");
                (name, (*value).to_owned())
            });
            reset(&headers.collect(), now).map(|reset| reset.timestamp())
        };
        let unified = [
            ("unified-status", "rejected"),
            ("unified-reset", "9000"),
            ("retry-after", "5"),
        ];
        assert_eq!(told(&unified), Some(9_000));
        let allowed = [
            ("unified-status", "allowed"),
            ("unified-reset", "9000"),
            ("retry-after", "5"),
        ];
        assert_eq!(told(&allowed), Some(1_005));
        let by_kind = [
            ("requests-remaining", "0"),
            ("requests-reset", "1970-01-01T01:00:00Z"),
            ("tokens-remaining", "7"),
            ("tokens-reset", "1970-01-01T02:00:00Z"),
        ];
        assert_eq!(told(&by_kind), Some(3_600));
        for nonsense in ["", "soon", "99999999999999999999", "9223372036854775807"] {
            assert_eq!(told(&[("retry-after", nonsense)]), None, "{nonsense}");
        }
        assert_eq!(told(&[]), None);
    }

    #[test]
    fn only_an_api_that_is_asked_too_much_rejects() {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", "30".parse().unwrap());
        headers.insert(CLAIM, "five_hour".parse().unwrap());
        let now = DateTime::UNIX_EPOCH;
        let mut usage = ApiUsage::default();
        usage.begin(StatusCode::INTERNAL_SERVER_ERROR, &headers, now);
        assert_eq!(usage.rejected, None);
        usage.begin(StatusCode::TOO_MANY_REQUESTS, &headers, now);
        let rejected = usage.rejected.unwrap();
        assert_eq!(rejected.reset, DateTime::from_timestamp(30, 0));
        assert_eq!(rejected.name.as_deref(), Some("five_hour"));
    }

    proptest! {
        #[test]
        fn where_an_answer_is_cut_into_pieces_does_not_matter(cut in 0..STREAMED.len(), more in 0..STREAMED.len()) {
            let (first, second) = (cut.min(more), cut.max(more));
            let bytes = STREAMED.as_bytes();
            prop_assert_eq!(usage(&[&bytes[..first], &bytes[first..second], &bytes[second..]]), READ);
        }

        #[test]
        fn any_bytes_are_endured(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
            usage(&[&bytes]);
        }
    }
}
