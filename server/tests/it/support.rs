//! What several integration tests need.

pub mod claude;
pub mod database;
pub mod sandbox;
pub mod task;
