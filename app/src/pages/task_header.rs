//! The top of a task's page: what it is, how far it is, and what can be done with it.

use leptos::html::Details;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::list_row::{retry_word, type_name};
use super::task_actions::{ActOnTask, DeleteTask};
use super::task_estimate::Estimates;
use super::task_pause::{PauseButton, PauseItem};
use super::task_state::TaskState;
use crate::api::{PhaseView, SCRIPTED_MODEL, TaskView};
use crate::components::clock::Time;
use crate::components::dialog::ConfirmDialog;
use crate::components::form::{PostForm, Posting};
use crate::components::icon::{Glyph, Icon};
use crate::components::pill::Pill;
use crate::components::progress::ProgressBar;
use crate::components::toast::Toasts;
use crate::domain::task::{Action, PhaseStatus, StatusName};
use crate::number::short_count;
use crate::reactive::{effect, list, memo, part};

/// Status, title, figures, actions.
#[component]
pub fn TaskHeader(state: TaskState) -> impl IntoView {
    let task = state.task;
    let act = task_action(state);
    view! {
        <header class="task-head">
            <div class="task-head-main">
                <div class="task-head-title">
                    <Pill task />
                    <h1 tabindex="-1">{move || task.with(|task| task.title.clone())}</h1>
                </div>
                <Facts state />
                <Doing state />
            </div>
            <div class="task-head-actions">
                <PrimaryAction state act />
                <Interrupt state act />
                <PauseButton state act />
                <ActionMenu state act />
            </div>
        </header>
    }
    .into_any()
}

/// What the agent is doing, and what it did before.
#[component]
fn Doing(state: TaskState) -> impl IntoView {
    let is_running = move || state.task.with(|task| task.status == StatusName::Running);
    let doing = move || {
        let doing = state.doing.get().filter(|_| is_running());
        doing.map(|action| view! { <p class="task-doing"><span class="dot" aria-hidden="true"></span> {action}</p> })
    };
    let before = move || {
        let row = |action: &String| view! { <li>{action.clone()}</li> };
        state
            .recent
            .with(|recent| list(recent.iter().skip(1).map(row)))
    };
    let is_first = move || state.recent.with(|recent| recent.len() < 2);
    view! {
        {part(doing)}
        <details class="task-before" hidden=move || !is_running() || is_first()>
            <summary>"Before that"</summary>
            <ol>{part(before)}</ol>
        </details>
    }
    .into_any()
}

/// The one action for all buttons of the header.
fn task_action(state: TaskState) -> Posting<ActOnTask> {
    let toasts = expect_context::<Toasts>();
    let act = Posting::<ActOnTask>::new();
    effect(move || match act.answer() {
        Some(Ok(task)) => {
            let done = act.chosen().get_untracked();
            let done = done.and_then(|action| action.parse().ok());
            toasts.done(match done {
                Some(Action::RequestReview) => {
                    "The agent stops for a review at the end of its turn"
                }
                Some(Action::Interrupt) => "The agent is told to stop",
                Some(Action::Cancel) => "The task is cancelled; its work is kept",
                Some(Action::Pause) if task.status == StatusName::Paused => "The task is paused",
                Some(Action::Pause) => "The task stops at the end of the agent's turn",
                Some(Action::Resume) => "The task goes on",
                _ => "The task is queued",
            });
            state.update_task(task);
        }
        Some(Err(fault)) => toasts.failed(&fault),
        None => {}
    });
    act
}

#[component]
fn Facts(state: TaskState) -> impl IntoView {
    let task = state.task;
    let started = move || {
        task.with(|task| task.started_at)
            .map(|at| view! { <li>"started " <Time at /></li> })
    };
    let origin = task.with_untracked(|task| task.forked_from);
    let forked = origin.map(|origin| view! { <li>"forked from "<a class="link" href=format!("/tasks/{}/checkpoints", origin.task_id)>"another task"</a></li> });
    let schedule = task.with_untracked(|task| task.schedule_id);
    let scheduled = schedule.map(|id| view! { <li>"made by "<a class="link" href=format!("/schedules?edit={id}")>"a schedule"</a></li> });
    let scripted = move || {
        let is_scripted = task.with(|task| task.model.as_deref() == Some(SCRIPTED_MODEL));
        is_scripted.then(|| view! { <li><span class="badge-scripted"><Glyph icon=Icon::Spark /> "Scripted model"</span></li> })
    };
    let model = move || {
        let model = task.with(|task| task.model.clone());
        model
            .filter(|model| model != SCRIPTED_MODEL)
            .map(|model| view! { <li>{model}</li> })
    };
    view! {
        <ul class="facts num">
            <li>{task.with_untracked(|task| type_name(task.task_type))}</li>
            {forked}
            {scheduled}
            {part(started)}
            <li><a class="link" href=format!("/tasks/{}/usage", state.id)>{move || task.with(cost)}</a></li>
            <li>{move || format!("{} tokens", short_count(task.with(|task| task.tokens.total())))}</li>
            {part(model)}
            {part(scripted)}
        </ul>
    }
    .into_any()
}

