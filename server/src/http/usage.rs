//! What was used: `/api/usage`.

use app::api::{UsageQuery, UsageReport};
use axum::Json;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Answer, Params};
use super::openapi::Problems;
use crate::service::Service;
use crate::state::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(report))
}

/// Cost, tokens and turns, added up by days, models, tasks or phases.
#[utoipa::path(get, path = "/api/usage", tag = "usage", params(UsageQuery),
    responses((status = 200, body = UsageReport), Problems))]
async fn report(service: Service, Params(query): Params<UsageQuery>) -> Answer<UsageReport> {
    Ok(Json(service.usage(&query).await?))
}
