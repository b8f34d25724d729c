//! Integration tests: one binary, a module for each part.
#![expect(
    clippy::unwrap_used,
    reason = "the tests' own tools stand outside of test functions"
)]

mod agent;
mod budgets;
mod canary;
mod changing;
mod chaos;
mod checkpoints;
mod commands;
mod crash;
mod credentials;
mod dependencies;
mod estimates;
mod forks;
mod growing_text;
mod installation;
mod limits;
mod messages;
mod pauses;
mod permissions;
mod questions;
mod reminders;
mod scripted_model;
mod settings;
mod silence;
mod store;
mod support;
mod targets;
mod usage;
mod vault;
mod verification;
mod watcher;
mod web;
mod whole_task;
