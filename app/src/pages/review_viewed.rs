//! Which files of a review this browser has been told are seen. Kept in the browser alone.

use std::collections::BTreeSet;

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::api::ReviewView;
use crate::domain::id::ReviewId;
use crate::reactive::{Memo, effect};
use crate::wire::from_json;

/// Where it is kept.
const KEY: &str = "viewed";

/// So many reviews are remembered; the oldest is forgotten first.
const MOST_REVIEWS: usize = 20;

/// The seen files of a review.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    review: ReviewId,
    files: BTreeSet<String>,
}

/// The seen files of the review that is shown.
#[derive(Clone, Copy)]
pub struct Viewed {
    files: RwSignal<BTreeSet<String>>,
    review: Memo<Option<ReviewView>>,
}

impl Viewed {
    /// Reads what is kept, as soon as there is a browser, and provides it to the parts of the page.
    pub fn of(review: Memo<Option<ReviewView>>) -> Self {
        let viewed = Self {
            files: RwSignal::new(BTreeSet::new()),
            review,
        };
        effect(move || {
            let shown = viewed.id();
            let seen = kept().into_iter().find(|seen| Some(seen.review) == shown);
            viewed
                .files
                .set(seen.map(|seen| seen.files).unwrap_or_default());
        });
        provide_context(viewed);
        viewed
    }

    fn id(self) -> Option<ReviewId> {
        self.review
            .with(|review| review.as_ref().map(|review| review.id))
    }

    /// Whether the file was seen.
    pub fn has(self, file: &str) -> bool {
        self.files.with(|files| files.contains(file))
    }

    /// Keeps whether the file was seen.
    pub fn mark(self, file: &str, is_viewed: bool) {
        self.files.update(|files| {
            if is_viewed {
                files.insert(file.to_owned());
            } else {
                files.remove(file);
            }
        });
        if let Some(review) = untrack(|| self.id()) {
            let files = self.files.get_untracked();
            keep(&with(kept(), Seen { review, files }));
        }
    }
}

fn with(mut kept: Vec<Seen>, seen: Seen) -> Vec<Seen> {
    kept.retain(|other| other.review != seen.review);
    if !seen.files.is_empty() {
        kept.insert(0, seen);
    }
    kept.truncate(MOST_REVIEWS);
    kept
}

fn storage() -> Option<web_sys::Storage> {
    window().local_storage().ok().flatten()
}

/// The newest first; nothing if it can't be read.
fn kept() -> Vec<Seen> {
    let text = storage().and_then(|storage| storage.get_item(KEY).ok().flatten());
    let kept = text.and_then(|text| from_json(&text).ok());
    kept.unwrap_or_default()
}

fn keep(seen: &[Seen]) {
    if let (Some(storage), Ok(text)) = (storage(), serde_json::to_string(seen)) {
        storage.set_item(KEY, &text).ok(); // a full storage only forgets the mark
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{MOST_REVIEWS, Seen, with};
    use crate::domain::id::ReviewId;

    #[test]
    fn only_the_latest_reviews_are_remembered() {
        let seen = |number: u128| Seen {
            review: ReviewId::from_uuid(uuid::Uuid::from_u128(number)),
            files: BTreeSet::from(["a.md".to_owned()]),
        };
        let mut kept = Vec::new();
        for number in 0..50 {
            kept = with(kept, seen(number));
        }
        assert_eq!(kept.len(), MOST_REVIEWS);
        assert_eq!(kept[0], seen(49));
        let again = with(kept.clone(), seen(40));
        assert_eq!((again.len(), &again[0]), (MOST_REVIEWS, &seen(40)));
        let none = Seen {
            files: BTreeSet::new(),
            ..seen(49)
        };
        assert_eq!(with(kept, none).len(), MOST_REVIEWS - 1);
    }
}
