//! What a reader can do with a transcript.

use leptos::prelude::*;

use super::search::LogSearch;
use super::store::{Filtering, Store};
use crate::api::LogFilter;
use crate::components::icon::{Glyph, Icon};
use crate::reactive::{list, part};

const FILTERS: [(Option<LogFilter>, &str); 4] = [
    (None, "Everything"),
    (Some(LogFilter::Conversation), "Conversation"),
    (Some(LogFilter::Tools), "Tools"),
    (Some(LogFilter::Errors), "Errors"),
];

/// How many lines the link to the raw log leads to.
const RAW: u64 = 1_000;

/// Filter, search, the raw log.
#[component]
pub fn Toolbar(store: Store) -> impl IntoView {
    let choice = move |(filter, word): (Option<LogFilter>, &'static str)| {
        let is_chosen = move || (store.filter.get() == filter).to_string();
        view! {
            <button type="button" class="chip" aria-pressed=is_chosen on:click=move |_| store.show(filter)>
                {word}
            </button>
        }
    };
    let state = move || match store.filtering.get() {
        Filtering::Done => None,
        Filtering::Searching => Some("Looking for lines…"),
        Filtering::Failed => Some("These lines can't be had at the moment"),
    };
    let raw = move || {
        let after = store.newest().saturating_sub(RAW);
        format!("/api/tasks/{}/logs?after={after}&limit={RAW}", store.task)
    };
    view! {
        <div class="log-toolbar">
            <div class="log-filters" role="group" aria-label="Show">{list(FILTERS.map(choice))}</div>
            <span class="log-filtering" role="status">{part(state)}</span>
            <LogSearch store />
            <a class="link log-raw" href=raw rel="external" title="The newest 1,000 lines as they are stored">"Raw"</a>
        </div>
    }
    .into_any()
}

/// Where the reader is: at the live end, or above it with lines unread.
#[component]
pub fn LivePill(store: Store, #[prop(into)] is_running: Signal<bool>) -> impl IntoView {
    let unread = move || store.newest().saturating_sub(store.seen.get());
    let is_following = move || store.is_following.get();
    let word = move || match (is_following(), unread()) {
        (true, _) if is_running.get() => "Live".to_owned(),
        (true, _) => "At the end".to_owned(),
        (false, 0) => "To the end".to_owned(),
        (false, count) => format!("{count} new"),
    };
    view! {
        <button
            type="button"
            class="live-pill"
            data-key="f"
            data-following=move || is_following().then_some("")
            data-busy=move || (is_following() && is_running.get()).then_some("")
            aria-pressed=move || is_following().to_string()
            on:click=move |_| store.follow()
        >
            <span class="dot" aria-hidden="true"></span>
            <span class="num">{part(word)}</span>
            <Show when=move || !is_following()><Glyph icon=Icon::Down /></Show>
        </button>
    }
    .into_any()
}
