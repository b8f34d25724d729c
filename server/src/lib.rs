//! Claude Code Server: web server, orchestrator and store in one binary.

pub mod agent;
pub mod guides;
pub mod jobs;
pub mod logs;
pub mod projections;
pub mod prompts;
pub mod sandbox;
pub mod scripted_model;
pub mod store;
pub mod verification;
pub mod workflows;
pub mod workspace;
