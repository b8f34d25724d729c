//! The tasks that wait for a person.

use leptos::prelude::*;

use super::list::{TableSkeleton, TaskTable, list_tasks};
use crate::api::TaskQuery;
use crate::components::faults::fault_panels;
use crate::components::page::{Crumb, Page};
use crate::live::{Follow, Live};
use crate::reactive::{effect, part, suspend};
use crate::resource::resource;

/// What a person has to decide, answer or provide, in one list.
#[component]
pub fn NeedsYouPage() -> impl IntoView {
    let live = expect_context::<Live>();
    effect(move || live.follow(Follow::Tasks));
    let query = || TaskQuery {
        status: Some("needs_you".to_owned()),
        ..TaskQuery::default()
    };
    let tasks = resource(query, list_tasks);
    let rows = move || {
        suspend(async move {
            tasks.await.map(|page| {
                view! { <TaskTable page query=query() empty=|| view! { <Nothing /> }.into_any() reload=move || tasks.refetch() /> }
            })
        })
    };
    view! {
        <Page title="Needs you" crumbs=vec![Crumb::here("Needs you")]>
            <div class="page-head"><h1>"Needs you"</h1></div>
            <Transition fallback=TableSkeleton>
                <ErrorBoundary fallback=fault_panels>{part(rows)}</ErrorBoundary>
            </Transition>
        </Page>
    }
}

#[component]
fn Nothing() -> impl IntoView {
    view! {
        <section class="empty">
            <h2>"Nothing waits for you"</h2>
            <p>"Reviews and questions of agents appear here."</p>
            <p><a class="link" href="/">"All tasks"</a></p>
        </section>
    }
}
