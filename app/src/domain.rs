//! Pure rules and values, the same for the server and the browser: no I/O, no clock, no dice.

pub mod action;
pub mod permission;
