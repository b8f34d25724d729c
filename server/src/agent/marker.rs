//! Text markers: what an agent writes when it talks to the platform in its text. Pure.
//!
//! A marker counts only as whole lines of the main agent's own text, outside code fences.
//! Blocks look like this; a line that starts no field continues the one before:
//!
//! ```text
//! [USER_QUESTION]
//! category: choice
//! question: Which database?
//! options:
//! - PostgreSQL
//! - SQLite
//! [/USER_QUESTION]
//! ```

use app::domain::task::DependencyNameError;

use super::marker_block::Block;
use super::request::{DependencyRequest, FIELD_LIMIT, FailureReport, UserQuestion};

/// The longest block, in bytes.
pub const BLOCK_LIMIT: usize = 100 * 1024;

/// What a marker says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Marker {
    /// `[DEPENDENCY_REQUEST]`
    Dependency(DependencyRequest),
    /// `[USER_QUESTION]`
    Question(UserQuestion),
    /// `=== PHASE N COMPLETE ===`
    PhaseComplete {
        /// The phase's number, from 1.
        phase: u32,
    },
    /// `[ERROR]`
    Failure(FailureReport),
}

/// The kinds of block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, derive_more::Display)]
pub enum BlockKind {
    /// Something is needed from a person.
    #[display("DEPENDENCY_REQUEST")]
    Dependency,
    /// A person is asked.
    #[display("USER_QUESTION")]
    Question,
    /// Something failed.
    #[display("ERROR")]
    Failure,
}

impl BlockKind {
    fn opened_by(line: &str) -> Option<Self> {
        match line {
            "[DEPENDENCY_REQUEST]" => Some(Self::Dependency),
            "[USER_QUESTION]" => Some(Self::Question),
            "[ERROR]" => Some(Self::Failure),
            _ => None,
        }
    }

    fn closed_by(line: &str) -> Option<Self> {
        match line {
            "[/DEPENDENCY_REQUEST]" => Some(Self::Dependency),
            "[/USER_QUESTION]" => Some(Self::Question),
            "[/ERROR]" => Some(Self::Failure),
            _ => None,
        }
    }
}

/// A marker that could not be read. Its text is written for the agent, so that it can do better.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolWarning {
    /// A block has no end.
    #[error("The block [{kind}] has no closing line [/{kind}], so it was ignored.")]
    Unterminated {
        /// The block.
        kind: BlockKind,
    },
    /// A block has no beginning.
    #[error("The line [/{kind}] closes a block that was never opened, so it was ignored.")]
    NotOpened {
        /// The block.
        kind: BlockKind,
    },
    /// A block is too long.
    #[error("The block [{kind}] is longer than {BLOCK_LIMIT} bytes, so it was ignored.")]
    BlockTooLong {
        /// The block.
        kind: BlockKind,
    },
    /// A field is too long.
    #[error(
        "The field \"{field}\" of [{kind}] is longer than {FIELD_LIMIT} bytes, so the block was ignored."
    )]
    FieldTooLong {
        /// The block.
        kind: BlockKind,
        /// The field.
        field: &'static str,
    },
    /// A field is missing or empty.
    #[error("The block [{kind}] has no field \"{field}\", so it was ignored.")]
    MissingField {
        /// The block.
        kind: BlockKind,
        /// The field.
        field: &'static str,
    },
    /// A name that what is needed can't have.
    #[error(
        "The field \"name\" of [{}] {reason}. The block was ignored.",
        BlockKind::Dependency
    )]
    Name {
        /// What is wrong with it.
        reason: DependencyNameError,
    },
    /// A field appears twice.
    #[error("The block [{kind}] has the field \"{field}\" twice, so it was ignored.")]
    RepeatedField {
        /// The block.
        kind: BlockKind,
        /// The field.
        field: &'static str,
    },
    /// A field has a value that it can't have.
    #[error("The field \"{field}\" of [{kind}] must be one of {}, so the block was ignored.", allowed.join(", "))]
    NotAllowed {
        /// The block.
        kind: BlockKind,
        /// The field.
        field: &'static str,
        /// The values it can have.
        allowed: &'static [&'static str],
    },
    /// Text before the first field.
    #[error("The block [{kind}] must consist of lines \"field: value\", so it was ignored.")]
    NotAField {
        /// The block.
        kind: BlockKind,
    },
    /// A phase number that is none.
    #[error(
        "The line \"=== PHASE N COMPLETE ===\" needs the number of the phase, so it was ignored."
    )]
    NotAPhase,
}

/// Finds the markers in one text of the agent, in order.
pub fn find(text: &str) -> Vec<Result<Marker, ProtocolWarning>> {
    let mut found = Vec::new();
    let mut fence: Option<Fence> = None;
    let mut open: Option<Block<'_>> = None;
    for line in text.lines() {
        let fenced = Fence::step(&mut fence, line);
        let marker = if fenced { None } else { marker_line(line) };
        if let Some(kind) = marker.and_then(BlockKind::opened_by) {
            if let Some(unfinished) = open.replace(Block::new(kind)) {
                found.push(Err(ProtocolWarning::Unterminated {
                    kind: unfinished.kind,
                }));
            }
        } else if let Some(kind) = marker.and_then(BlockKind::closed_by) {
            match open.take_if(|block| block.kind == kind) {
                Some(block) => found.push(block.read()),
                None => found.push(Err(ProtocolWarning::NotOpened { kind })),
            }
        } else if let Some(block) = &mut open {
            block.push(line);
        } else if let Some(phase) = marker.and_then(phase_complete) {
            found.push(phase.map(|phase| Marker::PhaseComplete { phase }));
        }
    }
    if let Some(block) = open {
        found.push(Err(ProtocolWarning::Unterminated { kind: block.kind }));
    }
    found
}

/// The line without its margin, unless it is indented so far that Markdown takes it for code.
fn marker_line(line: &str) -> Option<&str> {
    let trimmed = line.trim_start_matches(' ');
    let is_code = line.len() - trimmed.len() > 3 || trimmed.starts_with('\t');
    (!is_code).then(|| trimmed.trim_end())
}

fn phase_complete(line: &str) -> Option<Result<u32, ProtocolWarning>> {
    let number = line
        .strip_prefix("=== PHASE ")?
        .strip_suffix(" COMPLETE ===")?;
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
    let phase = number.parse().ok().filter(|phase| is_number && *phase > 0);
    Some(phase.ok_or(ProtocolWarning::NotAPhase))
}

/// A code fence, as Markdown defines it.
struct Fence {
    mark: char,
    length: usize,
}

impl Fence {
    /// Takes the next line into account; says whether the line is part of fenced code.
    fn step(open: &mut Option<Self>, line: &str) -> bool {
        let trimmed = line.trim_start_matches(' ');
        if line.len() - trimmed.len() > 3 {
            return open.is_some();
        }
        let mark = trimmed
            .chars()
            .next()
            .filter(|mark| matches!(mark, '`' | '~'));
        let length = mark.map_or(0, |mark| trimmed.chars().take_while(|c| *c == mark).count());
        let (Some(mark), true) = (mark, length >= 3) else {
            return open.is_some();
        };
        let rest = &trimmed[length..];
        match open {
            Some(fence) => {
                if fence.mark == mark && length >= fence.length && rest.trim().is_empty() {
                    *open = None;
                }
            }
            // A fence of backticks can't have one in its info string: that is inline code.
            None if mark == '`' && rest.contains('`') => return false,
            None => *open = Some(Self { mark, length }),
        }
        true
    }
}

#[cfg(test)]
#[path = "marker_tests.rs"]
mod tests;
