//! Gates: `/api/tasks/{id}/reviews` and `/api/reviews`.

use app::api::{Approval, ConversationView, DeliverableContent, Diff, Page, ReviewView, TaskView};
use app::domain::id::{FeedbackId, ReviewId, TaskId};
use app::domain::task::{ChangeRequest, Comment};
use axum::Json;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Answer, Id, Input, OptionalInput, Params};
use super::openapi::{Problems, Repeatable};
use super::tasks::whole;
use crate::error::Error;
use crate::service::{ImageKind, Service, Version};
use crate::state::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list, request))
        .routes(routes!(show))
        .routes(routes!(diff))
        .routes(routes!(conversation))
        // Documented in `openapi`, which writes the rest of a path in another way.
        .route("/api/reviews/{id}/files/{*path}", get(file))
        .routes(routes!(approve))
        .routes(routes!(request_changes))
        .routes(routes!(add_feedback))
        .routes(routes!(resolve_feedback))
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

/// Which changes of a review.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
struct Scope {
    /// Only what has changed since the round before.
    since: bool,
}

/// What a review is about: the changes since its phase began, or since the round before.
#[utoipa::path(get, path = "/api/reviews/{id}/diff", tag = "reviews", params(("id" = ReviewId, Path), Scope),
    responses((status = 200, body = Diff), Problems))]
async fn diff(
    service: Service,
    Id(id): Id<ReviewId>,
    Params(scope): Params<Scope>,
) -> Answer<Diff> {
    Ok(Json(service.review_changes(id, scope.since).await?))
}

/// What the agent did between the beginning of the phase and the review.
#[utoipa::path(get, path = "/api/reviews/{id}/conversation", tag = "reviews", params(("id" = ReviewId, Path)),
    responses((status = 200, body = ConversationView), Problems))]
async fn conversation(service: Service, Id(id): Id<ReviewId>) -> Answer<ConversationView> {
    Ok(Json(service.review_conversation(id).await?))
}

/// How a file of a review is answered.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct FileForm {
    /// `1` for the file as it is: an image as one, anything else as a download.
    raw: Option<u8>,
    /// With `raw`, from which commit.
    version: Version,
}

/// A file as it was when the review opened: as JSON with its text and, if it is Markdown, as safe HTML.
#[utoipa::path(get, path = "/api/reviews/{id}/files/{path}", tag = "reviews",
    params(("id" = ReviewId, Path), ("path" = String, Path, description = "Relative to the workspace"), FileForm),
    responses((status = 200, body = DeliverableContent), Problems))]
pub(super) async fn file(
    service: Service,
    Id((id, path)): Id<(ReviewId, String)>,
    Params(form): Params<FileForm>,
) -> Result<Response, Error> {
    match form.raw {
        Some(1) => {
            let (bytes, image) = service.reviewed_bytes(id, &path, form.version).await?;
            Ok(raw(bytes, image))
        }
        None | Some(0) => Ok(Json(service.read_reviewed(id, &path).await?).into_response()),
        Some(_) => Err(Error::field("raw", "must be 0 or 1")),
    }
}

/// Only what is an image by its first bytes is shown; whatever else an agent has written is saved.
fn raw(bytes: Vec<u8>, image: Option<ImageKind>) -> Response {
    let (kind, disposition) = match image {
        Some(image) => (image.content_type(), "inline"),
        None => ("application/octet-stream", "attachment"),
    };
    let headers = [
        (CONTENT_TYPE, kind),
        (CONTENT_DISPOSITION, disposition),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, bytes).into_response()
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

/// Settles a comment. It is no longer sent back with the phase.
#[utoipa::path(patch, path = "/api/reviews/{id}/feedback/{feedback}/resolve", tag = "reviews",
    params(("id" = ReviewId, Path), ("feedback" = FeedbackId, Path)),
    responses((status = 200, body = ReviewView), Problems))]
async fn resolve_feedback(
    service: Service,
    Id((id, feedback)): Id<(ReviewId, FeedbackId)>,
) -> Answer<ReviewView> {
    Ok(Json(service.resolve_comment(id, feedback).await?))
}
