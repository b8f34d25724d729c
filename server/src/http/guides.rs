//! The documents that agents work by: `/api/guides`.

use app::api::{GuideContent, GuideView, Page};
use axum::Json;
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Answer, Id};
use super::openapi::Problems;
use super::tasks::whole;
use crate::service::Service;
use crate::state::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        // Documented in `openapi`, which writes the rest of a path in another way.
        .route("/api/guides/{*path}", get(show))
}

/// All guides, in the order in which a task comes across them.
#[utoipa::path(get, path = "/api/guides", tag = "installation",
    responses((status = 200, body = Page<GuideView>), Problems))]
async fn list(service: Service) -> Answer<Page<GuideView>> {
    Ok(Json(whole(service.guide_list().await?)))
}

/// A guide: its Markdown, and safe HTML of it.
#[utoipa::path(get, path = "/api/guides/{path}", tag = "installation",
    params(("path" = String, Path, description = "As in `planning/01_idea.md`; the ending may be left out")),
    responses((status = 200, body = GuideContent), Problems))]
pub(super) async fn show(service: Service, Id(path): Id<String>) -> Answer<GuideContent> {
    Ok(Json(service.read_guide(&path).await?))
}
