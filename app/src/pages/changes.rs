//! What a task has changed in its workspace, phase by phase.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use leptos_router::location::Url;

use super::result::TakeAlong;
use super::task_state::TaskState;
use crate::api::{ChangeList, PhaseView};
use crate::components::changes::{ChangedFile, change_mark};
use crate::components::faults::fault_panels;
use crate::domain::id::TaskId;
use crate::domain::task::PhaseStatus;
use crate::fault::Fault;
use crate::number::counted;
use crate::reactive::{Memo, list, memo, part, suspend};
use crate::resource::resource;
use crate::visible;
use crate::wire::Json;

/// The changes of a phase; of the present one, if none is named.
#[server(prefix = "/sfn", endpoint = "tasks/diff", input = Json, output = Json)]
pub async fn load_diff(id: TaskId, phase: Option<u32>) -> Result<ChangeList, Fault> {
    crate::backend::backend()?.diff(id, phase).await
}

/// The changed files.
#[component]
pub fn Changes(state: TaskState) -> impl IntoView {
    let address = use_query_map();
    let phase = memo(move || {
        let named = address.with(|address| address.get("phase")?.parse().ok());
        named.or_else(|| newest_phase(state))
    });
    let id = state.id;
    let version = move || state.task.with(|task| task.version);
    let loaded = RwSignal::new(state.task.with_untracked(|task| task.version));
    let diff = resource(
        move || (phase.get(), loaded.get()),
        move |(phase, _)| load_diff(id, phase),
    );
    let files = move || {
        suspend(async move {
            diff.await.map(|diff| view! { <ChangedFiles diff none="Nothing has changed in this phase yet." /> })
        })
    };
    view! {
        <TakeAlong state />
        <PhaseChips state phase />
        <p class="news" hidden=move || loaded.get() == version()>
            <button type="button" class="btn btn-sm" on:click=move |_| loaded.set(version())>"Show the newest changes"</button>
        </p>
        <Transition fallback=|| view! { <div class="skeleton transcript-skeleton" aria-busy="true"></div> }>
            <ErrorBoundary fallback=fault_panels>{part(files)}</ErrorBoundary>
        </Transition>
    }
    .into_any()
}

/// The present phase, or the last one that had begun.
fn newest_phase(state: TaskState) -> Option<u32> {
    state.task.with_untracked(|task| task.phase).or_else(|| {
        state.phases.with_untracked(|phases| {
            let begun = |phase: &&PhaseView| phase.status != PhaseStatus::Pending;
            phases.iter().rev().find(begun).map(|phase| phase.number)
        })
    })
}

#[component]
fn PhaseChips(state: TaskState, phase: Memo<Option<u32>>) -> impl IntoView {
    let chips = move || {
        let begun = state
            .phases
            .get()
            .into_iter()
            .filter(|each| each.status != PhaseStatus::Pending);
        let chip = |each: PhaseView| {
            let number = each.number;
            let current = move || (phase.get() == Some(number)).then_some("true");
            view! { <li><a class="chip" href=format!("?phase={number}") aria-current=current>{each.name}</a></li> }
        };
        list(begun.map(chip))
    };
    view! { <nav class="filters" aria-label="Phase"><ul>{part(chips)}</ul></nav> }.into_any()
}

/// A list of the files, and the lines of each.
#[component]
pub fn ChangedFiles(
    diff: ChangeList,
    /// What is said if there is none.
    none: &'static str,
) -> impl IntoView {
    if diff.files.is_empty() {
        return view! { <p class="empty">{none}</p> }.into_any();
    }
    let additions: u32 = diff.files.iter().map(|file| file.additions).sum();
    let deletions: u32 = diff.files.iter().map(|file| file.deletions).sum();
    let index = diff.files.iter().map(|file| {
        let (mark, word) = change_mark(file.change);
        view! {
            <li><a class="file-link" href=format!("#file-{}", Url::escape(&file.path))><abbr class="file-mark" data-change=mark title=word>{mark}</abbr> {visible::name(&file.path)}</a></li>
        }
    });
    let index = list(index);
    let count = counted(diff.files.len(), "file");
    let cut = diff.truncated.then_some(" Only a part is shown.");
    let files = list(
        diff.files
            .into_iter()
            .map(|file| view! { <ChangedFile file /> }),
    );
    view! {
        <div class="split">
            <nav class="file-list" aria-label="Changed files"><ul>{index}</ul></nav>
            <div class="split-main">
                <p class="changes-sum num">{count} ", " <ins>"+" {additions}</ins> " " <del>"−" {deletions}</del> "." {cut}</p>
                {files}
            </div>
        </div>
    }
    .into_any()
}
