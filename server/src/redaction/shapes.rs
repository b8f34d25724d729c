//! Forms that services give to their tokens, for those nobody has told the platform of. Pure.
//!
//! Only forms with a mark of their own: a long random word may be anything. They are as their
//! makers document them: GitHub ("Behind GitHub's new authentication token formats"), GitLab
//! ("Token prefixes"), AWS ("Understanding unique ID prefixes"), Slack ("Token types"), Stripe
//! ("API keys"), Google ("Using API keys", OAuth client secrets), Anthropic and `OpenAI` (keys as
//! their consoles show them), npm ("About access tokens"), `PyPI` ("API token format"), Hugging
//! Face, `SendGrid`, Twilio, Docker, `DigitalOcean`, Shopify; JSON Web Tokens (RFC 7519); keys in
//! PEM and PGP armour (RFC 7468, RFC 9580).

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};
use memchr::memmem;

/// A set of bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// `A-Z a-z 0-9`
    Alphanumeric,
    /// `A-Z 0-9`
    Capital,
    /// `0-9 a-f`
    Hexadecimal,
    /// The first with `_ -`, as in base64 for URLs.
    Word,
}

const CLASSES: usize = 4;

impl Class {
    fn has(self, byte: u8) -> bool {
        match self {
            Self::Alphanumeric => byte.is_ascii_alphanumeric(),
            Self::Capital => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Self::Hexadecimal => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
            Self::Word => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'),
        }
    }
}

/// A piece of a token.
enum Part {
    Text(&'static [u8]),
    /// At least, at most so many bytes. More than that end the token where more are allowed.
    Run(Class, usize, usize),
}

use Class::{Alphanumeric, Capital, Hexadecimal, Word};
use Part::{Run, Text};

struct Shape {
    /// What it begins with.
    mark: &'static [u8],
    rest: &'static [Part],
    /// Whether no letter or digit stands beside it.
    is_word: bool,
}

const fn open(mark: &'static [u8], rest: &'static [Part]) -> Shape {
    Shape {
        mark,
        rest,
        is_word: false,
    }
}

const fn word(mark: &'static [u8], rest: &'static [Part]) -> Shape {
    Shape {
        mark,
        rest,
        is_word: true,
    }
}

/// The longest run of a token's bytes that is one token.
const LONG: usize = 2048;

/// A part of a JSON Web Token may hold a lot.
const LONG_JSON: usize = 16 * 1024;

static SHAPES: &[Shape] = &[
    word(b"AKIA", &[Run(Capital, 16, 16)]),
    word(b"ASIA", &[Run(Capital, 16, 16)]),
    open(b"ghp_", &[Run(Alphanumeric, 36, LONG)]),
    open(b"gho_", &[Run(Alphanumeric, 36, LONG)]),
    open(b"ghu_", &[Run(Alphanumeric, 36, LONG)]),
    open(b"ghs_", &[Run(Alphanumeric, 36, LONG)]),
    open(b"ghr_", &[Run(Alphanumeric, 36, LONG)]),
    open(b"github_pat_", &[Run(Word, 60, LONG)]),
    open(b"glpat-", &[Run(Word, 20, LONG)]),
    open(b"xoxa-", &[Run(Word, 20, LONG)]),
    open(b"xoxb-", &[Run(Word, 20, LONG)]),
    open(b"xoxe-", &[Run(Word, 20, LONG)]),
    open(b"xoxp-", &[Run(Word, 20, LONG)]),
    open(b"xoxr-", &[Run(Word, 20, LONG)]),
    open(b"xoxs-", &[Run(Word, 20, LONG)]),
    open(b"xapp-", &[Run(Word, 20, LONG)]),
    open(b"sk_live_", &[Run(Alphanumeric, 20, LONG)]),
    open(b"rk_live_", &[Run(Alphanumeric, 20, LONG)]),
    open(b"sk_test_", &[Run(Alphanumeric, 20, LONG)]),
    open(b"rk_test_", &[Run(Alphanumeric, 20, LONG)]),
    open(b"whsec_", &[Run(Alphanumeric, 24, LONG)]),
    open(b"sk-ant-", &[Run(Word, 20, LONG)]),
    open(b"sk-proj-", &[Run(Word, 32, LONG)]),
    open(b"sk-svcacct-", &[Run(Word, 32, LONG)]),
    word(b"sk-", &[Run(Alphanumeric, 32, LONG)]),
    open(b"AIza", &[Run(Word, 35, 35)]),
    open(b"GOCSPX-", &[Run(Word, 28, 28)]),
    open(b"ya29.", &[Run(Word, 20, LONG)]),
    open(b"npm_", &[Run(Alphanumeric, 36, 36)]),
    open(b"pypi-AgEI", &[Run(Word, 50, LONG)]),
    word(b"hf_", &[Run(Alphanumeric, 30, LONG)]),
    open(b"SG.", &[Run(Word, 22, 22), Text(b"."), Run(Word, 43, 43)]),
    word(b"SK", &[Run(Hexadecimal, 32, 32)]),
    open(b"dckr_pat_", &[Run(Word, 27, LONG)]),
    open(b"dop_v1_", &[Run(Hexadecimal, 64, 64)]),
    open(b"shpat_", &[Run(Alphanumeric, 32, LONG)]),
    open(
        b"eyJ",
        &[
            Run(Word, 10, LONG_JSON),
            Text(b".eyJ"),
            Run(Word, 5, LONG_JSON),
            Text(b"."),
            Run(Word, 10, LONG_JSON),
        ],
    ),
];

/// What a private key begins with. It goes on to its end, or so many bytes.
const KEY_MARK: &[u8] = b"-----BEGIN ";
const KEY_LIMIT: usize = 16 * 1024;
const END_MARK: &[u8] = b"-----END ";

/// Where the title ends at last, and where its key has begun at last, in bytes after the mark.
const TITLE_LIMIT: usize = 48;
const BODY_LIMIT: usize = 256;

/// So many signs of base64 in a row are a key and no prose about one.
const BODY_RUN: usize = 24;

/// A line of so many is one of a key.
const KEY_LINE: usize = 40;

static MARKS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let marks = SHAPES.iter().map(|shape| shape.mark).chain([KEY_MARK]);
    AhoCorasick::builder()
        .match_kind(MatchKind::Standard)
        .build(marks)
        .expect("a few short marks")
});

