//! Tasks: `/api/tasks`.

use app::api::{
    CreateTask, DependencyView, EditMessage, EditTask, EventQuery, EventView, LogMatchQuery,
    LogMatches, LogPage, LogQuery, MessageText, MessageView, Page, PauseTask, PhaseView,
    QuestionView, TaskDetail, TaskQuery, TaskStatus, TaskView,
};
use app::domain::id::{MessageId, TaskId};
use axum::Json;
use axum::response::IntoResponse;
use http::StatusCode;
use http::header::LOCATION;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Answer, Id, Input, OptionalInput, Params};
use super::openapi::{Problems, Repeatable};
use crate::error::Error;
use crate::service::Service;
use crate::state::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(show, edit, delete))
        .routes(routes!(execute))
        .routes(routes!(cancel))
        .routes(routes!(retry))
        .routes(routes!(pause))
        .routes(routes!(resume))
        .routes(routes!(messages, send_message))
        .routes(routes!(edit_message, cancel_message))
        .routes(routes!(interrupt))
        .routes(routes!(status))
        .routes(routes!(detail))
        .routes(routes!(phases))
        .routes(routes!(events))
        .routes(routes!(logs))
        .routes(routes!(log_matches))
        .routes(routes!(questions))
        .routes(routes!(dependencies))
}

/// Tasks that were not put away, newest first.
#[utoipa::path(get, path = "/api/tasks", tag = "tasks", params(TaskQuery),
    responses((status = 200, body = Page<TaskView>), Problems))]
async fn list(service: Service, Params(query): Params<TaskQuery>) -> Answer<Page<TaskView>> {
    Ok(Json(service.task_list(&query).await?))
}

/// Describes a job. It stays a draft unless `start` is true.
#[utoipa::path(post, path = "/api/tasks", tag = "tasks", request_body = CreateTask,
    params(Repeatable),
    responses((status = 201, body = TaskView, headers(("Location" = String))), Problems))]
async fn create(
    service: Service,
    Input(new): Input<CreateTask>,
) -> Result<impl IntoResponse, Error> {
    let task = service.create_task(new).await?;
    let location = format!("/api/tasks/{}", task.id);
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(task)))
}

/// Which moment of a task's history.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
struct Moment {
    /// The task as it was after this many events; as it is now unless given.
    version: Option<u64>,
}

/// A task, now or as it was.
#[utoipa::path(get, path = "/api/tasks/{id}", tag = "tasks", params(("id" = TaskId, Path), Moment),
    responses((status = 200, body = TaskView), Problems))]
async fn show(
    service: Service,
    Id(id): Id<TaskId>,
    Params(moment): Params<Moment>,
) -> Answer<TaskView> {
    let task = match moment.version {
        Some(version) => service.load_version(id, version).await?,
        None => service.load(id).await?,
    };
    Ok(Json(TaskView::from(&task)))
}

/// Changes details. The description only while the task is a draft.
#[utoipa::path(patch, path = "/api/tasks/{id}", tag = "tasks", params(("id" = TaskId, Path)),
    request_body = EditTask, responses((status = 200, body = TaskView), Problems))]
async fn edit(
    service: Service,
    Id(id): Id<TaskId>,
    Input(edit): Input<EditTask>,
) -> Answer<TaskView> {
    Ok(Json(service.edit_task(id, edit.into()).await?))
}

/// Puts a task away. Its events stay.
#[utoipa::path(delete, path = "/api/tasks/{id}", tag = "tasks", params(("id" = TaskId, Path)),
    responses((status = 204), Problems))]
async fn delete(service: Service, Id(id): Id<TaskId>) -> Result<StatusCode, Error> {
    service.delete_task(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Starts a draft.
#[utoipa::path(post, path = "/api/tasks/{id}/execute", tag = "tasks", params(("id" = TaskId, Path), Repeatable),
    responses((status = 200, body = TaskView), Problems))]
async fn execute(service: Service, Id(id): Id<TaskId>) -> Answer<TaskView> {
    Ok(Json(service.start_task(id).await?))
}

