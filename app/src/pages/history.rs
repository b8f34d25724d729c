//! Everything that happened to a task, in order.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use serde_json::Value;

use super::task_state::TaskState;
use crate::api::{EventQuery, EventView, Page};
use crate::components::clock::Time;
use crate::components::faults::fault_panels;
use crate::domain::id::TaskId;
use crate::domain::task::Actor;
use crate::fault::Fault;
use crate::resource::resource;

/// Events on one page.
const EVENTS: u64 = 200;

/// Events of a task's history.
#[server(prefix = "/sfn", endpoint = "tasks/events")]
pub async fn load_events(id: TaskId, query: EventQuery) -> Result<Page<EventView>, Fault> {
    crate::backend::backend()?.events(id, query).await
}

/// The task's events, the newest page first.
#[component]
pub fn History(state: TaskState) -> impl IntoView {
    let address = use_query_map();
    let newest = state.task.with_untracked(|task| task.version);
    let after = Memo::new(move |_| {
        let named = address.with(|address| address.get("after")?.parse::<u64>().ok());
        named.unwrap_or_else(|| newest.saturating_sub(EVENTS))
    });
    let id = state.id;
    let events = resource(
        move || after.get(),
        move |after| {
            let limit = u32::try_from(EVENTS).ok();
            load_events(id, EventQuery { after, limit })
        },
    );
    let list = move || {
        Suspend::new(async move {
            events
                .await
                .map(|page| view! { <Timeline state page after=after.get_untracked() /> })
        })
    };
    view! {
        <Transition fallback=|| view! { <div class="skeleton transcript-skeleton" aria-busy="true"></div> }>
            <ErrorBoundary fallback=fault_panels>{list}</ErrorBoundary>
        </Transition>
    }
    .into_any()
}

#[component]
fn Timeline(state: TaskState, page: Page<EventView>, after: u64) -> impl IntoView {
    let id = state.id;
    let later = page.next_cursor.is_some().then(|| {
        view! { <a class="btn btn-sm" href=format!("/tasks/{id}/history?after={}", after + EVENTS)>"Later"</a> }
    });
    let earlier = (after > 0).then(|| {
        view! { <a class="btn btn-sm" href=format!("/tasks/{id}/history?after={}", after.saturating_sub(EVENTS))>"Earlier"</a> }
    });
    let rows = page
        .items
        .into_iter()
        .rev()
        .map(|event| view! { <EventRow event /> });
    view! {
        <ol class="history-list">{rows.collect_view()}</ol>
        <p class="load-more">{later} " " {earlier}</p>
    }
    .into_any()
}

#[component]
fn EventRow(event: EventView) -> impl IntoView {
    let actor = match event.actor {
        Actor::Person => "you",
        Actor::Agent => "the agent",
        Actor::Platform => "the platform",
    };
    let detail = detail(&event.data);
    let raw = serde_json::to_string_pretty(&event.data).unwrap_or_default();
    view! {
        <li class="event" data-actor=event.actor.to_string()>
            <span class="event-version num">{event.version}</span>
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
fn words(name: &str) -> String {
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

/// The one field that tells most.
fn detail(data: &Value) -> String {
    const TELLING: [&str; 13] = [
        "step", "summary", "reason", "feedback", "text", "question", "name", "message", "label",
        "title", "cost", "phase", "until",
    ];
    let told = TELLING.iter().find_map(|name| data.get(name));
    let text = match told {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
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
        assert_eq!(detail(&json!({"phase": 2, "step": "01_idea"})), "01_idea");
        assert_eq!(detail(&json!({"phase": 2})), "2");
        assert_eq!(detail(&json!({"at": {}})), "");
    }
}
