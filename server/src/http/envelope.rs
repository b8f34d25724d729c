//! What every answer has: a request id, a line in the log, security headers, and, if it is an
//! error, a body that says so.

use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{
    CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use tracing::Instrument as _;
use uuid::Uuid;

use super::pages::SERVER_FUNCTION_ERROR;
use super::problem::{Kind, Problem};

/// Names a request in answers, logs, problems and as the cause of events.
#[derive(Clone, Debug)]
pub struct RequestId(pub Arc<str>);

pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// For everything that isn't a page: nothing may be loaded, framed or sent from it.
const BARE_POLICY: &str =
    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// The outermost layer.
pub async fn wrap(mut request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let id = RequestId::of(request.headers());
    request.extensions_mut().insert(id.clone());
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let span = tracing::info_span!("request", request.id = %id.0, %method, path);
    async move {
        let mut response = finish(next.run(request).await, &id.0);
        add_headers(response.headers_mut(), &id.0);
        let status = response.status().as_u16();
        let duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        // What was refused has a problem that names this request: the log has to know it.
        if status >= 400 {
            tracing::info!(status, duration_ms, "answered");
        } else {
            tracing::debug!(status, duration_ms, "answered");
        }
        response
    }
    .instrument(span)
    .await
}

impl RequestId {
    /// The sender's own, if it is presentable, else a new one.
    fn of(headers: &HeaderMap) -> Self {
        let own = headers.get(X_REQUEST_ID).and_then(|id| id.to_str().ok());
        let plain = |id: &&str| {
            let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            (8..=64).contains(&id.len()) && id.bytes().all(known)
        };
        match own.filter(plain) {
            Some(id) => Self(id.into()),
            None => Self(Uuid::now_v7().to_string().into()),
        }
    }
}

/// Writes the body of errors.
fn finish(mut response: Response, id: &str) -> Response {
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        return problem.render(id, kept(&response));
    }
    let failed = response.status().is_client_error() || response.status().is_server_error();
    let content = response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let speaks = content.is_some_and(|kind| kind.starts_with("text/html") || kind.contains("json"));
    // Server functions have their own way to tell errors.
    let told = response.headers().contains_key(SERVER_FUNCTION_ERROR);
    if failed && !speaks && !told {
        return Problem::of_response(&response).render(id, kept(&response));
    }
    response
}

/// The headers of an answer whose body is replaced.
fn kept(response: &Response) -> HeaderMap {
    let mut headers = response.headers().clone();
    headers.remove(CONTENT_LENGTH);
    headers.remove(CONTENT_TYPE);
    headers
}

fn add_headers(headers: &mut HeaderMap, id: &str) {
    let fixed = [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Forms without script are led back by the Referer.
        (REFERRER_POLICY, "same-origin"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (HeaderName::from_static("x-frame-options"), "DENY"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static(BARE_POLICY));
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(X_REQUEST_ID, id);
    }
}

/// What a panic in a handler is answered with.
#[expect(clippy::needless_pass_by_value, reason = "the layer's signature")]
pub fn after_panic(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    tracing::error!(panic = text, "a handler panicked");
    Problem::bare(Kind::Internal).into_response()
}
