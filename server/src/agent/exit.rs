//! How a process has ended.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

/// How a process has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// By itself or by a signal.
    pub cause: ExitCause,
    /// The last lines of its standard error.
    pub stderr_tail: Vec<String>,
    /// Processes it had started that were still there when it had ended, and were killed.
    pub leftovers_killed: usize,
}

/// Why a process is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitCause {
    /// It ended with this code.
    Code(i32),
    /// A signal ended it.
    Signal(i32),
    /// The system would not say.
    Unknown,
}

impl ExitCause {
    /// From what the system says.
    pub fn of(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Code(code),
            (None, Some(signal)) => Self::Signal(signal),
            (None, None) => Self::Unknown,
        }
    }
}

impl fmt::Display for ExitCause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(formatter, "exit code {code}"),
            Self::Signal(signal) => write!(formatter, "signal {signal}"),
            Self::Unknown => formatter.write_str("an unknown cause"),
        }
    }
}
