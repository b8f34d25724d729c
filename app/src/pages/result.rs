//! How the work of a task is taken along: a patch, and the branch of a changed repository.

use leptos::prelude::*;

use super::task_state::TaskState;
use crate::api::BranchView;
use crate::domain::id::TaskId;
use crate::domain::plan::TaskType;
use crate::fault::Fault;
use crate::reactive::{part, suspend};
use crate::resource::resource;
use crate::wire::Json;

/// The branch that a task's work ends in, once there is one.
#[server(prefix = "/sfn", endpoint = "tasks/branch", input = Json, output = Json)]
pub async fn load_branch(id: TaskId) -> Result<Option<BranchView>, Fault> {
    crate::backend::backend()?.branch(id).await
}

/// A link to the patch, and what fetches the branch.
#[component]
pub fn TakeAlong(state: TaskState) -> impl IntoView {
    let id = state.id;
    let is_change = state
        .task
        .with_untracked(|task| task.task_type == TaskType::ModifyApp);
    view! {
        <p class="take-along">
            <a class="btn btn-sm" href=format!("/api/tasks/{id}/patch") rel="external" download="">"Download all changes as a patch"</a>
        </p>
        {is_change.then(|| view! { <Branch id /> })}
    }
    .into_any()
}

#[component]
fn Branch(id: TaskId) -> impl IntoView {
    let branch = resource(move || id, load_branch);
    let shown = move || {
        suspend(async move {
            branch.await.map(|branch| {
                branch.map(|branch| {
                    view! {
                        <p class="take-along">
                            "The work is on the branch " <code>{branch.name}</code>
                            ". In a copy of the repository on the server’s machine: "
                            <code>{branch.command}</code>
                        </p>
                    }
                })
            })
        })
    };
    // Keeps the room, so that what follows doesn't jump.
    let room = || view! { <p class="take-along">"\u{a0}"</p> };
    view! { <Transition fallback=room><ErrorBoundary fallback=crate::components::faults::fault_panels>{part(shown)}</ErrorBoundary></Transition> }
        .into_any()
}
