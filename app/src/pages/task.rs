//! A task's page.

use leptos::prelude::*;
use leptos_router::hooks::use_params_map;

use super::lazy;
use super::not_found::NotFoundPage;
use super::task_attention::Attention;
use super::task_header::{Confirmation, PhaseBar, TaskHeader};
use super::task_state::TaskState;
use crate::api::TaskDetail;
use crate::components::faults::FaultPanel;
use crate::components::page::{Crumb, Page};
use crate::components::pill::{Look, needs_person};
use crate::domain::id::TaskId;
use crate::domain::task::ReviewState;
use crate::fault::Fault;
use crate::live::{Follow, Live, LiveEvent};
use crate::reactive::{Memo, effect, list, memo, part, suspend};
use crate::resource::resource;
use crate::wire::Json;

/// Everything that a task's page shows at first.
#[server(prefix = "/sfn", endpoint = "tasks/get", input = Json, output = Json)]
pub async fn load_task(id: TaskId) -> Result<TaskDetail, Fault> {
    crate::backend::backend()?.task(id).await
}

/// What is shown below a task's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tab {
    Activity,
    Review,
    Files,
    Changes,
    Permissions,
    Usage,
    Checkpoints,
    History,
}

impl Tab {
    const ALL: [Self; 8] = [
        Self::Activity,
        Self::Review,
        Self::Files,
        Self::Changes,
        Self::Permissions,
        Self::Usage,
        Self::Checkpoints,
        Self::History,
    ];

    fn of_address(segment: Option<&str>) -> Option<Self> {
        let segment = segment.unwrap_or_default();
        Self::ALL.into_iter().find(|tab| tab.segment() == segment)
    }

    const fn segment(self) -> &'static str {
        match self {
            Self::Activity => "",
            Self::Review => "review",
            Self::Files => "files",
            Self::Changes => "changes",
            Self::Permissions => "permissions",
            Self::Usage => "usage",
            Self::Checkpoints => "checkpoints",
            Self::History => "history",
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Activity => "Activity",
            Self::Review => "Review",
            Self::Files => "Files",
            Self::Changes => "Changes",
            Self::Permissions => "Permissions",
            Self::Usage => "Usage",
            Self::Checkpoints => "Checkpoints",
            Self::History => "History",
        }
    }

    fn href(self, id: TaskId) -> String {
        match self.segment() {
            "" => format!("/tasks/{id}"),
            segment => format!("/tasks/{id}/{segment}"),
        }
    }
}

/// A task: what it needs, how far it is, and what happened.
#[component]
pub fn TaskPage() -> impl IntoView {
    let params = use_params_map();
    let id = memo(move || params.with(|params| params.get("id")?.parse::<TaskId>().ok()));
    let tab = memo(move || params.with(|params| Tab::of_address(params.get_str("tab"))));
    let detail = resource(
        move || id.get(),
        async |id| match id {
            Some(id) => load_task(id).await,
            None => Err(Fault::NotFound {
                what: "task".to_owned(),
            }),
        },
    );
    let page = move || {
        suspend(async move {
            match detail.await {
                Ok(loaded) => {
                    view! { <Task loaded tab reload=Callback::new(move |()| detail.refetch()) /> }
                        .into_any()
                }
                Err(Fault::NotFound { .. }) => view! { <NotFoundPage /> }.into_any(),
                Err(fault) => view! {
                    <Page title="Task" crumbs=vec![Crumb::link("Tasks", "/"), Crumb::here("Task")]>
                        <FaultPanel fault />
                    </Page>
                }
                .into_any(),
            }
        })
    };
    let known_tab = move || tab.get().is_some();
    view! {
        <Show when=known_tab fallback=NotFoundPage>
            <Transition fallback=TaskSkeleton>{part(page)}</Transition>
        </Show>
    }
    .into_any()
}

#[component]
fn TaskSkeleton() -> impl IntoView {
    view! {
        <Page title="Task" crumbs=vec![Crumb::link("Tasks", "/"), Crumb::here("Task")]>
            <div class="task-skeleton" aria-busy="true">
                <div class="skeleton"></div>
                <div class="skeleton"></div>
                <div class="skeleton"></div>
            </div>
        </Page>
    }
    .into_any()
}

#[component]
fn Task(loaded: TaskDetail, tab: Memo<Option<Tab>>, reload: Callback<()>) -> impl IntoView {
    let live = expect_context::<Live>();
    let version = loaded.task.version;
    let state = TaskState::new(loaded);
    provide_context(state);
    effect(move || {
        live.follow(Follow::Task {
            id: state.id,
            version,
            log_seq: state.log_seq,
        });
        live.subscribe(move |event| {
            state.apply(event, live);
            if matches!(event, LiveEvent::Reset) {
                reload.run(());
            }
        });
    });
    let task_title = state.task.with_untracked(|task| task.title.clone());
    let content = move || {
        tab.get().map(|tab| match tab {
            Tab::Activity => lazy::activity(state),
            Tab::Review => lazy::review(state),
            Tab::Files => lazy::files(state),
            Tab::Changes => lazy::changes(state),
            Tab::Permissions => lazy::permissions(state),
            Tab::Usage => lazy::task_usage(state),
            Tab::Checkpoints => lazy::checkpoints(state),
            Tab::History => lazy::history(state),
        })
    };
    view! {
        <Page title=tab_title(state) crumbs=vec![Crumb::link("Tasks", "/"), Crumb::here(task_title)] class="content-task">
            <TaskHeader state />
            <PhaseBar state />
            <Attention state is_reviewing=Signal::derive(move || tab.get() == Some(Tab::Review)) />
            <Tabs state tab />
            <section class="tab-content" aria-label=move || tab.get().map(Tab::word)>{part(content)}</section>
            <Confirmation state />
        </Page>
    }
    .into_any()
}

/// What the browser's tab says: first what waits.
fn tab_title(state: TaskState) -> Signal<String> {
    Signal::derive(move || {
        state.task.with(|task| {
            if needs_person(task) {
                format!("● {} · {}", Look::of(task).word, task.title)
            } else {
                task.title.clone()
            }
        })
    })
}

#[component]
fn Tabs(state: TaskState, tab: Memo<Option<Tab>>) -> impl IntoView {
    let waits = move || {
        let is_open = state.reviews.with(|reviews| {
            reviews
                .iter()
                .any(|review| review.status == ReviewState::Open)
        });
        is_open.then(|| view! { <span class="dot dot-waiting"></span> })
    };
    let link = move |each: Tab| {
        let current = move || (tab.get() == Some(each)).then_some("page");
        let mark = (each == Tab::Review).then_some(waits);
        view! { <li><a href=each.href(state.id) aria-current=current>{each.word()} {mark}</a></li> }
    };
    view! {
        <nav class="tabs-bar" aria-label="Parts of the task">
            <ul>{list(Tab::ALL.map(link))}</ul>
        </nav>
    }
    .into_any()
}
