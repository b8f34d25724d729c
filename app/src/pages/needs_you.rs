//! All that waits for a person, answerable in one place.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::asking::Asking;
use super::dependency_card::Needed;
use super::list::TableSkeleton;
use super::question_card::Asked;
use super::task_actions::ActOnTask;
use super::task_attention::focus_next;
use crate::api::{NeedView, NeedsYou};
use crate::components::clock::Time;
use crate::components::faults::fault_panels;
use crate::components::form::{PostForm, Posting};
use crate::components::icon::{Glyph, Icon};
use crate::components::page::{Crumb, Page};
use crate::components::toast::Toasts;
use crate::domain::task::{Action as TaskAction, ConcernKind, DependencyState};
use crate::fault::Fault;
use crate::live::{Follow, Live};
use crate::reactive::{effect, part, rows, suspend};
use crate::resource::resource;
use crate::wire::Json;

/// So much is shown at once.
pub const PAGE_SIZE: u32 = 50;

/// A page of what waits, what waits for longest first.
#[server(prefix = "/sfn", endpoint = "needs-you", input = Json, output = Json)]
pub async fn load_needs(cursor: Option<String>) -> Result<NeedsYou, Fault> {
    crate::backend::backend()?
        .needs_you(PAGE_SIZE, cursor)
        .await
}

/// What a person has to decide, answer or provide, in one list.
#[component]
pub fn NeedsYouPage() -> impl IntoView {
    let live = expect_context::<Live>();
    effect(move || live.follow(Follow::Tasks));
    let address = use_query_map();
    let cursor = move || address.with(|map| map.get("cursor"));
    let needs = resource(cursor, load_needs);
    let shown = move || {
        suspend(async move {
            needs
                .await
                .map(|page| view! { <Needs page cursor=cursor() /> })
        })
    };
    view! {
        <Page title="Needs you" crumbs=vec![Crumb::here("Needs you")]>
            <div class="page-head"><h1>"Needs you"</h1></div>
            <Transition fallback=TableSkeleton>
                <ErrorBoundary fallback=fault_panels>{part(shown)}</ErrorBoundary>
            </Transition>
        </Page>
    }
    .into_any()
}

/// How a kind of concern is shown: its icon, its word, its colours.
pub const fn look(kind: ConcernKind) -> (Icon, &'static str, &'static str) {
    match kind {
        ConcernKind::Review => (Icon::Eye, "Review", "waiting"),
        ConcernKind::Question => (Icon::Question, "Question", "waiting"),
        ConcernKind::Permission => (Icon::Key, "Permission", "waiting"),
        ConcernKind::Dependency => (Icon::Key, "Dependency", "waiting"),
        ConcernKind::Completed => (Icon::Check, "Completed", "completed"),
        ConcernKind::Failed => (Icon::Cross, "Failed", "failed"),
        ConcernKind::Interrupted => (Icon::Message, "Interrupted", "waiting"),
        ConcernKind::Limit => (Icon::Hourglass, "Rate limit", "waiting"),
        ConcernKind::Budget | ConcernKind::BudgetWarning => (Icon::Alert, "Budget", "waiting"),
        ConcernKind::Error => (Icon::Key, "Credentials", "failed"),
    }
}

