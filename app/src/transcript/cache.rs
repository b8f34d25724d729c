//! The part of a log that the page holds: chunks of lines around what is shown, and which result
//! belongs to which call.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::domain::log::{LogKind, LogLine, ToolResult, ToolUse};
use crate::resource::from_json;

/// Lines that are fetched and dropped together.
pub const CHUNK: u64 = 100;

/// How much is held, whatever comes first.
const MOST_CHUNKS: usize = 24;
const MOST_BYTES: usize = 6 << 20;

/// What a line says, read once.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    Call(ToolUse),
    Result(ToolResult),
    /// Text as its kind says.
    Plain(String),
}

/// A line as the page holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub seq: u64,
    pub at: chrono::DateTime<chrono::Utc>,
    pub kind: LogKind,
    pub said: Said,
}

impl From<LogLine> for Entry {
    fn from(line: LogLine) -> Self {
        let said = match line.kind {
            LogKind::ToolUse => from_json(&line.text).map(Said::Call).ok(),
            LogKind::ToolResult => from_json(&line.text).map(Said::Result).ok(),
            _ => None,
        };
        Self {
            seq: line.seq,
            at: line.at,
            kind: line.kind,
            said: said.unwrap_or(Said::Plain(line.text)),
        }
    }
}

impl Entry {
    fn bytes(&self) -> usize {
        let text = match &self.said {
            Said::Call(call) => call.input.len() + call.target.len(),
            Said::Result(result) => result.output.len(),
            Said::Plain(text) => text.len(),
        };
        text + 160
    }

    /// What copying the line gives.
    pub fn text(&self) -> String {
        match &self.said {
            Said::Call(call) => format!("{} {}\n{}", call.verb, call.target, call.input),
            Said::Result(result) => result.output.clone(),
            Said::Plain(text) => text.clone(),
        }
    }
}

/// A line to be shown; a call brings its result.
#[derive(Clone, Debug)]
pub struct Row {
    pub entry: Arc<Entry>,
    pub result: Option<Arc<Entry>>,
}

impl Row {
    /// Tells rows apart that look different.
    pub fn key(&self) -> (u64, bool) {
        (self.entry.seq, self.result.is_some())
    }
}

impl PartialEq for Row {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

/// Which lines are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Filter {
    #[default]
    Everything,
    /// What the agent and the person say.
    Conversation,
    /// What the agent does.
    Tools,
    Errors,
}

impl Filter {
    fn shows(self, row: &Row) -> bool {
        let failed = |entry: &Entry| matches!(&entry.said, Said::Result(result) if !result.ok);
        let kind = row.entry.kind;
        match self {
            Self::Everything => true,
            Self::Conversation => matches!(
                kind,
                LogKind::Text | LogKind::Turn | LogKind::Message | LogKind::Error
            ),
            Self::Tools => matches!(kind, LogKind::ToolUse | LogKind::ToolResult | LogKind::Turn),
            Self::Errors => {
                kind == LogKind::Error
                    || failed(&row.entry)
                    || row.result.as_deref().is_some_and(failed)
            }
        }
    }
}

/// Chunks by number; the first line of a log is number 1, in chunk 0.
#[derive(Clone, Debug, Default)]
pub struct Cache {
    total: u64,
    bytes: usize,
    chunks: BTreeMap<u64, Vec<Arc<Entry>>>,
    /// Line numbers of calls and of their results, by the call's id.
    calls: HashMap<String, u64>,
    results: HashMap<String, u64>,
}

impl Cache {
    /// The newest line's number.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Learns that the log is at least so long.
    pub fn grow(&mut self, total: u64) {
        self.total = self.total.max(total);
    }

    /// Takes lines. Those that would leave a hole in their chunk are not kept: they are fetched
    /// when they are looked at.
    pub fn insert(&mut self, lines: impl IntoIterator<Item = LogLine>) {
        for line in lines {
            self.grow(line.seq);
            let (chunk, place) = ((line.seq - 1) / CHUNK, (line.seq - 1) % CHUNK);
            let held = self.chunks.get(&chunk).map_or(0, Vec::len) as u64;
            if place == held {
                self.push(chunk, Arc::new(line.into()));
            }
        }
    }

    fn push(&mut self, chunk: u64, entry: Arc<Entry>) {
        match &entry.said {
            Said::Call(call) => self.calls.insert(call.id.clone(), entry.seq),
            Said::Result(result) => self.results.insert(result.id.clone(), entry.seq),
            Said::Plain(_) => None,
        };
        self.bytes += entry.bytes();
        self.chunks.entry(chunk).or_default().push(entry);
    }

    /// A line, if it is held.
    pub fn entry(&self, seq: u64) -> Option<&Arc<Entry>> {
        let place = usize::try_from((seq.checked_sub(1)?) % CHUNK).ok()?;
        self.chunks.get(&((seq - 1) / CHUNK))?.get(place)
    }

    /// The line under which another one is shown: a result's call, else itself.
    pub fn shown_at(&self, seq: u64) -> u64 {
        match self.entry(seq).map(|entry| &entry.said) {
            Some(Said::Result(result)) => self.calls.get(&result.id).copied().unwrap_or(seq),
            _ => seq,
        }
    }

