//! The files that a task has to leave, rendered.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use leptos_router::location::Url;
use serde::{Deserialize, Serialize};

use super::task_state::TaskState;
use crate::api::{DeliverableContent, DeliverableView};
use crate::components::document::Document;
use crate::components::faults::{FaultPanel, fault_panels};
use crate::components::icon::{Glyph, Icon};
use crate::domain::id::TaskId;
use crate::fault::Fault;
use crate::number::{counted, size_of_file};
use crate::reactive::{list, part, suspend};
use crate::resource::resource;
use crate::visible;
use crate::wire::Json;

/// The files that a task has to leave, and the one that is read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Opened {
    files: Vec<DeliverableView>,
    path: Option<String>,
    /// Absent if no file is written yet.
    content: Option<DeliverableContent>,
    /// Why the file can't be shown.
    fault: Option<Fault>,
}

/// The files, and the named one of them; the first that is written, if none is named.
#[server(prefix = "/sfn", endpoint = "deliverables/open", input = Json, output = Json)]
pub async fn open_files(id: TaskId, path: Option<String>) -> Result<Opened, Fault> {
    let backend = crate::backend::backend()?;
    let files = backend.deliverables(id).await?;
    let written = files.iter().find(|file| file.exists);
    let path = path.or_else(|| written.map(|file| file.path.clone()));
    let content = match path.clone() {
        Some(path) => backend.deliverable(id, path).await.map(Some),
        None => Ok(None),
    };
    let (content, fault) = match content {
        Ok(content) => (content, None),
        Err(fault) => (None, Some(fault)),
    };
    Ok(Opened {
        files,
        path,
        content,
        fault,
    })
}

/// The task's files, by phase.
#[component]
pub fn Files(state: TaskState) -> impl IntoView {
    let address = use_query_map();
    let wanted = move || {
        let chosen = address.with(|address| address.get("file"));
        // A step that is done may have left a file.
        let phases = state
            .phases
            .with(|phases| phases.iter().map(|phase| phase.status).collect::<Vec<_>>());
        (chosen, phases)
    };
    let files = resource(wanted, move |(path, _)| open_files(state.id, path));
    let content =
        move || suspend(async move { files.await.map(|open| view! { <FilesOf state open /> }) });
    view! {
        <Transition fallback=|| view! { <div class="skeleton transcript-skeleton" aria-busy="true"></div> }>
            <ErrorBoundary fallback=fault_panels>{part(content)}</ErrorBoundary>
        </Transition>
    }
    .into_any()
}

#[component]
fn FilesOf(state: TaskState, open: Opened) -> impl IntoView {
    let Opened {
        files,
        path,
        content,
        fault,
    } = open;
    let archive = view! { <ArchiveLink state /> };
    if files.is_empty() {
        return view! {
            <div class="files-head">
                <p class="muted">"This task has no documents to leave. Its work is under Changes."</p>
                {archive}
            </div>
        }
        .into_any();
    }
    let refused = files
        .iter()
        .find(|file| path.as_ref() == Some(&file.path))
        .and_then(|file| file.problem.clone());
    let document = match (content, refused, fault) {
        (Some(content), _, _) => {
            view! { <FileHead id=state.id content=content.clone() /> <Document content /> }
                .into_any()
        }
        (None, Some(problem), _) => view! { <Refused problem /> }.into_any(),
        (None, None, Some(fault)) => view! { <FaultPanel fault /> }.into_any(),
        (None, None, None) => {
            view! { <p class="empty">"No document is written yet."</p> }.into_any()
        }
    };
    let written = files.iter().filter(|file| file.exists).count();
    let all = counted(files.len(), "document");
    view! {
        <div class="files-head">
            <p class="muted">{format!("{written} of {all} written")}</p>
            {archive}
        </div>
        <div class="split">
            <nav class="file-list" aria-label="Files"><FileLinks state files path /></nav>
            <div class="split-main">{document}</div>
        </div>
    }
    .into_any()
}

/// All of the workspace to keep, once there is one.
#[component]
fn ArchiveLink(state: TaskState) -> impl IntoView {
    let has_begun = state.task.with_untracked(|task| task.started_at.is_some());
    let href = format!("/api/tasks/{}/archive.zip", state.id);
    has_begun.then(|| {
        view! {
            <a class="btn btn-sm" href=href download="">
                <Glyph icon=Icon::Download /> "Whole workspace (ZIP)"
            </a>
        }
    })
}

/// What a file is, and the way to keep it.
#[component]
fn FileHead(id: TaskId, content: DeliverableContent) -> impl IntoView {
    let parts = content.path.split('/').map(Url::escape);
    let path = parts.collect::<Vec<_>>().join("/");
    let href = format!("/api/tasks/{id}/deliverables/{path}?raw=1");
    let checksum = content
        .sha256
        .map(|sum| view! { <span class="file-sum">"SHA-256 " <code>{sum}</code></span> });
    view! {
        <header class="file-head">
            <h2 class="file-path">{visible::name(&content.path)}</h2>
            <a class="btn btn-sm" href=href download="">
                <Glyph icon=Icon::Download /> {format!("Download ({})", size_of_file(content.size))}
            </a>
            {checksum}
        </header>
    }
    .into_any()
}

/// What lies where a document should be can't be taken for it.
#[component]
fn Refused(problem: String) -> impl IntoView {
    view! {
        <div class="notice" data-tone="failed" role="alert">
            <Glyph icon=Icon::Alert />
            <p>{format!("This file is refused: {problem}.")}</p>
        </div>
    }
    .into_any()
}

#[component]
fn FileLinks(state: TaskState, files: Vec<DeliverableView>, path: Option<String>) -> impl IntoView {
    let phases = state.phases.get_untracked();
    let groups = phases.into_iter().filter_map(|phase| {
        let own: Vec<_> = files
            .iter()
            .filter(|file| file.phase == phase.number)
            .cloned()
            .collect();
        (!own.is_empty()).then_some((phase.name, own))
    });
    let path = StoredValue::new(path);
    let link = move |file: DeliverableView| {
        let is_open = path.with_value(|path| path.as_ref() == Some(&file.path));
        let current = is_open.then_some("true");
        if !file.exists && file.problem.is_none() {
            return view! { <li><span class="file-link" aria-disabled="true"><Glyph icon=Icon::File /> <FileName path=file.path /></span></li> }.into_any();
        }
        let (icon, note) = match file.problem {
            Some(_) => (Icon::Alert, "refused".to_owned()),
            None => (Icon::File, size_of_file(file.size)),
        };
        let href = format!("/tasks/{}/files?file={}", state.id, Url::escape(&file.path));
        view! { <li><a class="file-link" href=href aria-current=current><Glyph icon /> <FileName path=file.path /> <span class="file-note">{note}</span></a></li> }.into_any()
    };
    let group = move |(name, files): (String, Vec<DeliverableView>)| {
        view! { <h2 class="file-group">{name}</h2> <ul>{list(files.into_iter().map(link))}</ul> }
    };
    list(groups.map(group))
}

/// The name, which is looked for, before the folder, which many share.
#[component]
fn FileName(path: String) -> impl IntoView {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
    let (folder, name) = (visible::name(folder), visible::name(name));
    let folder = (!folder.is_empty()).then(|| view! { " " <small>{folder}</small> });
    view! { <span class="file-name" title=path>{name} {folder}</span> }
}