/// The list. It follows what happens, and keeps what is typed into the forms that stay.
#[component]
fn Needs(page: NeedsYou, cursor: Option<String>) -> impl IntoView {
    let asking = Asking {
        questions: RwSignal::new(Vec::new()),
        dependencies: RwSignal::new(Vec::new()),
        secrets: StoredValue::new(page.secrets),
        secret_files: StoredValue::new(page.secret_files),
    };
    let items = RwSignal::new(page.items);
    let next = RwSignal::new(page.next_cursor);
    let load = Action::new({
        let cursor = cursor.clone();
        move |(): &()| load_needs(cursor.clone())
    });
    let live = expect_context::<Live>();
    live.after_moves(move || {
        load.dispatch(());
    });
    effect(move || {
        if let Some(Ok(page)) = load.value().get() {
            items.set(page.items);
            next.set(page.next_cursor);
        }
    });
    let has_sent = StoredValue::new(false);
    effect(move || {
        asking.questions.track();
        asking.dependencies.track();
        if has_sent.get_value() {
            request_animation_frame(move || {
                if focus_next() {
                    has_sent.try_set_value(false);
                }
            });
        }
    });
    let each = move || {
        let mut needs = items.get();
        asking.questions.with(|settled| {
            for known in needs.iter_mut().filter_map(|need| need.question.as_mut()) {
                let settled = settled.iter().find(|settled| settled.id == known.id);
                if let Some(settled) = settled {
                    known.clone_from(settled);
                }
            }
        });
        asking.dependencies.with(|settled| {
            for known in needs.iter_mut().filter_map(|need| need.dependency.as_mut()) {
                let settled = settled.iter().find(|settled| settled.id == known.id);
                if let Some(settled) = settled {
                    known.clone_from(settled);
                }
            }
        });
        needs
    };
    let key = |need: &NeedView| {
        let question = need.question.as_ref().map(|question| question.status);
        let dependency = need.dependency.as_ref().map(|known| known.status);
        format!("{} {question:?} {dependency:?}", need.notification.id)
    };
    let rest = move || {
        next.get().map(|cursor| {
            view! { <p class="load-more"><a class="btn btn-sm" href=format!("/needs-you?cursor={cursor}")>"Show the next"</a></p> }
        })
    };
    let is_later = cursor.is_some();
    let empty = move || items.with(Vec::is_empty).then(|| nothing(is_later));
    view! {
        {part(empty)}
        <ul class="needs" on:submit=move |_| has_sent.set_value(true)>
            {rows(each, key, move |need| view! { <Need asking need /> })}
        </ul>
        {part(rest)}
    }
    .into_any()
}

fn nothing(is_later: bool) -> AnyView {
    let (words, href, link) = if is_later {
        (
            "Nothing more waits for you",
            "/needs-you",
            "From the beginning",
        )
    } else {
        ("Nothing waits for you", "/", "All tasks")
    };
    view! {
        <section class="empty">
            <h2>{words}</h2>
            <p>"Reviews and questions of agents appear here."</p>
            <p><a class="link" href=href>{link}</a></p>
        </section>
    }
    .into_any()
}

#[component]
fn Need(asking: Asking, need: NeedView) -> impl IntoView {
    let NeedView {
        notification,
        question,
        dependency,
    } = need;
    let (icon, word, tone) = look(notification.kind);
    let (text, href) = (notification.text, notification.href.clone());
    let form = match (notification.kind, question, dependency) {
        (_, Some(question), _) => view! { <Asked asking question /> }.into_any(),
        (_, _, Some(needed)) if needed.status == DependencyState::Open => {
            view! { <Needed asking needed /> }.into_any()
        }
        (_, _, Some(settled)) => {
            let what = match settled.status {
                DependencyState::Declined => "Declined: ",
                _ => "Given: ",
            };
            view! { <p class="answer-given"><Glyph icon=Icon::Check /> {what} {settled.name}</p> }
                .into_any()
        }
        (ConcernKind::Review, ..) => view! {
            <div class="attention-row">
                <p class="attention-text">{text}</p>
                <a class="btn btn-sm btn-accent" href=href><Glyph icon=Icon::Eye /> "Open the review"</a>
            </div>
        }
        .into_any(),
        (ConcernKind::Failed | ConcernKind::Error, ..) => {
            view! { <Retry id=notification.task_id.to_string() text /> }.into_any()
        }
        _ => view! { <p class="attention-text">{text}</p> }.into_any(),
    };
    view! {
        <li class="need attention" data-tone=tone>
            <div class="need-head">
                <span class="pill" data-tone=tone><Glyph icon /> {word}</span>
                <h2><a href=notification.href data-row>{notification.title}</a></h2>
                <span class="told-time num"><Time at=notification.raised_at /></span>
            </div>
            {form}
        </li>
    }
    .into_any()
}

/// What went wrong, and the button that tries again.
#[component]
fn Retry(id: String, text: String) -> impl IntoView {
    let toasts = expect_context::<Toasts>();
    let act = Posting::<ActOnTask>::new();
    effect(move || match act.answer() {
        Some(Ok(changed)) => toasts.done(format!("“{}” is queued", changed.title)),
        Some(Err(fault)) => toasts.failed(&fault),
        None => {}
    });
    view! {
        <div class="attention-row">
            <p class="attention-text">{text}</p>
            <PostForm action=act>
                <input type="hidden" name="id" value=id />
                <button class="btn btn-sm" name="action" value=TaskAction::Retry.to_string() disabled=act.pending()><Glyph icon=Icon::Play /> "Retry"</button>
            </PostForm>
        </div>
    }
    .into_any()
}
