//! What the parts of a transcript share.

use std::collections::{BTreeSet, HashSet};
use std::ops::RangeInclusive;
use std::sync::Arc;

use leptos::html::Div;
use leptos::prelude::*;

use super::cache::Cache;
use super::index::Index;
use super::layout::{BLOCK, Layout};
use super::line::Entry;
use crate::api::LogFilter;
use crate::domain::id::TaskId;
use crate::domain::log::{LogLine, ToolUse};

/// What is held and where it lies.
#[derive(Debug, Default)]
pub struct Buffer {
    pub cache: Cache,
    pub layout: Layout,
}

impl Buffer {
    fn new(cache: Cache) -> Self {
        let mut layout = Layout::default();
        layout.grow(cache.count());
        Self { cache, layout }
    }
}

/// Where a line is to be brought to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Landing {
    /// Where the eye finds it, and marked.
    Quarter,
    /// So many pixels below the panel's top.
    Offset(f64),
}

/// What a reader who filters waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Filtering {
    #[default]
    Done,
    Searching,
    Failed,
}

/// The panel as it was when it was last looked at.
#[derive(Clone, Copy, Debug, Default)]
pub struct Measured {
    /// Where it was scrolled to.
    pub top: f64,
    /// How high its content was.
    pub height: i32,
    pub width: i32,
    /// The first line that was visible, and how far below the panel's top it began.
    pub anchor: Option<(u64, f64)>,
    /// The line to go to as soon as it is there.
    pub pending: Option<(u64, Landing)>,
    /// Whether the next frame measures.
    pub is_due: bool,
}

/// A transcript that is being looked at.
#[derive(Clone, Copy)]
pub struct Store {
    pub task: TaskId,
    pub buffer: StoredValue<Buffer>,
    /// Counts what has changed in `buffer`.
    pub revision: RwSignal<u64>,
    /// The first and the last block in the document.
    pub window: RwSignal<(usize, usize)>,
    /// Whether the newest line is kept in view.
    pub is_following: RwSignal<bool>,
    /// The newest line that was in view.
    pub seen: RwSignal<u64>,
    /// Which lines the reader wants to see; all of them, if it is none.
    pub filter: RwSignal<Option<LogFilter>>,
    pub filtering: RwSignal<Filtering>,
    /// What the agent is writing: the text of a line that is yet to come.
    pub writing: RwSignal<String>,
    /// The line that was jumped to.
    pub current: RwSignal<Option<u64>>,
    /// The chunks that are on their way.
    pub fetching: StoredValue<HashSet<u64>>,
    /// Lines for the filter that have come while its index is on its way.
    pub arrived: StoredValue<BTreeSet<u64>>,
    pub measured: StoredValue<Measured>,
    pub panel: NodeRef<Div>,
    pub above: NodeRef<Div>,
    pub below: NodeRef<Div>,
}

/// The positions of a block.
pub const fn positions_of(block: usize) -> RangeInclusive<u64> {
    let first = block as u64 * BLOCK + 1;
    first..=first + BLOCK - 1
}

/// The block of a position.
pub fn block_of(position: u64) -> usize {
    usize::try_from(position.saturating_sub(1) / BLOCK).unwrap_or(usize::MAX)
}

impl Store {
    /// A transcript of a log of so many lines, some of which are here already.
    pub fn new(task: TaskId, total: u64, lines: Vec<LogLine>) -> Self {
        let ends = lines.first().zip(lines.last());
        let window = ends.map_or((0, 0), |(first, last)| {
            (block_of(first.seq), block_of(last.seq))
        });
        let mut cache = Cache::new(total, None);
        cache.insert(lines);
        Self {
            task,
            seen: RwSignal::new(cache.newest()),
            buffer: StoredValue::new(Buffer::new(cache)),
            revision: RwSignal::new(0),
            window: RwSignal::new(window),
            is_following: RwSignal::new(true),
            filter: RwSignal::new(None),
            filtering: RwSignal::new(Filtering::default()),
            writing: RwSignal::new(String::new()),
            current: RwSignal::new(None),
            fetching: StoredValue::new(HashSet::new()),
            arrived: StoredValue::new(BTreeSet::new()),
            measured: StoredValue::new(Measured::default()),
            panel: NodeRef::new(),
            above: NodeRef::new(),
            below: NodeRef::new(),
        }
    }

    /// Whether the reader has left. Whatever waited for something asks this first.
    pub fn is_gone(self) -> bool {
        self.window.try_get_untracked().is_none()
    }

    /// How many lines are shown.
    pub fn count(self) -> u64 {
        self.revision.track();
        self.buffer.with_value(|buffer| buffer.cache.count())
    }

    /// The number of the log's newest line.
    pub fn newest(self) -> u64 {
        self.revision.track();
        self.newest_untracked()
    }

    /// The same, for those who don't wait for the next.
    pub fn newest_untracked(self) -> u64 {
        self.buffer.with_value(|buffer| buffer.cache.newest())
    }

    /// Whether the text that is being written would be the next line that is shown.
    pub fn shows_writing(self) -> bool {
        self.revision.track();
        let is_wanted = matches!(self.filter.get(), None | Some(LogFilter::Conversation));
        is_wanted
            && self.writing.with(|text| !text.is_empty())
            && self.buffer.with_value(|buffer| buffer.cache.reaches_end())
    }

    /// Before which line the filter may show more.
    pub fn earlier(self) -> Option<u64> {
        self.revision.track();
        self.buffer
            .with_value(|buffer| buffer.cache.index()?.earlier())
    }

    /// A block's lines, or nothing while they are fetched.
    pub fn rows(self, block: usize) -> Option<Vec<Arc<Entry>>> {
        self.revision.track();
        let positions = positions_of(block);
        self.buffer
            .with_value(|buffer| buffer.cache.rows(*positions.start(), *positions.end()))
    }

    /// The result of a call, if it is known.
    pub fn result(self, call: &ToolUse) -> Option<Arc<Entry>> {
        self.revision.track();
        self.buffer.with_value(|buffer| buffer.cache.result(call))
    }

    /// Takes lines, and says so. Answers how many of them are new.
    pub fn take(self, lines: Vec<LogLine>) -> usize {
        if let Some(filter) = self.filter.get_untracked() {
            let shown = lines.iter().filter(|line| filter.shows(line));
            self.arrived
                .update_value(|arrived| arrived.extend(shown.map(|line| line.seq)));
        }
        let window = self.window.get_untracked();
        let mut added = 0;
        self.buffer.update_value(|buffer| {
            added = buffer.cache.insert(lines);
            let (first, last) = (positions_of(window.0), positions_of(window.1));
            buffer.cache.trim(*first.start(), *last.end());
            buffer.layout.grow(buffer.cache.count());
        });
        self.revision.update(|revision| *revision += 1);
        added
    }

    /// Shows other lines of the log from now on: those of an index, or all.
    pub fn replace(self, index: Option<Index>) {
        let newest = self.newest_untracked();
        self.buffer
            .set_value(Buffer::new(Cache::new(newest, index)));
        self.fetching.set_value(HashSet::new());
        self.revision.update(|revision| *revision += 1);
    }
}
