//! Reading requests, with refusals that name the field.

use axum::Json;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use bytes::Bytes;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::envelope::RequestId;
use super::problem::{Kind, Problem};
use crate::error::Error;
use crate::service::{Seed, Service};
use crate::state::AppState;

/// What a handler answers with, as JSON.
pub type Answer<T> = Result<Json<T>, Error>;

/// A JSON body.
pub struct Input<T>(pub T);

impl<T: DeserializeOwned> FromRequest<AppState> for Input<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Problem> {
        let is_json = content_type(&request).is_some_and(is_json);
        let body = body(request, state).await?;
        parse_as(is_json, &body).map(Self)
    }
}

/// A JSON body that may be left out.
pub struct OptionalInput<T>(pub T);

impl<T: DeserializeOwned + Default> FromRequest<AppState> for OptionalInput<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Problem> {
        let is_json = content_type(&request).is_none_or(is_json);
        let body = body(request, state).await?;
        if body.is_empty() {
            return Ok(Self(T::default()));
        }
        parse_as(is_json, &body).map(Self)
    }
}

fn content_type(request: &Request) -> Option<&str> {
    request.headers().get(CONTENT_TYPE)?.to_str().ok()
}

fn is_json(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
}

/// The whole body.
pub async fn body(request: Request, state: &AppState) -> Result<Bytes, Problem> {
    Bytes::from_request(request, state)
        .await
        .map_err(|rejection| {
            let kind = match rejection.status() {
                StatusCode::PAYLOAD_TOO_LARGE => Kind::TooLarge,
                _ => Kind::Malformed,
            };
            Problem::new(kind, "The request's body could not be read.")
        })
}

fn parse_as<T: DeserializeOwned>(is_json: bool, body: &[u8]) -> Result<T, Problem> {
    if is_json {
        return parse(body);
    }
    let detail = "The body must be JSON, with Content-Type: application/json.";
    Err(Problem::new(Kind::UnsupportedMediaType, detail))
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let not_json = |error: serde_json::Error| {
        Problem::new(
            Kind::Malformed,
            format!("The body is not valid JSON: {error}."),
        )
    };
    // A struct could be read from a list too, field by field: nobody means that.
    if body
        .trim_ascii_start()
        .first()
        .is_some_and(|first| *first != b'{')
    {
        serde_json::from_slice::<IgnoredAny>(body).map_err(not_json)?;
        return Err(Problem::field(
            Kind::Invalid,
            "body",
            "must be a JSON object",
        ));
    }
    let mut json = serde_json::Deserializer::from_slice(body);
    let parsed = serde_path_to_error::deserialize(&mut json);
    let value = parsed.map_err(|error: serde_path_to_error::Error<serde_json::Error>| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        if !inner.is_data() {
            return not_json(inner);
        }
        let text = inner.to_string();
        // The place in the text helps with syntax only.
        let message = text.split(" at line ").next().unwrap_or(&text);
        let (field, message) = field_fault(&path, message);
        Problem::field(Kind::Invalid, &field, message)
    })?;
    json.end().map_err(not_json)?;
    Ok(value)
}

/// Which field a refusal of serde is about, and what to say of it after its name.
fn field_fault(path: &str, message: &str) -> (String, String) {
    let quoted = message.split('`').nth(1).unwrap_or_default();
    let inside = |name: &str| match path {
        "." | "?" | "" => name.to_owned(),
        path if path == name || path.ends_with(&format!(".{name}")) => path.to_owned(),
        path => format!("{path}.{name}"),
    };
    if message.starts_with("missing field") {
        return (inside(quoted), "is required".to_owned());
    }
    if message.starts_with("unknown field") {
        return (inside(quoted), "is not a known field".to_owned());
    }
    if message.starts_with("duplicate field") {
        return (inside(quoted), "is given twice".to_owned());
    }
    let field = if matches!(path, "." | "?" | "") {
        "body"
    } else {
        path
    };
    let message = match message
        .strip_prefix("invalid type: ")
        .or_else(|| message.strip_prefix("invalid value: "))
    {
        Some(rest) => format!("has the wrong type: {rest}"),
        None if message.starts_with("must ") => message.to_owned(),
        None => format!("is not usable: {message}"),
    };
    (field.to_owned(), message)
}

/// The query of an address. What is unknown is refused: a typo should not be a silent default.
pub struct Params<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<AppState> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        let pairs = serde_urlencoded::Deserializer::new(form_pairs(query));
        serde_path_to_error::deserialize(pairs)
            .map(Self)
            .map_err(|error| {
                let path = error.path().to_string();
                let (field, message) = field_fault(&path, &error.into_inner().to_string());
                Problem::field(Kind::Malformed, &field, message)
            })
    }
}

fn form_pairs(query: &str) -> form_urlencoded::Parse<'_> {
    form_urlencoded::parse(query.as_bytes())
}

/// An id in an address. What is no id is not found.
pub struct Id<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<AppState> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let id = Path::<T>::from_request_parts(parts, state).await;
        id.map(|Path(id)| Self(id)).map_err(|_| {
            Problem::new(
                Kind::NotFound,
                "There is nothing with this id: it has another form.",
            )
        })
    }
}

impl FromRequestParts<AppState> for Service {
    type Rejection = std::convert::Infallible;

    /// The service, which notes this request as the cause of what it does, and gives the ids that
    /// follow from its idempotency key.
    async fn from_request_parts(
        parts: &mut Parts,
        state: &AppState,
    ) -> Result<Self, Self::Rejection> {
        let service = match parts.extensions.get::<RequestId>() {
            Some(RequestId(id)) => state.service.caused_by(id),
            None => state.service.clone(),
        };
        Ok(match parts.extensions.get::<Seed>() {
            Some(seed) => service.seeded(*seed),
            None => service,
        })
    }
}
