//! Everything between the platform and one process of the Claude CLI.
//!
//! Nothing in here knows tasks, the database or HTTP routes: a session loop starts an
//! [`driver::Agent`], reads its events and answers its questions.

pub mod control;
pub mod marker;
mod marker_block;
pub mod message;
pub mod protocol;
pub mod request;
pub mod stdin;
pub mod system;
pub mod turn_result;
