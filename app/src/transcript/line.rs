//! A line of a log as the page holds it.

use crate::domain::log::{LogKind, LogLine, ToolResult, ToolUse};
use crate::wire::from_json;

/// What a line says, read once.
#[derive(Clone, Debug, PartialEq)]
pub enum LineContent {
    Call(ToolUse),
    Result(ToolResult),
    /// Text as its kind says.
    Plain(String),
}

/// A line as the page holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub seq: u64,
    pub at: chrono::DateTime<chrono::Utc>,
    pub kind: LogKind,
    pub content: LineContent,
}

impl From<LogLine> for Entry {
    fn from(line: LogLine) -> Self {
        let content = match line.kind {
            LogKind::ToolUse => from_json(&line.text).map(LineContent::Call).ok(),
            LogKind::ToolResult => from_json(&line.text).map(LineContent::Result).ok(),
            _ => None,
        };
        Self {
            seq: line.seq,
            at: line.at,
            kind: line.kind,
            content: content.unwrap_or(LineContent::Plain(line.text)),
        }
    }
}

impl Entry {
    /// About how much memory it takes.
    pub fn bytes(&self) -> usize {
        let text = match &self.content {
            LineContent::Call(call) => call.input.len() + call.target.len(),
            LineContent::Result(result) => result.output.len(),
            LineContent::Plain(text) => text.len(),
        };
        text + 160
    }

    /// What copying the line gives.
    pub fn text(&self) -> String {
        match &self.content {
            LineContent::Call(call) => format!("{} {}\n{}", call.verb, call.target, call.input),
            LineContent::Result(result) => result.output.clone(),
            LineContent::Plain(text) => text.clone(),
        }
    }
}
