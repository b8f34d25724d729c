use std::sync::LazyLock;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use proptest::prelude::*;

use super::*;

/// Put together here, so that nobody's scanner takes this file for a leak.
fn token(mark: &str, length: usize) -> String {
    let random = "Zk3vQ9xT7bLm2RwYc8Jn5HdPs4GfUa6EoK1iBtXe".repeat(4);
    format!("{mark}{}", &random[..length])
}

fn redactor(secrets: &[(&str, &str)]) -> Redactor {
    let names: Vec<SecretName> = secrets
        .iter()
        .map(|(name, _)| name.parse().unwrap())
        .collect();
    let values = secrets.iter().map(|(_, value)| value.as_bytes());
    Redactor::new(names.iter().zip(values))
}

fn hexadecimal(text: &str) -> String {
    text.bytes()
        .fold(String::new(), |digits, byte| format!("{digits}{byte:02x}"))
}

fn streamed(redactor: &Redactor, text: &str, cuts: &[usize]) -> String {
    let mut stream = redactor.stream();
    let mut clean = String::new();
    let mut at = 0;
    for cut in cuts.iter().copied().chain([text.len()]) {
        let cut = text.floor_char_boundary(cut.max(at));
        clean.push_str(&stream.push(&text[at..cut]));
        at = cut;
    }
    clean + &stream.finish()
}

#[test]
fn known_values_are_named_in_every_form() {
    let value = "p\"ss wörd/1&2";
    let redactor = redactor(&[("DB", value)]);
    let hexadecimal = hexadecimal(value);
    for form in [
        value.to_owned(),
        serde_json::to_string(value)
            .unwrap()
            .trim_matches('"')
            .to_owned(),
        BASE64_STANDARD.encode(value),
        BASE64_URL_SAFE_NO_PAD.encode(value),
        hexadecimal.to_uppercase(),
        hexadecimal,
        "p%22ss%20w%C3%B6rd%2F1%262".to_owned(),
    ] {
        let text = redactor.redact(&format!("<{form}>")).into_owned();
        assert_eq!(text, "<[secret DB]>", "{form}");
    }
    assert!(redactor.is_clean("p\"ss wörd/1&3"));
    assert!(!format!("{redactor:?}").contains("ss w"));
}

#[test]
fn the_search_for_a_large_value_stays_small() {
    let value = token("", 40).repeat(1_000);
    let redactor = redactor(&[("LARGE", &value)]);
    let forms: usize = redactor.known.forms.iter().map(|form| form.len()).sum();
    let search = redactor.known.search.as_ref().unwrap().memory_usage();
    assert!(search < forms * 40, "{search} bytes for {forms} of forms");
}

#[test]
fn tokens_are_known_by_their_form() {
    let redactor = Redactor::default();
    for token in [
        token("ghp_", 36),
        token("github_pat_", 82),
        token("sk-ant-api03-", 95),
        token("xoxb-", 40),
        token("sk_live_", 24),
        token("AIza", 35),
        token("sk-", 48),
        token("glpat-", 20),
        "AKIA".to_owned() + "QWERTYUIOPASDFGH",
        format!(
            "eyJ{}.eyJ{}.{}",
            token("", 30),
            token("", 60),
            token("", 43)
        ),
    ] {
        assert_eq!(
            redactor.redact(&format!("a {token} b")),
            "a [redacted] b",
            "{token}"
        );
        // Also in a string within a string.
        assert_eq!(
            redactor.redact(&format!("\\n{token}\\n")),
            "\\n[redacted]\\n",
            "{token}"
        );
    }
    for innocent in [
        "task-0123456789abcdef0123456789abcdef01234567",
        "ghp_short",
        "a sk-learn pipeline",
        "MAKIAQWERTYUIOPASDFGHX",
        "eyJhbGciOiJIUzI1NiJ9 is only a head",
        "-----BEGIN PUBLIC KEY-----",
        "It begins with -----BEGIN RSA PRIVATE KEY----- and goes on with the key in lines.",
    ] {
        assert!(redactor.is_clean(innocent), "{innocent}");
    }
}

#[test]
fn a_private_key_goes_as_a_whole_whatever_stands_between_its_lines() {
    let redactor = Redactor::default();
    let (begin, end) = (
        format!("-----BEGIN {} KEY-----", "RSA PRIVATE"),
        "-----END RSA PRIVATE KEY-----",
    );
    for between in ["\n", "\\n", "\n     2→", "\nkey.pem:2:"] {
        let lines = vec![token("", 64); 20].join(between);
        let key = format!("{begin}{between}{lines}{between}{end}");
        assert_eq!(redactor.redact(&format!("a {key} b")), "a [redacted] b");
    }
    let cut = format!("{begin}\n{}", token("", 64));
    assert_eq!(redactor.redact(&cut), "[redacted]");
    // Without an end, so much and no more: a sign is not cut in two.
    let endless = format!("{begin}\n{}{}", token("", 64), "ä".repeat(20_000));
    let text = redactor.redact(&endless).into_owned();
    assert!(text.starts_with("[redacted]ä") && text.len() > 20_000);
    assert_eq!(
        streamed(&redactor, &endless, &[10, 5000, 16_380, 16_400]),
        text
    );
}

