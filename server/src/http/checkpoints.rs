//! Checkpoints: `/api/tasks/{id}/checkpoints`.

use app::api::{CheckpointView, CompareQuery, Diff, ForkTask, Page, RestoreTask, TaskView};
use app::domain::id::{CheckpointId, TaskId};
use axum::Json;
use axum::response::IntoResponse;
use http::StatusCode;
use http::header::LOCATION;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Answer, Id, Input, OptionalInput, Params};
use super::openapi::{Problems, Repeatable};
use super::tasks::whole;
use crate::error::Error;
use crate::service::Service;
use crate::state::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(checkpoints))
        .routes(routes!(compare))
        .routes(routes!(fork))
        .routes(routes!(restore))
}

/// The points that are kept of a task's work, the newest first: the last ten, and the end of each phase.
#[utoipa::path(get, path = "/api/tasks/{id}/checkpoints", tag = "checkpoints", params(("id" = TaskId, Path)),
    responses((status = 200, body = Page<CheckpointView>), Problems))]
async fn checkpoints(service: Service, Id(id): Id<TaskId>) -> Answer<Page<CheckpointView>> {
    Ok(Json(whole(service.checkpoints(id).await?)))
}

/// What has changed in the files between a checkpoint and another one, or since it.
#[utoipa::path(get, path = "/api/tasks/{id}/checkpoints/{checkpoint}/diff", tag = "checkpoints",
    params(("id" = TaskId, Path), ("checkpoint" = CheckpointId, Path), CompareQuery),
    responses((status = 200, body = Diff), Problems))]
async fn compare(
    service: Service,
    Id((id, checkpoint)): Id<(TaskId, CheckpointId)>,
    Params(query): Params<CompareQuery>,
) -> Answer<Diff> {
    Ok(Json(service.compare(id, checkpoint, query).await?))
}

/// Begins another task at a checkpoint of this one: with its history until then, its files, its conversation
/// and what it was given. The fork is paused unless it starts at once, or waits for a person as this one did.
#[utoipa::path(post, path = "/api/tasks/{id}/fork", tag = "checkpoints",
    params(("id" = TaskId, Path), Repeatable), request_body = Option<ForkTask>,
    responses((status = 201, body = TaskView, headers(("Location" = String))), Problems))]
async fn fork(
    service: Service,
    Id(id): Id<TaskId>,
    OptionalInput(wanted): OptionalInput<ForkTask>,
) -> Result<impl IntoResponse, Error> {
    let task = service.fork_task(id, wanted).await?;
    let location = format!("/api/tasks/{}", task.id);
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(task)))
}

/// Takes a task back to one of its checkpoints: phases, conversation and files. What is left behind is a
/// checkpoint itself. The files are back when `restoring` is false.
#[utoipa::path(post, path = "/api/tasks/{id}/restore", tag = "checkpoints",
    params(("id" = TaskId, Path), Repeatable), request_body = RestoreTask,
    responses((status = 200, body = TaskView), Problems))]
async fn restore(
    service: Service,
    Id(id): Id<TaskId>,
    Input(wanted): Input<RestoreTask>,
) -> Answer<TaskView> {
    Ok(Json(Box::pin(service.restore_task(id, wanted)).await?))
}
