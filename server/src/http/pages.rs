//! The pages and their server functions: rendered here, with the use cases as their backend.

use std::sync::Arc;
use std::time::Duration;

use app::backend::Backend;
use app::fault::Fault;
use app::{App, shell};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, get};
use http::header::{CONTENT_SECURITY_POLICY, HeaderName};
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use leptos::nonce::use_nonce;
use leptos::prelude::{provide_context, use_context};
use leptos_axum::{
    LeptosRoutes as _, ResponseOptions, generate_route_list_with_exclusions_and_ssg_and_context,
    render_app_async_with_context,
};
use tokio::time::timeout;

use super::envelope::RequestId;
use super::problem::{Kind, Problem};
use crate::service::Service;
use crate::state::AppState;

/// Marks the answer of a server function that failed.
pub const SERVER_FUNCTION_ERROR: HeaderName = HeaderName::from_static("serverfnerror");

/// How long a page or a server function may take.
const RENDERING: Duration = Duration::from_secs(30);

/// Faults are small.
const FAULT_LIMIT: usize = 1024 * 1024;

/// Adds the pages and the server functions.
pub fn routes(router: Router<AppState>, state: &AppState) -> Router<AppState> {
    let context = context(state.service.clone());
    let (pages, _) =
        generate_route_list_with_exclusions_and_ssg_and_context(App, None, context.clone());
    let options = state.leptos.clone();
    router
        .leptos_routes_with_context(state, pages, context, move || shell(options.clone()))
        .layer(middleware::from_fn(name_faults))
        .layer(middleware::from_fn(in_time))
}

/// The page that says that there is none at this address.
pub fn not_found() -> MethodRouter<AppState> {
    get(render_not_found).layer(middleware::from_fn(in_time))
}

async fn render_not_found(State(state): State<AppState>, request: Request) -> Response {
    let options = state.leptos.clone();
    let render =
        render_app_async_with_context(context(state.service), move || shell(options.clone()));
    let mut response = render(request).await;
    if response.status() == StatusCode::OK {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    response
}

/// What a page or a server function finds around itself.
fn context(service: Service) -> impl Fn() + Clone + Send + Sync + 'static {
    move || {
        let request = use_context::<Parts>();
        let cause = request.and_then(|parts| parts.extensions.get::<RequestId>().cloned());
        let service = match cause {
            Some(RequestId(id)) => service.caused_by(&id),
            None => service.clone(),
        };
        let backend: Arc<dyn Backend> = Arc::new(service);
        provide_context(backend);
        if let (Some(nonce), Some(response)) = (use_nonce(), use_context::<ResponseOptions>())
            && let Ok(policy) = HeaderValue::from_str(&policy(&nonce))
        {
            response.insert_header(CONTENT_SECURITY_POLICY, policy);
        }
    }
}

/// Only what the page itself names runs; `strict-dynamic` lets it load the module.
fn policy(nonce: &str) -> String {
    format!(
        "default-src 'none'; script-src 'nonce-{nonce}' 'strict-dynamic' 'wasm-unsafe-eval'; \
         style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; connect-src 'self'; \
         font-src 'self'; manifest-src 'self'; worker-src 'self'; form-action 'self'; frame-ancestors 'none'; \
         base-uri 'none'"
    )
}

/// Gives up on a page that comes to no end.
async fn in_time(request: Request, next: Next) -> Response {
    timeout(RENDERING, next.run(request))
        .await
        .unwrap_or_else(|_| {
            tracing::error!("a page was not rendered in time");
            Problem::bare(Kind::Unavailable).into_response()
        })
}

/// Gives the errors of server functions their status: the framework calls every one a 500.
async fn name_faults(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let failed = response.status() == StatusCode::INTERNAL_SERVER_ERROR;
    if !failed || !response.headers().contains_key(SERVER_FUNCTION_ERROR) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(body) = to_bytes(body, FAULT_LIMIT).await else {
        return Response::from_parts(parts, Body::empty());
    };
    if let Ok(fault) = serde_json::from_slice::<Fault>(&body) {
        parts.status = status(&fault);
    }
    Response::from_parts(parts, Body::from(body))
}

const fn status(fault: &Fault) -> StatusCode {
    match fault {
        Fault::NotFound { .. } => StatusCode::NOT_FOUND,
        Fault::Invalid { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        Fault::NotAllowed { .. } | Fault::Conflict => StatusCode::CONFLICT,
        Fault::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
        Fault::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        // Here it is the framework that did not understand the request.
        Fault::Transport { .. } => StatusCode::BAD_REQUEST,
    }
}