#[test]
fn nothing_is_left_of_two_that_overlap() {
    let redactor = redactor(&[
        ("ONE", "abcdefgh"),
        ("TWO", "efghijkl"),
        ("LONG", "abcdefghij-"),
    ]);
    assert_eq!(redactor.redact("<abcdefghijkl>"), "<[secret ONE]>");
    assert_eq!(redactor.redact("abcdefghij-k"), "[secret LONG]k");
    assert_eq!(
        redactor.redact("abcdefghefghijkl"),
        "[secret ONE][secret TWO]"
    );
}

#[test]
fn only_what_may_become_a_secret_is_kept_back() {
    let redactor = redactor(&[("ONE", "abcdefgh")]);
    let mut stream = redactor.stream();
    assert_eq!(stream.push("plain text, ab"), "plain text, ");
    assert_eq!(stream.push("c, abcdefg"), "abc, ");
    assert_eq!(stream.push("h!"), "[secret ONE]!");
    assert_eq!(stream.push("abcd"), "");
    assert_eq!(stream.finish(), "abcd");
    assert_eq!(redactor.redact_cut("so far abcdef"), "so far ");
}

#[test]
fn a_text_made_to_be_slow_is_not() {
    let redactor = redactor(&[("ONE", "aaaaaaaa")]);
    for piece in [
        "eyJ",
        "a",
        "-----BEGIN PRIVATE KEY-----",
        "sk-ant-",
        "eyJaaaaaaaaaa.eyJaaaaa",
        "-----END ",
    ] {
        let text = piece.repeat(500_000 / piece.len());
        let begun = std::time::Instant::now();
        redactor.redact(&text);
        assert!(
            begun.elapsed() < std::time::Duration::from_secs(20),
            "{piece}"
        );
    }
}

/// Pieces that texts are made of: halves of secrets, marks, and what stands between.
fn piece() -> impl Strategy<Value = String> {
    let key = format!("-----BEGIN {} KEY-----\n{}\n", "EC PRIVATE", token("", 40));
    prop_oneof![
        Just("abcd".to_owned()),
        Just("efgh".to_owned()),
        Just("abcdefgh".to_owned()),
        Just("abcdefghij".to_owned()),
        Just("\"ö\n".to_owned()),
        Just("\\\"ö\\n".to_owned()),
        Just(BASE64_STANDARD.encode("xabcdefgh")),
        Just("YWJj".to_owned()),
        Just("ghp_".to_owned()),
        Just(token("ghp_", 36)),
        Just(token("AIza", 35)),
        Just(token("", 20)),
        Just("eyJ".to_owned()),
        Just(".eyJ".to_owned()),
        Just("AKIAABCDEFGHIJKLMNOP".to_owned()),
        Just(key),
        Just("-----BEGIN PRIVATE KEY-----".to_owned()),
        Just("-----END EC PRIVATE KEY-----".to_owned()),
        "[a-h ö\\n.]{0,4}",
    ]
}

/// Values that begin, end and go on with each other.
static OVERLAPPING: LazyLock<Redactor> = LazyLock::new(|| {
    redactor(&[
        ("ONE", "abcdefgh"),
        ("TWO", "efgh"),
        ("LONG", "abcdefghij"),
        ("ODD", "\"ö\nabcd"),
    ])
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn however_a_text_is_cut_the_same_comes_out(
        pieces in prop::collection::vec(piece(), 0..12),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let redactor = &*OVERLAPPING;
        let text = pieces.concat();
        let whole = redactor.redact(&text).into_owned();
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
        cuts.sort_unstable();
        prop_assert_eq!(&streamed(redactor, &text, &cuts), &whole);
        for secret in ["abcdefgh", "efgh", "\"ö\nabcd"] {
            prop_assert!(!whole.contains(secret), "{whole}");
        }
        let every: Vec<_> = (0..text.len()).collect();
        prop_assert_eq!(&streamed(redactor, &text, &every), &whole);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn nothing_of_a_value_remains_in_any_encoding(
        value in "[ -~ö]{8,60}",
        around in "[a-z]{0,3}",
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let redactor = redactor(&[("ONE", &value)]);
        let inner = format!("{around}{value}{around}");
        let encodings = [
            inner.clone(),
            BASE64_STANDARD.encode(&inner),
            BASE64_URL_SAFE_NO_PAD.encode(&inner),
            hexadecimal(&inner),
            serde_json::to_string(&inner).unwrap(),
        ];
        for text in encodings {
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
            cuts.sort_unstable();
            let clean = streamed(&redactor, &text, &cuts);
            prop_assert!(clean.contains("[secret ONE]"), "{clean}");
            // The note, what stood around, and of base64 a sign at either end.
            prop_assert!(clean.len() <= 12 + 4 * around.len() + 6, "{clean}");
        }
    }
}

/// What a token could begin with, thousands of times, before the end of none: each mark looks at
/// what follows, and must not look at all of it.
#[test]
fn however_many_marks_there_are_the_work_stays_within_bounds() {
    let text = format!("{}.eyJ{}", "eyJ".repeat(5_400), "a".repeat(30_000_000));
    let redactor = redactor(&[]);
    assert!(redactor.redact(&text).len() <= text.len());
}
