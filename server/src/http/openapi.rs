//! The API's description: `/api/openapi.json`, made from the annotated handlers.

use std::collections::BTreeMap;

use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Content, OpenApi as Document, Ref, RefOr, Required, Response as Described};
use utoipa::{IntoParams, IntoResponses, OpenApi};

use super::idempotency::LONGEST_KEY;
use super::problem::Content as Problem;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Claude Code Server",
        description = "Tasks that Claude Code carries out phase by phase, with a person at every gate. \
                       Errors are application/problem+json (RFC 9457).",
    ),
    paths(super::files::show, super::guides::show, super::reviews::file),
    components(schemas(Problem)),
    tags(
        (name = "tasks", description = "Jobs and what becomes of them"),
        (name = "questions", description = "What agents ask"),
        (name = "reviews", description = "The stops after phases"),
        (name = "dependencies", description = "What agents need"),
        (name = "files", description = "What lies in a task's workspace"),
        (name = "usage", description = "What agents have used, and what it cost"),
        (name = "notifications", description = "What people are told of their tasks, and what waits for them"),
        (name = "streams", description = "Server-sent events"),
        (name = "settings", description = "What holds for the whole installation"),
        (name = "installation", description = "What this server offers and how it is doing"),
    )
)]
struct Base;

/// What the handlers' descriptions are added to.
pub fn base() -> Document {
    Base::openapi()
}

/// What every POST takes.
pub struct Repeatable;

impl IntoParams for Repeatable {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let text = ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(LONGEST_KEY));
        let key = Parameter::builder()
            .name("Idempotency-Key")
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(
                "Makes it safe to send the request again: within 24 hours it is carried out once, \
                 and answered the same.",
            ))
            .schema(Some(text))
            .build();
        vec![key]
    }
}

/// Every error of every route.
pub struct Problems;

impl IntoResponses for Problems {
    fn responses() -> BTreeMap<String, RefOr<Described>> {
        let schema = Ref::from_schema_name("Problem");
        let described = Described::builder()
            .description("What went wrong, with a stable `type`")
            .content("application/problem+json", Content::new(Some(schema)))
            .build();
        BTreeMap::from([("default".to_owned(), described.into())])
    }
}
