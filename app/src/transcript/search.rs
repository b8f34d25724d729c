//! Finding lines: the server searches the whole log, the page walks through what it found.

use leptos::prelude::*;

use super::store::Store;
use crate::components::icon::{Glyph, Icon};
use crate::reactive::part;

/// The lines that were found so far, in order, and the one that is looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Found {
    text: String,
    lines: Vec<u64>,
    at: usize,
    /// Before which line there may be more.
    earlier: Option<u64>,
}

/// How a search stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Search {
    #[default]
    Idle,
    Searching,
    Failed,
    Found(Found),
}

impl Search {
    fn place(&self) -> Option<String> {
        match self {
            Self::Idle => None,
            Self::Searching => Some("Searching…".to_owned()),
            Self::Failed => Some("Search failed".to_owned()),
            Self::Found(found) if found.lines.is_empty() => Some("No match".to_owned()),
            Self::Found(found) => {
                let more = if found.earlier.is_some() { "+" } else { "" };
                Some(format!("{} of {}{more}", found.at + 1, found.lines.len()))
            }
        }
    }
}

/// A search field's state. Only its latest search counts.
#[derive(Clone, Copy)]
struct Finder {
    store: Store,
    state: RwSignal<Search>,
    latest: StoredValue<u64>,
}

/// The search field with its place in the matches.
#[component]
pub fn LogSearch(store: Store) -> impl IntoView {
    let finder = Finder {
        store,
        state: RwSignal::new(Search::default()),
        latest: StoredValue::new(0),
    };
    let input = NodeRef::<leptos::html::Input>::new();
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let text = input
            .get_untracked()
            .map(|input| input.value())
            .unwrap_or_default();
        finder.search(text.trim());
    };
    let place = move || finder.state.with(Search::place);
    let has_matches = move || {
        finder
            .state
            .with(|state| matches!(state, Search::Found(found) if !found.lines.is_empty()))
    };
    view! {
        <form class="log-search" method="get" role="search" on:submit=submit>
            <Glyph icon=Icon::Search />
            <input
                node_ref=input
                class="search-field"
                type="search"
                name="q"
                maxlength="200"
                placeholder="Search the log"
                aria-label="Search the log"
                data-key="/"
                on:input:target=move |event| {
                    if event.target().value().is_empty() {
                        finder.search("");
                    }
                }
            />
            <span class="log-search-place num" aria-live="polite">{part(place)}</span>
            <Show when=has_matches>
                <button type="button" class="icon-button" aria-label="Previous match" data-key="p" on:click=move |_| finder.walk(-1)>"↑"</button>
                <button type="button" class="icon-button" aria-label="Next match" data-key="n" on:click=move |_| finder.walk(1)>"↓"</button>
            </Show>
        </form>
    }
    .into_any()
}

impl Finder {
    /// The last match is shown first, for the end of a log is what counts.
    fn search(self, text: &str) {
        let text = text.to_owned();
        if text.is_empty() {
            self.look_for(Found::default());
            self.state.set(Search::Idle);
        } else {
            self.state.set(Search::Searching);
            self.look_for(Found {
                text,
                ..Found::default()
            });
        }
    }

    /// Goes to the match before or after the one that is looked at; beyond the first that is
    /// known there may be others, beyond the last one begins anew.
    fn walk(self, by: isize) {
        let Search::Found(mut found) = self.state.get_untracked() else {
            return;
        };
        if found.at == 0 && by < 0 && found.earlier.is_some() {
            self.look_for(found);
            return;
        }
        let count = found.lines.len();
        found.at = (found.at + count).saturating_add_signed(by) % count.max(1);
        self.store.jump(found.lines[found.at]);
        self.state.set(Search::Found(found));
    }

    /// Shows what was found before the matches that are known.
    fn take(self, known: Found, earlier: super::matches::Matches) {
        let at = earlier.seqs.len().saturating_sub(1);
        let mut lines = earlier.seqs;
        lines.extend(known.lines);
        if let Some(seq) = lines.get(at) {
            self.store.jump(*seq);
        }
        self.state.set(Search::Found(Found {
            text: known.text,
            lines,
            at,
            earlier: earlier.earlier,
        }));
    }

    #[cfg(feature = "hydrate")]
    fn look_for(self, known: Found) {
        let token = self.latest.get_value() + 1;
        self.latest.set_value(token);
        if known.text.is_empty() {
            return;
        }
        leptos::task::spawn_local(async move {
            let wanted = format!("q={}", leptos_router::location::Url::escape(&known.text));
            // Asked only while the page is there, and this with it.
            let is_latest = || self.latest.try_get_value() == Some(token);
            let found =
                super::matches::matches(self.store, &wanted, known.earlier, 1, is_latest).await;
            match found {
                Some(Ok(found)) => self.take(known, found),
                Some(Err(_)) => self.state.set(Search::Failed),
                None => {}
            }
        });
    }

    #[cfg(not(feature = "hydrate"))]
    fn look_for(self, _known: Found) {
        // Without script the form asks for a page of matches.
        self.state.set(Search::Idle);
    }
}

#[cfg(test)]
mod tests {
    use super::{Found, Search};

    #[test]
    fn a_search_says_how_it_stands() {
        let found = |lines: &[u64], earlier| {
            Search::Found(Found {
                text: "x".to_owned(),
                lines: lines.to_vec(),
                at: lines.len().saturating_sub(1),
                earlier,
            })
        };
        assert_eq!(Search::Idle.place(), None);
        assert_eq!(found(&[], None).place().as_deref(), Some("No match"));
        assert_eq!(found(&[3, 9], None).place().as_deref(), Some("2 of 2"));
        assert_eq!(found(&[3, 9], Some(3)).place().as_deref(), Some("2 of 2+"));
        assert_eq!(Search::Failed.place().as_deref(), Some("Search failed"));
    }
}
