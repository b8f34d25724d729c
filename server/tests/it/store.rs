//! The store on both databases.

mod append;
mod idempotency;
mod jobs;
mod logs;
mod query;
mod rebuild;
