//! Finding lines: the server searches the whole log, the page walks through what it found.

use leptos::prelude::*;

use super::store::Store;
use crate::components::icon::{Glyph, Icon};

/// The most matches that are walked through.
const MOST: usize = 500;

/// The lines that were found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Found {
    lines: Vec<u64>,
    at: usize,
}

/// The search field with its place in the matches.
#[component]
pub fn LogSearch(store: Store) -> impl IntoView {
    let found = RwSignal::new(None::<Found>);
    let walk = move |by: isize| {
        found.update(|found| {
            if let Some(found) = found
                && !found.lines.is_empty()
            {
                found.at =
                    (found.at + found.lines.len()).saturating_add_signed(by) % found.lines.len();
                store.jump(found.lines[found.at]);
            }
        });
    };
    let input = NodeRef::<leptos::html::Input>::new();
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let text = input
            .get_untracked()
            .map(|input| input.value())
            .unwrap_or_default();
        search(store, text, found);
    };
    let place = move || {
        found.get().map(|found| match found.lines.len() {
            0 => "No match".to_owned(),
            count => format!(
                "{} of {count}{}",
                found.at + 1,
                if count == MOST { "+" } else { "" }
            ),
        })
    };
    let has_matches =
        move || found.with(|found| found.as_ref().is_some_and(|found| !found.lines.is_empty()));
    view! {
        <form class="log-search" method="get" role="search" on:submit=submit>
            <Glyph icon=Icon::Search />
            <input
                node_ref=input
                class="search-field"
                type="search"
                name="q"
                placeholder="Search the log"
                aria-label="Search the log"
                data-key="/"
                on:input:target=move |event| {
                    if event.target().value().is_empty() {
                        found.set(None);
                    }
                }
            />
            <span class="log-search-place num" aria-live="polite">{place}</span>
            <Show when=has_matches>
                <button type="button" class="icon-button" aria-label="Previous match" data-key="p" on:click=move |_| walk(-1)>"↑"</button>
                <button type="button" class="icon-button" aria-label="Next match" data-key="n" on:click=move |_| walk(1)>"↓"</button>
            </Show>
        </form>
    }
    .into_any()
}

/// Asks the server; the last match is shown first, for the end of a log is what counts.
#[cfg(feature = "hydrate")]
fn search(store: Store, text: String, found: RwSignal<Option<Found>>) {
    if text.trim().is_empty() {
        found.set(None);
        return;
    }
    leptos::task::spawn_local(async move {
        let text = leptos_router::location::Url::escape(text.trim());
        let page = super::fetch::lines(store, &format!("q={text}&limit={MOST}")).await;
        let lines: Vec<u64> = page
            .map(|page| page.items.iter().map(|line| line.seq).collect())
            .unwrap_or_default();
        let at = lines.len().saturating_sub(1);
        if let Some(seq) = lines.last() {
            store.filter.set(super::cache::Filter::Everything);
            store.jump(*seq);
        }
        found.try_set(Some(Found { lines, at }));
    });
}

#[cfg(not(feature = "hydrate"))]
fn search(_store: Store, _text: String, found: RwSignal<Option<Found>>) {
    // Without script the form asks for a page of matches.
    found.set(Some(Found::default()));
}
