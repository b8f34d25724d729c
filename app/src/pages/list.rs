//! The list of tasks, filtered by what the address says.

use std::time::Duration;

use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_navigate, use_query_map};

use super::list_row::TaskRow;
use crate::api::{Page as ApiPage, TaskQuery, TaskView};
use crate::components::faults::fault_panels;
use crate::components::icon::{Glyph, Icon};
use crate::components::page::{Crumb, Page};
use crate::components::toast::Toasts;
use crate::domain::id::TaskId;
use crate::fault::Fault;
use crate::live::{Follow, Live, LiveEvent};
use crate::resource::resource;

/// A page of the list.
#[server(prefix = "/sfn", endpoint = "tasks/list")]
pub async fn list_tasks(#[server(default)] query: TaskQuery) -> Result<ApiPage<TaskView>, Fault> {
    crate::backend::backend()?.tasks(query).await
}

/// The filters by status, as the address names them.
const STATUSES: [(&str, &str); 7] = [
    ("", "All"),
    ("needs_you", "Needs you"),
    ("active", "Active"),
    ("draft", "Drafts"),
    ("completed", "Completed"),
    ("failed", "Failed"),
    ("cancelled", "Cancelled"),
];

/// The filters by type.
const TYPES: [(&str, &str); 5] = [
    ("", "Every type"),
    ("create_app", "New app"),
    ("modify_app", "Change an app"),
    ("workflow", "Automation"),
    ("custom", "Custom"),
];

/// What the address asks for.
pub fn query_of_address() -> Memo<TaskQuery> {
    let map = use_query_map();
    Memo::new(move |_| {
        map.with(|map| {
            let value = |name| map.get(name).filter(|value| !value.is_empty());
            TaskQuery {
                status: value("status"),
                task_type: value("type"),
                q: value("q"),
                limit: None,
                cursor: value("cursor"),
            }
        })
    })
}

/// The address of the list with these filters.
fn address(status: &str, task_type: &str, search: &str) -> String {
    let search = leptos_router::location::Url::escape(search);
    let pairs = [
        ("status", status),
        ("type", task_type),
        ("q", search.as_str()),
    ];
    let query: Vec<String> = pairs
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    if query.is_empty() {
        "/".to_owned()
    } else {
        format!("/?{}", query.join("&"))
    }
}

/// All tasks.
#[component]
pub fn TaskListPage() -> impl IntoView {
    let query = query_of_address();
    let live = expect_context::<Live>();
    Effect::new(move |_| live.follow(Follow::Tasks));
    let tasks = resource(move || query.get(), list_tasks);
    let filtered = move || {
        query.with(|query| query.status.is_some() || query.task_type.is_some() || query.q.is_some())
    };
    let rows = move || {
        Suspend::new(async move {
            tasks.await.map(|page| {
                view! { <TaskTable page query=query.get_untracked() is_filtered=filtered() reload=move || tasks.refetch() /> }
            })
        })
    };
    view! {
        <Page title="Tasks" crumbs=vec![Crumb::here("Tasks")]>
            <div class="page-head">
                <h1>"Tasks"</h1>
                <SearchForm query />
            </div>
            <Filters query />
            <Transition fallback=TableSkeleton>
                <ErrorBoundary fallback=fault_panels>{rows}</ErrorBoundary>
            </Transition>
        </Page>
    }
    .into_any()
}

/// Rows of the size the real ones have.
#[component]
pub fn TableSkeleton() -> impl IntoView {
    let row = |_| view! { <li class="task-row skeleton-row"><span class="skeleton"></span></li> };
    view! { <ul class="task-table" aria-busy="true">{(0..6).map(row).collect_view()}</ul> }
}

#[component]
fn SearchForm(query: Memo<TaskQuery>) -> impl IntoView {
    let navigate = use_navigate();
    let typed = RwSignal::new(None::<String>);
    Effect::new(move |_| {
        let Some(text) = typed.get() else { return };
        let navigate = navigate.clone();
        let search = move || {
            let query = query.get_untracked();
            let target = address(
                query.status.as_deref().unwrap_or_default(),
                query.task_type.as_deref().unwrap_or_default(),
                &text,
            );
            let options = NavigateOptions {
                replace: true,
                scroll: false,
                ..NavigateOptions::default()
            };
            navigate(&target, options);
        };
        if let Ok(handle) = set_timeout_with_handle(search, Duration::from_millis(250)) {
            on_cleanup(move || handle.clear());
        }
    });
    let hidden = move |name: &'static str, value: fn(&TaskQuery) -> Option<String>| {
        move || {
            let value = query.with(value);
            value.map(|value| view! { <input type="hidden" name=name value=value /> })
        }
    };
    view! {
        <form class="search" method="get" action="/" role="search">
            {hidden("status", |query| query.status.clone())} {hidden("type", |query| query.task_type.clone())}
            <Glyph icon=Icon::Search />
            <input
                class="search-field"
                type="search"
                name="q"
                placeholder="Search tasks"
                aria-label="Search tasks"
                data-key="/"
                maxlength="200"
                value=query.with_untracked(|query| query.q.clone())
                on:input:target=move |event| typed.set(Some(event.target().value()))
            />
            <noscript>
                <button class="btn btn-sm">"Search"</button>
            </noscript>
        </form>
    }
    .into_any()
}

