//! What the parts of a transcript share.

use std::collections::HashSet;
use std::ops::RangeInclusive;

use leptos::html::Div;
use leptos::prelude::*;

use super::cache::{Cache, Filter, Row};
use super::layout::{BLOCK, Layout};
use crate::domain::id::TaskId;
use crate::domain::log::LogLine;

/// What is held and where it lies.
#[derive(Debug, Default)]
pub struct Held {
    pub cache: Cache,
    pub layout: Layout,
}

/// A transcript that is being looked at.
#[derive(Clone, Copy)]
pub struct Store {
    pub task: TaskId,
    pub held: StoredValue<Held>,
    /// Counts what has changed in `held`.
    pub revision: RwSignal<u64>,
    /// The first and the last block in the document.
    pub window: RwSignal<(usize, usize)>,
    /// Whether the newest line is kept in view.
    pub is_following: RwSignal<bool>,
    /// The newest line that was in view.
    pub seen: RwSignal<u64>,
    pub filter: RwSignal<Filter>,
    /// The line that was jumped to.
    pub current: RwSignal<Option<u64>>,
    /// The chunks that are on their way.
    pub fetching: StoredValue<HashSet<u64>>,
    /// Whether the next frame measures.
    pub is_settling: StoredValue<bool>,
    /// Where the panel was scrolled to when it was last looked at.
    pub top: StoredValue<f64>,
    /// How high the panel's content was when it was last measured.
    pub height: StoredValue<i32>,
    /// The line to jump to as soon as it is there.
    pub pending: StoredValue<Option<u64>>,
    pub panel: NodeRef<Div>,
    pub above: NodeRef<Div>,
    pub below: NodeRef<Div>,
}

/// The lines of a block.
pub const fn lines_of(block: usize) -> RangeInclusive<u64> {
    let first = block as u64 * BLOCK + 1;
    first..=first + BLOCK - 1
}

/// The block of a line.
pub fn block_of(seq: u64) -> usize {
    usize::try_from(seq.saturating_sub(1) / BLOCK).unwrap_or(usize::MAX)
}

impl Store {
    /// A transcript of a log of so many lines, some of which are here already.
    pub fn new(task: TaskId, total: u64, lines: Vec<LogLine>) -> Self {
        let ends = lines.first().zip(lines.last());
        let window = ends.map_or((0, 0), |(first, last)| {
            (block_of(first.seq), block_of(last.seq))
        });
        let mut held = Held::default();
        held.cache.grow(total);
        held.cache.insert(lines);
        held.layout.grow(held.cache.total());
        Self {
            task,
            seen: RwSignal::new(held.cache.total()),
            held: StoredValue::new(held),
            revision: RwSignal::new(0),
            window: RwSignal::new(window),
            is_following: RwSignal::new(true),
            filter: RwSignal::new(Filter::default()),
            current: RwSignal::new(None),
            fetching: StoredValue::new(HashSet::new()),
            is_settling: StoredValue::new(false),
            top: StoredValue::new(0.0),
            height: StoredValue::new(0),
            pending: StoredValue::new(None),
            panel: NodeRef::new(),
            above: NodeRef::new(),
            below: NodeRef::new(),
        }
    }

    /// The newest line's number.
    pub fn total(self) -> u64 {
        self.revision.track();
        self.held.with_value(|held| held.cache.total())
    }

    /// A block's rows, or nothing while they are fetched.
    pub fn rows(self, block: usize) -> Option<Vec<Row>> {
        self.revision.track();
        let filter = self.filter.get();
        let lines = lines_of(block);
        self.held
            .with_value(|held| held.cache.rows(*lines.start(), *lines.end(), filter))
    }

    /// Takes lines, and says so.
    pub fn take(self, lines: Vec<LogLine>) {
        let window = self.window.get_untracked();
        self.held.update_value(|held| {
            held.cache.insert(lines);
            held.cache
                .trim(*lines_of(window.0).start(), *lines_of(window.1).end());
            held.layout.grow(held.cache.total());
        });
        self.revision.update(|revision| *revision += 1);
    }
}
