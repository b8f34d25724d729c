//! Parts of a log from the API.

use leptos::prelude::*;

use super::store::{Store, positions_of};
#[cfg(feature = "hydrate")]
use crate::wire::from_json;

/// How many chunks are fetched at a time.
const MOST_FETCHES: usize = 6;

/// How long to wait after a chunk could not be had.
#[cfg(feature = "hydrate")]
const RETRY: std::time::Duration = std::time::Duration::from_secs(1);

/// Why a part of a log is not there.
#[cfg(feature = "hydrate")]
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The connection is lost.
    #[error("the server can't be reached")]
    Connection(#[from] gloo_net::Error),
    /// The answer is none.
    #[error("the server's answer can't be read")]
    Answer(#[from] crate::wire::Unexpected),
    /// The server says no.
    #[error("the server answers with status {0}")]
    Refused(u16),
}

/// Fetches what the window shows and doesn't have yet.
pub fn fill(store: Store) {
    let (first, last) = store.window.get_untracked();
    let (first, last) = (*positions_of(first).start(), *positions_of(last).end());
    let wanted = store
        .buffer
        .with_value(|buffer| buffer.cache.wanted(first, last));
    for chunk in wanted {
        let is_new = store
            .fetching
            .try_update_value(|fetching| fetching.len() < MOST_FETCHES && fetching.insert(chunk));
        if is_new == Some(true) {
            fetch(store, chunk);
        }
    }
}

#[cfg(feature = "hydrate")]
fn fetch(store: Store, chunk: u64) {
    let query = store.buffer.with_value(|buffer| buffer.cache.query(chunk));
    leptos::task::spawn_local(async move {
        let page = match query {
            Some(query) => get::<crate::api::LogPage>(store, &format!("logs?{query}")).await,
            None => return, // the filter has changed since
        };
        if store.is_gone() {
            return;
        }
        store.fetching.update_value(|fetching| {
            fetching.remove(&chunk);
        });
        let Ok(page) = page else {
            set_timeout(move || fill_if_shown(store), RETRY);
            return;
        };
        let added = store.take(page.items);
        store.measure_soon();
        // What has brought nothing is not asked for again before something has changed.
        if added > 0 {
            // The window may have moved on while all places for fetching were taken.
            fill(store);
        }
    });
}

#[cfg(feature = "hydrate")]
fn fill_if_shown(store: Store) {
    if !store.is_gone() {
        fill(store);
    }
}

/// An answer of the API about the task.
#[cfg(feature = "hydrate")]
pub async fn get<T: serde::de::DeserializeOwned>(
    store: Store,
    part: &str,
) -> Result<T, FetchError> {
    let url = format!("/api/tasks/{}/{part}", store.task);
    let response = gloo_net::http::Request::get(&url).send().await?;
    if !response.ok() {
        return Err(FetchError::Refused(response.status()));
    }
    Ok(from_json(&response.text().await?)?)
}

#[cfg(not(feature = "hydrate"))]
fn fetch(store: Store, chunk: u64) {
    // The server renders what it has; only a browser looks further.
    store
        .fetching
        .try_update_value(|fetching| fetching.remove(&chunk));
}
