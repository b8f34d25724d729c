//! What a task needs from a person, pinned above everything else.

use leptos::prelude::*;
use wasm_bindgen::JsCast;

use super::dependency_card::Dependencies;
use super::question_card::Questions;
use super::task_budget::OutOfBudget;
use super::task_limit::{HeldBack, Limited};
use super::task_state::TaskState;
use crate::api::{DependencyView, QuestionView, ReviewView};
use crate::components::clock::{Countdown, Time};
use crate::components::icon::{Glyph, Icon};
use crate::domain::task::{
    Action, DependencyState, QuestionState, Silence, StatusName, WaitingReason,
};
use crate::reactive::{effect, memo, part};

/// The card of what is open: a review, questions, dependencies, a failure.
#[component]
pub fn Attention(
    state: TaskState,
    /// The review is what the page shows: a card about it would say the same again.
    #[prop(into)]
    is_reviewing: Signal<bool>,
) -> impl IntoView {
    // Questions and dependencies are shown together, whichever the task is said to wait for.
    let kind = memo(move || {
        let (status, reason) = state.task.with(|task| (task.status, task.waiting_reason));
        let reason = match reason {
            Some(WaitingReason::Dependency) => Some(WaitingReason::Question),
            reason => reason,
        };
        (status, reason, state.allows(Action::Resume))
    });
    // Set on the card and not on its forms, which go with what they are about.
    let has_sent = StoredValue::new(false);
    effect(move || {
        kind.with(|_| ());
        state.questions.track();
        state.dependencies.track();
        if has_sent.get_value() {
            request_animation_frame(move || {
                if focus_next() {
                    has_sent.try_set_value(false);
                }
            });
        }
    });
    let card = move || {
        match kind.get() {
        (_, Some(WaitingReason::Review), _) if !is_reviewing.get() => view! { <ReviewCard state /> }.into_any(),
        (_, Some(WaitingReason::Question), _) => view! { <Asks state /> }.into_any(),
        (StatusName::Failed, _, _) => view! { <Card tone="failed" icon=Icon::Cross title="This task has failed"><Reason state /> <LastLines state /></Card> }.into_any(),
        (_, Some(WaitingReason::Credentials), _) => view! { <Card tone="waiting" icon=Icon::Key title="Claude refused the credentials"><Reason state /> <a class="link" href="/settings">"Look at the settings"</a></Card> }.into_any(),
        (_, Some(WaitingReason::Message), _) => view! {
            <Card tone="waiting" icon=Icon::Message title="You have interrupted the agent">
                <p>"It goes on with "<a class="link" href=format!("/tasks/{}#message", state.id)>"your message"</a>", or, if you let it go on, where it was."</p>
            </Card>
        }
        .into_any(),
        (_, Some(WaitingReason::RateLimit), _) => view! { <Limited state /> }.into_any(),
        (_, Some(WaitingReason::Budget), _) => view! { <OutOfBudget state /> }.into_any(),
        (StatusName::Queued, _, _) => view! { <HeldBack /> }.into_any(),
        (StatusName::Paused, _, _) => view! { <Held state /> }.into_any(),
        (StatusName::Running, _, true) => view! { <StopsSoon /> }.into_any(),
        (StatusName::Running, _, _) => view! { <Silent state /> }.into_any(),
        _ => ().into_any(),
    }
    };
    view! { <div class="attention-area" on:submit=move |_| has_sent.set_value(true)>{part(card)}</div> }
        .into_any()
}

/// Moves the focus on if what had it is gone: to what is asked next, or to the page's heading. Says
/// whether it did.
pub fn focus_next() -> bool {
    let focused = document().active_element();
    if focused.is_some_and(|focused| focused.tag_name() != "BODY") {
        return false;
    }
    let found = |selector| document().query_selector(selector).ok().flatten();
    let next = found(".answer-form input:not([type=hidden]), .answer-form textarea");
    let next = next.or_else(|| found("h1"));
    let next = next.and_then(|next| next.dyn_into::<web_sys::HtmlElement>().ok());
    next.is_some_and(|next| next.focus().is_ok())
}

/// What is to be known of a task, with its heading.
#[component]
pub fn Card(
    tone: &'static str,
    icon: Icon,
    title: &'static str,
    children: Children,
) -> impl IntoView {
    view! {
        <section class="attention" data-tone=tone>
            <h2><Glyph icon=icon /> {title}</h2>
            {children()}
        </section>
    }
    .into_any()
}

