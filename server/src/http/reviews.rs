//! Gates: `/api/tasks/{id}/reviews` and `/api/reviews`.

use app::api::{Approval, Page, ReviewView, TaskView};
use app::domain::id::{ReviewId, TaskId};
use app::domain::task::{ChangeRequest, Comment};
use axum::Json;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Answer, Id, Input, OptionalInput};
use super::openapi::{Problems, Repeatable};
use super::tasks::whole;
use crate::service::Service;
use crate::state::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list, request))
        .routes(routes!(show))
        .routes(routes!(approve))
        .routes(routes!(request_changes))
        .routes(routes!(add_feedback))
}

/// All reviews of a task, newest first.
#[utoipa::path(get, path = "/api/tasks/{id}/reviews", tag = "reviews", params(("id" = TaskId, Path)),
    responses((status = 200, body = Page<ReviewView>), Problems))]
async fn list(service: Service, Id(id): Id<TaskId>) -> Answer<Page<ReviewView>> {
    Ok(Json(whole(service.reviews(id).await?)))
}

/// Opens a gate at the next end of a turn.
#[utoipa::path(post, path = "/api/tasks/{id}/reviews", tag = "reviews", params(("id" = TaskId, Path), Repeatable),
    responses((status = 200, body = TaskView), Problems))]
async fn request(service: Service, Id(id): Id<TaskId>) -> Answer<TaskView> {
    Ok(Json(service.request_review(id).await?))
}

/// A review.
#[utoipa::path(get, path = "/api/reviews/{id}", tag = "reviews", params(("id" = ReviewId, Path)),
    responses((status = 200, body = ReviewView), Problems))]
async fn show(service: Service, Id(id): Id<ReviewId>) -> Answer<ReviewView> {
    Ok(Json(service.review(id).await?))
}

/// Lets the next phase begin.
#[utoipa::path(patch, path = "/api/reviews/{id}/approve", tag = "reviews", params(("id" = ReviewId, Path)),
    request_body = Option<Approval>, responses((status = 200, body = ReviewView), Problems))]
async fn approve(
    service: Service,
    Id(id): Id<ReviewId>,
    OptionalInput(approval): OptionalInput<Approval>,
) -> Answer<ReviewView> {
    Ok(Json(service.approve_review(id, approval.comment).await?))
}

/// Sends the phase back to the agent.
#[utoipa::path(patch, path = "/api/reviews/{id}/request-changes", tag = "reviews",
    params(("id" = ReviewId, Path)), request_body = ChangeRequest,
    responses((status = 200, body = ReviewView), Problems))]
async fn request_changes(
    service: Service,
    Id(id): Id<ReviewId>,
    Input(changes): Input<ChangeRequest>,
) -> Answer<ReviewView> {
    Ok(Json(service.send_back(id, changes).await?))
}

/// Adds a comment to an open review.
#[utoipa::path(post, path = "/api/reviews/{id}/feedback", tag = "reviews", params(("id" = ReviewId, Path), Repeatable),
    request_body = Comment, responses((status = 200, body = ReviewView), Problems))]
async fn add_feedback(
    service: Service,
    Id(id): Id<ReviewId>,
    Input(comment): Input<Comment>,
) -> Answer<ReviewView> {
    Ok(Json(service.comment_on(id, comment).await?))
}
