//! What the agent said and did, live.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use leptos_router::location::Url;

use super::messages::{MessageForm, Queue};
use super::task_state::TaskState;
use crate::api::{LogPage, LogQuery};
use crate::components::faults::fault_panels;
use crate::domain::id::TaskId;
use crate::domain::task::StatusName;
use crate::fault::Fault;
use crate::number::counted;
use crate::reactive::{memo, part, suspend};
use crate::resource::resource;
use crate::transcript::{Transcript, rows_of};
use crate::wire::Json;

/// How many lines a page is rendered with, at most twice that.
const LINES: u64 = 100;

/// How many are asked for at once.
const PAGE: u32 = 200;

/// Lines of a task's log.
#[server(prefix = "/sfn", endpoint = "tasks/log", input = Json, output = Json)]
pub async fn load_log(id: TaskId, query: LogQuery) -> Result<LogPage, Fault> {
    crate::backend::backend()?.log(id, query).await
}

/// Which lines the page is rendered with.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// The end, or the lines after one that the address names.
    Lines { after: u64 },
    /// Those that contain a text.
    Matches { text: String, after: u64 },
}

impl Part {
    fn query(&self) -> LogQuery {
        match self.clone() {
            Self::Lines { after } => LogQuery {
                after,
                limit: Some(PAGE),
                q: None,
                kind: None,
            },
            Self::Matches { text, after } => LogQuery {
                after,
                limit: Some(PAGE),
                q: Some(text),
                kind: None,
            },
        }
    }
}

/// The start of the chunk before the one of a line.
const fn tail(line: u64) -> u64 {
    (line.saturating_sub(1) / LINES).saturating_sub(1) * LINES
}

/// The transcript, and a way to write to the agent.
#[component]
pub fn Activity(state: TaskState) -> impl IntoView {
    let address = use_query_map();
    let shown = memo(move || {
        address.with(|address| {
            let number = |name| address.get(name).and_then(|text| text.parse::<u64>().ok());
            match address.get("q").filter(|text| !text.is_empty()) {
                Some(text) => Part::Matches {
                    text,
                    after: number("after").unwrap_or_default(),
                },
                None => Part::Lines {
                    after: number("after").map_or_else(
                        || tail(number("at").unwrap_or_else(|| state.log_total.get_value())),
                        |after| after / LINES * LINES,
                    ),
                },
            }
        })
    });
    let lines = resource(
        move || shown.get(),
        move |part| load_log(state.id, part.query()),
    );
    let transcript = move || {
        suspend(async move {
            lines.await.map(|page| match shown.get_untracked() {
                Part::Lines { after } => view! { <Lines state after page /> }.into_any(),
                Part::Matches { text, after } => {
                    view! { <Matches state text after page /> }.into_any()
                }
            })
        })
    };
    view! {
        <Transition fallback=|| view! { <div class="skeleton log-skeleton" aria-busy="true"></div> }>
            <ErrorBoundary fallback=fault_panels>{part(transcript)}</ErrorBoundary>
        </Transition>
        <Queue state />
        <MessageForm state placeholder="Write to the agent" />
    }
    .into_any()
}

#[component]
fn Lines(state: TaskState, after: u64, page: LogPage) -> impl IntoView {
    let is_running =
        Signal::derive(move || state.task.with(|task| task.status == StatusName::Running));
    let total = state.log_total.get_value();
    let id = state.id;
    view! {
        <noscript inner_html=pages_without_script(id, after, total)></noscript>
        <Transcript task=id total lines=page.items is_running />
    }
    .into_any()
}

/// The way through the log for browsers without script. As text, for a browser with script never
/// makes elements of what is inside a `noscript`.
fn pages_without_script(id: TaskId, after: u64, total: u64) -> String {
    let link = |after: u64, word: &str| {
        format!("<a class=\"link\" href=\"/tasks/{id}?after={after}\">{word}</a> · ")
    };
    let step = 2 * LINES;
    let earlier = (after > 0).then(|| link(after.saturating_sub(step), "Earlier lines"));
    let later = (after + step < total).then(|| link(after + step, "Later lines"));
    let newest = format!(
        "<a class=\"link\" href=\"/tasks/{id}?at={total}#L{total}\">Show the newest lines</a>"
    );
    format!(
        "<p class=\"log-pages\">{}{}{newest}</p>",
        earlier.unwrap_or_default(),
        later.unwrap_or_default()
    )
}

/// What a search without script finds, page by page.
#[component]
fn Matches(state: TaskState, text: String, after: u64, page: LogPage) -> impl IntoView {
    let id = state.id;
    let count = counted(page.items.len(), "line");
    let part = match (after, &page.next_cursor) {
        (0, None) => "",
        (0, Some(_)) => " at first",
        (_, Some(_)) => " on this page",
        (_, None) => " at last",
    };
    let more = page.next_cursor.map(|after| {
        let href = format!("/tasks/{id}?q={}&after={after}", Url::escape(&text));
        view! { <a class="link" href=href>"Search on"</a> " · " }
    });
    view! {
        <p class="log-pages">
            {count} " with “" {text} "”" {part} ". " {more}
            <a class="link" href=format!("/tasks/{id}")>"Back to the whole log"</a>
        </p>
        <div class="log-panel" role="region" aria-label="Lines that were found" tabindex="0">{rows_of(id, page.items)}</div>
    }
    .into_any()
}
