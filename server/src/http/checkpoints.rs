//! Checkpoints: `/api/tasks/{id}/checkpoints`.

use app::api::{CheckpointView, CompareQuery, Diff, Page};
use app::domain::id::{CheckpointId, TaskId};
use axum::Json;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Answer, Id, Params};
use super::openapi::Problems;
use super::tasks::whole;
use crate::service::Service;
use crate::state::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(checkpoints))
        .routes(routes!(compare))
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
