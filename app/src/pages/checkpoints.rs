//! The points that a task can go back to, or another one can begin at.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use leptos_router::params::ParamsMap;

use super::changes::ChangedFiles;
use super::task_state::TaskState;
#[cfg(feature = "ssr")]
use crate::api;
use crate::api::{ChangeList, CheckpointView, PhaseView, TaskView};
use crate::components::clock::{Time, exact_time};
use crate::components::dialog::ConfirmDialog;
use crate::components::faults::fault_panels;
use crate::components::form::{PostForm, Posting};
use crate::components::icon::{Glyph, Icon};
use crate::components::toast::Toasts;
use crate::domain::id::{CheckpointId, TaskId};
use crate::domain::task::{Action, CheckpointKind};
#[cfg(feature = "ssr")]
use crate::domain::text::{TextError, Title};
use crate::fault::Fault;
use crate::reactive::{effect, list, memo, part, suspend};
use crate::resource::resource;
use crate::wire::Json;

/// All that are kept of a task, the newest first.
#[server(prefix = "/sfn", endpoint = "tasks/checkpoints", input = Json, output = Json)]
pub async fn load_checkpoints(id: TaskId) -> Result<Vec<CheckpointView>, Fault> {
    crate::backend::backend()?.checkpoints(id).await
}

/// What is different in the files of two checkpoints, or in those of one and as they are now.
#[server(prefix = "/sfn", endpoint = "tasks/checkpoints/compare", input = Json, output = Json)]
pub async fn compare_checkpoints(
    id: TaskId,
    from: CheckpointId,
    to: Option<CheckpointId>,
) -> Result<ChangeList, Fault> {
    let backend = crate::backend::backend()?;
    backend.compare(id, from, api::CompareQuery { to }).await
}

/// Begins another task at a checkpoint, then shows it.
#[server(prefix = "/sfn", endpoint = "tasks/fork", output = Json)]
pub async fn fork_task(
    id: TaskId,
    checkpoint: CheckpointId,
    #[server(default)] title: String,
    #[server(default)] start: bool,
) -> Result<TaskView, Fault> {
    let title = match title.trim() {
        "" => None,
        title => {
            let title = title.parse::<Title>();
            Some(title.map_err(|error: TextError| Fault::field("title", error.to_string()))?)
        }
    };
    let wanted = api::ForkTask {
        checkpoint_id: Some(checkpoint),
        title,
        start,
    };
    let fork = crate::backend::backend()?.fork(id, wanted).await?;
    crate::request::redirect(&format!("/tasks/{}", fork.id));
    Ok(fork)
}

/// Takes a task back to a checkpoint, then shows it.
#[server(prefix = "/sfn", endpoint = "tasks/restore", output = Json)]
pub async fn restore_task(id: TaskId, checkpoint: CheckpointId) -> Result<TaskView, Fault> {
    let wanted = api::RestoreTask {
        checkpoint_id: checkpoint,
    };
    let task = crate::backend::backend()?.restore(id, wanted).await?;
    crate::request::redirect(&format!("/tasks/{id}"));
    Ok(task)
}

