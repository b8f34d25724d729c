//! The files that a task has to leave, rendered.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use leptos_router::location::Url;

use super::task_state::TaskState;
use crate::api::{DeliverableContent, DeliverableView};
use crate::components::document::Document;
use crate::components::faults::{FaultPanel, fault_panels};
use crate::components::icon::{Glyph, Icon};
use crate::domain::id::TaskId;
use crate::fault::Fault;

/// The files that a task's phases must produce.
#[server(prefix = "/sfn", endpoint = "deliverables/list")]
pub async fn list_deliverables(id: TaskId) -> Result<Vec<DeliverableView>, Fault> {
    crate::backend::backend()?.deliverables(id).await
}

/// One of them.
#[server(prefix = "/sfn", endpoint = "deliverables/get")]
pub async fn load_document(id: TaskId, path: String) -> Result<DeliverableContent, Fault> {
    crate::backend::backend()?.deliverable(id, path).await
}

/// The task's files, by phase.
#[component]
pub fn Files(state: TaskState) -> impl IntoView {
    let address = use_query_map();
    let chosen = Memo::new(move |_| address.with(|address| address.get("file")));
    let id = state.id;
    let files = Resource::new(
        move || {
            state
                .phases
                .with(|phases| phases.iter().map(|phase| phase.status).collect::<Vec<_>>())
        },
        move |_| list_deliverables(id),
    );
    let content = move || {
        Suspend::new(async move {
            files
                .await
                .map(|files| view! { <FilesOf state files chosen /> })
        })
    };
    view! {
        <Transition fallback=|| view! { <div class="skeleton transcript-skeleton" aria-busy="true"></div> }>
            <ErrorBoundary fallback=fault_panels>{content}</ErrorBoundary>
        </Transition>
    }
    .into_any()
}

#[component]
fn FilesOf(
    state: TaskState,
    files: Vec<DeliverableView>,
    chosen: Memo<Option<String>>,
) -> impl IntoView {
    if files.is_empty() {
        return view! { <p class="empty">"This task has no documents to leave. Its work is under Changes."</p> }.into_any();
    }
    let first = files
        .iter()
        .find(|file| file.exists)
        .map(|file| file.path.clone());
    let path = Memo::new(move |_| chosen.get().or_else(|| first.clone()));
    let content = Resource::new(
        move || path.get(),
        move |path| async move {
            match path {
                Some(path) => load_document(state.id, path).await.map(Some),
                None => Ok(None),
            }
        },
    );
    let document = move || {
        Suspend::new(async move {
            match content.await {
                Ok(Some(content)) => view! { <Document content is_source=false /> }.into_any(),
                Ok(None) => view! { <p class="empty">"No document is written yet."</p> }.into_any(),
                Err(fault) => view! { <FaultPanel fault /> }.into_any(),
            }
        })
    };
    view! {
        <div class="split">
            <nav class="file-list" aria-label="Files"><FileLinks state files path /></nav>
            <div class="split-main">
                <Transition fallback=|| view! { <div class="skeleton form-skeleton"></div> }>{document}</Transition>
            </div>
        </div>
    }
    .into_any()
}

#[component]
fn FileLinks(
    state: TaskState,
    files: Vec<DeliverableView>,
    path: Memo<Option<String>>,
) -> impl IntoView {
    let phases = state.phases.get_untracked();
    let groups = phases.into_iter().filter_map(|phase| {
        let own: Vec<_> = files
            .iter()
            .filter(|file| file.phase == phase.number)
            .cloned()
            .collect();
        (!own.is_empty()).then_some((phase.name, own))
    });
    let link = move |file: DeliverableView| {
        let name = file.path.clone();
        let current = move || {
            path.with(|path| path.as_ref() == Some(&name))
                .then_some("true")
        };
        if !file.exists {
            return view! { <li><span class="file-link" aria-disabled="true"><Glyph icon=Icon::File /> {file.path}</span></li> }.into_any();
        }
        let href = format!("/tasks/{}/files?file={}", state.id, Url::escape(&file.path));
        view! { <li><a class="file-link" href=href aria-current=current><Glyph icon=Icon::File /> {file.path}</a></li> }.into_any()
    };
    let group = move |(name, files): (String, Vec<DeliverableView>)| {
        view! { <h2 class="file-group">{name}</h2> <ul>{files.into_iter().map(link).collect_view()}</ul> }
    };
    groups.map(group).collect_view().into_any()
}
