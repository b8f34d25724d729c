//! What a task's agents may do without asking: `/api/tasks/{id}/permissions`.

use app::api::PermissionsView;
use app::domain::id::{RuleId, TaskId};
use app::domain::permission::{GrantedRule, PermissionRule};
use axum::Json;
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Answer, Id, Input};
use super::openapi::Problems;
use crate::error::Error;
use crate::service::Service;
use crate::state::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(show, grant))
        .routes(routes!(revoke))
}

/// The task's mode, what it allows by itself, and what a person has allowed beyond that.
#[utoipa::path(get, path = "/api/tasks/{id}/permissions", tag = "permissions", params(("id" = TaskId, Path)),
    responses((status = 200, body = PermissionsView), Problems))]
async fn show(service: Service, Id(id): Id<TaskId>) -> Answer<PermissionsView> {
    Ok(Json(service.permissions(id).await?))
}

/// Allows calls of a kind for the rest of the task. The same rule twice is one.
#[utoipa::path(post, path = "/api/tasks/{id}/permissions", tag = "permissions", params(("id" = TaskId, Path)),
    request_body = PermissionRule, responses((status = 201, body = GrantedRule), Problems))]
async fn grant(
    service: Service,
    Id(id): Id<TaskId>,
    Input(rule): Input<PermissionRule>,
) -> Result<(StatusCode, Json<GrantedRule>), Error> {
    let granted = service.grant_permission(id, rule).await?;
    Ok((StatusCode::CREATED, Json(granted)))
}

/// Takes a rule away: such calls are asked for again.
#[utoipa::path(delete, path = "/api/tasks/{id}/permissions/{rule}", tag = "permissions",
    params(("id" = TaskId, Path), ("rule" = RuleId, Path)), responses((status = 204), Problems))]
async fn revoke(
    service: Service,
    Id((id, rule)): Id<(TaskId, RuleId)>,
) -> Result<StatusCode, Error> {
    service.revoke_permission(id, rule).await?;
    Ok(StatusCode::NO_CONTENT)
}
