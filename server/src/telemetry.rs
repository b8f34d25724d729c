//! Logging: one subscriber, text for people or JSON for machines.
//!
//! A span per request and per session; dotted field names with their unit in the name. Prompts,
//! tokens and bodies are never logged.

use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};

/// The field that ties log lines, problem responses and events of one request together.
pub const REQUEST_ID: &str = "request.id";

/// Starts logging to standard error. A second call changes nothing.
pub fn init(log: &Log) {
    let filter = EnvFilter::new(&log.filter);
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let started = match log.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    started.ok(); // somebody, a test, has started it before
}
