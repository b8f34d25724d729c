//! Pages and parts of them whose code the browser fetches when they are first shown, so that the first page
//! is there sooner.
//!
//! Each function with `wasm_split` begins a module of that name, which `scripts/build.sh` cuts out of the linked
//! one; there is one function for each, since each knows by itself only whether its module was fetched. On the
//! server they are called as they are. A page is hydrated only once its code is there: a view that arrives later
//! would not find its elements.

#![expect(
    clippy::unnecessary_wraps,
    reason = "what fails, a module that can't be had, is in the code that the macro adds"
)]

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::wasm_split::{SplitLoaderError, wasm_split};

use super::activity::Activity;
use super::changes::Changes;
use super::checkpoints::Checkpoints;
use super::estimates::EstimatesPage;
use super::files::Files;
use super::guides::{GuidePage, GuidesPage};
use super::history::History;
use super::inbox::InboxPage;
use super::list::TaskListPage;
use super::needs_you::NeedsYouPage;
use super::new_task::NewTaskPage;
use super::permissions::Permissions;
use super::queue::QueuePage;
use super::review::ReviewPanel;
use super::schedules::SchedulesPage;
use super::settings::SettingsPage;
use super::task::TaskPage;
use super::task_state::TaskState;
use super::task_usage::TaskUsage;
use super::usage::UsagePage;
use crate::components::icon::{Glyph, Icon};
use crate::reactive::part;

type Fetched = Result<(), SplitLoaderError>;
type Drawn = Result<AnyView, SplitLoaderError>;

#[wasm_split(list, wasm_split_path = leptos::wasm_split, preload(fetch_list), fallible)]
fn draw_list() -> Drawn {
    Ok(view! { <TaskListPage /> }.into_any())
}

#[wasm_split(settings, wasm_split_path = leptos::wasm_split, preload(fetch_settings), fallible)]
fn draw_settings() -> Drawn {
    Ok(view! { <SettingsPage /> }.into_any())
}

#[wasm_split(task, wasm_split_path = leptos::wasm_split, preload(fetch_task), fallible)]
fn draw_task() -> Drawn {
    Ok(view! { <TaskPage /> }.into_any())
}

#[wasm_split(activity, wasm_split_path = leptos::wasm_split, preload(fetch_activity), fallible)]
fn draw_activity(state: TaskState) -> Drawn {
    Ok(view! { <Activity state /> }.into_any())
}

#[wasm_split(review, wasm_split_path = leptos::wasm_split, preload(fetch_review), fallible)]
fn draw_review(state: TaskState) -> Drawn {
    Ok(view! { <ReviewPanel state /> }.into_any())
}

/// The tabs that come in one module.
#[derive(Clone, Copy)]
enum LazyTab {
    Files,
    Changes,
    Permissions,
    Usage,
    Checkpoints,
    History,
}

#[wasm_split(tabs, wasm_split_path = leptos::wasm_split, preload(fetch_tabs), fallible)]
fn draw_tab(tab: LazyTab, state: TaskState) -> Drawn {
    Ok(match tab {
        LazyTab::Files => view! { <Files state /> }.into_any(),
        LazyTab::Changes => view! { <Changes state /> }.into_any(),
        LazyTab::Permissions => view! { <Permissions state /> }.into_any(),
        LazyTab::Usage => view! { <TaskUsage state /> }.into_any(),
        LazyTab::Checkpoints => view! { <Checkpoints state /> }.into_any(),
        LazyTab::History => view! { <History state /> }.into_any(),
    })
}

/// The small pages, which come in one module.
#[derive(Clone, Copy)]
enum SmallPage {
    NeedsYou,
    Inbox,
    NewTask,
    Guides,
    Guide,
    Usage,
    Estimates,
}

#[wasm_split(small, wasm_split_path = leptos::wasm_split, preload(fetch_small), fallible)]
fn draw_small(page: SmallPage) -> Drawn {
    Ok(match page {
        SmallPage::NeedsYou => view! { <NeedsYouPage /> }.into_any(),
        SmallPage::Inbox => view! { <InboxPage /> }.into_any(),
        SmallPage::NewTask => view! { <NewTaskPage /> }.into_any(),
        SmallPage::Guides => view! { <GuidesPage /> }.into_any(),
        SmallPage::Guide => view! { <GuidePage /> }.into_any(),
        SmallPage::Usage => view! { <UsagePage /> }.into_any(),
        SmallPage::Estimates => view! { <EstimatesPage /> }.into_any(),
    })
}

#[wasm_split(planning, wasm_split_path = leptos::wasm_split, preload(fetch_planning), fallible)]
fn draw_planning(is_queue: bool) -> Drawn {
    Ok(if is_queue {
        view! { <QueuePage /> }.into_any()
    } else {
        view! { <SchedulesPage /> }.into_any()
    })
}

/// The list of tasks.
pub fn list_page() -> AnyView {
    lazily(fetch_list, draw_list)
}

/// A task.
pub fn task_page() -> AnyView {
    lazily(fetch_task, draw_task)
}

/// What waits for a person.
pub fn needs_you_page() -> AnyView {
    lazily(fetch_small, || draw_small(SmallPage::NeedsYou))
}

/// The notifications.
pub fn inbox_page() -> AnyView {
    lazily(fetch_small, || draw_small(SmallPage::Inbox))
}

/// The form for a new task.
pub fn new_task_page() -> AnyView {
    lazily(fetch_small, || draw_small(SmallPage::NewTask))
}

