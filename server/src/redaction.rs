//! Redaction: what an agent says is cleaned of secrets before it is stored, logged, counted or
//! shown.
//!
//! Known values are found as they are and in base64, URL encoding, hexadecimal and JSON, over the
//! borders of chunks; tokens that nobody has told of are found by the forms that services give
//! them. Who means to get a value past this can: it is against accidents, not against an agent
//! that encodes a value in a way of its own.

mod forms;
mod json;
mod line;
mod redactor;
mod shapes;
mod view;

pub use forms::SHORTEST;
pub use line::{AgentRedaction, KnownSecrets};
pub use redactor::{RedactingStream, Redactor};
