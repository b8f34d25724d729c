//! Finds secrets in a text and puts a note in their place. Pure.
//!
//! Where two overlap, all that they cover goes: what is left of the second would tell a part of it.
//! What is decided about a place depends on the text alone and never on the pieces it comes in.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use zeroize::Zeroizing;

use super::{forms, shapes};
use crate::vault::SecretName;

/// In place of a token whose name nobody knows.
pub(super) const NAMELESS: &str = "[redacted]";

/// Knows the secrets of one agent, in all their forms, and the forms of tokens. Cheap to clone.
#[derive(Clone)]
pub struct Redactor {
    known: Arc<Known>,
}

#[derive(Default)]
struct Known {
    /// Sorted, without repetitions.
    forms: Vec<Zeroizing<String>>,
    /// Of each form: what is written in its place.
    notes: Vec<Arc<str>>,
    search: Option<AhoCorasick>,
    longest: usize,
    /// The bytes that forms begin with.
    first: Box<[bool]>,
}

/// A part of a text that must not be shown.
#[derive(Clone, Copy, Debug)]
struct Hidden {
    start: usize,
    end: usize,
    /// The number of the form that it is named after.
    form: Option<usize>,
    /// How long that one is.
    length: usize,
}

impl Hidden {
    /// What both cover. It is named after the one that begins first, of those the longest.
    fn and(self, other: Self) -> Self {
        let order = |hidden: &Self| (hidden.start, Reverse(hidden.length), hidden.form.is_none());
        let named = if order(&self) <= order(&other) {
            self
        } else {
            other
        };
        Self {
            start: self.start.min(other.start),
            end: self.end.max(other.end),
            ..named
        }
    }
}

/// Says how many forms it knows, never which.
impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let forms = self.known.forms.len();
        f.debug_struct("Redactor")
            .field("forms", &forms)
            .finish_non_exhaustive()
    }
}

impl Default for Redactor {
    /// Knows only the forms of tokens.
    fn default() -> Self {
        Self::new([])
    }
}

impl Redactor {
    /// Looks for these values. Those with fewer than [`super::SHORTEST`] bytes are not looked for.
    pub fn new<'a>(secrets: impl IntoIterator<Item = (&'a SecretName, &'a [u8])>) -> Self {
        let mut all = Vec::new();
        for (name, value) in secrets {
            let note: Arc<str> = format!("[secret {name}]").into();
            all.extend(
                forms::of(value)
                    .into_iter()
                    .map(|form| (form, Arc::clone(&note))),
            );
        }
        all.sort_by(|one, other| one.0.as_str().cmp(&other.0));
        all.dedup_by(|later, first| later.0 == first.0);
        let (forms, notes): (Vec<_>, Vec<_>) = all.into_iter().unzip();
        let mut first = vec![false; 256].into_boxed_slice();
        for form in &forms {
            first[usize::from(form.as_bytes()[0])] = true;
        }
        let known = Known {
            longest: forms.iter().map(|form| form.len()).max().unwrap_or(0),
            search: (!forms.is_empty()).then(|| search(&forms)),
            forms,
            notes,
            first,
        };
        Self {
            known: Arc::new(known),
        }
    }

    /// Whether there is nothing to hide in a text.
    pub fn is_clean(&self, text: &str) -> bool {
        let has_form = self
            .known
            .search
            .as_ref()
            .is_some_and(|search| search.is_match(text));
        !has_form && shapes::find(text.as_bytes(), START, true).0.is_empty()
    }

    /// The text without secrets.
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.is_clean(text) {
            return Cow::Borrowed(text);
        }
        let mut clean = String::with_capacity(text.len());
        self.take(text, START, true, &mut clean);
        Cow::Owned(clean)
    }

    /// The text without secrets, of which the end is missing: what may be the beginning of a secret
    /// goes too.
    pub fn redact_cut(&self, text: &str) -> String {
        let mut clean = String::with_capacity(text.len());
        self.take(text, START, false, &mut clean);
        clean
    }

    /// What must not be shown of a text, in order, with what is written in its place. Of `also`
    /// it is only known that it must not be shown: nothing is written there.
    pub(super) fn hidden(&self, text: &str, also: &[(usize, usize)]) -> Vec<(Range<usize>, &str)> {
        let (mut tokens, _) = shapes::find(text.as_bytes(), START, true);
        tokens.extend(also);
        let noted = |hidden: Hidden| {
            let note = match hidden.form {
                Some(form) => &self.known.notes[form],
                None if also.contains(&(hidden.start, hidden.end)) => "",
                None => NAMELESS,
            };
            (hidden.start..hidden.end, note)
        };
        let merged = merged(self.known.find(text), &tokens);
        merged.into_iter().map(noted).collect()
    }

    /// How many bytes can be shown of a text whose end is missing, or hidden as a whole: what comes
    /// after them may be the beginning of a secret.
    pub(super) fn decided(&self, text: &str) -> usize {
        self.take(text, START, false, &mut String::new())
    }

    /// For a text that comes in pieces.
    pub fn stream(&self) -> RedactingStream {
        RedactingStream {
            redactor: self.clone(),
            kept: Zeroizing::default(),
            before: START,
        }
    }

    /// Writes what is decided of a text; returns how many bytes of it that are.
    fn take(&self, text: &str, before: [u8; 2], is_whole: bool, clean: &mut String) -> usize {
        let bytes = text.as_bytes();
        let (tokens, unknown) = shapes::find(bytes, before, is_whole);
        let decided = if is_whole {
            bytes.len()
        } else {
            unknown.min(self.known.begun(bytes))
        };
        let mut written = 0;
        for hidden in merged(self.known.find(text), &tokens) {
            if hidden.start >= decided || hidden.end > decided {
                clean.push_str(&text[written..hidden.start.min(decided)]);
                return hidden.start.min(decided);
            }
            clean.push_str(&text[written..hidden.start]);
            let note = hidden.form.map_or(NAMELESS, |form| &self.known.notes[form]);
            clean.push_str(note);
            written = hidden.end;
        }
        clean.push_str(&text[written..decided]);
        decided
    }
}

