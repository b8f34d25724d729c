//! What lies in a task's workspace: deliverables and changes.

use app::api::{BranchView, DeliverableContent, DeliverableView, Diff, DiffQuery, Page};
use app::domain::id::TaskId;
use axum::Json;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::HeaderValue;
use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
};
use serde::Deserialize;
use tokio::io::AsyncReadExt as _;
use tokio_util::io::ReaderStream;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Id, Params};
use super::openapi::Problems;
use super::tasks::whole;
use crate::error::Error;
use crate::service::Service;
use crate::state::AppState;

/// What is sent packed or as it is. Not packed once more on the way.
pub const BYTES: &str = "application/octet-stream";
pub const ZIP: &str = "application/zip";

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        // Documented in `openapi`, which writes the rest of a path in another way.
        .route("/api/tasks/{id}/deliverables/{*path}", get(show))
        .routes(routes!(archive))
        .routes(routes!(diff))
        .routes(routes!(patch))
        .routes(routes!(branch))
}

/// What a list of files tells of them.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
struct Depth {
    /// `1` for the SHA-256 of each file up to 64 MiB.
    checksum: Option<u8>,
}

/// The files that the task's phases must produce.
#[utoipa::path(get, path = "/api/tasks/{id}/deliverables", tag = "files", params(("id" = TaskId, Path), Depth),
    responses((status = 200, body = Page<DeliverableView>), Problems))]
async fn list(
    service: Service,
    Id(id): Id<TaskId>,
    Params(depth): Params<Depth>,
) -> Result<Json<Page<DeliverableView>>, Error> {
    let checksums = match depth.checksum {
        None | Some(0) => false,
        Some(1) => true,
        Some(_) => return Err(Error::field("checksum", "must be 0 or 1")),
    };
    Ok(Json(whole(service.list_deliverables(id, checksums).await?)))
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
    // A file that grows in the meantime is sent up to where it ended.
    let body = Body::from_stream(ReaderStream::new(file.take(size)));
    let name = path.rsplit('/').next().unwrap_or_default();
    let mut response = attachment(body, BYTES, name);
    response.headers_mut().insert(CONTENT_LENGTH, size.into());
    Ok(response)
}

/// The task's workspace as a ZIP archive: without `.git` and what its `.gitignore` names. What could
/// not be packed as it is, is told in its `ARCHIVE-NOTES.txt`.
#[utoipa::path(get, path = "/api/tasks/{id}/archive.zip", tag = "files", params(("id" = TaskId, Path)),
    responses((status = 200, description = "The archive, made while it is sent", content_type = "application/zip"), Problems))]
async fn archive(service: Service, Id(id): Id<TaskId>) -> Result<Response, Error> {
    let (title, archive) = service.archive_workspace(id).await?;
    let body = Body::from_stream(archive.into_stream());
    Ok(attachment(body, ZIP, &archive_name(title.as_str())))
}

/// Something to be kept and not to be looked at: whatever an agent has put into it, it is never a
/// page of this server.
pub fn attachment(body: Body, content_type: &'static str, name: &str) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CONTENT_DISPOSITION, disposition(name));
    let policy = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; sandbox");
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A name that any system takes and, if the true one says more, that one as well.
fn disposition(name: &str) -> HeaderValue {
    let plain: String = name.chars().map(plain).collect();
    let told = if plain == name {
        format!("attachment; filename=\"{plain}\"")
    } else {
        let escaped: String = name.bytes().map(escaped).collect();
        format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{escaped}")
    };
    HeaderValue::from_str(&told).unwrap_or(HeaderValue::from_static("attachment"))
}

/// As RFC 8187 wants it.
fn escaped(byte: u8) -> String {
    match byte {
        b'.' | b'-' | b'_' => char::from(byte).to_string(),
        _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    }
}

/// A sign that is the same in every file system and header.
const fn plain(sign: char) -> char {
    if sign.is_ascii_alphanumeric() || matches!(sign, '.' | '-' | '_') {
        sign
    } else {
        '_'
    }
}

/// Made of the words of the task's title.
fn archive_name(title: &str) -> String {
    let words = title.split(|sign: char| !sign.is_ascii_alphanumeric());
    let words: Vec<_> = words
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    let mut name = words.join("-");
    name.truncate(60);
    match name.trim_end_matches('-') {
        "" => "workspace.zip".to_owned(),
        name => format!("{name}.zip"),
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

#[cfg(test)]
mod tests {
    use super::{archive_name, disposition};

    #[test]
    fn names_of_downloads_are_safe_everywhere() {
        let told = |name| disposition(name).to_str().unwrap().to_owned();
        assert_eq!(told("a-1.md"), "attachment; filename=\"a-1.md\"");
        assert_eq!(
            told("a\"\r\n; b.md"),
            "attachment; filename=\"a_____b.md\"; filename*=UTF-8''a%22%0D%0A%3B%20b.md"
        );
        assert_eq!(
            told("é.md"),
            "attachment; filename=\"_.md\"; filename*=UTF-8''%C3%A9.md"
        );
    }

    #[test]
    fn an_archive_is_called_like_its_task() {
        assert_eq!(archive_name("A tool library!"), "a-tool-library.zip");
        assert_eq!(archive_name("日本"), "workspace.zip");
        assert_eq!(archive_name(&"word ".repeat(40)).len(), 63);
    }
}
