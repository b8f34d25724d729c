//! What becomes of a review that nobody decides: it is called to mind, ever more urgently, and at last
//! it is approved by itself, if the task is meant to go on that way.

use std::time::Duration;

use super::decide::Decision;
use super::{Status, Task, TaskEvent, Waiting};
use crate::domain::id::ReviewId;
use crate::domain::word::words;

words! {
    /// How urgently a review is called to mind. Ordered: the later, the more urgent.
    #[derive(PartialOrd, Ord)]
    pub enum ReminderLevel {
        /// It waits.
        Reminder,
        /// It waits for long.
        Urgent,
        /// It waits for so long that somebody else should look after it.
        Escalation,
    }
}

/// After how many hours without a decision something happens; 0 for never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReviewHours {
    pub reminder: u32,
    pub urgent: u32,
    pub escalation: u32,
    /// Only for tasks that are to go on by themselves.
    pub approval: u32,
}

impl Default for ReviewHours {
    fn default() -> Self {
        Self {
            reminder: 24,
            urgent: 48,
            escalation: 72,
            approval: 168,
        }
    }
}

impl ReviewHours {
    /// How a review of this age is to be called to mind, if it was not already so. Of several levels
    /// that were missed only the most urgent one counts.
    pub fn due(self, reached: Option<ReminderLevel>, age: Duration) -> Option<ReminderLevel> {
        let mut later = ReminderLevel::ALL.into_iter().rev();
        later.find(|level| Some(*level) > reached && has_passed(self.until(*level), age))
    }

    /// Whether a review of this age is approved by itself.
    pub fn is_approval_due(self, age: Duration) -> bool {
        has_passed(self.approval, age)
    }

    const fn until(self, level: ReminderLevel) -> u32 {
        match level {
            ReminderLevel::Reminder => self.reminder,
            ReminderLevel::Urgent => self.urgent,
            ReminderLevel::Escalation => self.escalation,
        }
    }
}

fn has_passed(hours: u32, age: Duration) -> bool {
    hours > 0 && age.as_secs() >= u64::from(hours) * 60 * 60
}

impl Task {
    /// The review that keeps the task waiting.
    pub fn awaited_review(&self) -> Option<ReviewId> {
        match &self.status {
            Status::Waiting(Waiting::Review { review }) if !self.archived => Some(*review),
            _ => None,
        }
    }

    /// How urgently a review was called to mind so far.
    pub fn reminded(&self, id: ReviewId) -> Option<ReminderLevel> {
        let review = self.reviews.iter().find(|review| review.id == id);
        review.and_then(|review| review.reminded)
    }

    /// A review that was decided, or was called to mind as urgently, needs no more.
    pub(super) fn remind(&self, review: ReviewId, level: ReminderLevel) -> Decision {
        self.review(review)?;
        let is_said = self.reminded(review) >= Some(level);
        if is_said || self.awaited_review() != Some(review) {
            return Ok(Vec::new());
        }
        Ok(vec![TaskEvent::ReviewReminded { review, level }])
    }

    /// A review that was decided, or whose task is to wait for people after all, stays as it is.
    pub(super) fn approve_by_itself(&self, review: ReviewId, hours: u32) -> Decision {
        self.review(review)?;
        if !self.auto_approve || self.awaited_review() != Some(review) {
            return Ok(Vec::new());
        }
        let remark = format!("Approved by itself: nobody decided within {hours} hours.");
        let remark = remark.parse().expect("it is short and printable");
        self.approve(review, Some(remark))
    }
}

#[cfg(test)]
mod tests {
    use super::{ReminderLevel, ReviewHours};
    use std::time::Duration;

    const fn hours(hours: u64) -> Duration {
        Duration::from_secs(hours * 60 * 60)
    }

    #[test]
    fn a_review_is_called_to_mind_ever_more_urgently() {
        use ReminderLevel::{Escalation, Reminder, Urgent};
        let all = ReviewHours::default();
        assert_eq!(all.due(None, Duration::from_secs(24 * 60 * 60 - 1)), None);
        assert_eq!(all.due(None, hours(24)), Some(Reminder));
        assert_eq!(all.due(Some(Reminder), hours(47)), None);
        assert_eq!(all.due(Some(Reminder), hours(48)), Some(Urgent));
        assert_eq!(all.due(Some(Urgent), hours(72)), Some(Escalation));
        assert_eq!(all.due(Some(Escalation), hours(1_000)), None);
    }

    #[test]
    fn of_what_was_missed_only_the_most_urgent_is_said() {
        let all = ReviewHours::default();
        assert_eq!(all.due(None, hours(100)), Some(ReminderLevel::Escalation));
    }

    #[test]
    fn what_is_set_to_0_never_happens() {
        let none = ReviewHours {
            reminder: 0,
            urgent: 0,
            escalation: 0,
            approval: 0,
        };
        assert_eq!(none.due(None, hours(10_000)), None);
        assert!(!none.is_approval_due(hours(10_000)));
        let only_urgent = ReviewHours { urgent: 2, ..none };
        assert_eq!(only_urgent.due(None, hours(3)), Some(ReminderLevel::Urgent));
        assert!(ReviewHours::default().is_approval_due(hours(168)));
        assert!(!ReviewHours::default().is_approval_due(hours(167)));
    }
}
