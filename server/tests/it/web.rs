//! The web server through its real router, on a store of its own. No agent runs.

mod estimates;
mod files;
mod history;
mod hostile;
mod idempotency;
mod notifications;
mod pages;
mod queue;
mod reading;
mod reviews;
mod schedules;
mod secrets;
mod settings;
mod streams;
mod support;
mod targets;
mod usage;
mod writing;