/// Calls a task off. The work is kept.
#[utoipa::path(post, path = "/api/tasks/{id}/cancel", tag = "tasks", params(("id" = TaskId, Path), Repeatable),
    responses((status = 200, body = TaskView), Problems))]
async fn cancel(service: Service, Id(id): Id<TaskId>) -> Answer<TaskView> {
    Ok(Json(service.cancel_task(id).await?))
}

/// Tries a failed or held task again.
#[utoipa::path(post, path = "/api/tasks/{id}/retry", tag = "tasks", params(("id" = TaskId, Path), Repeatable),
    responses((status = 200, body = TaskView), Problems))]
async fn retry(service: Service, Id(id): Id<TaskId>) -> Answer<TaskView> {
    Ok(Json(service.retry_task(id).await?))
}

/// Holds a task up: what the agent is doing stands still at once, or the task stops when the agent's
/// turn has ended. What the task was waiting for stays open.
#[utoipa::path(post, path = "/api/tasks/{id}/pause", tag = "tasks", params(("id" = TaskId, Path), Repeatable),
    request_body = Option<PauseTask>, responses((status = 200, body = TaskView), Problems))]
async fn pause(
    service: Service,
    Id(id): Id<TaskId>,
    OptionalInput(pause): OptionalInput<PauseTask>,
) -> Answer<TaskView> {
    Ok(Json(service.pause_task(id, pause.at).await?))
}

/// Lets a paused task go on where it was, or takes back that it stops at the end of the turn.
#[utoipa::path(post, path = "/api/tasks/{id}/resume", tag = "tasks", params(("id" = TaskId, Path), Repeatable),
    responses((status = 200, body = TaskView), Problems))]
async fn resume(service: Service, Id(id): Id<TaskId>) -> Answer<TaskView> {
    Ok(Json(service.resume_task(id).await?))
}

/// What people wrote to the agent, oldest first: all that is queued, and the last 100 of the others.
#[utoipa::path(get, path = "/api/tasks/{id}/messages", tag = "tasks", params(("id" = TaskId, Path)),
    responses((status = 200, body = Page<MessageView>), Problems))]
async fn messages(service: Service, Id(id): Id<TaskId>) -> Answer<Page<MessageView>> {
    Ok(Json(whole(service.messages(id).await?)))
}

/// Writes to the agent. If it is at work it gets the message with the next result of a tool, or after
/// its turn as one of its own; else with its next turn.
#[utoipa::path(post, path = "/api/tasks/{id}/messages", tag = "tasks", params(("id" = TaskId, Path), Repeatable),
    request_body = MessageText, responses((status = 200, body = MessageView), Problems))]
async fn send_message(
    service: Service,
    Id(id): Id<TaskId>,
    Input(message): Input<MessageText>,
) -> Answer<MessageView> {
    Ok(Json(service.send_message(id, message).await?))
}

/// Changes a message that is queued. One that the agent has got stays as it is: that is a 409.
#[utoipa::path(patch, path = "/api/tasks/{id}/messages/{message}", tag = "tasks",
    params(("id" = TaskId, Path), ("message" = MessageId, Path)),
    request_body = EditMessage, responses((status = 200, body = MessageView), Problems))]
async fn edit_message(
    service: Service,
    Id((id, message)): Id<(TaskId, MessageId)>,
    Input(edit): Input<EditMessage>,
) -> Answer<MessageView> {
    Ok(Json(service.edit_message(id, message, edit).await?))
}

/// Takes a message back that is queued. Should the agent have taken it up at the same moment, it is
/// told as delivered.
#[utoipa::path(delete, path = "/api/tasks/{id}/messages/{message}", tag = "tasks",
    params(("id" = TaskId, Path), ("message" = MessageId, Path)),
    responses((status = 200, body = MessageView), Problems))]
async fn cancel_message(
    service: Service,
    Id((id, message)): Id<(TaskId, MessageId)>,
) -> Answer<MessageView> {
    Ok(Json(service.cancel_message(id, message).await?))
}