fn search(forms: &[Zeroizing<String>]) -> AhoCorasick {
    AhoCorasick::builder()
        // For few patterns it would choose a table of all states and bytes: of a value of 64 KiB,
        // in all its forms, that takes more than a gigabyte.
        .kind(Some(AhoCorasickKind::ContiguousNFA))
        .match_kind(MatchKind::Standard)
        .build(forms.iter().map(|form| form.as_bytes()))
        .expect("the secrets of a task are far fewer than fit")
}

impl Known {
    fn find(&self, text: &str) -> Vec<Hidden> {
        let Some(search) = &self.search else {
            return Vec::new();
        };
        // They come by their ends.
        let mut merged: Vec<Hidden> = Vec::new();
        for found in search.find_overlapping_iter(text) {
            let mut hidden = Hidden {
                start: found.start(),
                end: found.end(),
                form: Some(found.pattern().as_usize()),
                length: found.len(),
            };
            while let Some(last) = merged.pop_if(|last| hidden.start < last.end) {
                hidden = last.and(hidden);
            }
            merged.push(hidden);
        }
        merged
    }

    /// Where the text ends in the beginning of a form; its length if it doesn't.
    fn begun(&self, text: &[u8]) -> usize {
        let tail = text.len().saturating_sub(self.longest.saturating_sub(1));
        let begun = (tail..text.len()).find(|at| {
            let rest = &text[*at..];
            if !self.first[usize::from(rest[0])] {
                return false;
            }
            let after = self.forms.partition_point(|form| form.as_bytes() <= rest);
            let next = self.forms.get(after);
            next.is_some_and(|form| form.as_bytes().starts_with(rest))
        });
        begun.unwrap_or(text.len())
    }
}

/// What is hidden, in order and without overlaps.
fn merged(forms: Vec<Hidden>, tokens: &[(usize, usize)]) -> Vec<Hidden> {
    let mut all = forms;
    all.extend(tokens.iter().map(|&(start, end)| Hidden {
        start,
        end,
        form: None,
        length: end - start,
    }));
    all.sort_by_key(|hidden| hidden.start);
    let mut merged: Vec<Hidden> = Vec::new();
    for mut hidden in all {
        while let Some(last) = merged.pop_if(|last| hidden.start < last.end) {
            hidden = last.and(hidden);
        }
        merged.push(hidden);
    }
    merged
}

/// What stands before a text that has just begun.
const START: [u8; 2] = [b'\n'; 2];

/// A text that comes in pieces, without secrets. Only what may be the beginning of one is kept back
/// until the next piece.
#[derive(Debug)]
pub struct RedactingStream {
    redactor: Redactor,
    kept: Zeroizing<String>,
    before: [u8; 2],
}

impl RedactingStream {
    /// Takes a piece, and gives what can be shown by now.
    pub fn push(&mut self, piece: &str) -> String {
        self.kept.push_str(piece);
        self.give(false)
    }

    /// Gives the rest: the text has ended. What is pushed afterwards begins another one.
    pub fn finish(&mut self) -> String {
        let rest = self.give(true);
        self.before = START;
        rest
    }

    /// Looks for other secrets from now on.
    pub fn learn(&mut self, redactor: Redactor) {
        self.redactor = redactor;
    }

    fn give(&mut self, is_whole: bool) -> String {
        let mut clean = String::new();
        let taken = self
            .redactor
            .take(&self.kept, self.before, is_whole, &mut clean);
        for byte in self.kept.bytes().take(taken).skip(taken.saturating_sub(2)) {
            self.before = [self.before[1], byte];
        }
        let kept = Zeroizing::new(self.kept[taken..].to_owned());
        self.kept = kept;
        clean
    }
}

#[cfg(test)]
#[path = "redactor_tests.rs"]
mod tests;
