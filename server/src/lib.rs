//! server

pub mod agent;
pub mod guides;
pub mod sandbox;
pub mod scripted_model;
pub mod workflows;
pub mod workspace;
