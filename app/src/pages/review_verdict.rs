//! The decision on a review.

use leptos::prelude::*;

use super::review_actions::DecideReview;
use super::review_comments::comment_view;
use super::task_state::TaskState;
use crate::api::{Decided, ReviewView};
use crate::components::clock::Time;
use crate::components::form::{PostForm, Posting};
use crate::components::icon::{Glyph, Icon};
use crate::components::toast::Toasts;
use crate::domain::id::ReviewId;
use crate::domain::task::{FeedbackStatus, ReviewState};
use crate::number::counted;
use crate::reactive::{Memo, effect, list, memo};

/// How an earlier round was decided, with its comments.
#[component]
pub fn Decision(review: ReviewView) -> impl IntoView {
    let (tone, word) = match review.status {
        ReviewState::Approved => ("completed", "Approved"),
        ReviewState::Superseded => ("waiting", "Left behind: the task went back to before it"),
        ReviewState::Open | ReviewState::ChangesRequested => ("waiting", "Changes requested"),
    };
    let at = review.decided_at.map(|at| view! { " " <Time at /> });
    let comment = review
        .comment
        .map(|comment| view! { <p class="log-prose">{comment}</p> });
    view! {
        <div class="notice" data-tone=tone>
            <Glyph icon=if tone == "completed" { Icon::Check } else { Icon::Pencil } />
            <div class="decision">
                <p><strong>{word}</strong> {at}</p>
                {comment}
                {list(review.feedback.iter().map(comment_view))}
            </div>
        </div>
    }
    .into_any()
}

/// What the bar says about the review that waits.
#[derive(Clone, PartialEq)]
struct Waiting {
    id: ReviewId,
    /// Comments that would be sent along.
    comments: usize,
    /// Checks that did not pass.
    failed: usize,
}

impl Waiting {
    fn of(review: &ReviewView, all: &[ReviewView]) -> Self {
        let rounds = all
            .iter()
            .filter(|each| each.phase == review.phase && each.round <= review.round);
        let comments = rounds.flat_map(|each| &each.feedback);
        let checks = review.verification.iter().flat_map(|found| &found.checks);
        Self {
            id: review.id,
            comments: comments
                .filter(|comment| comment.status == FeedbackStatus::Open)
                .count(),
            failed: checks.filter(|check| !check.passed).count(),
        }
    }

    fn warning(&self) -> Option<String> {
        let failed = self.failed;
        let verb = if failed == 1 { "has" } else { "have" };
        (failed > 0).then(|| format!("{} {verb} not passed", counted(failed, "check")))
    }
}

/// Takes up a decision.
fn keep_decided(state: TaskState, decide: Posting<DecideReview>) {
    let toasts = expect_context::<Toasts>();
    effect(move || match decide.answer() {
        Some(Ok(review)) => {
            toasts.done(if review.status == ReviewState::Approved {
                format!("{} is approved", review.phase_name)
            } else {
                "Sent back: the agent reworks the phase".to_owned()
            });
            state.update_review(review);
        }
        Some(Err(fault)) => toasts.failed(&fault),
        None => {}
    });
}

/// The bar at the bottom: approve, or send back with what was commented.
#[component]
pub fn Verdict(state: TaskState, review: Memo<Option<ReviewView>>) -> impl IntoView {
    let waiting = memo(move || {
        let shown = review.get();
        let shown = shown.filter(|review| review.status == ReviewState::Open)?;
        state.reviews.with(|all| Some(Waiting::of(&shown, all)))
    });
    let id = memo(move || waiting.with(|waiting| waiting.as_ref().map(|waiting| waiting.id)));
    move || {
        id.get()
            .map(|id| view! { <VerdictForm state id waiting /> }.into_any())
    }
}

#[component]
fn VerdictForm(state: TaskState, id: ReviewId, waiting: Memo<Option<Waiting>>) -> impl IntoView {
    let decide = Posting::<DecideReview>::new();
    keep_decided(state, decide);
    let refused = move || decide.fault().map(|fault| fault.to_string());
    let send_back = move || {
        let comments =
            waiting.with(|waiting| waiting.as_ref().map_or(0, |waiting| waiting.comments));
        match comments {
            0 => "Request changes".to_owned(),
            comments => format!("Request changes ({})", counted(comments, "comment")),
        }
    };
    let warning = move || waiting.with(|waiting| waiting.as_ref().and_then(Waiting::warning));
    // Only a narrow window hides the field until it is asked for.
    let is_asking = RwSignal::new(false);
    let has_text = RwSignal::new(false);
    let approve = move || {
        if has_text.get() {
            "Approve with remarks"
        } else {
            "Approve"
        }
    };
    view! {
        <section class="verdict" aria-label="Your decision" data-open=move || is_asking.get().then_some("")>
            <PostForm action=decide class="verdict-form">
                <input type="hidden" name="id" value=id.to_string() />
                <textarea
                    class="textarea"
                    name="text"
                    rows="1"
                    maxlength="20000"
                    data-key="r"
                    aria-label="What should change, or remarks for the next phase"
                    placeholder="What should change? Or remarks for the next phase, if you approve."
                    on:input:target=move |event| has_text.set(!event.target().value().trim().is_empty())
                ></textarea>
                <p class="field-fault" role="alert">{refused}</p>
                <p class="verdict-warning" data-tone="failed">{warning}</p>
                // First in the document, since a form that is sent by a key is sent by this one.
                <button class="btn verdict-back" name="verdict" value=Decided::RequestChanges.to_string() disabled=decide.pending()>
                    <Glyph icon=Icon::Pencil /> {send_back}
                </button>
                <button
                    type="button"
                    class="btn verdict-toggle"
                    aria-expanded=move || is_asking.get().to_string()
                    on:click=move |_| is_asking.update(|is_asking| *is_asking = !*is_asking)
                >
                    {move || if is_asking.get() { "Not now" } else { "Write…" }}
                </button>
                <button
                    class="btn btn-primary verdict-approve"
                    name="verdict"
                    value=Decided::Approve.to_string()
                    data-key="a"
                    data-key-focus=""
                    disabled=decide.pending()
                >
                    <Glyph icon=Icon::Check /> {approve}
                </button>
            </PostForm>
        </section>
    }
    .into_any()
}
