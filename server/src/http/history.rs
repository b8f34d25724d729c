//! A task's past: its versions, and its history as a file.

use app::api::{TaskVersion, TaskView, VersionDiff, VersionQuery};
use app::domain::id::TaskId;
use axum::Json;
use axum::body::Body;
use axum::extract::Request;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::StatusCode;
use http::header::{CONTENT_TYPE, LOCATION};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Answer, Id, Params, body};
use super::files::attachment;
use super::openapi::{Problems, Repeatable};
use super::problem::{Kind, Problem};
use crate::error::Error;
use crate::service::Service;
use crate::state::AppState;

/// JSON Lines: one JSON value a line.
pub const LINES: &str = "application/jsonl";

/// Where a history is sent to.
pub const IMPORT: &str = "/api/tasks/import";

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(version))
        .routes(routes!(compare))
        .routes(routes!(export))
        .routes(routes!(import))
}

/// A task as it was after so many events.
#[utoipa::path(get, path = "/api/tasks/{id}/versions/{version}", tag = "tasks",
    params(("id" = TaskId, Path), ("version" = u64, Path)),
    responses((status = 200, body = TaskVersion), Problems))]
async fn version(service: Service, Id((id, version)): Id<(TaskId, u64)>) -> Answer<TaskVersion> {
    Ok(Json(service.task_version(id, version).await?))
}

/// What differs between a version of a task and another one.
#[utoipa::path(get, path = "/api/tasks/{id}/versions/{version}/diff", tag = "tasks",
    params(("id" = TaskId, Path), ("version" = u64, Path), VersionQuery),
    responses((status = 200, body = VersionDiff), Problems))]
async fn compare(
    service: Service,
    Id((id, version)): Id<(TaskId, u64)>,
    Params(query): Params<VersionQuery>,
) -> Answer<VersionDiff> {
    Ok(Json(service.compare_versions(id, version, query).await?))
}

/// A task's whole history as JSON Lines: what it is, then each event.
#[utoipa::path(get, path = "/api/tasks/{id}/export", tag = "tasks", params(("id" = TaskId, Path)),
    responses((status = 200, description = "The history", content_type = "application/jsonl"), Problems))]
async fn export(service: Service, Id(id): Id<TaskId>) -> Result<Response, Error> {
    let lines = service.export_task(id).await?;
    Ok(attachment(
        Body::from_stream(lines),
        LINES,
        &format!("{id}.jsonl"),
    ))
}

/// Takes over a task that another installation has exported: its history as it was, under its own id. Its
/// files, its log and its conversation stay where they are.
#[utoipa::path(post, path = IMPORT, tag = "tasks", params(Repeatable),
    request_body(content = String, content_type = "application/jsonl"),
    responses((status = 201, body = TaskView, headers(("Location" = String))), Problems))]
async fn import(
    State(state): State<AppState>,
    service: Service,
    request: Request,
) -> Result<Response, Problem> {
    let kind = request.headers().get(CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.starts_with(LINES) && !kind.starts_with("application/x-ndjson") {
        let detail = format!("The body must be JSON Lines, with Content-Type: {LINES}.");
        return Err(Problem::new(Kind::UnsupportedMediaType, detail));
    }
    let lines: Bytes = body(request, &state).await?;
    let task = service.import_task(lines).await?;
    let location = format!("/api/tasks/{}", task.id);
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(task)).into_response())
}