    /// The rows of the lines from `first` to `last`, or nothing if some are not held.
    pub fn rows(&self, first: u64, last: u64, filter: Filter) -> Option<Vec<Row>> {
        let mut rows = Vec::new();
        for seq in first..=last.min(self.total) {
            let entry = self.entry(seq)?;
            let result = match &entry.said {
                Said::Result(result) if self.calls.contains_key(&result.id) => continue,
                Said::Call(call) => self.results.get(&call.id).and_then(|seq| self.entry(*seq)),
                _ => None,
            };
            let row = Row {
                entry: Arc::clone(entry),
                result: result.map(Arc::clone),
            };
            if filter.shows(&row) {
                rows.push(row);
            }
        }
        Some(rows)
    }

    /// The chunks of the lines from `first` to `last` that are not held completely.
    pub fn missing(&self, first: u64, last: u64) -> Vec<u64> {
        let last = last.min(self.total);
        if last < first || first == 0 {
            return Vec::new();
        }
        let is_short = |chunk: &u64| {
            let due = CHUNK.min(self.total - chunk * CHUNK);
            (self.chunks.get(chunk).map_or(0, Vec::len) as u64) < due
        };
        ((first - 1) / CHUNK..=(last - 1) / CHUNK)
            .filter(is_short)
            .collect()
    }

    /// Drops what is farthest from the lines that are shown, until the rest fits.
    pub fn trim(&mut self, first: u64, last: u64) {
        let (first, last) = (
            first.saturating_sub(1) / CHUNK,
            last.saturating_sub(1) / CHUNK,
        );
        while self.chunks.len() > MOST_CHUNKS || self.bytes > MOST_BYTES {
            let distance =
                |chunk: &u64| first.saturating_sub(*chunk).max(chunk.saturating_sub(last));
            let farthest = self.chunks.keys().copied().max_by_key(distance);
            match farthest {
                Some(chunk) if distance(&chunk) > 0 => self.remove(chunk),
                _ => break,
            }
        }
    }

    fn remove(&mut self, chunk: u64) {
        for entry in self.chunks.remove(&chunk).unwrap_or_default() {
            self.bytes -= entry.bytes();
            match &entry.said {
                Said::Call(call) => self.calls.remove(&call.id),
                Said::Result(result) => self.results.remove(&result.id),
                Said::Plain(_) => None,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;

    use super::{Cache, Filter, MOST_CHUNKS};
    use crate::domain::log::{LogKind, LogLine, LogStream};

    fn line(seq: u64, kind: LogKind, text: &str) -> LogLine {
        LogLine {
            seq,
            at: DateTime::UNIX_EPOCH,
            stream: LogStream::Agent,
            kind,
            text: text.to_owned(),
        }
    }

    fn lines(from: u64, to: u64) -> Vec<LogLine> {
        (from..=to)
            .map(|seq| line(seq, LogKind::Text, "text"))
            .collect()
    }

    #[test]
    fn a_call_brings_its_result_and_the_result_has_no_row_of_its_own() {
        let mut cache = Cache::default();
        let call = r#"{"id":"a","tool":"Bash","verb":"Running","target":"ls","input":"{}"}"#;
        cache.insert([line(1, LogKind::ToolUse, call)]);
        let rows = cache.rows(1, 20, Filter::Everything).expect("held");
        assert!(rows[0].result.is_none());
        let result = r#"{"id":"a","ok":false,"output":"no"}"#;
        cache.insert([
            line(2, LogKind::ToolResult, result),
            line(3, LogKind::Note, "x"),
        ]);
        let rows = cache.rows(1, 20, Filter::Everything).expect("held");
        assert_eq!(
            rows.iter().map(super::Row::key).collect::<Vec<_>>(),
            [(1, true), (3, false)]
        );
        assert_eq!(cache.rows(1, 20, Filter::Errors).expect("held").len(), 1);
        assert_eq!(cache.shown_at(2), 1);
    }

    #[test]
    fn lines_after_a_hole_are_fetched_when_they_are_looked_at() {
        let mut cache = Cache::default();
        cache.insert(lines(1, 50));
        cache.insert(lines(61, 120));
        assert_eq!(cache.total(), 120);
        assert_eq!(cache.missing(1, 120), [0]);
        assert!(cache.rows(41, 60, Filter::Everything).is_none());
        cache.insert(lines(1, 100));
        assert!(cache.missing(1, 120).is_empty());
    }

    proptest! {
        #[test]
        fn what_is_shown_is_never_dropped(total in 1_u64..20_000, at in 0_u64..20_000) {
            let mut cache = Cache::default();
            let at = at.min(total);
            for from in (1..=total).step_by(100) {
                cache.insert(lines(from, (from + 99).min(total)));
                cache.trim(1, 1);
            }
            let (first, last) = (at.saturating_sub(40).max(1), (at + 60).min(total));
            for chunk in cache.missing(first, last) {
                cache.insert(lines(chunk * 100 + 1, (chunk * 100 + 100).min(total)));
            }
            cache.trim(first, last);
            prop_assert!(cache.missing(first, last).is_empty());
            prop_assert!(cache.chunks.len() <= MOST_CHUNKS.max(3));
        }
    }
}
