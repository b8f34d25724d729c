//! What lies between two moments in a log, counted.

use app::domain::id::TaskId;
use app::domain::log::{LogKind, LogLine, LogStream, ToolResult};
use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use super::read::{MOST_SEARCHED, lines_of};
use super::row;
use crate::store::{Store, StoreError, stored};

/// What was counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// The number of the first line.
    pub first_line: Option<u64>,
    pub turns: u32,
    pub tool_calls: u32,
    /// Calls that failed.
    pub tool_failures: u32,
    /// Messages that the agent got.
    pub messages: u32,
    /// What the agent that did the work said last.
    pub last_said: Option<String>,
    /// Whether there was more than one answer is allowed to read.
    pub truncated: bool,
    /// Whether the lines are those of an agent that verifies.
    is_verification: bool,
}

impl Tally {
    fn count(&mut self, line: LogLine) {
        self.first_line.get_or_insert(line.seq);
        match line.kind {
            LogKind::Turn => {
                self.turns += 1;
                self.is_verification = line.text.ends_with("· Verification");
            }
            LogKind::ToolUse => self.tool_calls += 1,
            LogKind::ToolResult => {
                let result = serde_json::from_str::<ToolResult>(&line.text);
                self.tool_failures += u32::from(result.is_ok_and(|result| !result.ok));
            }
            LogKind::Message => self.messages += 1,
            LogKind::Text if line.stream == LogStream::Agent && !self.is_verification => {
                self.last_said = Some(line.text);
            }
            _ => {}
        }
    }
}

impl Store {
    /// Counts what was logged from one moment to another.
    pub async fn log_tally(
        &self,
        id: TaskId,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Tally, StoreError> {
        let mut tally = Tally::default();
        let mut next = self.log_line_at(id, from).await?;
        for _ in 0..MOST_SEARCHED {
            let lines = self.lines_with(id, next).await?;
            let Some(last) = lines.last().map(|line| line.seq) else {
                return Ok(tally);
            };
            for line in lines.into_iter().filter(|line| line.seq >= next) {
                if line.at > until {
                    return Ok(tally);
                }
                tally.count(line);
            }
            next = last + 1;
            // Unpacking takes no pauses of its own.
            tokio::task::yield_now().await;
        }
        tally.truncated = true;
        Ok(tally)
    }

    /// The number of the first line at or after a moment; one more than there are if there is none.
    async fn log_line_at(&self, id: TaskId, at: DateTime<Utc>) -> Result<u64, StoreError> {
        let (mut low, mut high) = (1, self.log_head(id).await? + 1);
        while low < high {
            let lines = self.lines_with(id, low + (high - low) / 2).await?;
            let (Some(first), Some(last)) = (lines.first(), lines.last()) else {
                return Ok(low);
            };
            if last.at < at {
                low = last.seq + 1;
            } else if first.at >= at {
                high = first.seq;
            } else {
                let found = lines.iter().find(|line| line.at >= at);
                return Ok(found.map_or(high, |line| line.seq));
            }
        }
        Ok(low)
    }

    /// The lines of the chunk that holds a line; none if no chunk does.
    async fn lines_with(&self, id: TaskId, line: u64) -> Result<Vec<LogLine>, StoreError> {
        let row = row::Entity::find()
            .filter(row::Column::TaskId.eq(id.as_uuid()))
            .filter(row::Column::FirstSeq.lte(stored(line)))
            .filter(row::Column::LastSeq.gte(stored(line)))
            .order_by_desc(row::Column::FirstSeq)
            .one(self.reader())
            .await?;
        Ok(row.as_ref().map_or_else(Vec::new, lines_of))
    }
}
