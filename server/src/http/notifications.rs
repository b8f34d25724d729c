//! What people are told of their tasks: `/api/notifications`, `/api/needs-you`.

use app::api::{NeedsYou, NotificationQuery, NotificationView, Page, ReadCount};
use app::domain::id::NotificationId;
use axum::Json;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Answer, Id, Params};
use super::openapi::{Problems, Repeatable};
use crate::service::Service;
use crate::state::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(read_all))
        .routes(routes!(read))
        .routes(routes!(needs_you))
}

/// A page of what waits.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
struct Part {
    /// 1 to 200; 50 unless given.
    limit: Option<u32>,
    /// From the page before.
    cursor: Option<String>,
}

/// What people are told, newest first. What is settled stays, but no longer counts as unread; of each task
/// the newest 100 of it are kept.
#[utoipa::path(get, path = "/api/notifications", tag = "notifications", params(NotificationQuery),
    responses((status = 200, body = Page<NotificationView>), Problems))]
async fn list(
    service: Service,
    Params(query): Params<NotificationQuery>,
) -> Answer<Page<NotificationView>> {
    Ok(Json(service.notification_list(&query).await?))
}

/// Marks all as read.
#[utoipa::path(post, path = "/api/notifications/read", tag = "notifications", params(Repeatable),
    responses((status = 200, body = ReadCount), Problems))]
async fn read_all(service: Service) -> Answer<ReadCount> {
    Ok(Json(service.read_all_notifications().await?))
}

/// Marks one as read.
#[utoipa::path(post, path = "/api/notifications/{id}/read", tag = "notifications",
    params(("id" = String, Path, description = "`<task>.<version>`"), Repeatable),
    responses((status = 200, body = NotificationView), Problems))]
async fn read(service: Service, Id(id): Id<NotificationId>) -> Answer<NotificationView> {
    Ok(Json(service.read_notification(id).await?))
}

/// The open questions, permissions, dependencies, reviews and failures of all tasks, what waits for longest
/// first.
#[utoipa::path(get, path = "/api/needs-you", tag = "notifications", params(Part),
    responses((status = 200, body = NeedsYou), Problems))]
async fn needs_you(service: Service, Params(part): Params<Part>) -> Answer<NeedsYou> {
    let needs = service.needs_you(part.limit, part.cursor.as_deref());
    Ok(Json(needs.await?))
}