/// What waits for an agent.
pub fn queue_page() -> AnyView {
    lazily(fetch_planning, || draw_planning(true))
}

/// What makes tasks by itself.
pub fn schedules_page() -> AnyView {
    lazily(fetch_planning, || draw_planning(false))
}

/// The settings.
pub fn settings_page() -> AnyView {
    lazily(fetch_settings, draw_settings)
}

/// The guides.
pub fn guides_page() -> AnyView {
    lazily(fetch_small, || draw_small(SmallPage::Guides))
}

/// One guide.
pub fn guide_page() -> AnyView {
    lazily(fetch_small, || draw_small(SmallPage::Guide))
}

/// What was used.
pub fn usage_page() -> AnyView {
    lazily(fetch_small, || draw_small(SmallPage::Usage))
}

/// How good estimates were.
pub fn estimates_page() -> AnyView {
    lazily(fetch_small, || draw_small(SmallPage::Estimates))
}

/// What the task page's agent does and says.
pub fn activity(state: TaskState) -> AnyView {
    lazily(fetch_activity, move || draw_activity(state))
}

/// Its review.
pub fn review(state: TaskState) -> AnyView {
    lazily(fetch_review, move || draw_review(state))
}

/// Its files.
pub fn files(state: TaskState) -> AnyView {
    lazily(fetch_tabs, move || draw_tab(LazyTab::Files, state))
}

/// Its changes.
pub fn changes(state: TaskState) -> AnyView {
    lazily(fetch_tabs, move || draw_tab(LazyTab::Changes, state))
}

/// Its permissions.
pub fn permissions(state: TaskState) -> AnyView {
    lazily(fetch_tabs, move || draw_tab(LazyTab::Permissions, state))
}

/// What it has used.
pub fn task_usage(state: TaskState) -> AnyView {
    lazily(fetch_tabs, move || draw_tab(LazyTab::Usage, state))
}

/// Its checkpoints.
pub fn checkpoints(state: TaskState) -> AnyView {
    lazily(fetch_tabs, move || draw_tab(LazyTab::Checkpoints, state))
}

/// Its history.
pub fn history(state: TaskState) -> AnyView {
    lazily(fetch_tabs, move || draw_tab(LazyTab::History, state))
}

/// Fetches the code of the page at this path, so that it can be hydrated.
///
/// # Errors
/// A module can't be had: the connection failed, or the server has other ones by now.
pub async fn fetch(path: &str) -> Fetched {
    let mut parts = path.split('/').skip(1);
    match (parts.next(), parts.next(), parts.next()) {
        (Some(""), None, None) => fetch_list().await,
        (Some("settings"), ..) => fetch_settings().await,
        (Some("queue" | "schedules"), ..) => fetch_planning().await,
        (Some("guides" | "inbox" | "needs-you" | "usage"), ..)
        | (Some("tasks"), Some("new"), None) => fetch_small().await,
        (Some("tasks"), Some(_), None) => both(fetch_task, fetch_activity).await,
        (Some("tasks"), Some(_), Some("review")) => both(fetch_task, fetch_review).await,
        (Some("tasks"), Some(_), Some(_)) => both(fetch_task, fetch_tabs).await,
        _ => Ok(()),
    }
}

/// Fetches what the page did not need, so that the next one is there at once.
pub async fn fetch_rest() {
    // What fails here is asked for again when it is needed, and told of then.
    fetch_list().await.ok();
    fetch_task().await.ok();
    fetch_activity().await.ok();
    fetch_review().await.ok();
    fetch_tabs().await.ok();
    fetch_small().await.ok();
    fetch_planning().await.ok();
    fetch_settings().await.ok();
}

/// Two at the same time.
async fn both<A, B>(first: fn() -> A, second: fn() -> B) -> Fetched
where
    A: Future<Output = Fetched> + 'static,
    B: Future<Output = Fetched>,
{
    // What is fetched already is not fetched again.
    spawn_local(async move {
        first().await.ok();
    });
    second().await?;
    first().await
}

/// The view if its code is there, as it always is on the server; else what is shown until it is.
fn lazily<F, D>(fetch: fn() -> F, draw: impl Fn() -> D + Send + 'static) -> AnyView
where
    F: Future<Output = Fetched> + 'static,
    D: Future<Output = Drawn> + 'static,
{
    let fetched = RwSignal::new(None);
    part(move || {
        let is_fetched = fetched.get();
        match untrack(|| now(draw())) {
            Some(Ok(view)) => view,
            None if is_fetched.is_none() => {
                spawn_local(async move {
                    let is_fetched = fetch().await.is_ok();
                    fetched.try_set(Some(is_fetched));
                });
                view! { <div class="skeleton" aria-busy="true"></div> }.into_any()
            }
            Some(Err(_)) | None => view! { <NotFetched /> }.into_any(),
        }
    })
}

/// Only browsers come to see this.
#[component]
fn NotFetched() -> impl IntoView {
    let reload = |_| {
        // A page that can't be loaded anew stays as it is.
        location().reload().ok();
    };
    view! {
        <section class="panel fault" data-tone="failed" role="alert">
            <h2><Glyph icon=Icon::Alert /> "This part of the page could not be loaded."</h2>
            <p>"The server can't be reached, or it was renewed since this page was opened."</p>
            <button type="button" class="button" on:click=reload>"Load the page again"</button>
        </section>
    }
}

/// What a future has at once.
fn now<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}
