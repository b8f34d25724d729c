//! Live streams. The channel only says "look again": every subscriber holds a cursor and reads
//! forward from the store, so nothing is lost, doubled or queued for anybody.

mod announce;
mod tail;
mod writing;

use std::collections::HashMap;
use std::time::Duration;

use app::api::TaskView;
use app::domain::id::TaskId;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use self::tail::Cursor;
use self::tail::Tail;
use super::board::Tasks;
use super::extract::{Id, Params};
use super::openapi::Problems;
use super::problem::{Kind, Problem};
use crate::error::Error;
use crate::service::Service;
use crate::state::AppState;

const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long a client waits before it connects again.
const RETRY: Duration = Duration::from_secs(2);

type Events = BoxStream<'static, Result<Event, Error>>;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(task))
        .routes(routes!(tab))
}

/// Where a stream goes on.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
struct Position {
    /// `<version>.<log seq>`, both exclusive; from the beginning unless given. `Last-Event-ID`
    /// outranks it.
    after: Option<String>,
}

/// What one browser tab watches.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
struct Watched {
    /// The task whose full stream is wanted.
    task: Option<TaskId>,
    /// `<version>.<log seq>` of that task.
    after: Option<String>,
}

/// One task live: every event exactly once and in order, and its log.
#[utoipa::path(get, path = "/api/tasks/{id}/stream", tag = "streams", params(("id" = TaskId, Path), Position,
    ("Last-Event-ID" = Option<String>, Header, description = "Goes on after this event")),
    responses((status = 200, content_type = "text/event-stream", body = String,
        description = "Events `log phase_update step_update message_update dependency_request user_question \
                       review_required complete error status usage reset`. One with an id ends what is told of a \
                       domain event; those before it without one are the objects that changed with it"), Problems))]
async fn task(
    State(state): State<AppState>,
    Id(id): Id<TaskId>,
    Params(position): Params<Position>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let after = cursor(&headers, position.after.as_deref())?;
    let tail = Tail::open(&state.service, id, after).await?;
    Ok(answer(&state, tail.into_events()))
}

/// What a page watches: the status of all tasks, and one task's full stream.
#[utoipa::path(get, path = "/api/stream", tag = "streams", params(Watched,
    ("Last-Event-ID" = Option<String>, Header, description = "Goes on after this event of the task")),
    responses((status = 200, content_type = "text/event-stream", body = String,
        description = "`status` without an id for every task, first as it is and then on every change. \
                       Without `task`, a task that was put away is told by `reset` with \
                       `{\"task_id\": …}`. With `task`, beside them the events of its own stream, \
                       where `reset` has an id and the task as it is now, and `writing` without an id: the \
                       text that the agent is writing, as `{\"text\": …, \"append\": …}`. It is added to what \
                       was told of that text, or takes its place; empty, nothing is being written. A text that \
                       begins with `…` lacks its beginning. A `log` event with a line of stream `agent` and \
                       kind `text` ends it. It is told at most ten times a second and never again"), Problems))]
async fn tab(
    State(state): State<AppState>,
    Params(watched): Params<Watched>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (tasks, changes) = state.board.watch().await?;
    let Some(id) = watched.task else {
        let statuses = statuses(&state, tasks, changes, Removal::Reset);
        return Ok(answer(&state, statuses));
    };
    let after = cursor(&headers, watched.after.as_deref())?;
    let tail = Tail::open(&state.service, id, after).await?.with_writing();
    Ok(answer(
        &state,
        stream::select(
            statuses(&state, tasks, changes, Removal::Silent),
            tail.into_events(),
        )
        .boxed(),
    ))
}

fn cursor(headers: &HeaderMap, after: Option<&str>) -> Result<Cursor, Problem> {
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let last = last.filter(|id| !id.is_empty());
    let chosen = match (last.map(str::parse), after) {
        (Some(Ok(cursor)), _) => return Ok(cursor),
        // The page knows where it was rendered, even if the browser is confused.
        (_, Some(after)) => after.parse(),
        (Some(Err(error)), None) => Err(error),
        (None, None) => return Ok(Cursor::default()),
    };
    let message = "must be <version>.<log seq>, such as 12.345";
    chosen.map_err(|_| Problem::field(Kind::Malformed, "after", message))
}

fn answer(state: &AppState, events: Events) -> Response {
    let first = stream::once(async { Ok(Event::default().retry(RETRY)) });
    let shutdown = state.shutdown.clone().cancelled_owned();
    let events = first
        .chain(events)
        .inspect_err(|error| {
            tracing::error!(
                error = error as &dyn std::error::Error,
                "a stream broke off"
            );
        })
        .take_until(shutdown); // an endless body would hold up the shutdown
    let alive = KeepAlive::new().interval(HEARTBEAT);
    let mut response = Sse::new(events).keep_alive(alive).into_response();
    let headers = response.headers_mut();
    headers.insert(
        CACHE_CONTROL,
        HeaderValue::from_static("no-cache, no-transform"),
    );
    headers.insert(
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
    response
}

/// An event with its data as JSON.
fn event(name: &'static str, data: &impl Serialize) -> Result<Event, Error> {
    let data = serde_json::to_string(data).map_err(Error::Undecodable)?;
    Ok(Event::default().event(name).data(data))
}

/// What is said of a task that was put away.
#[derive(Clone, Copy, Debug)]
enum Removal {
    /// Whoever shows the list reads it again.
    Reset,
    /// Whoever follows one task isn't disturbed by another.
    Silent,
}

/// All tasks as they are, then those that change.
fn statuses(
    state: &AppState,
    tasks: Tasks,
    changes: watch::Receiver<Tasks>,
    removal: Removal,
) -> Events {
    let watcher = Watcher {
        service: state.service.clone(),
        known: HashMap::new(),
        removal,
    };
    let start = (Some(tasks), changes, watcher);
    stream::unfold(start, |(ready, mut changes, mut watcher)| async {
        let tasks = if let Some(tasks) = ready {
            tasks
        } else {
            changes.changed().await.ok()?;
            changes.borrow_and_update().clone()
        };
        let events = watcher.news(&tasks).await;
        Some((stream::iter(events), (None, changes, watcher)))
    })
    .flatten()
    .boxed()
}

/// What one client was told of the tasks.
struct Watcher {
    service: Service,
    /// The versions that were sent.
    known: HashMap<TaskId, u64>,
    removal: Removal,
}

impl Watcher {
    /// What is new since the versions that were sent.
    async fn news(&mut self, tasks: &[TaskView]) -> Vec<Result<Event, Error>> {
        let mut events = Vec::new();
        let mut shown = HashMap::with_capacity(tasks.len());
        for task in tasks {
            let before = self.known.remove(&task.id).unwrap_or(0);
            shown.insert(task.id, task.version.max(before));
            if task.version > before {
                events.push(event("status", task));
            }
        }
        for (id, version) in std::mem::replace(&mut self.known, shown) {
            events.extend(self.farewell(id, version).await.transpose());
        }
        events
    }

    /// The last word on a task that is not shown any more: it was put away, or it is finished and
    /// newer ones have taken its place.
    async fn farewell(&self, id: TaskId, version: u64) -> Result<Option<Event>, Error> {
        match (self.service.store().load(id).await?, self.removal) {
            (Some(task), _) if !task.archived => {
                let is_news = task.version > version;
                let last = is_news.then(|| event("status", &TaskView::slim(&task)));
                last.transpose()
            }
            (_, Removal::Reset) => event("reset", &serde_json::json!({ "task_id": id })).map(Some),
            (_, Removal::Silent) => Ok(None),
        }
    }
}
