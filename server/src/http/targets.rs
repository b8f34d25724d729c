//! Where notifications are sent to: browsers (`/api/push`), webhooks and channels of Slack
//! (`/api/notification-targets`).

use app::api::{
    EditTarget, NewTarget, Page, PushSubscription, PushSubscriptionView, PushView, SigningSecret,
    TargetTrial, TargetView,
};
use axum::Json;
use axum::response::IntoResponse;
use http::StatusCode;
use http::header::{CACHE_CONTROL, LOCATION};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::extract::{Answer, Id, Input};
use super::openapi::{Problems, Repeatable};
use super::tasks::whole;
use crate::error::Error;
use crate::service::Service;
use crate::state::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(show))
        .routes(routes!(subscribe))
        .routes(routes!(unsubscribe))
        .routes(routes!(list, add))
        .routes(routes!(edit, remove))
        .routes(routes!(secret))
        .routes(routes!(test))
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

/// Webhooks and channels of Slack that notifications are sent to, the oldest first.
#[utoipa::path(get, path = "/api/notification-targets", tag = "notifications",
    responses((status = 200, body = Page<TargetView>), Problems))]
async fn list(service: Service) -> Answer<Page<TargetView>> {
    Ok(Json(whole(service.targets().await?)))
}

/// Has notifications sent to a webhook or a channel of Slack; at most 20.
///
/// A webhook gets a POST of JSON, signed as Standard Webhooks has it. What is answered with 2xx is delivered; 408, 425, 429 and 5xx are tried again for an hour. Slack
/// needs the bot's token of the settings.
#[utoipa::path(post, path = "/api/notification-targets", tag = "notifications", params(Repeatable),
    request_body = NewTarget,
    responses((status = 201, body = TargetView, headers(("Location" = String))), Problems))]
async fn add(service: Service, Input(new): Input<NewTarget>) -> Result<impl IntoResponse, Error> {
    let added = service.add_target(new).await?;
    let location = format!("/api/notification-targets/{}", added.id);
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(added)))
}

/// Which notifications a target gets from now on.
#[utoipa::path(patch, path = "/api/notification-targets/{id}", tag = "notifications",
    params(("id" = Uuid, Path)), request_body = EditTarget,
    responses((status = 200, body = TargetView), Problems))]
async fn edit(
    service: Service,
    Id(id): Id<Uuid>,
    Input(edit): Input<EditTarget>,
) -> Answer<TargetView> {
    Ok(Json(service.edit_target(id, &edit.kinds).await?))
}

/// What a webhook's messages are signed by, for the other side to check them.
#[utoipa::path(get, path = "/api/notification-targets/{id}/secret", tag = "notifications",
    params(("id" = Uuid, Path)), responses((status = 200, body = SigningSecret), Problems))]
async fn secret(service: Service, Id(id): Id<Uuid>) -> Result<impl IntoResponse, Error> {
    let secret = service.signing_secret(id).await?;
    Ok(([(CACHE_CONTROL, "no-store")], Json(secret)))
}

/// Sends nothing to a target any more.
#[utoipa::path(delete, path = "/api/notification-targets/{id}", tag = "notifications",
    params(("id" = Uuid, Path)), responses((status = 204), Problems))]
async fn remove(service: Service, Id(id): Id<Uuid>) -> Result<StatusCode, Error> {
    service.remove_target(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sends a message of the type `notification.test` now, and says what came of it.
#[utoipa::path(post, path = "/api/notification-targets/{id}/test", tag = "notifications",
    params(("id" = Uuid, Path)), responses((status = 200, body = TargetTrial), Problems))]
async fn test(service: Service, Id(id): Id<Uuid>) -> Answer<TargetTrial> {
    Ok(Json(service.try_target(id).await?))
}
