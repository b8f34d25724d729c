//! Secrets in a program's text, recognised by the forms that services give them. Pure.

use std::sync::LazyLock;

use app::api::{DiffLineKind, FileDiff};
use regex::Regex;

/// A form and what has it, for a sentence.
struct Form {
    pattern: Regex,
    kind: &'static str,
}

/// Only forms with a mark of their own: a long random word may be anything.
static FORMS: LazyLock<Vec<Form>> = LazyLock::new(|| {
    let forms = [
        (r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b", "an AWS access key"),
        (r"\bgh[pousr]_[0-9A-Za-z]{36,}\b", "a GitHub token"),
        (r"\bgithub_pat_[0-9A-Za-z_]{60,}\b", "a GitHub token"),
        (r"\bglpat-[0-9A-Za-z_-]{20,}", "a GitLab token"),
        (r"\bxox[abeprs]-[0-9A-Za-z-]{20,}", "a Slack token"),
        (r"\b[rs]k_live_[0-9A-Za-z]{20,}\b", "a Stripe key"),
        (r"\bsk-ant-[0-9A-Za-z_-]{20,}", "an Anthropic key"),
        (r"\bsk-(?:proj-)?[0-9A-Za-z]{32,}\b", "an OpenAI key"),
        (r"\bAIza[0-9A-Za-z_-]{35}", "a Google API key"),
        (r"\bnpm_[0-9A-Za-z]{36}\b", "an npm token"),
        (
            r"\bSG\.[0-9A-Za-z_-]{22}\.[0-9A-Za-z_-]{43}",
            "a SendGrid key",
        ),
        (
            r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY(?: BLOCK)?-----",
            "a private key",
        ),
    ];
    let form = |(pattern, kind): (&str, _)| Form {
        pattern: Regex::new(pattern).expect("a constant expression"),
        kind,
    };
    forms.map(form).into()
});

/// The numbers of the added lines that hold a secret, each with its kind.
pub(super) fn in_added_lines(file: &FileDiff) -> Vec<(u32, &'static str)> {
    let lines = file.hunks.iter().flat_map(|hunk| &hunk.lines);
    let added = lines.filter(|line| line.kind == DiffLineKind::Added);
    added
        .filter_map(|line| Some((line.new?, kind(&line.text)?)))
        .collect()
}

fn kind(line: &str) -> Option<&'static str> {
    let form = FORMS.iter().find(|form| {
        let found = form.pattern.find(line);
        found.is_some_and(|found| !is_sample(found.as_str()))
    });
    form.map(|form| form.kind)
}

/// What documentation and tests put in a secret's place.
fn is_sample(found: &str) -> bool {
    let lower = found.to_ascii_lowercase();
    let is_named = ["example", "sample", "dummy", "xxxx", "your"]
        .iter()
        .any(|word| lower.contains(word));
    let mut tail: Vec<char> = found.chars().rev().take(12).collect();
    tail.sort_unstable();
    tail.dedup();
    // Three signs or fewer, as in 000000000000.
    is_named || tail.len() <= 3
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Put together here, so that nobody's scanner takes this file for a leak.
    fn secret(head: &str, tail: &str) -> String {
        format!("token = \"{head}{tail}\"")
    }

    const RANDOM: &str = "Zk3vQ9xT7bLm2RwYc8Jn5HdPs4GfUa6EoK1iBtXe";

    #[test]
    fn known_forms_are_recognised() {
        let found = |head: &str, length: usize| kind(&secret(head, &RANDOM[..length]));
        assert_eq!(found("ghp_", 36), Some("a GitHub token"));
        assert_eq!(found("xoxb-", 24), Some("a Slack token"));
        assert_eq!(found("sk_live_", 24), Some("a Stripe key"));
        assert_eq!(found("sk-ant-api03-", 40), Some("an Anthropic key"));
        assert_eq!(found("sk-proj-", 40), Some("an OpenAI key"));
        assert_eq!(found("AIza", 35), Some("a Google API key"));
        let key = format!("-----BEGIN {} KEY-----", "OPENSSH PRIVATE");
        assert_eq!(kind(&key), Some("a private key"));
    }

    #[test]
    fn samples_names_and_hashes_are_none() {
        for line in [
            secret("AKIA", "IOSFODNN7EXAMPLE"),
            secret("ghp_", &"0".repeat(36)),
            secret("sk_live_", "xxxxxxxxxxxxxxxxxxxxxxxx"),
            secret("sk_test_", &RANDOM[..24]),
            "const key = process.env.STRIPE_KEY".to_owned(),
            "sha256 = 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".to_owned(),
            "task-management-with-a-very-long-name-of-many-words".to_owned(),
        ] {
            assert_eq!(kind(&line), None, "{line}");
        }
    }
}
