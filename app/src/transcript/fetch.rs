//! Chunks of a log from the API.

use leptos::prelude::*;

use super::store::{Store, lines_of};

/// How many lines beyond the window are kept at hand.
const AHEAD: u64 = 100;

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
        if let Some(page) = lines
            && store.window.try_get_untracked().is_some()
        {
            store.take(page.items);
            store.settle_soon();
        }
    });
}

/// A page of the log, or nothing if it can't be had: what is missing is asked for again at the
/// next look.
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
