//! Everything that happened to a task, in order.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use serde_json::Value;

use super::dependency_card::Given;
use super::past::{Past, version_of_address};
use super::task_state::TaskState;
use crate::api::{EventQuery, EventView, Page, PhaseView};
use crate::components::clock::{Time, exact_time};
use crate::components::faults::fault_panels;
use crate::components::icon::{Glyph, Icon};
use crate::domain::id::TaskId;
use crate::domain::money::Usd;
use crate::domain::task::Actor;
use crate::fault::Fault;
use crate::reactive::{Memo, list, memo, part, suspend};
use crate::resource::resource;
use crate::wire::Json;

/// Events on one page.
const EVENTS: u64 = 200;

/// Events of a task's history.
#[server(prefix = "/sfn", endpoint = "tasks/events", input = Json, output = Json)]
pub async fn load_events(id: TaskId, query: EventQuery) -> Result<Page<EventView>, Fault> {
    crate::backend::backend()?.events(id, query).await
}

/// The task's events, the newest page first.
#[component]
pub fn History(state: TaskState) -> impl IntoView {
    let address = use_query_map();
    let version = move || state.task.with(|task| task.version);
    // The newest event when the page was loaded: what comes later is announced, nothing jumps.
    let newest = RwSignal::new(state.task.with_untracked(|task| task.version));
    let past = version_of_address();
    let named = memo(move || {
        let after = address.with(|address| address.get("after")?.parse::<u64>().ok());
        // The chosen version is the first of its page.
        after.or_else(|| past.get().map(|at| at.saturating_sub(EVENTS)))
    });
    let after = memo(move || {
        named
            .get()
            .unwrap_or_else(|| newest.get().saturating_sub(EVENTS))
    });
    let later = move || match named.get() {
        None => version().saturating_sub(newest.get()),
        Some(_) => 0,
    };
    let id = state.id;
    let events = resource(
        move || (after.get(), newest.get()),
        move |(after, _)| {
            let limit = u32::try_from(EVENTS).ok();
            load_events(id, EventQuery { after, limit })
        },
    );
    let list = move || {
        suspend(async move {
            events
                .await
                .map(|page| view! { <Timeline state page past after=after.get_untracked() /> })
        })
    };
    let show = move || {
        let count = later();
        let plural = if count == 1 { "" } else { "s" };
        format!("Show {count} new event{plural}")
    };
    view! {
        <Past state />
        <Given asking=state />
        <p class="news" hidden=move || later() == 0>
            <button type="button" class="btn btn-sm" on:click=move |_| newest.set(version())>{part(show)}</button>
        </p>
        <Transition fallback=|| view! { <div class="skeleton transcript-skeleton" aria-busy="true"></div> }>
            <ErrorBoundary fallback=fault_panels>{part(list)}</ErrorBoundary>
        </Transition>
    }
    .into_any()
}

#[component]
fn Timeline(
    state: TaskState,
    page: Page<EventView>,
    past: Memo<Option<u64>>,
    after: u64,
) -> impl IntoView {
    let id = state.id;
    let later = page.next_cursor.is_some().then(|| {
        view! { <a class="btn btn-sm" href=format!("/tasks/{id}/history?after={}", after + EVENTS)>"Later"</a> }
    });
    let earlier = (after > 0).then(|| {
        view! { <a class="btn btn-sm" href=format!("/tasks/{id}/history?after={}", after.saturating_sub(EVENTS))>"Earlier"</a> }
    });
    let rows = page.items.into_iter().rev().map(|event| {
        let detail = state
            .phases
            .with_untracked(|phases| detail(&event.data, phases));
        view! { <EventRow id past event detail /> }
    });
    view! {
        <ol class="history-list">{list(rows)}</ol>
        <p class="load-more">{later} " " {earlier}</p>
        <p class="muted">
            <a class="link" href=format!("/api/tasks/{id}/export") rel="external" download><Glyph icon=Icon::Download /> "The whole history as JSON Lines"</a>
            ", which another installation can take over."
        </p>
    }
    .into_any()
}

#[component]
fn EventRow(
    id: TaskId,
    past: Memo<Option<u64>>,
    event: EventView,
    detail: String,
) -> impl IntoView {
    let actor = match event.actor {
        Actor::Person => "you",
        Actor::Agent => "the agent",
        Actor::Platform => "the platform",
    };
    let raw = serde_json::to_string_pretty(&event.data).unwrap_or_default();
    let version = event.version;
    let is_shown = move || (past.get() == Some(version)).then_some("true");
    let href = format!("/tasks/{id}/history?at={version}");
    let label = format!("The task at version {version}");
    view! {
        <li class="event" data-actor=event.actor.to_string() aria-current=is_shown>
            <a class="event-version num" href=href aria-label=label>{version}</a>
            <div class="event-said">
                <details>
                    <summary><strong>{words(&event.event_type)}</strong> " " <span class="event-detail">{detail}</span></summary>
                    <pre class="log-code">{raw}</pre>
                </details>
            </div>
            <span class="event-when">{actor} ", " <Time at=event.at /></span>
        </li>
    }
    .into_any()
}

/// `PhaseStarted` as "Phase started".
pub fn words(name: &str) -> String {
    let mut words = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push(' ');
            words.extend(letter.to_lowercase());
        } else {
            words.push(letter);
        }
    }
    words
}

/// The one field that tells most, as people say it.
fn detail(data: &Value, phases: &[PhaseView]) -> String {
    const TELLING: [&str; 15] = [
        "step", "summary", "reason", "text", "comment", "feedback", "question", "name", "message",
        "label", "title", "level", "cost", "phase", "until",
    ];
    let told = TELLING
        .iter()
        .find_map(|name| Some((*name, data.get(name)?)));
    let text = match told {
        Some(("cost", Value::String(text))) => text
            .parse()
            .map_or_else(|_| text.clone(), |cost: Usd| cost.to_short()),
        Some(("until", Value::String(text))) => {
            text.parse().map_or_else(|_| text.clone(), exact_time)
        }
        Some(("phase", Value::Number(number))) => phases
            .iter()
            .find(|phase| Some(u64::from(phase.number)) == number.as_u64())
            .map_or_else(|| format!("phase {number}"), |phase| phase.name.clone()),
        Some((_, Value::String(text))) => text.clone(),
        Some((_, Value::Number(number))) => number.to_string(),
        _ => String::new(),
    };
    let line = text.lines().next().unwrap_or_default();
    line.chars().take(140).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{detail, words};

    #[test]
    fn events_are_told_in_words() {
        assert_eq!(words("PhaseStarted"), "Phase started");
        let detail = |data| detail(&data, &[]);
        assert_eq!(detail(json!({"phase": 2, "step": "01_idea"})), "01_idea");
        assert_eq!(detail(json!({"phase": 2})), "phase 2");
        assert_eq!(detail(json!({"feedback": "0f", "text": "Hm."})), "Hm.");
        assert_eq!(detail(json!({"comment": "Good."})), "Good.");
        assert_eq!(detail(json!({"cost": "0.840000"})), "$0.84");
        assert_eq!(
            detail(json!({"until": "2026-11-22T15:30:07.5Z"})),
            "22 Nov 2026, 15:30 UTC"
        );
        assert_eq!(detail(json!({"review": "x", "level": "urgent"})), "urgent");
        assert_eq!(detail(json!({"at": {}})), "");
    }
}
