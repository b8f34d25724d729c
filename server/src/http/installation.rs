//! The installation: what it offers, how it is doing.

use app::api::{Overview, Page, WorkflowView};
use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::openapi::Problems;
use super::problem::{Kind, Problem};
use super::tasks::whole;
use crate::error::Error;
use crate::service::Service;
use crate::state::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(workflows))
        .routes(routes!(overview))
        .routes(routes!(healthz))
        .routes(routes!(readyz))
}

/// The kinds of tasks that can be asked for.
#[utoipa::path(get, path = "/api/workflows", tag = "installation",
    responses((status = 200, body = Page<WorkflowView>), Problems))]
async fn workflows(service: Service) -> Json<Page<WorkflowView>> {
    Json(whole(service.workflow_list()))
}

/// The state of the installation.
#[utoipa::path(get, path = "/api/overview", tag = "installation",
    responses((status = 200, body = Overview), Problems))]
async fn overview(service: Service) -> Result<Json<Overview>, Error> {
    Ok(Json(service.installation().await?))
}

/// Answers as soon as requests are served.
#[utoipa::path(get, path = "/healthz", tag = "installation", responses((status = 200)))]
async fn healthz() -> (StatusCode, &'static str) {
    (StatusCode::OK, "ok\n")
}

/// Answers when database and migrations are right.
#[utoipa::path(get, path = "/readyz", tag = "installation", responses((status = 200), Problems))]
async fn readyz(service: Service) -> Response {
    let problem = |detail: &str| Problem::new(Kind::Unavailable, detail).into_response();
    let store = service.store();
    if let Err(error) = store.ping().await {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "the database does not answer"
        );
        return problem("The database does not answer.");
    }
    match store.is_migrated().await {
        Ok(true) => "ready\n".into_response(),
        Ok(false) => problem("The database has another schema; run: claude-code-server migrate"),
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the schema can't be read"
            );
            problem("The database's schema can't be read.")
        }
    }
}
