//! Which lines a filter lets through, as far as they are known: a stretch of the log in order.

use crate::api::LogFilter;
use crate::domain::log::LogLine;

/// The numbers of the lines that a filter shows.
#[derive(Clone, Debug)]
pub struct Index {
    filter: LogFilter,
    seqs: Vec<u64>,
    earlier: Option<u64>,
    is_newest: bool,
}

impl Index {
    /// The lines `seqs`, in order. There may be more before the line `earlier`; new lines belong
    /// to it if it `is_newest`.
    pub fn new(filter: LogFilter, seqs: Vec<u64>, earlier: Option<u64>, is_newest: bool) -> Self {
        Self {
            filter,
            seqs,
            earlier,
            is_newest,
        }
    }

    /// How many lines there are.
    pub fn count(&self) -> u64 {
        self.seqs.len() as u64
    }

    /// The place of a line, counted from 1.
    pub fn position(&self, seq: u64) -> Option<u64> {
        let place = self.seqs.binary_search(&seq).ok()?;
        Some(place as u64 + 1)
    }

    /// The line at a place that is counted from 1.
    pub fn seq_at(&self, position: u64) -> Option<u64> {
        let place = usize::try_from(position.checked_sub(1)?).ok()?;
        self.seqs.get(place).copied()
    }

    /// Learns of a line that may be newer than all that are known.
    pub fn notice(&mut self, line: &LogLine) {
        let is_newer = self.seqs.last().is_none_or(|last| *last < line.seq);
        if self.is_newest && is_newer && self.filter.shows(line) {
            self.seqs.push(line.seq);
        }
    }

    pub const fn filter(&self) -> LogFilter {
        self.filter
    }

    /// Before which line there may be more.
    pub const fn earlier(&self) -> Option<u64> {
        self.earlier
    }

    /// Whether it reaches to the end of the log.
    pub const fn is_newest(&self) -> bool {
        self.is_newest
    }
}
