//! Comments that are being typed. They outlive the forms, which come and go with what is shown.

use std::collections::BTreeMap;

use leptos::prelude::*;

use super::review_place::Place;
use crate::domain::id::ReviewId;
use crate::domain::task::ReviewState;
use crate::reactive::list;
use crate::visible;

/// Which form of a review something is typed into.
type Form = (ReviewId, String, bool);

/// What has been typed so far and was not sent.
#[derive(Clone, Copy)]
pub struct Drafts(StoredValue<BTreeMap<Form, ArcRwSignal<String>>>);

impl Drafts {
    /// None yet.
    pub fn new() -> Self {
        Self(StoredValue::new(BTreeMap::new()))
    }

    /// Of the form for a file, or for chosen lines of it.
    pub fn of(self, review: ReviewId, path: &str, is_line: bool) -> ArcRwSignal<String> {
        let key = (review, path.to_owned(), is_line);
        let draft = self
            .0
            .try_update_value(|all| all.entry(key).or_default().clone());
        draft.unwrap_or_default()
    }

    /// The paths and texts of those whose review takes none any more.
    fn unsent(self, is_open: impl Fn(ReviewId) -> bool) -> Vec<(String, String)> {
        let all = self.0.with_value(BTreeMap::clone).into_iter();
        let late = all.filter(|((review, ..), _)| !is_open(*review));
        let texts = late.map(|((_, path, _), text)| (path, text.get()));
        texts.filter(|(_, text)| !text.trim().is_empty()).collect()
    }
}

/// What was being typed when somebody decided the review.
#[component]
pub fn Unsent(place: Place) -> impl IntoView {
    let texts = move || {
        let state = place.state();
        let open: Vec<ReviewId> = state.reviews.with(|reviews| {
            let open = reviews
                .iter()
                .filter(|review| review.status == ReviewState::Open);
            open.map(|review| review.id).collect()
        });
        let texts = place.drafts.unsent(|review| open.contains(&review));
        let text = |(path, text): (String, String)| {
            view! {
                <label class="unsent-text">
                    <code>{visible::name(&path)}</code>
                    <textarea class="textarea" rows="3" readonly>{text}</textarea>
                </label>
            }
        };
        (!texts.is_empty()).then(|| {
            view! {
                <section class="panel unsent" data-tone="waiting" role="status" aria-label="Comments that were not sent">
                    <p>"The review was decided while you were typing. This comment was not sent:"</p>
                    {list(texts.into_iter().map(text))}
                </section>
            }
            .into_any()
        })
    };
    view! { {texts} }.into_any()
}
