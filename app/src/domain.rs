//! The rules of the product, pure: no clock, no I/O, no randomness.
//!
//! Whatever a rule needs from outside (the time, a new id, what lies in the work tree) comes in
//! as a value. Everything here compiles for the server and for the browser.

pub mod action;
pub mod estimate;
pub mod id;
pub mod log;
pub mod money;
pub mod permission;
pub mod plan;
pub mod schedule;
pub mod settings;
pub mod task;
pub mod text;
pub mod variable;
pub mod word;