/// What is different between two of them, the list, and the dialogs.
#[component]
pub fn Checkpoints(state: TaskState) -> impl IntoView {
    let id = state.id;
    let address = use_query_map();
    let newest = memo(move || state.task.with(|task| task.checkpoint_id));
    let pair = memo(move || named(address, "from").map(|from| (from, named(address, "to"))));
    let all = resource(move || newest.get(), move |_| load_checkpoints(id));
    let compared = resource(
        move || pair.get(),
        move |pair| async move {
            match pair {
                Some((from, to)) => compare_checkpoints(id, from, to).await.map(Some),
                None => Ok(None),
            }
        },
    );
    let shown =
        move || suspend(async move { all.await.map(|all| view! { <Points state address all /> }) });
    let choice =
        move || suspend(async move { all.await.map(|all| view! { <Choice address all /> }) });
    let changes = move || {
        suspend(async move {
            compared.await.map(|diff| {
                diff.map(|diff| view! { <ChangedFiles diff none="These files are the same." /> })
            })
        })
    };
    view! {
        <section class="points-compared" hidden=move || pair.get().is_none() aria-label="What is different">
            <Transition>
                <ErrorBoundary fallback=|_| ()>{part(choice)}</ErrorBoundary>
            </Transition>
            <Transition fallback=|| view! { <div class="skeleton transcript-skeleton" aria-busy="true"></div> }>
                <ErrorBoundary fallback=fault_panels>{part(changes)}</ErrorBoundary>
            </Transition>
        </section>
        <p class="muted">"At each of these points the files and the conversation are kept as they were: the last ten, and the end of each phase. Another task can begin there, or this one can go back."</p>
        <Transition fallback=|| view! { <div class="skeleton transcript-skeleton" aria-busy="true"></div> }>
            <ErrorBoundary fallback=fault_panels>{part(shown)}</ErrorBoundary>
        </Transition>
    }
    .into_any()
}

/// What the address says. It outlives what is drawn again.
type Address = leptos::prelude::Memo<ParamsMap>;

/// The checkpoint that the address names.
fn named(address: Address, name: &str) -> Option<CheckpointId> {
    address.with(|address| address.get(name)?.parse().ok())
}

#[component]
fn Points(state: TaskState, address: Address, all: Vec<CheckpointView>) -> impl IntoView {
    if all.is_empty() {
        return view! { <p class="empty">"There is none yet. The first is made when the agent's first turn has ended."</p> }
            .into_any();
    }
    let phases = state.phases.get_untracked();
    let rows = all.iter().map(
        |point| view! { <Point state phase=phase_name(&phases, point) point=point.clone() /> },
    );
    let rows = list(rows);
    let known = StoredValue::new(all);
    view! {
        <ol class="points">{rows}</ol>
        <Asked state address known />
    }
    .into_any()
}

fn phase_name(phases: &[PhaseView], point: &CheckpointView) -> String {
    let phase = phases
        .iter()
        .find(|phase| Some(phase.number) == point.phase);
    phase.map_or_else(String::new, |phase| phase.name.clone())
}

/// What a checkpoint was made at, in a few words.
const fn reason(kind: CheckpointKind) -> &'static str {
    match kind {
        CheckpointKind::Phase => "end of a phase",
        CheckpointKind::Turn => "end of a turn",
        CheckpointKind::Question => "something was asked",
        CheckpointKind::Pause => "held up",
        CheckpointKind::Limit => "limit reached",
        CheckpointKind::Error => "something went wrong",
        CheckpointKind::Shutdown => "the server stopped",
        CheckpointKind::Interval => "in a long turn",
        CheckpointKind::Restore => "left behind",
    }
}

#[component]
fn Point(state: TaskState, phase: String, point: CheckpointView) -> impl IntoView {
    let id = point.id;
    let about = StoredValue::new(format!("{}, {}", point.label, exact_time(point.created_at)));
    let restore = move || {
        state.allows(Action::Restore).then(|| {
            view! {
                <a class="btn btn-sm" href=format!("?restore={id}") aria-label=format!("Go back to {}", about.get_value())>"Go back…"</a>
            }
        })
    };
    view! {
        <li class="point" data-kind=point.kind.to_string()>
            <div class="point-said">
                <strong>{point.label}</strong>
                <span class="muted">{reason(point.kind)} {(!phase.is_empty()).then(|| format!(" · {phase}"))} " · " <Time at=point.created_at /> " · "
                    <a class="link" href=format!("/tasks/{}/history?after={}", state.id, point.version.saturating_sub(20))>"event " {point.version}</a>
                </span>
            </div>
            <div class="point-actions">
                <a class="btn btn-sm" href=format!("?from={id}") aria-label=format!("Compare {}", about.get_value())>"Compare"</a>
                <a class="btn btn-sm" href=format!("?fork={id}") aria-label=format!("Fork at {}", about.get_value())>"Fork…"</a>
                {part(restore)}
            </div>
        </li>
    }
    .into_any()
}

