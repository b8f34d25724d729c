//! The store on both databases.

mod adopt;
mod append;
mod claim_model;
mod estimates;
mod idempotency;
mod jobs;
mod limits;
mod logs;
mod notifications;
mod query;
mod rebuild;
mod usage;