#[component]
fn Reason(state: TaskState) -> impl IntoView {
    let reason = move || state.task.with(|task| task.reason.clone());
    view! { <p class="attention-text">{part(reason)}</p> }
}

/// What the agent did last before the task failed.
#[component]
fn LastLines(state: TaskState) -> impl IntoView {
    let lines = move || {
        let lines = state.task.with(|task| task.last_lines.join("\n"));
        let shown = |lines: String| {
            view! { <details><summary>"Its last lines"</summary> <pre class="log-code" tabindex="0">{lines}</pre></details> }
        };
        (!lines.is_empty()).then(|| shown(lines))
    };
    part(lines)
}

/// An agent of which nothing is heard.
#[component]
fn Silent(state: TaskState) -> impl IntoView {
    let silence = memo(move || state.task.with(|task| task.silence));
    let card = move || {
        let Silence { since, restart_at } = silence.get()?;
        Some(view! {
            <Card tone="waiting" icon=Icon::Hourglass title="Nothing is heard of the agent">
                <p class="attention-text">"Its last sign of life came "<Time at=since />". It was nudged. If it stays silent it is started again "<Countdown at=restart_at />", and goes on where it was."</p>
            </Card>
        })
    };
    part(card)
}

/// What a paused task was waiting for stays open, and can be answered.
#[component]
fn Held(state: TaskState) -> impl IntoView {
    let before = move || state.task.with(|task| task.reason.clone());
    let review = move || {
        state.open_review().map(|_| {
            view! { <a class="btn btn-sm" href=format!("/tasks/{}/review", state.id)>"Open the review"</a> }
        })
    };
    view! {
        <Card tone="paused" icon=Icon::Pause title="This task is paused">
            <div class="attention-row">
                <p class="attention-text">"Nothing happens until you resume it. " {part(before)}</p>
                {part(review)}
            </div>
        </Card>
        <Asks state />
    }
    .into_any()
}

#[component]
fn StopsSoon() -> impl IntoView {
    view! {
        <Card tone="paused" icon=Icon::Pause title="The task is going to pause">
            <p>"It stops as soon as the agent's turn has ended."</p>
        </Card>
    }
    .into_any()
}

#[component]
fn ReviewCard(state: TaskState) -> impl IntoView {
    let card = move |review: ReviewView| {
        let failed = review.verification.as_ref().map_or(0, |found| {
            found.checks.iter().filter(|check| !check.passed).count()
        });
        let checks = match (&review.verification, failed) {
            (None, _) => None,
            (Some(_), 0) => Some("All checks passed.".to_owned()),
            (Some(_), count) => Some(format!(
                "{} did not pass.",
                crate::number::counted(count, "check")
            )),
        };
        let first = review
            .summary
            .lines()
            .find(|line| !line.trim().is_empty())
            .map(str::to_owned);
        view! {
            <p class="attention-text">
                <strong>{review.phase_name} {(review.round > 1).then(|| format!(", round {}", review.round))}</strong>
                ": " {first} " " {checks}
            </p>
        }
    };
    view! {
        <Card tone="waiting" icon=Icon::Eye title="Your review is needed">
            <div class="attention-row">
                {move || state.open_review().map(card)}
                <a class="btn btn-sm btn-accent" href=format!("/tasks/{}/review", state.id)>"Open the review"</a>
            </div>
        </Card>
    }
    .into_any()
}

/// What the agent asks and needs, both at once if it is so.
#[component]
fn Asks(state: TaskState) -> impl IntoView {
    let asks = memo(move || {
        let is_open = |question: &QuestionView| question.status == QuestionState::Open;
        state.questions.with(|all| all.iter().any(is_open))
    });
    let needs = memo(move || {
        let is_open = |known: &DependencyView| known.status == DependencyState::Open;
        state.dependencies.with(|all| all.iter().any(is_open))
    });
    let questions = move || {
        asks.get().then(|| view! { <Card tone="waiting" icon=Icon::Question title="The agent asks"><Questions asking=state /></Card> })
    };
    let dependencies = move || {
        needs.get().then(|| view! { <Card tone="waiting" icon=Icon::Key title="The agent needs something"><Dependencies asking=state /></Card> })
    };
    view! { {part(questions)} {part(dependencies)} }.into_any()
}
