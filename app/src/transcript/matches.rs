//! Lines that match, by their numbers: the server searches the log from its end, a part at a time.

#[cfg(feature = "hydrate")]
use super::fetch::{FetchError, get};
#[cfg(feature = "hydrate")]
use super::store::Store;
#[cfg(feature = "hydrate")]
use crate::api::LogMatches;

/// Numbers of lines, in order, and before which line there may be more.
pub struct Matches {
    pub seqs: Vec<u64>,
    pub earlier: Option<u64>,
}

/// The most numbers of one search.
#[cfg(feature = "hydrate")]
const MOST: usize = 1_000;

/// Searches for `wanted`, such as `q=error`, before a line. Goes on until `enough` lines are
/// found, the log's start is reached, or nobody waits for it any more: then there is no answer.
#[cfg(feature = "hydrate")]
pub async fn matches(
    store: Store,
    wanted: &str,
    before: Option<u64>,
    enough: usize,
    is_waited_for: impl Fn() -> bool,
) -> Option<Result<Matches, FetchError>> {
    let mut found = Matches {
        seqs: Vec::new(),
        earlier: before,
    };
    loop {
        let before = found.earlier.map(|seq| format!("&before={seq}"));
        let limit = MOST - found.seqs.len();
        let part = format!(
            "logs/matches?{wanted}&limit={limit}{}",
            before.unwrap_or_default()
        );
        let page = get::<LogMatches>(store, &part).await;
        if store.is_gone() || !is_waited_for() {
            return None;
        }
        let mut page = match page {
            Ok(page) => page,
            Err(error) => return Some(Err(error)),
        };
        page.items.append(&mut found.seqs);
        found.seqs = page.items;
        found.earlier = page.next_cursor.and_then(|cursor| cursor.parse().ok());
        if found.earlier.is_none() || found.seqs.len() >= enough {
            return Some(Ok(found));
        }
    }
}
