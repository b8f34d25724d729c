//! Lines of one kind alone: the server says which they are, the page shows them as it shows a log.

use leptos::prelude::*;

use super::index::Index;
use super::store::{Filtering, Landing, Store};
use crate::api::LogFilter;

/// So many lines are looked for before anything is shown, unless there are fewer.
#[cfg(feature = "hydrate")]
const ENOUGH: usize = 60;

impl Store {
    /// Shows the lines of a kind, or all.
    pub fn show(self, filter: Option<LogFilter>) {
        if self.filter.get_untracked() == filter {
            return;
        }
        self.filter.set(filter);
        match filter {
            Some(filter) => self.load_index(filter, None),
            None => self.show_everything(),
        }
    }

    /// Takes the filter away.
    pub fn show_all_lines(self) {
        self.filter.set(None);
        self.filtering.set(Filtering::Done);
        self.replace(None);
    }

    /// Leads back to all lines, at the one that was visible.
    fn show_everything(self) {
        let is_following = self.is_following.get_untracked();
        let anchor = self.measured.get_value().anchor;
        self.show_all_lines();
        match anchor {
            Some((seq, offset)) if !is_following => self.land(seq, Landing::Offset(offset)),
            _ => self.follow(),
        }
    }

    /// Shows the part of the filtered log before the one that is shown.
    pub fn show_earlier(self) {
        let earlier = untrack(|| self.earlier());
        if let Some((filter, earlier)) = self.filter.get_untracked().zip(earlier) {
            self.load_index(filter, Some(earlier));
        }
    }

    /// Takes the numbers of the lines that a filter shows.
    fn take_index(self, filter: LogFilter, before: Option<u64>, found: super::matches::Matches) {
        let mut seqs = found.seqs;
        let newest = seqs.last().copied().unwrap_or(0);
        if before.is_none() {
            let arrived = self.arrived.get_value();
            seqs.extend(arrived.into_iter().filter(|seq| *seq > newest));
        }
        self.filtering.set(Filtering::Done);
        let index = Index::new(filter, seqs, found.earlier, before.is_none());
        self.replace(Some(index));
        if before.is_none() {
            self.follow();
        } else {
            self.land(newest, Landing::Quarter);
        }
    }

    #[cfg(feature = "hydrate")]
    pub(super) fn load_index(self, filter: LogFilter, before: Option<u64>) {
        self.filtering.set(Filtering::Searching);
        self.arrived.set_value(std::collections::BTreeSet::new());
        leptos::task::spawn_local(async move {
            let is_waited_for = || self.filter.get_untracked() == Some(filter);
            let wanted = format!("kind={filter}");
            let found = super::matches::matches(self, &wanted, before, ENOUGH, is_waited_for).await;
            match found {
                Some(Ok(found)) => self.take_index(filter, before, found),
                Some(Err(_)) => self.filtering.set(Filtering::Failed),
                None => {}
            }
        });
    }

    #[cfg(not(feature = "hydrate"))]
    #[expect(
        clippy::unused_self,
        reason = "without script there is nobody who filters"
    )]
    pub(super) fn load_index(self, _filter: LogFilter, _before: Option<u64>) {}
}
