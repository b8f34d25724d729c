//! What lies in a task's workspace: deliverables and changes.

use app::api::{BranchView, DeliverableContent, DeliverableView, Diff, DiffQuery, Page};
use app::domain::id::TaskId;
use axum::Json;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::HeaderValue;
use http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE};
use serde::Deserialize;
use tokio_util::io::ReaderStream;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Id, Params};
use super::openapi::Problems;
use super::tasks::whole;
use crate::error::Error;
use crate::service::Service;
use crate::state::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        // Documented in `openapi`, which writes the rest of a path in another way.
        .route("/api/tasks/{id}/deliverables/{*path}", get(show))
        .routes(routes!(diff))
        .routes(routes!(patch))
        .routes(routes!(branch))
}

/// The files that the task's phases must produce.
#[utoipa::path(get, path = "/api/tasks/{id}/deliverables", tag = "files", params(("id" = TaskId, Path)),
    responses((status = 200, body = Page<DeliverableView>), Problems))]
async fn list(service: Service, Id(id): Id<TaskId>) -> Result<Json<Page<DeliverableView>>, Error> {
    Ok(Json(whole(service.list_deliverables(id).await?)))
}

/// How a file is answered.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct Shape {
    /// `1` for the file as it is, as a download.
    raw: Option<u8>,
}

/// A file of the task's workspace: as JSON with its text and, if it is Markdown, as safe HTML.
#[utoipa::path(get, path = "/api/tasks/{id}/deliverables/{path}", tag = "files",
    params(("id" = TaskId, Path), ("path" = String, Path, description = "Relative to the workspace"), Shape),
    responses((status = 200, body = DeliverableContent), Problems))]
pub(super) async fn show(
    service: Service,
    Id((id, path)): Id<(TaskId, String)>,
    Params(form): Params<Shape>,
) -> Result<Response, Error> {
    match form.raw {
        Some(1) => download(&service, id, &path).await,
        None | Some(0) => Ok(Json(service.read_deliverable(id, &path).await?).into_response()),
        Some(_) => Err(Error::field("raw", "must be 0 or 1")),
    }
}

async fn download(service: &Service, id: TaskId, path: &str) -> Result<Response, Error> {
    let (file, size) = service.open_deliverable(id, path).await?;
    let mut response = Body::from_stream(ReaderStream::new(file)).into_response();
    let headers = response.headers_mut();
    // Never shown as a page of this server, whatever an agent has put into it.
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/octet-stream"),
    );
    headers.insert(CONTENT_LENGTH, size.into());
    let name: String = path
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .chars()
        .map(plain)
        .collect();
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""));
    headers.insert(
        CONTENT_DISPOSITION,
        disposition.unwrap_or(HeaderValue::from_static("attachment")),
    );
    Ok(response)
}

/// A sign that is the same in every file system and header.
const fn plain(sign: char) -> char {
    if sign.is_ascii_alphanumeric() || matches!(sign, '.' | '-' | '_') {
        sign
    } else {
        '_'
    }
}

/// What a phase has changed.
#[utoipa::path(get, path = "/api/tasks/{id}/diff", tag = "files", params(("id" = TaskId, Path), DiffQuery),
    responses((status = 200, body = Diff), Problems))]
async fn diff(
    service: Service,
    Id(id): Id<TaskId>,
    Params(query): Params<DiffQuery>,
) -> Result<Json<Diff>, Error> {
    Ok(Json(service.changes(id, query.phase).await?))
}

/// All that a task has changed since its start, as a patch that `git apply` takes.
#[utoipa::path(get, path = "/api/tasks/{id}/patch", tag = "files", params(("id" = TaskId, Path)),
    responses((status = 200, content_type = "text/x-diff", body = String), Problems))]
async fn patch(service: Service, Id(id): Id<TaskId>) -> Result<Response, Error> {
    let patch = service.patch(id).await?;
    let disposition = format!("attachment; filename=\"{id}.patch\"");
    let headers = [
        (CONTENT_TYPE, "text/x-diff".to_owned()),
        (CONTENT_DISPOSITION, disposition),
    ];
    Ok((headers, Body::from_stream(patch.into_stream())).into_response())
}

/// The branch that the work of a `modify_app` task ends in. It is there from the first verification
/// on, and made anew by each.
#[utoipa::path(get, path = "/api/tasks/{id}/branch", tag = "files", params(("id" = TaskId, Path)),
    responses((status = 200, body = BranchView), Problems))]
async fn branch(service: Service, Id(id): Id<TaskId>) -> Result<Json<BranchView>, Error> {
    let found = service.find_branch(id).await?;
    found.map(Json).ok_or(Error::NotFound { what: "branch" })
}
