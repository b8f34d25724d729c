//! The Messages API over HTTP: parses requests, plays answers, breaks what a fault says.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures::{Stream, StreamExt, stream};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::conversation::Conversation;
use super::library::{Scenarios, named_scenario};
use super::report::{Notebook, Report};
use super::request::Request;
use super::scenario::Fault;
use super::selection::{Answer, Content, Context, Refusal, plain, select};
use super::stream::{Names, Step, Tokens, message, steps};

/// Conversations carry their whole history, so requests grow large.
const MAX_BODY_BYTES: usize = 64 * 1024 * 1024;
const SESSION_HEADER: &str = "x-claude-code-session-id";

/// What every request needs.
#[derive(Clone)]
pub struct Model {
    pub scenarios: Arc<Scenarios>,
    pub notebook: Arc<Notebook>,
    /// Ends open streams, which would hold up a graceful shutdown.
    pub shutdown: CancellationToken,
}

/// All routes of the model.
pub fn router(model: Model) -> Router {
    Router::new()
        .route(
            "/",
            get(|| async { "Scripted model of Claude Code Server\n" }),
        )
        .route("/v1/messages", post(messages))
        .route("/v1/messages/count_tokens", post(count_tokens))
        .route("/v1/models", get(models))
        .route("/__scripted/report", get(report))
        .route("/__scripted/scenarios", get(scenarios))
        .fallback(|| async {
            error(
                StatusCode::NOT_FOUND,
                "the scripted model has no such route",
            )
        })
        .method_not_allowed_fallback(|| async {
            error(
                StatusCode::METHOD_NOT_ALLOWED,
                "this route takes another method",
            )
        })
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(model)
}

async fn report(State(model): State<Model>) -> Json<Report> {
    Json(model.notebook.report())
}

async fn scenarios(State(model): State<Model>) -> Json<Value> {
    let items = model
        .scenarios
        .list()
        .map(|(name, about)| json!({"name": name, "about": about}));
    Json(json!({"items": items.collect::<Vec<_>>()}))
}

async fn models() -> Json<Value> {
    let models = ["claude-opus-5-5", "claude-sonnet-5", "claude-haiku-4-5"]
        .map(|id| json!({"type": "model", "id": id, "display_name": format!("{id} (scripted)")}));
    Json(json!({"data": models, "has_more": false, "first_id": null, "last_id": null}))
}

async fn count_tokens(body: Result<Bytes, BytesRejection>) -> Response {
    match read(body) {
        Ok((bytes, _)) => Json(json!({"input_tokens": bytes / 4 + 1})).into_response(),
        Err(rejected) => rejected.into_response(),
    }
}

async fn messages(
    State(model): State<Model>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Rejected> {
    let (bytes, request) = read(body)?;
    let session = text_of(headers.get(SESSION_HEADER));
    let conversation = Conversation::of(&request);
    let (answer, fault) = model.answer(&request, &conversation, &session, &headers)?;
    pause(&model.shutdown, Duration::from_millis(answer.delay_ms)).await?;
    if let Some(Fault::Status {
        status, message, ..
    }) = &fault
    {
        return Ok(broken(*status, message.as_deref(), &answer.headers));
    }
    let tokens = Tokens::of(&answer, bytes, fresh_bytes(&conversation, bytes));
    let names = Names(Uuid::new_v4());
    if !request.stream {
        return Ok(Json(message(&answer, &request.model, tokens, names)).into_response());
    }
    let steps = steps(&answer, &request.model, tokens, names, fault.as_ref());
    let headers = [
        (CONTENT_TYPE, "text/event-stream"),
        (CACHE_CONTROL, "no-cache"),
    ];
    let body = play(steps).take_until(model.shutdown.cancelled_owned());
    Ok((headers, Body::from_stream(body)).into_response())
}

/// Why a request gets an error that no scenario asks for.
#[derive(Debug, thiserror::Error)]
enum Rejected {
    #[error("the request can't be received: {}", .0.body_text())]
    Body(BytesRejection),
    #[error("the request can't be read: {0}")]
    Json(#[from] serde_json::Error),
    #[error("Scripted model: {0}")]
    Script(#[from] Refusal),
    #[error("the scripted model is shutting down")]
    ShuttingDown,
}

impl IntoResponse for Rejected {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::Body(rejection) => rejection.status(),
            Self::Json(_) | Self::Script(_) => StatusCode::BAD_REQUEST,
            Self::ShuttingDown => StatusCode::SERVICE_UNAVAILABLE,
        };
        error(status, &self.to_string())
    }
}

impl Model {
    /// The answer to a request and the fault that strikes it, or the refusal to send.
    fn answer(
        &self,
        request: &Request,
        conversation: &Conversation,
        session: &str,
        headers: &HeaderMap,
    ) -> Result<(Answer, Option<Fault>), Refusal> {
        let is_named = named_scenario(&conversation.prompts).is_some();
        if request.max_tokens == 1 || (request.tools.is_empty() && !is_named) {
            self.notebook.side_request();
            return Ok((side_answer(conversation), None));
        }
        if let Some(answer) = summary(conversation) {
            self.notebook.side_request();
            return Ok((answer, None));
        }
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), text_of(Some(value))))
            .collect();
        let now = chrono::Utc::now().timestamp().unsigned_abs();
        let context = Context {
            session,
            model: &request.model,
            headers: &headers,
            now,
        };
        let mut answer = select(&self.scenarios, conversation, &context).inspect_err(|refusal| {
            self.notebook.refused(session, refusal);
            tracing::warn!(session.id = session, reason = %refusal, "the script refuses a request");
                    })?;
        self.notebook.played(session, &answer.place);
        let key = (session, &answer.place);
        let strikes = |fault: &Fault| self.notebook.strikes(&key, fault.times());
        let strikes = answer.fault.as_ref().is_some_and(strikes);
        let fault = answer.fault.take().filter(|_| strikes);
        Ok((answer, fault))
    }
}