/// Stops what the agent is doing. What is queued comes next; if there is nothing, the task waits for a
/// message, or to be tried again where it was interrupted.
#[utoipa::path(post, path = "/api/tasks/{id}/interrupt", tag = "tasks", params(("id" = TaskId, Path), Repeatable),
    responses((status = 200, body = TaskView), Problems))]
async fn interrupt(service: Service, Id(id): Id<TaskId>) -> Answer<TaskView> {
    Ok(Json(service.interrupt_agent(id).await?))
}

/// The state in short, for polling.
#[utoipa::path(get, path = "/api/tasks/{id}/status", tag = "tasks", params(("id" = TaskId, Path)),
    responses((status = 200, body = TaskStatus), Problems))]
async fn status(service: Service, Id(id): Id<TaskId>) -> Answer<TaskStatus> {
    Ok(Json(service.status(id).await?))
}

/// Everything that a task's page shows at first.
#[utoipa::path(get, path = "/api/tasks/{id}/detail", tag = "tasks", params(("id" = TaskId, Path)),
    responses((status = 200, body = TaskDetail), Problems))]
async fn detail(service: Service, Id(id): Id<TaskId>) -> Answer<TaskDetail> {
    Ok(Json(service.task_detail(id).await?))
}

/// The phases with their steps.
#[utoipa::path(get, path = "/api/tasks/{id}/phases", tag = "tasks", params(("id" = TaskId, Path)),
    responses((status = 200, body = Page<PhaseView>), Problems))]
async fn phases(service: Service, Id(id): Id<TaskId>) -> Answer<Page<PhaseView>> {
    Ok(Json(whole(service.phases(id).await?)))
}

/// What happened, in order.
#[utoipa::path(get, path = "/api/tasks/{id}/events", tag = "tasks", params(("id" = TaskId, Path), EventQuery),
    responses((status = 200, body = Page<EventView>), Problems))]
async fn events(
    service: Service,
    Id(id): Id<TaskId>,
    Params(query): Params<EventQuery>,
) -> Answer<Page<EventView>> {
    Ok(Json(service.events(id, &query).await?))
}

/// The agent's output, in order.
#[utoipa::path(get, path = "/api/tasks/{id}/logs", tag = "tasks", params(("id" = TaskId, Path), LogQuery),
    responses((status = 200, body = LogPage), Problems))]
async fn logs(
    service: Service,
    Id(id): Id<TaskId>,
    Params(query): Params<LogQuery>,
) -> Answer<LogPage> {
    Ok(Json(service.log_page(id, &query).await?))
}

/// Where in the agent's output something is: the numbers of matching lines, from the end. The next
/// page lies before `next_cursor`.
#[utoipa::path(get, path = "/api/tasks/{id}/logs/matches", tag = "tasks", params(("id" = TaskId, Path), LogMatchQuery),
    responses((status = 200, body = LogMatches), Problems))]
async fn log_matches(
    service: Service,
    Id(id): Id<TaskId>,
    Params(query): Params<LogMatchQuery>,
) -> Answer<LogMatches> {
    Ok(Json(service.log_matches(id, &query).await?))
}

/// Questions that wait for an answer.
#[utoipa::path(get, path = "/api/tasks/{id}/questions", tag = "tasks", params(("id" = TaskId, Path)),
    responses((status = 200, body = Page<QuestionView>), Problems))]
async fn questions(service: Service, Id(id): Id<TaskId>) -> Answer<Page<QuestionView>> {
    Ok(Json(whole(service.load(id).await?.question_views())))
}

/// What the agent waits for a person to provide.
#[utoipa::path(get, path = "/api/tasks/{id}/dependencies", tag = "tasks", params(("id" = TaskId, Path)),
    responses((status = 200, body = Page<DependencyView>), Problems))]
async fn dependencies(service: Service, Id(id): Id<TaskId>) -> Answer<Page<DependencyView>> {
    Ok(Json(whole(service.load(id).await?.dependency_views())))
}

/// A collection that fits on one page.
pub(super) fn whole<T>(items: Vec<T>) -> Page<T> {
    Page {
        items,
        next_cursor: None,
    }
}
