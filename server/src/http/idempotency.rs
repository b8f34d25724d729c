//! `Idempotency-Key` on POST: the same request sent again gets the same answer, and is carried
//! out once.
//!
//! A request with a key goes on to its end when its client goes away. Should the server die between
//! the deed and the note of its answer, the deed is recognised by the ids it has given: they follow
//! from the key.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use sha2::{Digest as _, Sha256};
use tokio::time::sleep;
use tracing::Instrument as _;

use super::inbound::body_limit;
use super::problem::{Kind, Problem};
use crate::error::Error;
use crate::service::Seed;
use crate::state::AppState;
use crate::store::{IdempotencyKey, Recall, Store, StoreError, StoredAnswer};

const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
/// When a key is freed that could not be freed at once.
const FREEING: [Duration; 4] = [
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_secs(4),
    Duration::from_secs(15),
];

/// The most characters of a key.
pub const LONGEST_KEY: usize = 255;

/// Carries out what was not carried out before.
pub async fn once(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let Some(key) = request.headers().get(HEADER).cloned() else {
        return next.run(request).await;
    };
    if request.method() != Method::POST {
        return next.run(request).await;
    }
    let (key, request) = match identify(&state, &key, request).await {
        Ok(identified) => identified,
        Err(problem) => return problem.into_response(),
    };
    let own = state.clone();
    let work = async move { replay(&own, &key, request, next).await };
    match state.background.spawn(work.in_current_span()).await {
        Ok(Ok(response)) => response,
        Ok(Err(problem)) => problem.into_response(),
        Err(error) => {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "a request broke off"
            );
            Problem::bare(Kind::Internal).into_response()
        }
    }
}

/// Reads the whole request, for the body is part of its identity.
async fn identify(
    state: &AppState,
    key: &HeaderValue,
    request: Request,
) -> Result<(IdempotencyKey, Request), Problem> {
    let key = key
        .to_str()
        .ok()
        .filter(|key| !key.is_empty() && key.len() <= LONGEST_KEY);
    let key = key.ok_or_else(|| {
        let message = format!("must be 1 to {LONGEST_KEY} visible ASCII characters");
        Problem::field(Kind::Malformed, "Idempotency-Key", message)
    })?;
    let (mut parts, body) = request.into_parts();
    let limit = usize::try_from(body_limit(parts.uri.path())).unwrap_or(usize::MAX);
    let body = to_bytes(body, limit)
        .await
        .map_err(|_| Problem::new(Kind::Malformed, "The request's body could not be read."))?;
    let key = IdempotencyKey {
        key: key.to_owned(),
        route: format!("{} {}", parts.method, parts.uri.path()),
        body_digest: body_digest(state, &body),
    };
    parts.extensions.insert(seed(&key));
    Ok((key, Request::from_parts(parts, Body::from(body))))
}

/// Tells a body from others. Without the master key nobody can guess from it what was in the body, which
/// may have been a secret.
fn body_digest(state: &AppState, body: &[u8]) -> [u8; 32] {
    let place: &[&[u8]] = &[b"ccs/idempotency/v1", body];
    let fingerprint = state.service.vault().fingerprint(place);
    Sha256::digest(fingerprint).into()
}

/// What the ids follow from that the request gives.
fn seed(key: &IdempotencyKey) -> Seed {
    let mut hash = Sha256::new();
    for part in [key.route.as_bytes(), key.key.as_bytes(), &key.body_digest] {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    Seed(hash.finalize().into())
}

async fn replay(
    state: &AppState,
    key: &IdempotencyKey,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let store = state.service.store();
    match store.recall(key).await.map_err(failed)? {
        Recall::Answered(answer) => return Ok(again(answer)),
        Recall::Different => return Err(Error::KeyReused.into()),
        Recall::InProgress => return Err(Error::KeyInUse.into()),
        Recall::New => {}
    }
    let response = next.run(request).await;
    if !response.status().is_success() {
        // Nothing was done, so the request may be sent again, corrected or later.
        free(state, key).await;
        return Ok(response);
    }
    let kept = keep(store, key, response).await;
    if kept.is_err() {
        // What was done is recognised when the request comes again.
        free(state, key).await;
    }
    kept
}

/// Lets the key be used again. Where the database fails, that is tried again after the answer: the key
/// would be reserved for a minute.
async fn free(state: &AppState, key: &IdempotencyKey) {
    let store = state.service.store().clone();
    if store.forget(key).await.is_ok() {
        return;
    }
    let key = key.clone();
    let trying = async move {
        for delay in FREEING {
            sleep(delay).await;
            match store.forget(&key).await {
                Ok(()) => return,
                Err(error) => tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "an idempotency key stays reserved"
                ),
            }
        }
    };
    state.background.spawn(trying.in_current_span());
}

async fn keep(
    store: &Store,
    key: &IdempotencyKey,
    response: Response,
) -> Result<Response, Problem> {
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.map_err(|error| {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "an answer could not be kept"
        );
        Problem::bare(Kind::Internal)
    })?;
    let text = |name: HeaderName| {
        let value = parts.headers.get(name)?.to_str().ok()?;
        Some(value.to_owned())
    };
    let answer = StoredAnswer {
        status: parts.status.as_u16(),
        location: text(LOCATION),
        content_type: text(CONTENT_TYPE),
        body: body.to_vec(),
    };
    store.remember(key, &answer).await.map_err(failed)?;
    Ok(Response::from_parts(parts, Body::from(body)))
}

fn again(answer: StoredAnswer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let mut response = (status, answer.body).into_response();
    for (name, value) in [
        (LOCATION, answer.location),
        (CONTENT_TYPE, answer.content_type),
    ] {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
            response.headers_mut().insert(name, value);
        }
    }
    let replayed = HeaderName::from_static("idempotency-replayed");
    response
        .headers_mut()
        .insert(replayed, HeaderValue::from_static("true"));
    response
}

fn failed(error: StoreError) -> Problem {
    Error::from(error).into()
}