/// Which two are compared.
#[component]
fn Choice(address: Address, all: Vec<CheckpointView>) -> impl IntoView {
    let option = move |point: &CheckpointView, name: &'static str| {
        let each = point.id;
        let text = format!("{} ({})", point.label, exact_time(point.created_at));
        let chosen = move || named(address, name) == Some(each);
        view! { <option value=each.to_string() selected=chosen>{text}</option> }
    };
    let from = list(all.iter().map(|point| option(point, "from")));
    let to = list(all.iter().map(|point| option(point, "to")));
    view! {
        <form method="get" class="points-choice">
            <label>"From" <select class="select select-sm" name="from">{from}</select></label>
            <label>"to" <select class="select select-sm" name="to"><option value="">"now"</option>{to}</select></label>
            <button class="btn btn-sm">"Compare"</button>
        </form>
    }
    .into_any()
}

/// The dialog that the address names.
#[component]
fn Asked(
    state: TaskState,
    address: Address,
    known: StoredValue<Vec<CheckpointView>>,
) -> impl IntoView {
    let found = move |name: &str| {
        let id = named(address, name)?;
        known.with_value(|known| known.iter().find(|point| point.id == id).cloned())
    };
    let asked = memo(move || (found("fork"), found("restore")));
    let dialog = move || match asked.get() {
        (Some(point), _) => view! { <Fork state point /> }.into_any(),
        (_, Some(point)) if state.allows(Action::Restore) => {
            view! { <Restore state point /> }.into_any()
        }
        _ => ().into_any(),
    };
    part(dialog)
}

#[component]
fn Fork(state: TaskState, point: CheckpointView) -> impl IntoView {
    let toasts = expect_context::<Toasts>();
    let fork = Posting::<ForkTask>::new();
    effect(move || {
        if let Some(Err(fault)) = fork.answer() {
            toasts.failed(&fault);
        }
    });
    let title = state.task.with_untracked(|task| task.title.clone());
    view! {
        <ConfirmDialog title="Begin another task here" leave="Not now">
            <p>"It has this task's history until “" {point.label} "”, its files and its conversation as they were, and what it was given, on a branch of its own. This task stays as it is. What git ignores, such as installed packages, is not copied."</p>
            <PostForm action=fork class="dialog-form">
                <input type="hidden" name="id" value=state.id.to_string() />
                <input type="hidden" name="checkpoint" value=point.id.to_string() />
                <p class="field"><label for="fork-title">"Title"</label> <input id="fork-title" class="input" name="title" maxlength="200" placeholder=format!("{title} (fork)") /></p>
                <label class="choice"><input type="checkbox" class="checkbox checkbox-sm" name="start" value="true" /> <span>"Go on at once, without waiting for me"</span></label>
                <button class="btn btn-primary" disabled=fork.pending()><Glyph icon=Icon::Nodes /> "Fork"</button>
            </PostForm>
        </ConfirmDialog>
    }
    .into_any()
}

#[component]
fn Restore(state: TaskState, point: CheckpointView) -> impl IntoView {
    let toasts = expect_context::<Toasts>();
    let restore = Posting::<RestoreTask>::new();
    effect(move || match restore.answer() {
        Some(Ok(task)) => {
            toasts.done("The task goes back");
            state.update_task(task);
        }
        Some(Err(fault)) => toasts.failed(&fault),
        None => {}
    });
    view! {
        <ConfirmDialog title="Go back to this point?" leave="Stay here">
            <p>"Phases, files and conversation become as they were at “" {point.label} "”. What came later is left behind; it is kept as a checkpoint, so that you can return. What was used stays used, and what git ignores stays as it is. The task is held up then, until you let it go on."</p>
            <PostForm action=restore>
                <input type="hidden" name="id" value=state.id.to_string() />
                <input type="hidden" name="checkpoint" value=point.id.to_string() />
                <button class="btn btn-error" disabled=restore.pending()>"Go back"</button>
            </PostForm>
        </ConfirmDialog>
    }
    .into_any()
}
