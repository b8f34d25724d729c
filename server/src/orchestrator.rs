//! Claims tasks and drives each with one agent.

mod live;

pub use live::Live;
