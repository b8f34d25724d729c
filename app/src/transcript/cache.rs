//! The part of a log that the page holds: chunks of lines around what is shown, and which result
//! belongs to which call.
//!
//! Lines have a number, which never changes, and a position among the lines that are shown: the
//! same as the number, unless a filter leaves lines out.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::index::Index;
use super::line::{Entry, LineContent};
use crate::domain::log::{LogLine, ToolUse};

/// Lines that are fetched and dropped together.
pub const CHUNK: u64 = 100;

/// How many lines beyond those that are shown are kept at hand.
const AHEAD: u64 = 100;

/// How much is held, whatever comes first.
const MOST_CHUNKS: usize = 24;
const MOST_BYTES: usize = 6 << 20;

/// Chunks by number; position 1 is in chunk 0.
#[derive(Clone, Debug, Default)]
pub struct Cache {
    newest: u64,
    index: Option<Index>,
    bytes: usize,
    chunks: BTreeMap<u64, Vec<Arc<Entry>>>,
    /// Chunks that were too large to be held beside those that are shown.
    declined: HashSet<u64>,
    /// Line numbers of calls and of their results, by the call's id.
    calls: HashMap<String, u64>,
    results: HashMap<String, u64>,
}

impl Cache {
    /// Of a log with so many lines, of which the index is shown; all, if there is none.
    pub fn new(newest: u64, index: Option<Index>) -> Self {
        Self {
            newest,
            index,
            ..Self::default()
        }
    }

    /// The number of the log's newest line.
    pub fn newest(&self) -> u64 {
        self.newest
    }

    /// How many lines are shown.
    pub fn count(&self) -> u64 {
        self.index.as_ref().map_or(self.newest, Index::count)
    }

    pub fn index(&self) -> Option<&Index> {
        self.index.as_ref()
    }

    /// Whether what is shown reaches to the log's end.
    pub fn reaches_end(&self) -> bool {
        self.index.as_ref().is_none_or(Index::is_newest)
    }

    /// Where a line is, if it is shown.
    pub fn position(&self, seq: u64) -> Option<u64> {
        match &self.index {
            Some(index) => index.position(seq),
            None => (1..=self.newest).contains(&seq).then_some(seq),
        }
    }

    /// The number of the line at a position.
    pub fn seq_at(&self, position: u64) -> Option<u64> {
        match &self.index {
            Some(index) => index.seq_at(position),
            None => (1..=self.newest).contains(&position).then_some(position),
        }
    }

    /// Takes lines and answers how many of them are new. Those that would leave a hole in their
    /// chunk are not kept: they are fetched when they are looked at.
    pub fn insert(&mut self, lines: impl IntoIterator<Item = LogLine>) -> usize {
        let mut added = 0;
        for line in lines {
            self.newest = self.newest.max(line.seq);
            if let Some(index) = &mut self.index {
                index.notice(&line);
            }
            let Some(position) = self.position(line.seq) else {
                continue;
            };
            let (chunk, place) = ((position - 1) / CHUNK, (position - 1) % CHUNK);
            if place == self.held(chunk) {
                self.push(chunk, Arc::new(line.into()));
                added += 1;
            }
        }
        added
    }

    fn push(&mut self, chunk: u64, entry: Arc<Entry>) {
        match &entry.content {
            LineContent::Call(call) => self.calls.insert(call.id.clone(), entry.seq),
            LineContent::Result(result) => self.results.insert(result.id.clone(), entry.seq),
            LineContent::Plain(_) => None,
        };
        self.bytes += entry.bytes();
        self.chunks.entry(chunk).or_default().push(entry);
    }

    /// How many lines of a chunk are held.
    fn held(&self, chunk: u64) -> u64 {
        self.chunks.get(&chunk).map_or(0, Vec::len) as u64
    }

    fn at(&self, position: u64) -> Option<&Arc<Entry>> {
        let place = usize::try_from((position.checked_sub(1)?) % CHUNK).ok()?;
        self.chunks.get(&((position - 1) / CHUNK))?.get(place)
    }

    /// A line, if it is held.
    pub fn entry(&self, seq: u64) -> Option<&Arc<Entry>> {
        self.at(self.position(seq)?)
    }

    /// The line under which another one is shown: a result's call, else itself.
    pub fn shown_at(&self, seq: u64) -> u64 {
        match self.entry(seq).map(|entry| &entry.content) {
            Some(LineContent::Result(result)) => self.calls.get(&result.id).copied().unwrap_or(seq),
            _ => seq,
        }
    }

    /// The result of a call, if it is held.
    pub fn result(&self, call: &ToolUse) -> Option<Arc<Entry>> {
        self.entry(*self.results.get(&call.id)?).map(Arc::clone)
    }

    /// The lines between two positions that have a row, or nothing if some are not held: a result
    /// is shown with its call.
    pub fn rows(&self, first: u64, last: u64) -> Option<Vec<Arc<Entry>>> {
        let entries: Option<Vec<_>> = (first..=last.min(self.count()))
            .map(|position| self.at(position))
            .collect();
        let has_row = |entry: &&Arc<Entry>| match &entry.content {
            LineContent::Result(result) => !self.calls.contains_key(&result.id),
            LineContent::Call(_) | LineContent::Plain(_) => true,
        };
        Some(entries?.into_iter().filter(has_row).cloned().collect())
    }

    /// The chunks between two positions that are not held completely.
    fn missing(&self, first: u64, last: u64) -> Vec<u64> {
        let last = last.min(self.count());
        if last < first || first == 0 {
            return Vec::new();
        }
        let is_short = |chunk: &u64| self.held(*chunk) < CHUNK.min(self.count() - chunk * CHUNK);
        ((first - 1) / CHUNK..=(last - 1) / CHUNK)
            .filter(is_short)
            .collect()
    }

    /// The chunks to fetch while the lines between two positions are shown: their own, then,
    /// while there is room, those beside them.
    pub fn wanted(&self, first: u64, last: u64) -> Vec<u64> {
        let shown = self.missing(first, last);
        if !shown.is_empty() || self.bytes >= MOST_BYTES / 2 {
            return shown;
        }
        let mut beside = self.missing(first.saturating_sub(AHEAD).max(1), last + AHEAD);
        beside.retain(|chunk| !self.declined.contains(chunk));
        beside
    }

    /// Asks the API for what is not held of a chunk.
    pub fn query(&self, chunk: u64) -> Option<String> {
        let before = chunk * CHUNK + self.held(chunk);
        let seq = self.seq_at(before + 1)?;
        // No more than are known to match: the server would search the whole log for others.
        let limit = self.count().min((chunk + 1) * CHUNK) - before;
        let kind = self.index.as_ref().map(Index::filter);
        let kind = kind.map(|kind| format!("&kind={kind}"));
        Some(format!(
            "after={}&limit={limit}{}",
            seq - 1,
            kind.unwrap_or_default()
        ))
    }

    /// Drops what is farthest from the positions that are shown, until the rest fits.
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
                Some(chunk) if distance(&chunk) > 0 => {
                    if self.bytes > MOST_BYTES {
                        self.declined.insert(chunk);
                    }
                    self.remove(chunk);
                }
                _ => break,
            }
        }
    }

    fn remove(&mut self, chunk: u64) {
        for entry in self.chunks.remove(&chunk).unwrap_or_default() {
            self.bytes -= entry.bytes();
            match &entry.content {
                LineContent::Call(call) => self.calls.remove(&call.id),
                LineContent::Result(result) => self.results.remove(&result.id),
                LineContent::Plain(_) => None,
            };
        }
    }
}

#[cfg(test)]
mod tests;
