//! Errors as RFC 9457 problems: `application/problem+json` with a stable `type`.
//!
//! A handler returns a [`Problem`]; the envelope around all routes writes its body, for only it
//! knows the request's id.

use app::domain::task::Action;
use app::fault::FieldFault;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;

use crate::error::Error;
use crate::workspace::WorkspaceError;

/// What went wrong with a request.
#[derive(Clone, Debug)]
pub struct Problem(Box<Content>);

/// What went wrong with a request, as it is sent.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Problem)]
pub struct Content {
    /// Stable, for programs: `/problems/not-found`.
    #[serde(rename = "type")]
    slug: String,
    /// The kind of problem, for people.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// This occurrence, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// Names the request in the server's log.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    /// What is wrong with which field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldFault>,
    /// The task's state, if that is what forbids it.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    /// What the state allows instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed: Option<Vec<Action>>,
}

/// The kinds of problems, each with a status and a slug of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Malformed,
    ForeignHost,
    ForeignOrigin,
    NotFound,
    MethodNotAllowed,
    Timeout,
    Conflict,
    NotAllowed,
    InProgress,
    TooLarge,
    UriTooLong,
    UnsupportedMediaType,
    Invalid,
    KeyReused,
    HeadTooLarge,
    Internal,
    Unavailable,
}

impl Kind {
    const fn describe(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::Malformed => (400, "malformed", "The request is malformed"),
            Self::ForeignHost => (
                403,
                "foreign-host",
                "This server is not reached by that name",
            ),
            Self::ForeignOrigin => (403, "foreign-origin", "The request comes from another site"),
            Self::NotFound => (404, "not-found", "Not found"),
            Self::MethodNotAllowed => (405, "method-not-allowed", "Method not allowed"),
            Self::Timeout => (408, "timeout", "The request took too long to arrive"),
            Self::Conflict => (409, "conflict", "Changed by somebody else"),
            Self::NotAllowed => (409, "not-allowed", "The state forbids this"),
            Self::InProgress => (409, "in-progress", "The same request is being worked on"),
            Self::TooLarge => (413, "too-large", "The request is too large"),
            Self::UriTooLong => (414, "uri-too-long", "The address is too long"),
            Self::UnsupportedMediaType => (415, "unsupported-media-type", "Unsupported media type"),
            Self::Invalid => (422, "invalid", "The input is not usable"),
            Self::KeyReused => (
                422,
                "idempotency-key-reused",
                "The idempotency key was used for another request",
            ),
            Self::HeadTooLarge => (431, "head-too-large", "The request's head is too large"),
            Self::Internal => (500, "internal", "Something went wrong on the server"),
            Self::Unavailable => (503, "unavailable", "Not available right now"),
        }
    }

    /// The kind for an answer that some layer gave as a bare status.
    fn of_status(status: StatusCode) -> Self {
        match status.as_u16() {
            403 => Self::ForeignOrigin,
            404 => Self::NotFound,
            405 => Self::MethodNotAllowed,
            408 => Self::Timeout,
            409 => Self::Conflict,
            413 => Self::TooLarge,
            414 => Self::UriTooLong,
            415 => Self::UnsupportedMediaType,
            422 => Self::Invalid,
            431 => Self::HeadTooLarge,
            503 => Self::Unavailable,
            400..500 => Self::Malformed,
            _ => Self::Internal,
        }
    }
}

impl Problem {
    /// A problem of which nothing more can be said.
    pub fn bare(kind: Kind) -> Self {
        let (status, slug, title) = kind.describe();
        Self(Box::new(Content {
            slug: format!("/problems/{slug}"),
            title,
            status,
            detail: None,
            request_id: None,
            errors: Vec::new(),
            state: None,
            allowed: None,
        }))
    }

    /// A problem with what people should know of it.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        let mut problem = Self::bare(kind);
        problem.0.detail = Some(detail.into());
        problem
    }

    /// One field is wrong.
    pub fn field(kind: Kind, field: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        let mut problem = Self::new(kind, format!("{field} {message}"));
        let field = field.to_owned();
        problem.0.errors.push(FieldFault { field, message });
        problem
    }

    /// The problem that stands for an answer without a usable body.
    pub fn of_response(response: &Response) -> Self {
        let kind = Kind::of_status(response.status());
        match kind {
            Kind::MethodNotAllowed => Self::new(
                kind,
                "This address does not take this method; Allow names those it takes.",
            ),
            Kind::NotFound => Self::new(kind, "There is nothing at this address."),
            _ => Self::bare(kind),
        }
    }

    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The whole answer, with the id of the request it answers.
    pub fn render(mut self, request_id: &str, headers: HeaderMap) -> Response {
        self.0.request_id = Some(request_id.to_owned());
        let body = self.0.to_json();
        let mut response = (self.status(), body).into_response();
        response.headers_mut().extend(headers);
        let json = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(CONTENT_TYPE, json);
        let unkept = HeaderValue::from_static("no-store");
        response.headers_mut().insert(CACHE_CONTROL, unkept);
        response
    }
}

impl Content {
    fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("texts, numbers and lists can always be written")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Error> for Problem {
    /// No `_` arm: a new error has to choose. Failures are logged here: their causes are for the
    /// log, the client gets only what it can act on.
    fn from(error: Error) -> Self {
        let detail = sentence(&error.to_string());
        match error {
            Error::NotFound { .. }
            | Error::Workspace(
                WorkspaceError::NoWorkspace
                | WorkspaceError::NotFound { .. }
                | WorkspaceError::NoChanges { .. },
            ) => Self::new(Kind::NotFound, detail),
            Error::Invalid { ref fields } => {
                let fields = fields.clone();
                let mut problem = Self::new(Kind::Invalid, error.to_string());
                problem.0.errors = fields;
                problem
            }
            Error::Workspace(
                WorkspaceError::Outside { .. }
                | WorkspaceError::NotAFile { .. }
                | WorkspaceError::Denied { .. },
            ) => Self::new(Kind::Invalid, detail),
            Error::Refused { state, allowed, .. } => {
                let mut problem = Self::new(Kind::NotAllowed, detail);
                problem.0.state = Some(state);
                problem.0.allowed = Some(allowed);
                problem
            }
            Error::Conflict | Error::StaleRun => Self::new(Kind::Conflict, detail),
            Error::KeyReused => Self::new(Kind::KeyReused, detail),
            Error::KeyInUse => Self::new(Kind::InProgress, detail),
            Error::Workspace(WorkspaceError::Busy) => Self::new(Kind::Unavailable, detail),
            Error::Workspace(
                // The first two come from runs, which tell them as the end of the task.
                WorkspaceError::Source(_)
                | WorkspaceError::Fetch(_)
                | WorkspaceError::Git(_)
                | WorkspaceError::Io(_),
            )
            | Error::Store(_)
            | Error::Guide(_)
            | Error::Transcript(_)
            | Error::Fork(_)
            | Error::Vault(_)
            | Error::Notifier(_)
            | Error::Undecodable(_)
            | Error::OutOfTurn(_) => {
                tracing::error!(error = &error as &dyn std::error::Error, "request failed");
                Self::bare(Kind::Internal)
            }
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        Problem::from(self).into_response()
    }
}

/// With a capital and a full stop.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    let mut sentence: String = first.chain(letters).collect();
    if !sentence.ends_with(['.', '?', '!']) {
        sentence.push('.');
    }
    sentence
}