fn cost(task: &TaskView) -> String {
    match task.budget_usd {
        Some(budget) => format!("{} of {}", task.cost_usd.to_short(), budget.to_short()),
        None => task.cost_usd.to_short(),
    }
}

/// The most likely next thing to do.
#[component]
fn PrimaryAction(state: TaskState, act: Posting<ActOnTask>) -> impl IntoView {
    let first = memo(move || {
        state
            .task
            .with(|task| (task.actions.first().copied(), retry_word(task)))
    });
    let id = state.id;
    let form = move |action: Action, icon: Icon, word: &'static str| {
        view! {
            <PostForm action=act>
                <input type="hidden" name="id" value=id.to_string() />
                <button class="btn btn-primary" name="action" value=action.to_string() disabled=act.pending()>
                    <Glyph icon=icon /> {word}
                </button>
            </PostForm>
        }
        .into_any()
    };
    move || {
        let (first, retry) = first.get();
        match first {
        Some(Action::Execute) => form(Action::Execute, Icon::Play, "Start"),
        Some(Action::Retry) => form(Action::Retry, Icon::Play, retry),
        Some(Action::Resume) => form(Action::Resume, Icon::Play, "Resume"),
        Some(Action::Approve) => view! {
            <a class="btn btn-accent" href=format!("/tasks/{id}/review")><Glyph icon=Icon::Eye /> "Review"</a>
        }
        .into_any(),
        _ => ().into_any(),
    }
    }
}

/// Stops what the agent is doing right now.
#[component]
fn Interrupt(state: TaskState, act: Posting<ActOnTask>) -> impl IntoView {
    let button = move || {
        state.allows(Action::Interrupt).then(|| {
            view! {
                <PostForm action=act>
                    <input type="hidden" name="id" value=state.id.to_string() />
                    <button class="btn" name="action" value="interrupt" disabled=act.pending()><Glyph icon=Icon::Stop /> "Interrupt"</button>
                </PostForm>
            }
        })
    };
    part(button)
}

/// Everything else that can be done.
#[component]
fn ActionMenu(state: TaskState, act: Posting<ActOnTask>) -> impl IntoView {
    let id = state.id;
    let request_review = move || {
        state.allows(Action::RequestReview).then(|| {
            view! {
                <li>
                    <PostForm action=act>
                        <input type="hidden" name="id" value=id.to_string() />
                        <button name="action" value="request_review" disabled=act.pending()><Glyph icon=Icon::Eye /> "Ask for a review"</button>
                    </PostForm>
                </li>
            }
        })
    };
    let cancel = move || {
        state.allows(Action::Cancel).then(|| {
            view! { <li><a href="?confirm=cancel"><Glyph icon=Icon::Slash /> "Cancel the task…"</a></li> }
        })
    };
    let delete = move || {
        state.allows(Action::Delete).then(|| {
            view! { <li><a href="?confirm=delete" data-tone="failed"><Glyph icon=Icon::Cross /> "Delete…"</a></li> }
        })
    };
    let menu = NodeRef::<Details>::new();
    let fold = move |_| {
        if let Some(menu) = menu.get_untracked() {
            menu.remove_attribute("open")
                .expect("the attribute's name is valid");
        }
    };
    view! {
        <details node_ref=menu class="menu-box">
            <summary class="btn" aria-label="More actions"><Glyph icon=Icon::Dots /></summary>
            <ul class="menu-list" on:click=fold>
                {part(request_review)} <PauseItem state act /> {part(cancel)} {part(delete)}
                <li><a href=format!("/api/tasks/{id}") rel="external"><Glyph icon=Icon::File /> "Show as JSON"</a></li>
            </ul>
        </details>
    }
    .into_any()
}

/// Asks before what can't be undone, naming what follows. It is part of the address, so that it
/// works without script as well.
#[component]
pub fn Confirmation(state: TaskState) -> impl IntoView {
    let query = use_query_map();
    let asked = memo(move || query.with(|query| query.get("confirm")));
    move || match asked.get().as_deref() {
        Some("cancel") if state.allows(Action::Cancel) => {
            view! { <ConfirmCancel state /> }.into_any()
        }
        Some("delete") if state.allows(Action::Delete) => {
            view! { <ConfirmDelete state /> }.into_any()
        }
        _ => ().into_any(),
    }
}

