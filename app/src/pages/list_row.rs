//! One task of a list.

use leptos::prelude::*;

use super::task_actions::ActOnTask;
use crate::api::{SCRIPTED_MODEL, TaskView};
use crate::components::clock::{Countdown, Time};
use crate::components::form::{PostForm, Posting};
use crate::components::icon::{Glyph, Icon};
use crate::components::pill::Pill;
use crate::components::progress::ProgressBar;
use crate::components::toast::Toasts;
use crate::domain::plan::TaskType;
use crate::domain::task::{Action, WaitingReason};
use crate::number::short_count;
use crate::reactive::{effect, memo, part};

/// A type's name for people.
pub const fn type_name(task_type: TaskType) -> &'static str {
    match task_type {
        TaskType::CreateApp => "New app",
        TaskType::ModifyApp => "Change an app",
        TaskType::Workflow => "Automation",
        TaskType::Custom => "Custom",
    }
}

/// A task in one line: status, title, how far it is, what it has cost, what to do about it.
#[component]
pub fn TaskRow(task: ArcRwSignal<TaskView>) -> impl IntoView {
    // The list holds the signal as long as the row is shown.
    let task = RwSignal::from(task);
    let id = task.with_untracked(|task| task.id);
    let title = move || task.with(|task| task.title.clone());
    let limit = memo(move || task.with(|task| task.limit.as_ref().map(|limit| limit.until)));
    let goes_on = move || {
        limit
            .get()
            .map(|at| view! { <span><Countdown at /> " · "</span> })
    };
    view! {
        <li class="task-row">
            <Pill task />
            <div class="task-row-main">
                <a class="task-row-title" href=format!("/tasks/{id}") data-row title=title>{title}</a>
                <p class="task-row-meta">{part(goes_on)} {move || task.with(subtitle)}</p>
            </div>
            <RowProgress task />
            <span class="task-row-cost num">{move || task.with(|task| task.cost_usd.to_short())}</span>
            <span class="task-row-time num"><Time at=Signal::derive(move || task.with(|task| task.updated_at)) /></span>
            <RowAction task />
        </li>
    }
    .into_any()
}

/// The type, and what else sets the task apart: the first line of a failure, the demo's mark.
fn subtitle(task: &TaskView) -> String {
    let mut parts = vec![type_name(task.task_type).to_owned()];
    if task.model.as_deref() == Some(SCRIPTED_MODEL) {
        parts.push("scripted model".to_owned());
    }
    if let Some(reason) = &task.reason {
        parts.extend(reason.lines().next().map(str::to_owned));
    } else if task.tokens.total() > 0 {
        parts.push(format!("{} tokens", short_count(task.tokens.total())));
    }
    parts.join(" · ")
}

#[component]
fn RowProgress(task: RwSignal<TaskView>) -> impl IntoView {
    let phase = move || {
        task.with(|task| {
            let name = task.phase_name.clone()?;
            Some(format!("{name} {}/{}", task.phase?, task.phases_total))
        })
    };
    let has_phases = move || task.with(|task| task.phases_total > 0);
    let percent = Signal::derive(move || task.with(|task| task.progress));
    view! {
        <div class="task-row-progress">
            <span>{part(phase)}</span>
            <Show when=has_phases><ProgressBar percent label="Progress" /></Show>
        </div>
    }
    .into_any()
}

#[component]
fn RowAction(task: RwSignal<TaskView>) -> impl IntoView {
    let toasts = expect_context::<Toasts>();
    let act = Posting::<ActOnTask>::new();
    effect(move || match act.answer() {
        Some(Ok(changed)) => {
            let goes_on = act.chosen().get_untracked().as_deref() == Some("resume");
            let done = if goes_on { "goes on" } else { "is queued" };
            toasts.done(format!("“{}” {done}", changed.title));
            task.set(changed);
        }
        Some(Err(fault)) => toasts.failed(&fault),
        None => {}
    });
    let first = memo(move || task.with(|task| (task.actions.first().copied(), retry_word(task))));
    let id = task.with_untracked(|task| task.id);
    let form = move |action: Action, word: &'static str| {
        view! {
            <PostForm action=act>
                <input type="hidden" name="id" value=id.to_string() />
                <button class="btn btn-sm" name="action" value=action.to_string() disabled=act.pending()><Glyph icon=Icon::Play /> {word}</button>
            </PostForm>
        }
        .into_any()
    };
    let button = move || {
        let (first, retry) = first.get();
        match first {
        Some(Action::Approve) => view! {
            <a class="btn btn-sm btn-accent" href=format!("/tasks/{id}/review")><Glyph icon=Icon::Eye /> "Review"</a>
        }
        .into_any(),
        Some(Action::Answer) => view! {
            <a class="btn btn-sm btn-accent" href=format!("/tasks/{id}")><Glyph icon=Icon::Question /> "Answer"</a>
        }
        .into_any(),
        Some(Action::Provide) => view! {
            <a class="btn btn-sm btn-accent" href=format!("/tasks/{id}")><Glyph icon=Icon::Key /> "Provide"</a>
        }
        .into_any(),
        Some(Action::Execute) => form(Action::Execute, "Start"),
        Some(Action::Retry) => form(Action::Retry, retry),
        Some(Action::Resume) => form(Action::Resume, "Resume"),
        _ => ().into_any(),
    }
    };
    view! { <div class="task-row-action">{part(button)}</div> }
}

/// What it means to try this task again.
pub fn retry_word(task: &TaskView) -> &'static str {
    match task.waiting_reason {
        Some(WaitingReason::Message) => "Go on",
        _ => "Retry",
    }
}
