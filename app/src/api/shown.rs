//! Reviews as the server renders them for the pages.

use serde::{Deserialize, Serialize};

use super::{Diff, FileChange, FileDiff};
use crate::domain::id::FeedbackId;
use crate::domain::word::words;

/// Stands in a piece's HTML for the address that chooses a line; the line's number follows. No
/// text that is shown has this sign.
pub const LINE_LINK: char = '\u{1}';

/// Stands in a piece's HTML for the address that shows more of the file; what follows says what.
pub const OPEN_LINK: char = '\u{2}';

words! {
    /// How a file under review is shown.
    pub enum Shape {
        /// As a rendered document, or as an image.
        Document,
        /// Line by line.
        Source,
        /// What has changed in it.
        Changes,
    }
}

/// A file of a review as the server has rendered it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownFile {
    pub path: String,
    pub shape: Shape,
    /// The shapes that there are.
    pub shapes: Vec<Shape>,
    /// Whether the pieces are rows of a table.
    pub is_table: bool,
    /// Whether the versions stand side by side.
    pub is_split: bool,
    pub pieces: Vec<Piece>,
    /// Comments of earlier rounds, as far as they belong to this file.
    pub moved: Vec<MovedComment>,
}

/// A part of a file that comments can stand below.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// The first line that it shows; 0 if it shows none.
    pub from: u32,
    /// The last one.
    pub to: u32,
    /// Safe: escaped or sanitised.
    pub html: String,
}

impl Piece {
    /// One line.
    pub const fn line(number: u32, html: String) -> Self {
        Self {
            from: number,
            to: number,
            html,
        }
    }

    /// Something beside the file's lines.
    pub const fn aside(html: String) -> Self {
        Self::line(0, html)
    }
}

/// Where a comment of an earlier round belongs now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MovedComment {
    pub id: FeedbackId,
    /// The lines, first and last; absent if they have changed since.
    pub lines: Option<(u32, u32)>,
    /// What the lines said then, if they have changed.
    pub quote: Option<String>,
}

/// What the agent did between the beginning of a phase and a review of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct ConversationView {
    pub turns: u32,
    pub tool_calls: u32,
    /// Calls that failed.
    pub tool_failures: u32,
    /// Messages of people that the agent got.
    pub messages: u32,
    /// What the agent said last, as safe HTML.
    pub last_said: Option<String>,
    /// The number of the log's first line of the phase.
    pub first_line: Option<u64>,
    /// From the phase's beginning to the review, waiting included.
    pub seconds: u64,
    /// Whether only a part of a very long log was counted.
    pub truncated: bool,
}

/// What a review is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewWork {
    pub changes: ChangeList,
    pub conversation: ConversationView,
}

/// The files that have changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeList {
    pub files: Vec<ChangedFile>,
    /// Whether files or lines beyond the limits were left out.
    pub truncated: bool,
}

/// A file that has changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedFile {
    pub path: String,
    /// Where it was before, if it was renamed.
    pub old_path: Option<String>,
    pub change: FileChange,
    /// The modes before and after in octal digits, if they differ.
    pub mode: Option<String>,
    pub binary: bool,
    pub additions: u32,
    pub deletions: u32,
    /// What has changed in it, as a table, where it is asked for.
    pub html: Option<String>,
}

impl From<FileDiff> for ChangedFile {
    fn from(file: FileDiff) -> Self {
        Self {
            path: file.path,
            old_path: file.old_path,
            change: file.change,
            mode: file.mode,
            binary: file.binary,
            additions: file.additions,
            deletions: file.deletions,
            html: None,
        }
    }
}

impl From<Diff> for ChangeList {
    fn from(diff: Diff) -> Self {
        Self {
            files: diff.files.into_iter().map(ChangedFile::from).collect(),
            truncated: diff.truncated,
        }
    }
}

/// Which file of a review to show, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShowFile {
    pub path: String,
    /// What suits the file, unless given.
    pub shape: Option<Shape>,
    /// Changes since the round before instead of those since the phase's beginning.
    pub since: bool,
    /// Both versions side by side.
    pub is_split: bool,
    /// What is shown beyond what is shown by itself: `all`, or lines such as `10-40`.
    pub open: String,
}