#[component]
fn Filters(query: Memo<TaskQuery>) -> impl IntoView {
    let chip = move |name: &'static str, label: &'static str, is_type: bool| {
        let parts = move || {
            let query = query.get();
            let own = if is_type {
                &query.task_type
            } else {
                &query.status
            };
            let is_chosen = own.as_deref().unwrap_or_default() == name;
            let status = query.status.as_deref().unwrap_or_default();
            let task_type = query.task_type.as_deref().unwrap_or_default();
            let (status, task_type) = if is_type {
                (status, name)
            } else {
                (name, task_type)
            };
            let href = address(status, task_type, query.q.as_deref().unwrap_or_default());
            (href, is_chosen.then_some("true"))
        };
        view! {
            <li><a class="chip" href=move || parts().0 aria-current=move || parts().1>{label}</a></li>
        }
    };
    view! {
        <nav class="filters" aria-label="Filters">
            <ul>{STATUSES.map(|(name, label)| chip(name, label, false)).into_iter().collect_view()}</ul>
            <ul class="filters-types">{TYPES.map(|(name, label)| chip(name, label, true)).into_iter().collect_view()}</ul>
        </nav>
    }
    .into_any()
}

/// Tasks row by row. Rows follow what happens, but keep their places.
#[component]
pub fn TaskTable(
    page: ApiPage<TaskView>,
    query: TaskQuery,
    is_filtered: bool,
    reload: impl Fn() + Copy + Send + Sync + 'static,
) -> impl IntoView {
    let rows = RwSignal::new(
        page.items
            .into_iter()
            .map(RwSignal::new)
            .collect::<Vec<_>>(),
    );
    let next = RwSignal::new(page.next_cursor);
    let news = RwSignal::new(0_usize);
    let live = expect_context::<Live>();
    let newest = rows.with_untracked(|rows| {
        rows.iter()
            .map(|row| row.with_untracked(|task| task.created_at))
            .max()
    });
    Effect::new(move |_| {
        let unknown = StoredValue::new(Vec::<TaskId>::new());
        live.subscribe(move |event| {
            let LiveEvent::Status(task) = event else {
                return;
            };
            let row = rows.with_untracked(|rows| {
                rows.iter()
                    .copied()
                    .find(|row| row.with_untracked(|known| known.id == task.id))
            });
            if let Some(row) = row {
                if row.with_untracked(|known| known.version < task.version) {
                    row.set(task.clone());
                }
            } else if !is_filtered && newest.is_none_or(|newest| task.created_at > newest) {
                unknown.update_value(|unknown| {
                    if !unknown.contains(&task.id) {
                        unknown.push(task.id);
                    }
                    news.set(unknown.len());
                });
            }
        });
    });
    let is_empty = move || rows.with(Vec::is_empty);
    view! {
        <p class="news" hidden=move || news.get() == 0>
            <button type="button" class="btn btn-sm" on:click=move |_| reload()>
                {move || crate::components::number::counted(news.get(), "new task")} ", show"
            </button>
        </p>
        <Show when=move || !is_empty() fallback=move || view! { <NoTasks is_filtered /> }>
            <ul class="task-table">
                <For each=move || rows.get() key=|row| row.with_untracked(|task| task.id) let:task>
                    <TaskRow task />
                </For>
            </ul>
        </Show>
        <LoadMore query rows next />
    }
    .into_any()
}

#[component]
fn LoadMore(
    query: TaskQuery,
    rows: RwSignal<Vec<RwSignal<TaskView>>>,
    next: RwSignal<Option<String>>,
) -> impl IntoView {
    let toasts = expect_context::<Toasts>();
    let query = StoredValue::new(query);
    let load = Action::new(move |cursor: &String| {
        let cursor = Some(cursor.clone());
        list_tasks(TaskQuery {
            cursor,
            ..query.get_value()
        })
    });
    Effect::new(move |_| match load.value().get() {
        Some(Ok(page)) => {
            rows.update(|rows| rows.extend(page.items.into_iter().map(RwSignal::new)));
            next.set(page.next_cursor);
        }
        Some(Err(fault)) => toasts.failed(&fault),
        None => {}
    });
    let href = move |cursor: &str| {
        let query = query.get_value();
        let [status, task_type, q] =
            [query.status, query.task_type, query.q].map(Option::unwrap_or_default);
        let base = address(&status, &task_type, &q);
        let joint = if base.contains('?') { '&' } else { '?' };
        format!(
            "{base}{joint}cursor={}",
            leptos_router::location::Url::escape(cursor)
        )
    };
    move || {
        next.get().map(|cursor| {
            let href = href(&cursor);
            view! {
                <p class="load-more">
                    <a
                        class="btn btn-sm"
                        href=href
                        aria-busy=move || load.pending().get().then_some("true")
                        on:click=move |event| {
                            event.prevent_default();
                            load.dispatch(cursor.clone());
                        }
                    >
                        "Show more"
                    </a>
                </p>
            }
        })
    }
}

#[component]
fn NoTasks(is_filtered: bool) -> impl IntoView {
    if is_filtered {
        return view! {
            <section class="empty">
                <h2>"No task matches"</h2>
                <p><a class="link" href="/">"Show all tasks"</a></p>
            </section>
        }
        .into_any();
    }
    view! {
        <section class="empty">
            <h2>"Describe a job, and an agent works on it here"</h2>
            <p>
                <a class="btn btn-primary" href="/tasks/new"><Glyph icon=Icon::Plus /> "New task"</a>
            </p>
            <p><a class="link" href="/tasks/new?type=create_app&model=scripted-demo">"Or watch the scripted demo"</a></p>
        </section>
    }
    .into_any()
}
