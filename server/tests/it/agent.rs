//! Agents: the driver with the real CLI, in its sandbox, against the scripted model.

mod conversation;
mod crash;
mod lab;
mod resume;
