//! server

pub mod agent;
