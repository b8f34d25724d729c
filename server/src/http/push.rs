//! Browsers that notifications are pushed to: `/api/push`.

use app::api::{PushSubscription, PushSubscriptionView, PushView};
use axum::Json;
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::extract::{Answer, Id, Input};
use super::openapi::{Problems, Repeatable};
use crate::error::Error;
use crate::service::Service;
use crate::state::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(show))
        .routes(routes!(subscribe))
        .routes(routes!(unsubscribe))
}

/// The key that browsers subscribe with, and the browsers that have.
#[utoipa::path(get, path = "/api/push", tag = "notifications",
    responses((status = 200, body = PushView), Problems))]
async fn show(service: Service) -> Answer<PushView> {
    Ok(Json(service.push().await?))
}

/// Has notifications of these kinds pushed to a browser. The same address again replaces the kinds.
///
/// Messages go to public addresses by HTTPS alone. A browser that its push service no longer knows is
/// forgotten; of more than 20 the oldest are.
#[utoipa::path(post, path = "/api/push/subscriptions", tag = "notifications", params(Repeatable),
    request_body = PushSubscription, responses((status = 200, body = PushSubscriptionView), Problems))]
async fn subscribe(
    service: Service,
    Input(given): Input<PushSubscription>,
) -> Answer<PushSubscriptionView> {
    Ok(Json(service.subscribe(&given).await?))
}

/// Forgets a browser.
#[utoipa::path(delete, path = "/api/push/subscriptions/{id}", tag = "notifications",
    params(("id" = Uuid, Path)), responses((status = 204), Problems))]
async fn unsubscribe(service: Service, Id(id): Id<Uuid>) -> Result<StatusCode, Error> {
    service.unsubscribe(id).await?;
    Ok(StatusCode::NO_CONTENT)
}