static LONGEST_MARK: LazyLock<usize> = LazyLock::new(|| MARKS.max_pattern_len());

/// What stands at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// No token.
    Nothing,
    /// A token that ends here.
    Until(usize),
    /// The text ends before that is known.
    Unknown,
}

/// The tokens of a text in order, and where the text ends in what may become one; that is its
/// length if `is_whole`, for then nothing comes after it. `before` are the two bytes before the
/// text.
pub(super) fn find(text: &[u8], before: [u8; 2], is_whole: bool) -> (Vec<(usize, usize)>, usize) {
    let mut runs = Runs::default();
    let mut tokens = Vec::new();
    let mut free = 0;
    let mut unknown = text.len();
    for mark in MARKS.find_overlapping_iter(text) {
        let (at, index) = (mark.start(), mark.pattern().as_usize());
        if at < free || at >= unknown {
            continue;
        }
        let found = match SHAPES.get(index) {
            Some(shape) => shape.at(text, at, before, is_whole, &mut runs),
            None => key_at(text, at, is_whole),
        };
        match found {
            Found::Nothing => {}
            Found::Until(end) => {
                free = end;
                tokens.push((at, end));
            }
            Found::Unknown => unknown = unknown.min(at),
        }
    }
    if !is_whole {
        let tail = text.len().saturating_sub(*LONGEST_MARK - 1);
        let marks = || SHAPES.iter().map(|shape| shape.mark).chain([KEY_MARK]);
        let begun =
            (tail..text.len()).find(|at| marks().any(|mark| mark.starts_with(&text[*at..])));
        unknown = unknown.min(begun.unwrap_or(text.len()));
    }
    tokens.retain(|(start, _)| *start < unknown);
    (tokens, unknown)
}

/// Where runs of a class were measured to. A run is measured no further than it matters, and not
/// again for a mark inside of it: however many marks there are, the work stays within bounds.
#[derive(Default)]
struct Runs([(usize, usize); CLASSES]);

impl Runs {
    /// Where the run at `at` ends, or a place beyond `most` bytes of it.
    fn end(&mut self, text: &[u8], class: Class, at: usize, most: usize) -> usize {
        let (start, end) = &mut self.0[class as usize];
        if !(*start..*end).contains(&at) {
            (*start, *end) = (at, at);
        }
        let limit = text.len().min(at + most + 1);
        while *end < limit && class.has(text[*end]) {
            *end += 1;
        }
        *end
    }
}