#[component]
fn ConfirmCancel(state: TaskState) -> impl IntoView {
    let act = task_action(state);
    view! {
        <ConfirmDialog title="Cancel this task?">
            <p>"The agent is stopped at once and does not go on. What it has done stays in the workspace, and the history stays readable. A cancelled task can't be started again."</p>
            <PostForm action=act>
                <input type="hidden" name="id" value=state.id.to_string() />
                <button class="btn btn-error" name="action" value="cancel" disabled=act.pending()>"Cancel the task"</button>
            </PostForm>
        </ConfirmDialog>
    }
    .into_any()
}

#[component]
fn ConfirmDelete(state: TaskState) -> impl IntoView {
    let toasts = expect_context::<Toasts>();
    let delete = Posting::<DeleteTask>::new();
    effect(move || match delete.answer() {
        Some(Ok(())) => toasts.done("The task is deleted"),
        Some(Err(fault)) => toasts.failed(&fault),
        None => {}
    });
    view! {
        <ConfirmDialog title="Delete this task?">
            <p>"It disappears from every list and can't be opened again."</p>
            <PostForm action=delete>
                <input type="hidden" name="id" value=state.id.to_string() />
                <button class="btn btn-error" disabled=delete.pending()>"Delete the task"</button>
            </PostForm>
        </ConfirmDialog>
    }
    .into_any()
}

/// The phases in a row, with the steps of the present one.
#[component]
pub fn PhaseBar(state: TaskState) -> impl IntoView {
    let has_phases = move || state.phases.with(|phases| !phases.is_empty());
    let percent = Signal::derive(move || state.task.with(|task| task.progress));
    let phases = move || {
        list(
            state
                .phases
                .get()
                .into_iter()
                .map(|phase| view! { <PhaseMark phase /> }),
        )
    };
    view! {
        <Show when=has_phases>
            <section class="phases" aria-label="Phases">
                <ol class="phase-row">{part(phases)}</ol>
                <ProgressBar percent label="Progress of the task" />
                <Steps state />
                <Estimates state />
            </section>
        </Show>
    }
    .into_any()
}

#[component]
fn PhaseMark(phase: PhaseView) -> impl IntoView {
    let done = phase
        .steps
        .iter()
        .filter(|step| step.status == crate::domain::task::StepStatus::Completed)
        .count();
    let (state, icon, word) = match phase.status {
        PhaseStatus::Pending => ("pending", None, "not started"),
        PhaseStatus::Active => ("active", None, "in progress"),
        PhaseStatus::InReview => ("review", Some(Icon::Eye), "in review"),
        PhaseStatus::Completed => ("completed", Some(Icon::Check), "completed"),
    };
    let steps = (!phase.steps.is_empty() && phase.status != PhaseStatus::Completed)
        .then(|| view! { <span class="phase-steps num">{done} "/" {phase.steps.len()}</span> });
    view! {
        <li class="phase-mark" data-state=state>
            <span class="phase-bullet">{icon.map(|icon| view! { <Glyph icon=icon /> })}</span>
            <span class="phase-name">{phase.name}</span>
            {steps}
            <span class="visually-hidden">{word}</span>
        </li>
    }
    .into_any()
}

/// The steps of the phase at work, folded.
#[component]
fn Steps(state: TaskState) -> impl IntoView {
    let at_work = memo(move || {
        let number = state.task.with(|task| task.phase)?;
        state
            .phases
            .with(|phases| phases.iter().find(|phase| phase.number == number).cloned())
    });
    let steps = move || {
        let phase = at_work.get().filter(|phase| !phase.steps.is_empty())?;
        let current = state.task.with(|task| task.step.clone());
        let now = phase
            .steps
            .iter()
            .find(|step| Some(&step.id) == current.as_ref())
            .map(|step| step.name.clone());
        let rows = phase.steps.into_iter().map(|step| {
            view! { <li data-state=step.status.to_string()>{step.name} <code>{step.deliverable}</code></li> }
        });
        Some(view! {
            <details class="step-list">
                <summary><Glyph icon=Icon::Chevron /> {phase.name} ": " {now.unwrap_or_else(|| "all steps".to_owned())}</summary>
                <ol>{list(rows)}</ol>
            </details>
        })
    };
    view! { {part(steps)} }
}
