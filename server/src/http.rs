//! The web server: routes, and what stands around all of them.

pub mod assets;
pub mod board;
mod checkpoints;
mod dependencies;
mod envelope;
mod estimates;
mod extract;
mod files;
pub mod gate;
mod guides;
mod history;
mod idempotency;
mod inbound;
mod installation;
pub mod listener;
mod notifications;
mod openapi;
mod pages;
mod permissions;
pub mod problem;
mod questions;
mod queue;
mod reviews;
mod schedules;
mod secrets;
mod settings;
mod sse;
mod targets;
mod tasks;
mod usage;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use axum::{Router, middleware};
use bytes::Bytes;
use http::Method;
use http::header::{ACCEPT, CONTENT_TYPE};
use tower::ServiceExt as _;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate};
use utoipa::openapi::OpenApi as Document;
use utoipa_axum::router::OpenApiRouter;

use crate::state::AppState;
use problem::{Kind, Problem};

/// All routes with all that surrounds them. From the inside out: compression, panics, who may
/// ask, the body's limits, and the envelope that every answer gets.
pub fn router(state: AppState) -> Router {
    let (api, document) = api().split_for_parts();
    let document = described(&document);
    let describe = async move || ([(CONTENT_TYPE, "application/json")], document.clone());
    let api = api
        .route("/api/openapi.json", get(describe))
        // Within what keeps answers, so that a key doesn't stay reserved after a panic.
        .layer(CatchPanicLayer::custom(envelope::after_panic))
        .layer(middleware::from_fn_with_state(
            state.clone(),
            idempotency::once,
        ));
    pages::routes(Router::new(), &state)
        .merge(dependencies::form())
        .merge(api)
        .fallback(elsewhere)
        .layer(DefaultBodyLimit::disable()) // the guard below counts for all
        .layer(CompressionLayer::new().compress_when(is_worth_packing()))
        .layer(CatchPanicLayer::custom(envelope::after_panic))
        .layer(middleware::from_fn_with_state(
            state.gate.clone(),
            gate::check,
        ))
        .layer(middleware::from_fn(inbound::guard))
        .layer(middleware::from_fn(envelope::wrap))
        .with_state(state)
}

fn is_worth_packing() -> impl Predicate {
    DefaultPredicate::new()
        .and(NotForContentType::const_new(files::BYTES))
        .and(NotForContentType::const_new(files::ZIP))
}

fn described(document: &Document) -> Bytes {
    let json = serde_json::to_vec(document);
    json.expect("maps, lists and texts can always be written")
        .into()
}

fn api() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(openapi::base())
        .merge(tasks::routes())
        .merge(reviews::routes())
        .merge(checkpoints::routes())
        .merge(history::routes())
        .merge(permissions::routes())
        .merge(questions::routes())
        .merge(queue::routes())
        .merge(schedules::routes())
        .merge(notifications::routes())
        .merge(targets::routes())
        .merge(dependencies::routes())
        .merge(files::routes())
        .merge(sse::routes())
        .merge(installation::routes())
        .merge(settings::routes())
        .merge(usage::routes())
        .merge(estimates::routes())
        .merge(secrets::routes())
        .merge(guides::routes())
}

/// The site's files, and what isn't there.
async fn elsewhere(State(state): State<AppState>, request: Request) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if reads && let Some(file) = state.site.serve(request.uri(), request.headers()).await {
        return file;
    }
    let wants_page = request
        .headers()
        .get(ACCEPT)
        .and_then(|kinds| kinds.to_str().ok())
        .is_some_and(|kinds| kinds.contains("text/html"));
    let path = request.uri().path();
    let for_programs = path.starts_with("/api/") || path.starts_with("/sfn/");
    if reads && wants_page && !for_programs {
        let page: MethodRouter = pages::not_found().with_state(state);
        return page.oneshot(request).await.into_response();
    }
    Problem::new(Kind::NotFound, "There is nothing at this address.").into_response()
}
