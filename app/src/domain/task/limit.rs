//! Times in which the model can't be used: the account's limit is reached, or nobody answers. A task
//! waits for their end; it is neither done nor failed.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Status, Task, TaskEvent, Waiting};
use crate::domain::word::words;

words! {
    /// Why the model can't be used.
    #[derive(Default)]
    pub enum LimitCause {
        /// The account's limit is reached.
        #[default]
        Account,
        /// Claude has too much to do.
        Overloaded,
        /// Claude can't be reached.
        Unreachable,
    }
}

/// Until when the model can't be used, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct Limit {
    /// The end, or the next try if nobody has told the end.
    pub until: DateTime<Utc>,
    /// Whether `until` is the end as Claude has told it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub told: bool,
    #[serde(default, skip_serializing_if = "is_usual")]
    pub cause: LimitCause,
    /// Which limit, as Claude names it: `five_hour`, `seven_day` and others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
const fn is_false(told: &bool) -> bool {
    !*told
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
const fn is_usual(cause: &LimitCause) -> bool {
    matches!(cause, LimitCause::Account)
}

impl Limit {
    /// What has happened, as a sentence.
    pub fn sentence(&self) -> &'static str {
        match (self.cause, self.name.as_deref()) {
            (LimitCause::Account, Some("five_hour")) => {
                "The account's limit for five hours is reached."
            }
            (LimitCause::Account, Some("seven_day")) => {
                "The account's limit for the week is reached."
            }
            (LimitCause::Account, Some("seven_day_opus")) => {
                "The account's limit for Opus is reached."
            }
            (LimitCause::Account, Some("seven_day_sonnet")) => {
                "The account's limit for Sonnet is reached."
            }
            (LimitCause::Account, _) => "The account's limit is reached.",
            (LimitCause::Overloaded, _) => "Claude is overloaded.",
            (LimitCause::Unreachable, _) => "Claude can't be reached.",
        }
    }
}

impl Task {
    /// The limit that the task waits for.
    pub fn limit(&self) -> Option<&Limit> {
        match &self.status {
            Status::Waiting(Waiting::RateLimit(limit)) => Some(limit),
            _ => None,
        }
    }

    /// When the task goes on by itself after a limit; `None` if somebody has to say so.
    pub fn goes_on_at(&self) -> Option<DateTime<Utc>> {
        let limit = self.limit().filter(|_| self.auto_resume)?;
        Some(limit.until)
    }

    /// What comes before a run of a task that has waited for a limit.
    pub(super) fn lifted(&self) -> Option<TaskEvent> {
        self.limit().map(|_| TaskEvent::LimitLifted {})
    }
}
