//! What people set for the whole installation: `/api/settings`.

use app::api::{AccountCheck, EditSettings, SettingsView};
use axum::Json;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Answer, Input};
use super::openapi::Problems;
use crate::service::Service;
use crate::state::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(show, edit))
        .routes(routes!(check))
}

/// All settings with their defaults. Of secrets it tells whether they are set, and how long ones end.
#[utoipa::path(get, path = "/api/settings", tag = "settings",
    responses((status = 200, body = SettingsView), Problems))]
async fn show(service: Service) -> Answer<SettingsView> {
    Ok(Json(service.show_settings().await?))
}

/// Changes settings; what is left out stays, `null` takes a setting back to its default. A change counts
/// at once: for agents that run already it counts from their next process on.
#[utoipa::path(patch, path = "/api/settings", tag = "settings", request_body = EditSettings,
    responses((status = 200, body = SettingsView), Problems))]
async fn edit(service: Service, Input(edit): Input<EditSettings>) -> Answer<SettingsView> {
    Ok(Json(service.edit_settings(edit).await?))
}

/// Makes one cheap call with the credentials that the next agent would use, and tells what came of it.
#[utoipa::path(post, path = "/api/settings/check", tag = "settings",
    responses((status = 200, body = AccountCheck), Problems))]
async fn check(service: Service) -> Answer<AccountCheck> {
    Ok(Json(service.check_account().await?))
}
