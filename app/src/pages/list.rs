//! The list of tasks, filtered by what the address says.

use std::time::Duration;

use leptos::html::Input;
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_navigate, use_query_map};

use super::list_row::{TaskRow, type_name};
use super::list_section::Section;
use crate::api::{Page as ApiPage, TaskQuery, TaskView};
use crate::components::faults::fault_panels;
use crate::components::icon::{Glyph, Icon};
use crate::components::page::{Crumb, Page};
use crate::components::toast::Toasts;
use crate::domain::id::TaskId;
use crate::domain::plan::TaskType;
use crate::fault::Fault;
use crate::live::{Follow, Live, LiveEvent};
use crate::reactive::{self, Memo, effect, list, memo, part, suspend};
use crate::resource::resource;
use crate::wire::Json;

/// A page of the list.
#[server(prefix = "/sfn", endpoint = "tasks/list", input = Json, output = Json)]
pub async fn list_tasks(#[server(default)] query: TaskQuery) -> Result<ApiPage<TaskView>, Fault> {
    crate::backend::backend()?.tasks(query).await
}

/// The filters by status, as the address names them.
const STATUSES: [(&str, &str); 8] = [
    ("", "All"),
    ("needs_you", "Needs you"),
    ("active", "Active"),
    ("paused", "Paused"),
    ("draft", "Drafts"),
    ("completed", "Completed"),
    ("failed", "Failed"),
    ("cancelled", "Cancelled"),
];

