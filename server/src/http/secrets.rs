//! Reusable secrets: `/api/secrets`. Their values only ever go in.

use app::api::{NewSecret, Page, SecretValue, SecretView};
use axum::Json;
use axum::response::IntoResponse;
use http::StatusCode;
use http::header::LOCATION;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Answer, Id, Input};
use super::openapi::{Problems, Repeatable};
use super::tasks::whole;
use crate::error::Error;
use crate::service::Service;
use crate::state::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(replace, remove))
}

/// All reusable secrets, by name.
#[utoipa::path(get, path = "/api/secrets", tag = "settings",
    responses((status = 200, body = Page<SecretView>), Problems))]
async fn list(service: Service) -> Answer<Page<SecretView>> {
    Ok(Json(whole(service.named_secrets().await?)))
}

/// Keeps a secret that can be given to tasks by its name, instead of a value for each.
#[utoipa::path(post, path = "/api/secrets", tag = "settings", params(Repeatable),
    request_body = NewSecret,
    responses((status = 201, body = SecretView, headers(("Location" = String))), Problems))]
async fn create(
    service: Service,
    Input(new): Input<NewSecret>,
) -> Result<impl IntoResponse, Error> {
    let secret = service.create_secret(new).await?;
    let location = format!("/api/secrets/{}", secret.name);
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(secret)))
}

/// Another value for a secret. Agents of the tasks that it was given to get it with their next process.
#[utoipa::path(put, path = "/api/secrets/{name}", tag = "settings",
    params(("name" = String, Path)), request_body = SecretValue,
    responses((status = 200, body = SecretView), Problems))]
async fn replace(
    service: Service,
    Id(name): Id<String>,
    Input(new): Input<SecretValue>,
) -> Answer<SecretView> {
    Ok(Json(service.replace_secret(&name, new.value).await?))
}

/// Removes a secret, and takes it from the tasks that it was given to: agents that run keep what they
/// have, later ones don't get it.
#[utoipa::path(delete, path = "/api/secrets/{name}", tag = "settings",
    params(("name" = String, Path)), responses((status = 204), Problems))]
async fn remove(service: Service, Id(name): Id<String>) -> Result<StatusCode, Error> {
    service.delete_secret(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}
