//! What a task's phases will probably need, and beside it what they did.

use leptos::prelude::*;

use super::task_state::TaskState;
use crate::api::PhaseView;
use crate::components::estimate::{about, cost_range, learned_from, time_range, took};
use crate::components::icon::{Glyph, Icon};
use crate::domain::task::PhaseStatus;
use crate::reactive::{list, memo, part};

/// A line for each phase, open as long as the task has not begun.
#[component]
pub fn Estimates(state: TaskState) -> impl IntoView {
    let is_waiting = memo(move || state.phases.with(|phases| !phases.iter().any(has_begun)));
    let lines = move || {
        state
            .phases
            .with(|phases| list(phases.iter().map(line).collect::<Vec<_>>()))
    };
    let word = move || {
        if is_waiting.get() {
            "What the phases will probably need"
        } else {
            "Expected and used"
        }
    };
    view! {
        <details class="estimates" open=move || is_waiting.get()>
            <summary><Glyph icon=Icon::Chevron /> {word}</summary>
            <ul>{part(lines)}</ul>
            <p class="estimate-note">"Time is that of agents and checks, without the time that people are waited for. "<a class="link" href="/usage/estimates">"How good estimates are"</a></p>
        </details>
    }
    .into_any()
}

fn has_begun(phase: &PhaseView) -> bool {
    phase.status != PhaseStatus::Pending
}

fn line(phase: &PhaseView) -> AnyView {
    let expected = phase.estimate.as_ref().and_then(|known| known.expected);
    let figures = expected.map(|expected| {
        let cost = cost_range(&expected.cost_usd);
        let time = time_range(&expected.active_ms);
        view! {
            <span class="num">{format!("{cost}, {time}")}</span>
            " "
            <span class="num estimate-middle">{format!("({})", about(&expected))}</span>
            " "
        }
    });
    let worth = match &phase.estimate {
        Some(estimate) => learned_from(estimate, has_begun(phase)),
        None => "no estimate was made".to_owned(),
    };
    let used = has_begun(phase).then(|| {
        let word = match phase.status {
            PhaseStatus::Completed => "used",
            _ => "so far",
        };
        let (cost, time) = (phase.cost_usd.to_short(), took(phase.active_ms));
        view! { <span class="estimate-used num">{format!("{word} {cost}, {time}")}</span> }
    });
    view! {
        <li>
            <span class="estimate-phase">{phase.name.clone()}</span>
            <span class="estimate-figures">{figures} <small>{worth}</small></span>
            {used}
        </li>
    }
    .into_any()
}
