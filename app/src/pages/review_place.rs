//! Which review, which file, and how it is shown: all of it is in the address.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use leptos_router::location::Url;

use super::review_drafts::Drafts;
use super::task_state::TaskState;
use crate::api::{ReviewView, Shape};
use crate::domain::id::{FeedbackId, ReviewId};
use crate::domain::task::ReviewState;
use crate::reactive::{Memo, memo};

/// The id of the form for a comment on lines, of which there is one at most.
pub const LINE_FORM: &str = "comment-line";

/// The place that the address names.
#[derive(Clone, Copy)]
pub struct Place {
    pub review: Memo<Option<ReviewView>>,
    pub file: Memo<Option<String>>,
    pub shape: Memo<Option<Shape>>,
    /// Lines to comment on, first and last.
    pub lines: Memo<Option<(u32, u32)>>,
    /// What is shown beyond what is shown by itself.
    pub open: Memo<String>,
    /// Only what has changed since the round before.
    pub since: Memo<bool>,
    /// Both versions side by side, if the address chooses.
    pub split: Memo<Option<bool>>,
    /// A comment to go to.
    pub comment: Memo<Option<FeedbackId>>,
    pub drafts: Drafts,
    state: StoredValue<TaskState>,
}

impl Place {
    pub fn of_address(state: TaskState) -> Self {
        let address = use_query_map();
        let value = move |name: &'static str| address.with(|address| address.get(name));
        let round = memo(move || value("round").and_then(|id| id.parse::<ReviewId>().ok()));
        let review = memo(move || {
            let round = round.get();
            state.reviews.with(|reviews| {
                let named = reviews.iter().find(|review| Some(review.id) == round);
                named.or(reviews.first()).cloned()
            })
        });
        Self {
            review,
            file: memo(move || value("file")),
            shape: memo(move || value("view")?.parse().ok()),
            lines: memo(move || lines_of(&value("line")?)),
            open: memo(move || value("open").unwrap_or_default()),
            since: memo(move || value("since").is_some()),
            split: memo(move || Some(value("split")? == "1")),
            comment: memo(move || value("comment")?.parse().ok()),
            drafts: Drafts::new(),
            state: StoredValue::new(state),
        }
    }

    /// The task's page as it stands.
    pub fn state(self) -> TaskState {
        self.state.get_value()
    }

    /// The address of a file of this review; more parameters can be put behind it.
    pub fn href(self, file: &str, shape: Option<Shape>) -> String {
        let shape = shape.map(|shape| format!("&view={shape}"));
        let since = self.since.get_untracked().then_some("&since=1");
        format!(
            "{}&file={}{}{}",
            self.round_href(),
            Url::escape(file),
            shape.unwrap_or_default(),
            since.unwrap_or_default()
        )
    }

    /// The address that lines of a file are put behind. It asks for nothing else than what is
    /// shown: what is typed meanwhile stays.
    pub fn line_link(self, file: &str) -> String {
        let split = self.split.get_untracked().map(|is_split| {
            let word = if is_split { "1" } else { "0" };
            format!("&split={word}")
        });
        let open = self.open.get_untracked();
        let open = (!open.is_empty()).then(|| format!("&open={}", Url::escape(&open)));
        format!(
            "{}{}{}&line=",
            self.href(file, self.shape.get_untracked()),
            split.unwrap_or_default(),
            open.unwrap_or_default()
        )
    }

    /// The address of this review.
    pub fn round_href(self) -> String {
        let review = self
            .review
            .with_untracked(|review| review.as_ref().map(|review| review.id.to_string()));
        format!(
            "/tasks/{}/review?round={}",
            self.state().id,
            review.unwrap_or_default()
        )
    }

    /// What has been typed so far into the form for a file, or for lines of it.
    pub fn draft(self, file: &str, is_line: bool) -> ArcRwSignal<String> {
        let review = self
            .review
            .with_untracked(|review| review.as_ref().map(|review| review.id));
        review.map_or_else(ArcRwSignal::default, |review| {
            self.drafts.of(review, file, is_line)
        })
    }

    /// Whether the review waits for a decision.
    pub fn is_open(self) -> bool {
        self.review.with(|review| {
            review
                .as_ref()
                .is_some_and(|review| review.status == ReviewState::Open)
        })
    }
}

/// `3`, or `3-7`.
fn lines_of(text: &str) -> Option<(u32, u32)> {
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    let (from, to): (u32, u32) = (from.parse().ok()?, to.parse().ok()?);
    (from > 0).then_some((from.min(to), from.max(to)))
}

#[cfg(test)]
mod tests {
    use super::lines_of;

    #[test]
    fn lines_are_one_or_a_range_in_any_order() {
        let read = ["3", "3-7", "7-3", "0", "x", "3-"].map(lines_of);
        let expected = [Some((3, 3)), Some((3, 7)), Some((3, 7)), None, None, None];
        assert_eq!(read, expected);
    }
}
