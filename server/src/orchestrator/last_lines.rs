//! What the log of a task ends with, for people who want to know why it failed.

use app::domain::log::{LogKind, LogLine, ToolResult, ToolUse};

use super::run::{Run, RunError};
use crate::error::Error;

/// So many lines are told, and so many characters of each.
const LINES: u32 = 5;
const LENGTH: usize = 500;

impl Run {
    /// The last lines in plain words.
    pub(super) async fn last_lines(&self) -> Result<Vec<String>, RunError> {
        let store = &self.deps.store;
        let end = store.log_head(self.task).await.map_err(Error::from)?;
        let part = store.log_after(self.task, end.saturating_sub(LINES.into()), LINES);
        let lines = part.await.map_err(Error::from)?.lines;
        Ok(lines.iter().map(in_words).collect())
    }
}

/// As the page says it. What can't be read is told as it is.
fn in_words(line: &LogLine) -> String {
    let called = || serde_json::from_str::<ToolUse>(&line.text).ok();
    let answered = || serde_json::from_str::<ToolResult>(&line.text).ok();
    let words = match line.kind {
        LogKind::ToolUse => called().map(|call| format!("{} {}", call.verb, call.target)),
        LogKind::ToolResult => answered().map(|answer| answer.output),
        _ => None,
    };
    let words = words.unwrap_or_else(|| line.text.clone());
    words.chars().take(LENGTH).collect()
}

#[cfg(test)]
mod tests {
    use app::domain::log::LogStream;
    use chrono::DateTime;

    use super::*;

    #[test]
    fn calls_and_results_are_told_in_words() {
        let told = |kind, text: &str| {
            in_words(&LogLine {
                seq: 1,
                at: DateTime::UNIX_EPOCH,
                stream: LogStream::Tool,
                kind,
                text: text.to_owned(),
            })
        };
        let call = r#"{"id":"1","tool":"Bash","verb":"Running","target":"ls","input":"{}"}"#;
        assert_eq!(told(LogKind::ToolUse, call), "Running ls");
        let result = r#"{"id":"1","ok":true,"output":"a.md"}"#;
        assert_eq!(told(LogKind::ToolResult, result), "a.md");
        assert_eq!(told(LogKind::ToolUse, "{half"), "{half");
        assert_eq!(told(LogKind::Text, &"a".repeat(600)).len(), LENGTH);
    }
}
