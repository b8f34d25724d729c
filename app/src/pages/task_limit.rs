//! A task that waits for the model to be of use again.

use leptos::prelude::*;

use super::task_actions::SetAutoResume;
use super::task_attention::Card;
use super::task_state::TaskState;
use crate::components::clock::Countdown;
use crate::components::form::{PostForm, Posting};
use crate::components::frame::Installation;
use crate::components::icon::Icon;
use crate::components::toast::Toasts;
use crate::domain::task::Limit;
use crate::reactive::{effect, memo, part};

/// What a limit is called above what is said of it.
fn heading(limit: &Limit) -> &'static str {
    limit.sentence().trim_end_matches('.')
}

/// The limit that the task waits for, and whether it goes on by itself.
#[component]
pub fn Limited(state: TaskState) -> impl IntoView {
    let toasts = expect_context::<Toasts>();
    let set = Posting::<SetAutoResume>::new();
    effect(move || match set.answer() {
        Some(Ok(task)) => state.update_task(task),
        Some(Err(fault)) => toasts.failed(&fault),
        None => {}
    });
    let known = memo(move || {
        let limited = |limit: &Limit, auto| (limit.clone(), auto);
        state.task.with(|task| {
            let limit = task.limit.as_ref()?;
            Some(limited(limit, task.auto_resume))
        })
    });
    let card = move || {
        let (limit, auto_resume) = known.get()?;
        let at = limit.until;
        let (before, after) = match (auto_resume, limit.told) {
            (true, true) => ("The task goes on by itself ", "."),
            (true, false) => (
                "Nobody has told for how long. The task tries again by itself ",
                ".",
            ),
            (false, true) => (
                "That ends ",
                ". The task then waits for you to let it go on.",
            ),
            (false, false) => (
                "It may be over ",
                ". The task waits for you to let it go on.",
            ),
        };
        let word = if auto_resume {
            "Don't go on by itself"
        } else {
            "Go on by itself"
        };
        Some(view! {
            <Card tone="waiting" icon=Icon::Hourglass title=heading(&limit)>
                <div class="attention-row">
                    <p class="attention-text">{before} <Countdown at /> {after}</p>
                    <PostForm action=set>
                        <input type="hidden" name="id" value=state.id.to_string() />
                        <input type="hidden" name="auto_resume" value=(!auto_resume).to_string() />
                        <button class="btn btn-sm">{word}</button>
                    </PostForm>
                </div>
            </Card>
        })
    };
    part(card)
}

/// What keeps a task from starting that has done nothing wrong.
#[component]
pub fn HeldBack() -> impl IntoView {
    let installation = expect_context::<Installation>();
    let card = move || {
        let limit = installation.overview()?.limit?;
        let at = limit.until;
        Some(view! {
            <Card tone="waiting" icon=Icon::Hourglass title=heading(&limit)>
                <p class="attention-text">"Another task has met this. To save a try, this one starts " <Countdown at /> "."</p>
            </Card>
        })
    };
    view! { <Transition>{part(card)}</Transition> }
}
