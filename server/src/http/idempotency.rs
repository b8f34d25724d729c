//! `Idempotency-Key` on POST: the same request sent again gets the same answer, and is carried
//! out once.

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use sha2::{Digest as _, Sha256};

use super::inbound::BODY_LIMIT;
use super::problem::{Kind, Problem};
use crate::error::Error;
use crate::state::AppState;
use crate::store::{IdempotencyKey, Recall, Store, StoredAnswer};

const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
const LONGEST_KEY: usize = 255;

/// Carries out what was not carried out before.
pub async fn once(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let Some(key) = request.headers().get(HEADER).cloned() else {
        return next.run(request).await;
    };
    if request.method() != Method::POST {
        return next.run(request).await;
    }
    match replay(state.service.store(), &key, request, next).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

async fn replay(
    store: &Store,
    key: &HeaderValue,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let key = key
        .to_str()
        .ok()
        .filter(|key| !key.is_empty() && key.len() <= LONGEST_KEY);
    let key = key.ok_or_else(|| {
        let message = format!("must be 1 to {LONGEST_KEY} visible ASCII characters");
        Problem::field(Kind::Malformed, "Idempotency-Key", message)
    })?;
    let (parts, body) = request.into_parts();
    let limit = usize::try_from(BODY_LIMIT).unwrap_or(usize::MAX);
    let body = to_bytes(body, limit)
        .await
        .map_err(|_| Problem::new(Kind::Malformed, "The request's body could not be read."))?;
    let key = IdempotencyKey {
        key: key.to_owned(),
        route: format!("{} {}", parts.method, parts.uri.path()),
        body_sha256: Sha256::digest(&body).into(),
    };
    match store.recall(&key).await.map_err(failed)? {
        Recall::Answered(answer) => return Ok(again(answer)),
        Recall::Different => return Err(Error::KeyReused.into()),
        Recall::InProgress => return Err(Error::KeyInUse.into()),
        Recall::New => {}
    }
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    if !response.status().is_success() {
        // Nothing was done, so the request may be sent again, corrected or later.
        store.forget(&key).await.map_err(failed)?;
        return Ok(response);
    }
    keep(store, &key, response).await
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

fn failed(error: crate::store::StoreError) -> Problem {
    Error::from(error).into()
}
