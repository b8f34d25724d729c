//! Schedules: `/api/schedules`.

use app::api::{NewSchedule, Page, ScheduleView, TaskView};
use app::domain::id::ScheduleId;
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
        .routes(routes!(list, add))
        .routes(routes!(show, change, remove))
        .routes(routes!(run))
        .routes(routes!(pause))
        .routes(routes!(resume))
}

/// What makes tasks by itself, the oldest first.
#[utoipa::path(get, path = "/api/schedules", tag = "schedules",
    responses((status = 200, body = Page<ScheduleView>), Problems))]
async fn list(service: Service) -> Answer<Page<ScheduleView>> {
    Ok(Json(whole(service.schedules().await?)))
}

/// Has tasks made by themselves, by the clock of a time zone; at most 100 schedules.
///
/// A time that the clock leaves out in spring is due when the clock has gone on, one that it shows twice in
/// autumn the first time. No task is made as long as the one before waits for an agent.
#[utoipa::path(post, path = "/api/schedules", tag = "schedules", params(Repeatable), request_body = NewSchedule,
    responses((status = 201, body = ScheduleView, headers(("Location" = String))), Problems))]
async fn add(service: Service, Input(new): Input<NewSchedule>) -> Result<impl IntoResponse, Error> {
    let added = service.add_schedule(new).await?;
    let location = format!("/api/schedules/{}", added.id);
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(added)))
}

/// A schedule, with the next five times.
#[utoipa::path(get, path = "/api/schedules/{id}", tag = "schedules", params(("id" = ScheduleId, Path)),
    responses((status = 200, body = ScheduleView), Problems))]
async fn show(service: Service, Id(id): Id<ScheduleId>) -> Answer<ScheduleView> {
    Ok(Json(service.show_schedule(id).await?))
}

/// Says otherwise what a schedule makes, and when.
#[utoipa::path(put, path = "/api/schedules/{id}", tag = "schedules", params(("id" = ScheduleId, Path)),
    request_body = NewSchedule, responses((status = 200, body = ScheduleView), Problems))]
async fn change(
    service: Service,
    Id(id): Id<ScheduleId>,
    Input(new): Input<NewSchedule>,
) -> Answer<ScheduleView> {
    Ok(Json(service.change_schedule(id, new).await?))
}

/// Forgets a schedule. The tasks that it has made stay.
#[utoipa::path(delete, path = "/api/schedules/{id}", tag = "schedules", params(("id" = ScheduleId, Path)),
    responses((status = 204), Problems))]
async fn remove(service: Service, Id(id): Id<ScheduleId>) -> Result<StatusCode, Error> {
    service.remove_schedule(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes a task now, beside those that are made by themselves.
#[utoipa::path(post, path = "/api/schedules/{id}/run", tag = "schedules",
    params(("id" = ScheduleId, Path), Repeatable),
    responses((status = 201, body = TaskView, headers(("Location" = String))), Problems))]
async fn run(service: Service, Id(id): Id<ScheduleId>) -> Result<impl IntoResponse, Error> {
    let task = service.run_schedule(id).await?;
    let location = format!("/api/tasks/{}", task.id);
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(task)))
}

/// Makes no more tasks until it is resumed.
#[utoipa::path(post, path = "/api/schedules/{id}/pause", tag = "schedules",
    params(("id" = ScheduleId, Path), Repeatable),
    responses((status = 200, body = ScheduleView), Problems))]
async fn pause(service: Service, Id(id): Id<ScheduleId>) -> Answer<ScheduleView> {
    Ok(Json(service.pause_schedule(id, true).await?))
}

/// Makes tasks again from now on; what was left out meanwhile is not made up for.
#[utoipa::path(post, path = "/api/schedules/{id}/resume", tag = "schedules",
    params(("id" = ScheduleId, Path), Repeatable),
    responses((status = 200, body = ScheduleView), Problems))]
async fn resume(service: Service, Id(id): Id<ScheduleId>) -> Answer<ScheduleView> {
    Ok(Json(service.pause_schedule(id, false).await?))
}
