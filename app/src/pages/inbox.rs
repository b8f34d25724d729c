//! What was told of the tasks: what waits, what came of it, what went wrong.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::needs_you::{PAGE_SIZE, look};
use crate::api::{NotificationQuery, NotificationView, Page as ApiPage, ReadCount};
use crate::components::clock::Time;
use crate::components::faults::fault_panels;
use crate::components::form::{PostForm, Posting};
use crate::components::frame::Installation;
use crate::components::icon::Glyph;
use crate::components::kind_boxes::kind_boxes;
use crate::components::page::{Crumb, Page};
use crate::domain::id::NotificationId;
use crate::fault::Fault;
use crate::live::{Follow, Live};
use crate::reactive::{effect, part, rows, suspend};
use crate::resource::resource;
use crate::wire::Json;

/// A page of what was told.
#[server(prefix = "/sfn", endpoint = "notifications/list", input = Json, output = Json)]
pub async fn list_notifications(
    #[server(default)] query: NotificationQuery,
) -> Result<ApiPage<NotificationView>, Fault> {
    crate::backend::backend()?.notifications(query).await
}

/// Marks one as read, all if none is named.
#[server(prefix = "/sfn", endpoint = "notifications/read", output = Json)]
pub async fn mark_read(#[server(default)] id: Option<NotificationId>) -> Result<ReadCount, Fault> {
    crate::backend::backend()?.read_notifications(id).await
}

/// The inbox, newest first.
#[component]
pub fn InboxPage() -> impl IntoView {
    let live = expect_context::<Live>();
    effect(move || live.follow(Follow::Tasks));
    let address = use_query_map();
    let query = move || {
        address.with(|map| NotificationQuery {
            filter: map.get("filter"),
            limit: Some(PAGE_SIZE),
            cursor: map.get("cursor"),
        })
    };
    let told = resource(query, list_notifications);
    // Newest first, and nothing is typed here: the list may be drawn again.
    live.after_moves(move || told.refetch());
    let mark = Posting::<MarkRead>::new();
    let installation = expect_context::<Installation>();
    effect(move || {
        if mark.is_answered() {
            told.refetch();
            installation.refresh();
        }
    });
    let shown = move || {
        suspend(async move {
            told.await
                .map(|page| view! { <Told page query=query() mark /> })
        })
    };
    let is_unread = move || query().filter.as_deref() == Some("unread");
    let current = move |unread: bool| (is_unread() == unread).then_some("true");
    view! {
        <Page title="Inbox" crumbs=vec![Crumb::here("Inbox")]>
            <div class="page-head">
                <h1>"Inbox"</h1>
                <PostForm action=mark>
                    <button class="btn btn-sm" disabled=mark.pending()>"Mark all as read"</button>
                </PostForm>
            </div>
            <nav class="filters" aria-label="Filters">
                <ul>
                    <li><a class="chip" href="/inbox" aria-current=move || current(false)>"All"</a></li>
                    <li><a class="chip" href="/inbox?filter=unread" aria-current=move || current(true)>"Unread"</a></li>
                </ul>
            </nav>
            <Transition fallback=super::list::TableSkeleton>
                <ErrorBoundary fallback=fault_panels>{part(shown)}</ErrorBoundary>
            </Transition>
            <PushKinds />
        </Page>
    }
    .into_any()
}

#[component]
fn Told(
    page: ApiPage<NotificationView>,
    query: NotificationQuery,
    mark: Posting<MarkRead>,
) -> impl IntoView {
    if page.items.is_empty() {
        return view! {
            <section class="empty">
                <h2>"Nothing new"</h2>
                <p>"What agents ask, finish or fail at is told here."</p>
            </section>
        }
        .into_any();
    }
    let next = page.next_cursor.map(|cursor| {
        let filter = query.filter.map(|filter| format!("filter={filter}&"));
        let href = format!("/inbox?{}cursor={cursor}", filter.unwrap_or_default());
        view! { <p class="load-more"><a class="btn btn-sm" href=href>"Older"</a></p> }
    });
    let items = page.items;
    let each = move || items.clone();
    let key = |item: &NotificationView| {
        format!(
            "{} {} {}",
            item.id,
            item.read_at.is_some(),
            item.resolved_at.is_some()
        )
    };
    view! {
        <ul class="told-list">{rows(each, key, move |item| view! { <Row item mark /> })}</ul>
        {next}
    }
    .into_any()
}

#[component]
fn Row(item: NotificationView, mark: Posting<MarkRead>) -> impl IntoView {
    let (icon, word, tone) = look(item.kind);
    let is_settled = item.resolved_at.is_some();
    let is_unread = item.read_at.is_none() && !is_settled;
    let id = item.id.to_string();
    let form = is_unread.then(|| {
        let id = id.clone();
        view! {
            <PostForm action=mark>
                <input type="hidden" name="id" value=id />
                <button class="btn btn-sm" disabled=mark.pending()>"Mark as read"</button>
            </PostForm>
        }
    });
    // Whoever goes there has read it.
    let seen = Action::new(move |id: &NotificationId| mark_read(Some(*id)));
    let installation = expect_context::<Installation>();
    effect(move || {
        if seen.value().with(Option::is_some) {
            installation.refresh();
        }
    });
    let go = move |_| {
        if is_unread {
            seen.dispatch(item.id);
        }
    };
    view! {
        <li class="told" data-unread=is_unread.then_some("") data-settled=is_settled.then_some("")>
            <span class="pill" data-tone=tone><Glyph icon /> {word}</span>
            <div class="told-main">
                <a class="told-title" href=item.href data-row on:click=go>
                    {is_unread.then(|| view! { <span class="visually-hidden">"Unread: "</span> })} {item.title}
                </a>
                <p class="told-text">{item.text}</p>
            </div>
            <span class="told-time num">{is_settled.then_some("Settled · ")} <Time at=item.raised_at /></span>
            <div class="told-action">{form}</div>
        </li>
    }
    .into_any()
}

/// Of what this browser tells while no page is open. A script of its own does it: few open it.
#[component]
fn PushKinds() -> impl IntoView {
    effect(|| {
        let script = document().create_element("script");
        let body = document().body();
        if let (Ok(script), Some(body)) = (script, body) {
            let is_told = script.set_attribute("src", "/push.js").is_ok();
            if is_told && body.append_child(&script).is_ok() {
                on_cleanup(move || script.remove());
            }
        }
    });
    view! {
        <details class="push">
            <summary>"Push to this browser"</summary>
            <noscript><p>"Push messages need JavaScript."</p></noscript>
            <form data-push="">
                <p class="muted">"The kind and the task's title are sent, encrypted, even while no page is open."</p>
                <fieldset class="push-kinds" disabled>
                    <legend class="visually-hidden">"What is pushed to this browser"</legend>
                    {kind_boxes(&[])}
                </fieldset>
                <p class="push-save"><button class="btn btn-sm">"Save"</button> <span role="status"></span></p>
            </form>
        </details>
    }
    .into_any()
}