/// What the address asks for.
pub fn query_of_address() -> Memo<TaskQuery> {
    let map = use_query_map();
    memo(move || {
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
    effect(move || live.follow(Follow::Tasks));
    let tasks = resource(move || query.get(), list_tasks);
    let filtered = move || {
        query.with(|query| query.status.is_some() || query.task_type.is_some() || query.q.is_some())
    };
    let rows = move || {
        suspend(async move {
            tasks.await.map(|page| {
                let empty = if filtered() {
                    || view! { <NoMatch /> }.into_any()
                } else {
                    || view! { <NoTasks /> }.into_any()
                };
                view! { <TaskTable page query=query.get_untracked() empty reload=move || tasks.refetch() /> }
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
                <ErrorBoundary fallback=fault_panels>{part(rows)}</ErrorBoundary>
            </Transition>
        </Page>
    }
    .into_any()
}

/// Rows of the size the real ones have.
#[component]
pub fn TableSkeleton() -> impl IntoView {
    let row = |_| view! { <li class="task-row skeleton-row"><span class="skeleton"></span></li> };
    view! { <ul class="task-table" aria-busy="true">{list((0..6).map(row))}</ul> }
}

#[component]
fn SearchForm(query: Memo<TaskQuery>) -> impl IntoView {
    let navigate = use_navigate();
    let typed = RwSignal::new(None::<String>);
    let field = NodeRef::<Input>::new();
    // What the field searched for last; another text in the address is somebody else's.
    let own = StoredValue::new(query.with_untracked(search_text));
    effect(move || {
        let text = query.with(search_text);
        if own.get_value() != text {
            if let Some(field) = field.get_untracked() {
                field.set_value(&text);
            }
            own.set_value(text);
        }
    });
    effect(move || {
        let Some(text) = typed.get() else { return };
        let navigate = navigate.clone();
        let search = move || {
            own.set_value(text.clone());
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
                node_ref=field
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

fn search_text(query: &TaskQuery) -> String {
    query.q.clone().unwrap_or_default()
}

#[component]
fn Filters(query: Memo<TaskQuery>) -> impl IntoView {
    let chip = move |name: String, label: &'static str, is_type: bool| {
        let parts = memo(move || {
            let name = name.as_str();
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
        });
        view! {
            <li><a class="chip" href=move || parts.get().0 aria-current=move || parts.get().1>{label}</a></li>
        }
    };
    let statuses = STATUSES.map(|(name, label)| chip(name.to_owned(), label, false));
    let every_type = chip(String::new(), "Every type", true);
    let types = TaskType::ALL.map(|each| chip(each.to_string(), type_name(each), true));
    view! {
        <nav class="filters" aria-label="Filters">
            <ul>{list(statuses)}</ul>
            <ul class="filters-types">{every_type} {list(types)}</ul>
        </nav>
    }
    .into_any()
}

/// Rows of a table. Counted references: a row outlives the effect that made it.
type Rows = RwSignal<Vec<ArcRwSignal<TaskView>>>;

/// Tasks row by row. Rows follow what happens, but keep their places; what would have to come in
/// between is announced.
#[component]
pub fn TaskTable(
    page: ApiPage<TaskView>,
    query: TaskQuery,
    /// What is shown without rows.
    empty: fn() -> AnyView,
    reload: impl Fn() + Copy + Send + Sync + 'static,
) -> impl IntoView {
    let section = Section::of(&page, &query);
    let rows = Rows::new(page.items.into_iter().map(ArcRwSignal::new).collect());
    let next = RwSignal::new(page.next_cursor);
    let news = RwSignal::new(Vec::<TaskId>::new());
    let live = expect_context::<Live>();
    effect(move || {
        let section = section.clone();
        live.subscribe(move |event| match event {
            LiveEvent::Status(task) if update_row(rows, task) => {}
            LiveEvent::Status(task) => {
                let is_new = section.takes(task);
                let is_known = news.with_untracked(|news| news.contains(&task.id));
                if is_new && rows.with_untracked(Vec::is_empty) {
                    // Nothing can jump where nothing is.
                    rows.set(vec![ArcRwSignal::new(task.as_ref().clone())]);
                } else if is_new != is_known {
                    news.update(|news| {
                        news.retain(|id| *id != task.id);
                        news.extend(is_new.then_some(task.id));
                    });
                }
            }
            LiveEvent::Gone(id) => {
                rows.update(|rows| rows.retain(|row| row.with_untracked(|task| task.id != *id)));
                news.update(|news| news.retain(|other| other != id));
            }
            LiveEvent::Reset => reload(),
            _ => {}
        });
    });
    let is_empty = move || rows.with(Vec::is_empty);
    let each = move || rows.get();
    let show_news = move || {
        let count = news.with(Vec::len);
        let plural = if count == 1 { "" } else { "s" };
        format!("Show {count} new task{plural}")
    };
    view! {
        <p class="news" hidden=move || news.with(Vec::is_empty)>
            <button type="button" class="btn btn-sm" on:click=move |_| reload()>{part(show_news)}</button>
        </p>
        <Show when=move || !is_empty() fallback=empty>
            <ul class="task-table">
                {reactive::rows(each, |row| row.with_untracked(|task| task.id.to_string()), |task| view! { <TaskRow task /> })}
            </ul>
        </Show>
        <LoadMore query rows next />
    }
    .into_any()
}

#[component]
fn LoadMore(query: TaskQuery, rows: Rows, next: RwSignal<Option<String>>) -> impl IntoView {
    let toasts = expect_context::<Toasts>();
    let query = StoredValue::new(query);
    let load = Action::new(move |cursor: &String| {
        let cursor = Some(cursor.clone());
        list_tasks(TaskQuery {
            cursor,
            ..query.get_value()
        })
    });
    effect(move || match load.value().get() {
        Some(Ok(page)) => {
            rows.update(|rows| rows.extend(page.items.into_iter().map(ArcRwSignal::new)));
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

/// Gives the task's row its news. Whether there is such a row.
fn update_row(rows: Rows, task: &TaskView) -> bool {
    let known = |row: &&ArcRwSignal<TaskView>| row.with_untracked(|known| known.id == task.id);
    let row = rows.with_untracked(|rows| rows.iter().find(known).cloned());
    let is_older = |known: &TaskView| known.version < task.version;
    if let Some(row) = row.as_ref().filter(|row| row.with_untracked(is_older)) {
        row.set(task.clone());
    }
    row.is_some()
}

#[component]
fn NoMatch() -> impl IntoView {
    view! {
        <section class="empty">
            <h2>"No task matches"</h2>
            <p><a class="link" href="/">"Show all tasks"</a></p>
        </section>
    }
    .into_any()
}

#[component]
fn NoTasks() -> impl IntoView {
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
