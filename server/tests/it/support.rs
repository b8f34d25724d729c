//! What several integration tests need.

pub mod database;
pub mod task;