impl Shape {
    fn at(
        &self,
        text: &[u8],
        at: usize,
        before: [u8; 2],
        is_whole: bool,
        runs: &mut Runs,
    ) -> Found {
        if self.is_word && !is_word_start(text, at, before) {
            return Found::Nothing;
        }
        let mut end = at + self.mark.len();
        for part in self.rest {
            match *part {
                Text(expected) => {
                    let rest = &text[end..];
                    if rest.len() < expected.len() && expected.starts_with(rest) && !is_whole {
                        return Found::Unknown;
                    }
                    if !rest.starts_with(expected) {
                        return Found::Nothing;
                    }
                    end += expected.len();
                }
                Run(class, least, most) => {
                    let run = runs.end(text, class, end, most) - end;
                    let is_cut = end + run == text.len() && !is_whole;
                    if is_cut && run < most {
                        return Found::Unknown;
                    }
                    if run < least {
                        return Found::Nothing;
                    }
                    end += run.min(most);
                }
            }
        }
        match text.get(end) {
            _ if !self.is_word => Found::Until(end),
            Some(byte) if byte.is_ascii_alphanumeric() => Found::Nothing,
            None if !is_whole => Found::Unknown,
            _ => Found::Until(end),
        }
    }
}

/// Whether a word can begin here: after anything but a letter or a digit, or after an escape such
/// as `\n`.
fn is_word_start(text: &[u8], at: usize, before: [u8; 2]) -> bool {
    let back = |steps: usize| match at.checked_sub(steps) {
        Some(place) => text[place],
        None => before[2 - (steps - at)],
    };
    let is_escape = matches!(back(1), b'n' | b'r' | b't') && back(2) == b'\\';
    !back(1).is_ascii_alphanumeric() || is_escape
}

const fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
}

fn has_key(body: &[u8]) -> bool {
    let mut runs = body.split(|byte| !is_base64(*byte));
    runs.any(|run| run.len() >= BODY_RUN)
}

/// A private key in armour, with whatever stands between its lines.
fn key_at(text: &[u8], at: usize, is_whole: bool) -> Found {
    let title = &text[at + KEY_MARK.len()..];
    let title = &title[..title.len().min(TITLE_LIMIT)];
    let is_cut = title.len() < TITLE_LIMIT && !is_whole;
    let Some(length) = memmem::find(title, b"-----") else {
        return if is_cut {
            Found::Unknown
        } else {
            Found::Nothing
        };
    };
    if memmem::find(&title[..length], b"PRIVATE KEY").is_none() {
        return Found::Nothing;
    }
    let start = at + KEY_MARK.len() + length + 5;
    let body = &text[start..text.len().min(start + BODY_LIMIT)];
    if !has_key(body) {
        let is_cut = body.len() < BODY_LIMIT && !is_whole;
        return if is_cut {
            Found::Unknown
        } else {
            Found::Nothing
        };
    }
    let limit = at + KEY_LIMIT;
    let rest = &text[start..text.len().min(limit)];
    let end = memmem::find(rest, END_MARK).and_then(|end| {
        let title = start + end + END_MARK.len();
        let title_end = text.len().min(limit).min(title + TITLE_LIMIT);
        Some(title + memmem::find(&text[title..title_end], b"-----")? + 5)
    });
    match end {
        Some(end) => Found::Until(end),
        None if text.len() < limit && !is_whole => Found::Unknown,
        // A sign is not cut in two.
        None => Found::Until(
            (limit..text.len())
                .find(|at| text[*at] & 0xC0 != 0x80)
                .unwrap_or(text.len()),
        ),
    }
}

/// Where a private key ends whose beginning stands before the text.
pub(super) fn end_of_key(text: &[u8]) -> Option<usize> {
    let at = memmem::find(text, END_MARK)?;
    let title = &text[at + END_MARK.len()..];
    let title = &title[..title.len().min(TITLE_LIMIT)];
    let length = memmem::find(title, b"-----")?;
    let is_private = memmem::find(&title[..length], b"PRIVATE KEY").is_some();
    let body = &text[at.saturating_sub(BODY_LIMIT)..at];
    let begins_here = memmem::find(&text[..at], KEY_MARK).is_some();
    (is_private && !begins_here && has_key(body)).then_some(at + END_MARK.len() + length + 5)
}

/// Whether a line may be one of a key: base64 and nothing else.
pub(super) fn may_be_of_key(line: &str) -> bool {
    line.len() >= KEY_LINE && line.bytes().all(|byte| is_base64(byte) || byte == b'=')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// [`find`] takes them in the order of their ends.
    #[test]
    fn no_mark_stands_within_another() {
        let marks: Vec<_> = SHAPES
            .iter()
            .map(|shape| shape.mark)
            .chain([KEY_MARK])
            .collect();
        for mark in &marks {
            for other in &marks {
                let within = memmem::find(mark, other);
                assert!(within.is_none_or(|at| at == 0), "{mark:?} {other:?}");
            }
        }
    }
}
