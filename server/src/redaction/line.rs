//! The secrets of one agent, and what its program prints.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use serde_json::Value;

use super::{RedactingStream, Redactor};
use crate::vault::{Secret, SecretKind, SecretName};

/// What an agent may know and nobody may read. Shared by all that hear of that agent: what is
/// added counts at once for everything that comes afterwards.
#[derive(Clone, Debug, Default)]
pub struct KnownSecrets {
    inner: Arc<RwLock<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    values: BTreeMap<SecretName, Vec<SecretSlice<u8>>>,
    redactor: Redactor,
}

impl KnownSecrets {
    /// These and no others.
    pub fn new(secrets: impl IntoIterator<Item = Secret>) -> Self {
        let known = Self::default();
        known.add(secrets);
        known
    }

    /// Adds secrets; to be called before an agent gets them. A value that was replaced stays
    /// known, for the agent may still have it.
    pub fn add(&self, secrets: impl IntoIterator<Item = Secret>) {
        // The map is whole after every statement, also of a thread that panicked.
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        for secret in secrets {
            inner
                .values
                .entry(secret.name)
                .or_default()
                .push(secret.value);
        }
        let values = inner.values.iter();
        let pairs = values.flat_map(|(name, values)| {
            values
                .iter()
                .map(move |value| (name, value.expose_secret()))
        });
        inner.redactor = Redactor::new(pairs);
    }

    /// Adds a text. A name that no secret can have is left out of the notes.
    pub fn add_text(&self, name: &str, value: &SecretString) {
        let name = name.parse().unwrap_or_else(|_| SecretName::unnamed());
        self.add([Secret {
            name,
            kind: SecretKind::Variable,
            value: SecretSlice::from(value.expose_secret().as_bytes().to_vec()),
        }]);
    }

    /// Finds what is known by now.
    pub fn redactor(&self) -> Redactor {
        let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        inner.redactor.clone()
    }
}

/// Cleans what one process prints.
#[derive(Debug)]
pub struct AgentRedaction {
    known: KnownSecrets,
    words: RedactingStream,
    stderr: RedactingStream,
}

impl AgentRedaction {
    /// For a process that is about to start.
    pub fn new(known: KnownSecrets) -> Self {
        let redactor = known.redactor();
        Self {
            known,
            words: redactor.stream(),
            stderr: redactor.stream(),
        }
    }

    /// A line of standard output: a message of the protocol stays one. `is_cut` says that its end
    /// is missing.
    pub fn line<'l>(&self, line: &'l str, is_cut: bool) -> Cow<'l, str> {
        let redactor = self.known.redactor();
        if is_cut {
            return Cow::Owned(redactor.redact_cut(line));
        }
        // Signs that need no escape and have one may hide a form.
        if redactor.is_clean(line) && !has_needless_escape(line) {
            return Cow::Borrowed(line);
        }
        match serde_json::from_str::<Value>(line) {
            Ok(mut message) if message.is_object() => {
                redactor.redact_frame(&mut message);
                Cow::Owned(message.to_string())
            }
            _ => redactor.redact(line),
        }
    }

    /// More words of the text that the agent is writing.
    pub fn words(&mut self, words: &str) -> String {
        self.words.learn(self.known.redactor());
        self.words.push(words)
    }

    /// The text is finished or given up. What was kept back of it is not shown: the finished text
    /// comes as a line.
    pub fn end_of_words(&mut self) {
        self.words = self.known.redactor().stream();
    }

    /// A line of standard error; the lines that can be shown by now.
    pub fn stderr(&mut self, line: &str) -> Vec<String> {
        self.stderr.learn(self.known.redactor());
        let clean = self.stderr.push(line) + &self.stderr.push("\n");
        lines(&clean)
    }

    /// The last lines of standard error.
    pub fn end_of_stderr(&mut self) -> Vec<String> {
        lines(&self.stderr.finish())
    }
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

/// Whether a sign is escaped that programs write as it is: `\/`, or `\u0041` for `A`.
fn has_needless_escape(line: &str) -> bool {
    let mut rest = line;
    while let Some(at) = rest.find('\\') {
        let escape = &rest.as_bytes()[at + 1..];
        let is_plain = matches!(escape, [b'u', b'0', b'0', b'2'..=b'7', ..]);
        if is_plain || escape.first() == Some(&b'/') {
            return true;
        }
        // The escaped sign, which may be a backslash. Others than ASCII are never escaped so.
        rest = rest.get(at + 2..).unwrap_or_default();
    }
    false
}
