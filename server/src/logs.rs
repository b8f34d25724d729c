//! The agents' output: lines, numbered per task without gaps, stored in compressed chunks.
//!
//! One writer per process takes the lines of all sessions, commits them in batches and wakes the
//! readers afterwards: what a reader has seen survives a crash.

mod batch;
mod chunk;
mod read;
mod row;
mod tally;
mod writer;

pub use chunk::ChunkDefect;
pub use read::{LogPart, Wanted};
pub use writer::{LogError, LogWriter};

/// The longest text of a line in bytes; what is longer is cut, with a note.
pub const MAX_TEXT_BYTES: usize = 256 * 1024;
