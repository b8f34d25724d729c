//! Everything between the platform and one process of the Claude CLI.
//!
//! Nothing in here knows tasks, the database or the platform's routes. A session starts an
//! [`driver::Agent`] with a [`driver::Launcher`], reads its events, answers its questions and the
//! calls of the platform's tools ([`mcp`]), and sees it to its end.

pub mod api_meter;
pub mod api_patience;
pub mod api_proxy;
pub mod control;
mod conversation;
pub mod driver;
pub mod event;
pub mod exit;
mod hearing;
pub mod lines;
pub mod log_lines;
pub mod marker;
mod marker_block;
pub mod mcp;
pub mod message;
pub mod permission;
pub mod permission_rule;
pub mod permitted_command;
pub mod platform_tool;
pub mod process;
mod process_key;
pub mod process_tree;
pub mod protocol;
pub mod request;
pub mod resume;
mod rpc;
pub mod shell_command;
pub mod spawner;
pub mod stdin;
pub mod system;
mod translate;
pub mod trial;
pub mod turn_result;
pub mod usage;
pub mod version;
