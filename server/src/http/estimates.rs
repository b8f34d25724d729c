//! How good estimates were: `/api/estimates`.

use app::api::EstimateReport;
use axum::Json;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::Answer;
use super::openapi::Problems;
use crate::service::Service;
use crate::state::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(report))
}

/// How often reality fell inside of what was expected of phases, by their kind and in all.
#[utoipa::path(get, path = "/api/estimates", tag = "usage",
    responses((status = 200, body = EstimateReport), Problems))]
async fn report(service: Service) -> Answer<EstimateReport> {
    Ok(Json(service.estimate_report().await?))
}
