//! What a reader can do with a transcript.

use leptos::prelude::*;

use super::cache::Filter;
use super::search::LogSearch;
use super::store::Store;
use crate::components::icon::{Glyph, Icon};

const FILTERS: [(Filter, &str); 4] = [
    (Filter::Everything, "Everything"),
    (Filter::Conversation, "Conversation"),
    (Filter::Tools, "Tools"),
    (Filter::Errors, "Errors"),
];

/// Filter, search, the raw log.
#[component]
pub fn Toolbar(store: Store) -> impl IntoView {
    let choice = move |(filter, word): (Filter, &'static str)| {
        let is_chosen = move || (store.filter.get() == filter).to_string();
        view! {
            <button
                type="button"
                class="chip"
                aria-pressed=is_chosen
                on:click=move |_| {
                    store.filter.set(filter);
                    store.measure_anew();
                }
            >
                {word}
            </button>
        }
    };
    view! {
        <div class="log-toolbar">
            <div class="log-filters" role="group" aria-label="Show">{FILTERS.map(choice).into_iter().collect_view()}</div>
            <LogSearch store />
            <a class="link log-raw" href=format!("/api/tasks/{}/logs?limit=1000", store.task) rel="external">"Raw"</a>
        </div>
    }
    .into_any()
}

/// Where the reader is: at the live end, or above it with lines unread.
#[component]
pub fn LivePill(store: Store, #[prop(into)] is_running: Signal<bool>) -> impl IntoView {
    let unread = move || store.total().saturating_sub(store.seen.get());
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
            <span class="num">{word}</span>
            <Show when=move || !is_following()><Glyph icon=Icon::Down /></Show>
        </button>
    }
    .into_any()
}
