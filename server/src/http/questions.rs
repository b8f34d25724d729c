//! Answers to agents: `/api/questions`.

use app::api::{GivenAnswer, QuestionView};
use app::domain::id::QuestionId;
use axum::Json;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Answer, Id, Input};
use super::openapi::{Problems, Repeatable};
use crate::service::Service;
use crate::state::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(answer))
}

/// Answers a question. The agent goes on once nothing is open that it has asked for.
#[utoipa::path(post, path = "/api/questions/{id}/answer", tag = "questions", params(("id" = QuestionId, Path), Repeatable),
    request_body = GivenAnswer, responses((status = 200, body = QuestionView), Problems))]
async fn answer(
    service: Service,
    Id(id): Id<QuestionId>,
    Input(given): Input<GivenAnswer>,
) -> Answer<QuestionView> {
    Ok(Json(service.answer_question(id, given).await?))
}
