//! Chunks of a log from the API.

use leptos::prelude::*;

use super::store::{Store, lines_of};

/// How many lines beyond the window are kept at hand.
const AHEAD: u64 = 100;

/// How long to wait after a chunk could not be had.
#[cfg(feature = "hydrate")]
const RETRY: std::time::Duration = std::time::Duration::from_secs(1);

/// Fetches what the window shows and doesn't have yet.
pub fn fill(store: Store) {
    let (first, last) = store.window.get_untracked();
    let first = lines_of(first).start().saturating_sub(AHEAD).max(1);
    let last = lines_of(last).end() + AHEAD;
    let missing = store
        .held
        .with_value(|held| held.cache.missing(first, last));
    for chunk in missing {
        let is_new = store
            .fetching
            .try_update_value(|fetching| fetching.len() < 6 && fetching.insert(chunk));
        if is_new == Some(true) {
            fetch(store, chunk);
        }
    }
}

#[cfg(feature = "hydrate")]
fn fetch(store: Store, chunk: u64) {
    leptos::task::spawn_local(async move {
        let after = chunk * super::cache::CHUNK;
        let lines = lines(
            store,
            &format!("after={after}&limit={}", super::cache::CHUNK),
        )
        .await;
        store
            .fetching
            .try_update_value(|fetching| fetching.remove(&chunk));
        if store.window.try_get_untracked().is_none() {
            return;
        }
        if let Some(page) = lines {
            store.take(page.items);
            store.settle_soon();
            // The window may have moved on while all places for fetching were taken.
            fill(store);
        } else {
            set_timeout(move || fill_if_shown(store), RETRY);
        }
    });
}

#[cfg(feature = "hydrate")]
fn fill_if_shown(store: Store) {
    if store.window.try_get_untracked().is_some() {
        fill(store);
    }
}

/// A page of the log, or nothing if it can't be had.
#[cfg(feature = "hydrate")]
pub async fn lines(store: Store, query: &str) -> Option<crate::api::LogPage> {
    let url = format!("/api/tasks/{}/logs?{query}", store.task);
    let response = gloo_net::http::Request::get(&url).send().await.ok()?;
    response.json().await.ok()
}

#[cfg(not(feature = "hydrate"))]
fn fetch(store: Store, chunk: u64) {
    // The server renders what it has; only a browser looks further.
    store
        .fetching
        .try_update_value(|fetching| fetching.remove(&chunk));
}
