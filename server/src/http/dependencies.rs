//! What people give to agents: `/api/dependencies`, and the form that sends a file.

use app::api::{DependencyView, ProvideDependency};
use app::domain::id::{DependencyId, TaskId};
use app::fault::Fault;
use axum::body::Bytes;
use axum::extract::{FromRequest, Multipart, Request};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::post;
use axum::{Json, Router};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use leptos::server_fn::error::ServerFnUrlError;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Answer, Id, Input};
use super::inbound::is_too_large;
use super::openapi::{Problems, Repeatable};
use super::problem::{Kind, Problem};
use crate::error::Error;
use crate::service::Service;
use crate::state::AppState;
use crate::vault::VALUE_LIMIT;

/// The field of a form that has the file.
const FILE: &str = "file";

/// Where the addresses of forms begin.
pub const FORMS: &str = "/dependencies/";

/// The address of the form, as errors name it.
const FORM: &str = "/dependencies/{id}/file";

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(provide))
}

/// The form of the task's page: a browser sends it by itself, with and without script.
pub fn form() -> Router<AppState> {
    Router::new().route(FORM, post(send_file))
}

/// What a program gives, or a file.
enum Handed {
    Given(ProvideDependency),
    File(Bytes),
}

impl FromRequest<AppState> for Handed {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Problem> {
        let kind = request.headers().get(CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if kind.starts_with("multipart/form-data") {
            let Upload(file) = Upload::from_request(request, state).await?;
            return Ok(Self::File(file));
        }
        let Input(given) = Input::from_request(request, state).await?;
        Ok(Self::Given(given))
    }
}

/// The file of a form.
struct Upload(Bytes);

impl FromRequest<AppState> for Upload {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Problem> {
        let broken = || Problem::new(Kind::Malformed, "The form could not be read.");
        let form = Multipart::from_request(request, state).await;
        let mut form = form.map_err(|_| broken())?;
        while let Some(field) = form.next_field().await.map_err(|_| broken())? {
            if field.name() == Some(FILE) {
                let content = field.bytes().await.map_err(|error| {
                    if is_too_large(&error) {
                        Problem::bare(Kind::TooLarge)
                    } else {
                        broken()
                    }
                })?;
                return Ok(Self(content));
            }
        }
        Err(Problem::field(Kind::Invalid, FILE, "is required"))
    }
}

/// Gives or declines what an agent needs.
///
/// The agent goes on once nothing is open that it has asked for. The value is kept encrypted, given to
/// the agents of this task alone, and never returned. The same twice is harmless; another value takes
/// the place of the one before. A file can also be sent as the field `file` of `multipart/form-data`.
#[utoipa::path(post, path = "/api/dependencies/{id}/provide", tag = "dependencies",
    params(("id" = DependencyId, Path), Repeatable), request_body = ProvideDependency,
    responses((status = 200, body = DependencyView), Problems))]
async fn provide(
    service: Service,
    Id(id): Id<DependencyId>,
    handed: Handed,
) -> Answer<DependencyView> {
    let provided = match handed {
        Handed::Given(given) => service.provide_dependency(id, given).await?,
        Handed::File(content) => service.provide_file(id, &content).await?,
    };
    Ok(Json(provided))
}

/// Takes a file, and shows the task's page again, with what was wrong.
async fn send_file(
    service: Service,
    Id(id): Id<DependencyId>,
    upload: Result<Upload, Problem>,
) -> Response {
    let provided = match upload {
        Ok(Upload(content)) => service.provide_file(id, &content).await,
        Err(problem) if problem.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            let message = format!("must be at most {} KiB", VALUE_LIMIT / 1024);
            Err(Error::field(FILE, message))
        }
        Err(problem) => return problem.into_response(),
    };
    match provided {
        Ok(provided) => shown(provided.task_id, None),
        Err(error) => match service.task_of_dependency(id).await {
            Ok(task) => shown(task, Some(error)),
            Err(_) => error.into_response(),
        },
    }
}

fn shown(task: TaskId, error: Option<Error>) -> Response {
    let page = format!("/tasks/{task}");
    let fault = error.map(Fault::from);
    let address = fault.and_then(|fault| {
        let told = ServerFnUrlError::new(FORM, fault).to_url(&format!("http://localhost{page}"));
        let told = told.ok()?;
        Some(format!("{page}?{}", told.query()?))
    });
    Redirect::to(&address.unwrap_or(page)).into_response()
}
