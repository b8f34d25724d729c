//! The tasks that wait for a run: `/api/queue`.

use app::api::{MoveTask, QueueView, TaskView};
use app::domain::id::TaskId;
use axum::Json;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Answer, Id, Input};
use super::openapi::{Problems, Repeatable};
use crate::service::Service;
use crate::state::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(show))
        .routes(routes!(place))
}

/// The tasks that wait for a run, in order, with their positions and when they are likely to start.
#[utoipa::path(get, path = "/api/queue", tag = "tasks",
    responses((status = 200, body = QueueView), Problems))]
async fn show(service: Service) -> Answer<QueueView> {
    Ok(Json(service.queue().await?))
}

/// Puts a queued task in front of another one of its priority, or behind all of them.
#[utoipa::path(post, path = "/api/tasks/{id}/move", tag = "tasks",
    params(("id" = TaskId, Path), Repeatable), request_body = MoveTask,
    responses((status = 200, body = TaskView), Problems))]
async fn place(
    service: Service,
    Id(id): Id<TaskId>,
    Input(to): Input<MoveTask>,
) -> Answer<TaskView> {
    Ok(Json(service.move_task(id, to).await?))
}