/// Titles, probes and other calls beside the conversation.
fn side_answer(conversation: &Conversation) -> Answer {
    let wants_title = conversation.system.to_lowercase().contains("title");
    let text = if wants_title {
        r#"{"title": "Scripted session"}"#
    } else {
        "Scripted."
    };
    Answer {
        blocks: vec![Content::Text(text.to_owned())],
        ..plain("")
    }
}

/// The CLI's request to summarise the conversation. The summary keeps the scenario's name, since
/// it replaces the history that names it.
fn summary(conversation: &Conversation) -> Option<Answer> {
    let asks = "Your task is to create a detailed summary of the conversation so far";
    conversation.turn.text.contains(asks).then(|| {
        let named = named_scenario(&conversation.prompts);
        let directive = named
            .map(|name| format!("\nscenario: {name}\n"))
            .unwrap_or_default();
        let text =
            format!("<summary>\nThe scripted model played its script.\n{directive}</summary>");
        Answer {
            blocks: vec![Content::Text(text)],
            ..plain("")
        }
    })
}

/// Bytes that the request adds to what an earlier one has put into the cache.
fn fresh_bytes(conversation: &Conversation, bytes: usize) -> usize {
    let turn = &conversation.turn;
    match (turn.number, turn.replied) {
        (0 | 1, 0) => bytes,
        (_, 0) => turn.text.len(),
        _ => turn.tool_results.iter().map(String::len).sum(),
    }
}

fn read(body: Result<Bytes, BytesRejection>) -> Result<(usize, Request), Rejected> {
    let body = body.map_err(Rejected::Body)?;
    Ok((body.len(), serde_json::from_slice(&body)?))
}

/// Waits, unless the model is told to stop meanwhile.
async fn pause(shutdown: &CancellationToken, duration: Duration) -> Result<(), Rejected> {
    if duration.is_zero() {
        return Ok(());
    }
    tokio::select! {
        biased;
        () = shutdown.cancelled() => Err(Rejected::ShuttingDown),
        () = tokio::time::sleep(duration) => Ok(()),
    }
}

/// The steps as a body. An error inside a body makes the server break the connection.
fn play(steps: Vec<Step>) -> impl Stream<Item = io::Result<Bytes>> {
    stream::iter(steps).filter_map(|step| async {
        match step {
            Step::Send(text) => Some(Ok(text.into())),
            Step::Wait(duration) => {
                tokio::time::sleep(duration).await;
                None
            }
            Step::Cut => Some(Err(io::ErrorKind::ConnectionReset.into())),
        }
    })
}

fn text_of(value: Option<&HeaderValue>) -> String {
    value
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .unwrap_or_default()
}

/// The error answer of a scripted fault.
fn broken(status: u16, message: Option<&str>, headers: &[(String, String)]) -> Response {
    // Scenario files are checked, so this can't fail; a plain 500 is the honest way out.
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = error(status, message.unwrap_or("an error of the scripted model"));
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (
            HeaderName::try_from(name.as_str()),
            HeaderValue::try_from(value.as_str()),
        ) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// An error in the API's form.
fn error(status: StatusCode, message: &str) -> Response {
    let kind = match status.as_u16() {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    };
    let body = json!({"type": "error", "error": {"type": kind, "message": message}});
    (status, Json(body)).into_response()
}
