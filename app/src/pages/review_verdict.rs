//! The decision on a review.

use leptos::form::ActionForm;
use leptos::prelude::*;

use super::review_actions::{ApproveReview, RequestChanges};
use super::review_files::comment_view;
use super::task_state::TaskState;
use crate::api::ReviewView;
use crate::components::clock::Time;
use crate::components::icon::{Glyph, Icon};
use crate::components::number::counted;
use crate::components::toast::Toasts;
use crate::domain::task::{FeedbackStatus, ReviewState};
use crate::reactive::{effect, memo, part};

/// How an earlier round was decided, with its comments.
#[component]
pub fn Decision(review: ReviewView) -> impl IntoView {
    let (tone, word) = if review.status == ReviewState::Approved {
        ("completed", "Approved")
    } else {
        ("waiting", "Changes requested")
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
                {review.feedback.into_iter().map(comment_view).collect_view()}
            </div>
        </div>
    }
    .into_any()
}

/// The bar at the bottom: approve, or send back with what was commented.
#[component]
pub fn Verdict(state: TaskState, review: Memo<Option<ReviewView>>) -> impl IntoView {
    let open = memo(move || {
        review.with(|review| {
            let review = review
                .as_ref()
                .filter(|review| review.status == ReviewState::Open)?;
            let comments = review
                .feedback
                .iter()
                .filter(|comment| comment.status == FeedbackStatus::Open)
                .count();
            Some((review.id.to_string(), comments))
        })
    });
    let id = memo(move || open.with(|open| open.as_ref().map(|(id, _)| id.clone())));
    let comments = Signal::derive(move || {
        open.with(|open| open.as_ref().map_or(0, |(_, comments)| *comments))
    });
    // Only a narrow window hides the form for changes until it is asked for.
    let is_asking = RwSignal::new(false);
    move || {
        id.get().map(|id| {
            view! {
                <section class="verdict" aria-label="Your decision" data-open=move || is_asking.get().then_some("")>
                    <ChangesForm state id=id.clone() comments review />
                    <button
                        type="button"
                        class="btn verdict-toggle"
                        aria-expanded=move || is_asking.get().to_string()
                        on:click=move |_| is_asking.update(|is_asking| *is_asking = !*is_asking)
                    >
                        {move || if is_asking.get() { "Not now" } else { "Request changes…" }}
                    </button>
                    <ApproveForm state id review />
                </section>
            }
            .into_any()
        })
    }
}

#[component]
fn ChangesForm(
    state: TaskState,
    id: String,
    comments: Signal<usize>,
    review: Memo<Option<ReviewView>>,
) -> impl IntoView {
    let toasts = expect_context::<Toasts>();
    let send = ServerAction::<RequestChanges>::new();
    effect(move || match send.value().get() {
        Some(Ok(review)) => {
            toasts.done("Sent back: the agent reworks the phase");
            state.update_review(review);
        }
        Some(Err(fault)) => toasts.failed(&fault),
        None => {}
    });
    let refused = move || {
        send.value()
            .get()
            .and_then(Result::err)
            .map(|fault| fault.to_string())
    };
    let word = move || match comments.get() {
        0 => "Request changes".to_owned(),
        count => format!("Request changes ({})", counted(count, "comment")),
    };
    view! {
        <ActionForm action=send attr:class="verdict-changes">
            <input type="hidden" name="id" value=id />
            <textarea
                class="textarea"
                name="feedback"
                rows="1"
                maxlength="20000"
                data-key="r"
                aria-label="What should change"
                placeholder="What should change? Comments on lines are sent along."
            ></textarea>
            <PlainComment review />
            <p class="field-fault" role="alert">{part(refused)}</p>
            <button class="btn" disabled=send.pending()><Glyph icon=Icon::Pencil /> {part(word)}</button>
        </ActionForm>
    }
    .into_any()
}

/// One comment on a line, for those who can't or don't want to pick the line above.
#[component]
fn PlainComment(review: Memo<Option<ReviewView>>) -> impl IntoView {
    let files = review.with_untracked(|review| {
        review
            .as_ref()
            .map(|review| review.deliverables.clone())
            .unwrap_or_default()
    });
    let options = files
        .into_iter()
        .map(|file| view! { <option value=file></option> });
    view! {
        <details class="step-list plain-comment">
            <summary><Glyph icon=Icon::Chevron /> "With a comment on a file and line"</summary>
            <div class="plain-comment-fields">
                <input class="input input-sm" type="text" name="file" list="review-files" aria-label="File" placeholder="File" />
                <datalist id="review-files">{options.collect_view()}</datalist>
                <input class="input input-sm" type="text" inputmode="numeric" name="line" aria-label="Line" placeholder="Line" />
                <input class="input input-sm" type="text" name="text" aria-label="Comment" placeholder="Comment" />
            </div>
        </details>
    }
    .into_any()
}

#[component]
fn ApproveForm(state: TaskState, id: String, review: Memo<Option<ReviewView>>) -> impl IntoView {
    let toasts = expect_context::<Toasts>();
    let approve = ServerAction::<ApproveReview>::new();
    effect(move || match approve.value().get() {
        Some(Ok(review)) => {
            toasts.done(format!("{} is approved", review.phase_name));
            state.update_review(review);
        }
        Some(Err(fault)) => toasts.failed(&fault),
        None => {}
    });
    let warning = move || {
        let failed = review.with(|review| {
            let found = review.as_ref()?.verification.as_ref()?;
            Some(found.checks.iter().filter(|check| !check.passed).count())
        });
        failed.filter(|count| *count > 0).map(|count| {
            let verb = if count == 1 { "has" } else { "have" };
            format!("{} {verb} not passed", counted(count, "check"))
        })
    };
    view! {
        <ActionForm action=approve attr:class="verdict-approve">
            <input type="hidden" name="id" value=id />
            <input type="hidden" name="comment" value="" />
            <p class="verdict-warning" data-tone="failed">{part(warning)}</p>
            <button class="btn btn-primary" data-key="a" data-key-focus="" disabled=approve.pending()>
                <Glyph icon=Icon::Check /> "Approve"
            </button>
        </ActionForm>
    }
    .into_any()
}
