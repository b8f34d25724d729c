//! server

pub mod agent;
pub mod scripted_model;
