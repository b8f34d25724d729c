//! A task as it was: a way along its versions, what was true of one, and what has changed since.

use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_navigate, use_query_map};
use leptos_router::params::ParamsMap;

use super::history::words;
use super::task_state::TaskState;
use crate::api::{FactChange, TaskVersion};
use crate::components::clock::{Time, exact_time};
use crate::components::faults::fault_panels;
use crate::components::icon::{Glyph, Icon};
use crate::components::pill::Pill;
use crate::domain::id::TaskId;
use crate::fault::Fault;
use crate::reactive::{Memo, list, memo, part, suspend};
use crate::resource::resource;
use crate::wire::Json;

/// A task as it was, and as it was at another version.
#[server(prefix = "/sfn", endpoint = "tasks/version", input = Json, output = Json)]
pub async fn load_versions(
    id: TaskId,
    at: u64,
    with: Option<u64>,
) -> Result<(TaskVersion, Option<TaskVersion>), Fault> {
    let backend = crate::backend::backend()?;
    let then = backend.task_version(id, at).await?;
    let other = match with {
        Some(with) => Some(backend.task_version(id, with).await?),
        None => None,
    };
    Ok((then, other))
}

/// What the address says. It outlives what is drawn again.
type Address = leptos::prelude::Memo<ParamsMap>;

fn number(address: Address, name: &str) -> Option<u64> {
    address.with(|address| address.get(name)?.parse().ok())
}

/// The version that the address names.
pub fn version_of_address() -> Memo<Option<u64>> {
    let address = use_query_map();
    memo(move || number(address, "at"))
}

/// The slider over all versions, and the task as it was at the chosen one.
#[component]
pub fn Past(state: TaskState) -> impl IntoView {
    let id = state.id;
    let address = use_query_map();
    let chosen = memo(move || Some((number(address, "at")?, number(address, "with"))));
    let loaded = resource(
        move || chosen.get(),
        move |chosen| async move {
            match chosen {
                Some((at, with)) => load_versions(id, at, with).await.map(Some),
                None => Ok(None),
            }
        },
    );
    let shown = move || {
        suspend(async move {
            loaded
                .await
                .map(|loaded| loaded.map(|(then, other)| view! { <Version then other /> }))
        })
    };
    view! {
        <Slider state address />
        <Transition>
            <ErrorBoundary fallback=fault_panels>{part(shown)}</ErrorBoundary>
        </Transition>
    }
    .into_any()
}

/// A form that asks for a version: by itself once the slider is let go, with its button without script.
#[component]
fn Slider(state: TaskState, address: Address) -> impl IntoView {
    let id = state.id;
    let navigate = use_navigate();
    let newest = move || state.task.with(|task| task.version);
    let chosen = move || number(address, "at").unwrap_or_else(newest);
    // While the slider is held.
    let held = RwSignal::new(None::<u64>);
    let told = move || {
        let newest = newest();
        match held.get().unwrap_or_else(chosen) {
            at if at >= newest && number(address, "at").is_none() => {
                format!("now, version {newest}")
            }
            at => format!("version {at} of {newest}"),
        }
    };
    let go = move |event: web_sys::Event| {
        let at = event_target_value(&event);
        held.set(None);
        let options = NavigateOptions {
            scroll: false,
            ..NavigateOptions::default()
        };
        navigate(&format!("/tasks/{id}/history?at={at}"), options);
    };
    view! {
        <form class="past-slider" method="get" action=format!("/tasks/{id}/history") aria-label="The task as it was">
            <label for="past-at">"The task as it was at"</label>
            <input
                id="past-at"
                class="range range-sm"
                type="range"
                name="at"
                min="1"
                max=move || newest().to_string()
                value=move || chosen().to_string()
                prop:value=move || chosen().to_string()
                aria-valuetext=told
                on:input=move |event| held.set(event_target_value(&event).parse().ok())
                on:change=go
            />
            <output class="num" for="past-at">{told}</output>
            <noscript><button class="btn btn-sm">"Show"</button></noscript>
        </form>
    }
    .into_any()
}

#[component]
fn Version(then: TaskVersion, other: Option<TaskVersion>) -> impl IntoView {
    let id = then.task.id;
    let at = then.version;
    let href = move |at: u64| format!("/tasks/{id}/history?at={at}");
    let line = (then.log_seq > 0).then(|| {
        let line = then.log_seq;
        view! { <a class="link" href=format!("/tasks/{id}#L{line}")>"The log then, at line " {line}</a> }
    });
    let files = then.checkpoint.as_ref().map(|point| {
        let href = format!("/tasks/{id}/checkpoints?from={}", point.id);
        view! { <a class="link" href=href>"The files of version " {point.version} ", compared with now"</a> }
    });
    let earlier =
        (at > 1).then(|| view! { <a class="btn btn-sm" href=href(at - 1)>"One event earlier"</a> });
    let facts = then.facts().into_iter().map(|fact| {
        view! { <div class="past-fact"><dt>{fact.name}</dt><dd>{fact.value}</dd></div> }
    });
    let facts: Vec<_> = facts.collect();
    let changes = other.as_ref().map(|other| {
        let changes = then.changes_to(other);
        view! { <Changes from=at to=other.version changes /> }
    });
    let event = words(&then.event_type);
    let when = then.at;
    let with = other.map(|other| other.version.to_string());
    let task = Signal::stored(then.task);
    view! {
        <section class="panel past" aria-labelledby="past-title">
            <div class="past-head">
                <h2 id="past-title"><Glyph icon=Icon::Clock /> "As it was at version " {at}</h2>
                <Pill task />
                <a class="btn btn-sm btn-accent" href=format!("/tasks/{id}/history")>"Back to now"</a>
            </div>
            <p class="muted">{event} ", " {exact_time(when)} " (" <Time at=when /> ")"</p>
            <p class="past-ways">
                {earlier}
                <a class="btn btn-sm" href=href(at + 1)>"One event later"</a>
                {line} {files}
            </p>
            <form class="past-with" method="get" action=format!("/tasks/{id}/history")>
                <input type="hidden" name="at" value=at.to_string() />
                <label for="past-with">"Compare with version"</label>
                <input id="past-with" class="input input-sm num" type="number" name="with" min="1" required value=with />
                <button class="btn btn-sm">"Compare"</button>
            </form>
            {changes}
            <dl class="past-facts">{list(facts)}</dl>
        </section>
    }
    .into_any()
}

/// What differs between two versions.
#[component]
fn Changes(from: u64, to: u64, changes: Vec<FactChange>) -> impl IntoView {
    if changes.is_empty() {
        return view! { <p class="empty">"Nothing that is told here differs between the two versions."</p> }
            .into_any();
    }
    let said = |value: Option<String>| value.unwrap_or_else(|| "–".to_owned());
    let rows = changes.into_iter().map(|change| {
        view! {
            <tr>
                <th scope="row">{change.name}</th>
                <td>{said(change.before)}</td>
                <td>{said(change.after)}</td>
            </tr>
        }
    });
    let rows: Vec<_> = rows.collect();
    view! {
        <div class="past-changes">
            <table class="usage-table">
                <caption class="visually-hidden">"What differs"</caption>
                <thead><tr><th scope="col">"What differs"</th><th scope="col">"Version " {from}</th><th scope="col">"Version " {to}</th></tr></thead>
                <tbody>{list(rows)}</tbody>
            </table>
        </div>
    }
    .into_any()
}
