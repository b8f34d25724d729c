//! What a person should know of a task: what waits for them, and what came of it.
//!
//! Concerns follow from the state alone. What one step of a task adds to them is worth a notification;
//! what it takes away is settled.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{ReviewStatus, Status, Task, Waiting};
use crate::domain::word::words;

/// The most characters of a concern's text.
const MOST_TEXT: usize = 200;

words! {
    /// What a notification is about.
    pub enum ConcernKind {
        /// A review waits for a decision.
        Review,
        /// The agent asks.
        Question,
        /// The agent wants to do something that nothing allows yet.
        Permission,
        /// The agent needs something.
        Dependency,
        /// The task is done.
        Completed,
        /// The task can't go on.
        Failed,
        /// A person has stopped the agent, which waits for a message or for a word to go on.
        Interrupted,
        /// The account's limit is reached.
        Limit,
        /// A budget is used up.
        Budget,
        /// Little is left of a budget.
        BudgetWarning,
        /// Claude refused the credentials.
        Error,
    }
}

impl ConcernKind {
    /// Those that a person has to do something about.
    pub const NEEDS_YOU: [Self; 8] = [
        Self::Review,
        Self::Question,
        Self::Permission,
        Self::Dependency,
        Self::Failed,
        Self::Interrupted,
        Self::Budget,
        Self::Error,
    ];
}

/// One thing about a task that a person should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Concern {
    pub kind: ConcernKind,
    /// The review, the question, the dependency; else the task.
    pub subject: Uuid,
    /// In a line, as far as there is something to say beside the kind.
    pub text: String,
}

impl Concern {
    fn new(kind: ConcernKind, subject: Uuid, text: &str) -> Self {
        Self {
            kind,
            subject,
            text: in_a_line(text),
        }
    }

    /// Whether it is the same thing, whatever is said of it.
    pub fn is_same(&self, other: &Self) -> bool {
        self.kind == other.kind && self.subject == other.subject
    }
}

/// A name, and what is said of it.
fn named(name: &str, text: &str) -> String {
    match in_a_line(text).as_str() {
        "" => name.to_owned(),
        text => format!("{name}: {text}"),
    }
}

/// The first line that says something, not too long.
fn in_a_line(text: &str) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty());
    let line = line.unwrap_or_default();
    match line.char_indices().nth(MOST_TEXT) {
        Some((end, _)) => format!("{}…", line[..end].trim_end()),
        None => line.to_owned(),
    }
}

impl Task {
    /// Everything about the task that a person should know now. Nothing once it was put away.
    pub fn concerns(&self) -> Vec<Concern> {
        if self.archived {
            return Vec::new();
        }
        let reviews = self.reviews.iter();
        let reviews = reviews.filter(|review| review.status == ReviewStatus::Open);
        let reviews = reviews.map(|review| {
            let phase = self.phase(review.phase);
            let phase = phase.map_or("", |phase| phase.plan.name.as_str());
            let text = named(phase, &review.summary);
            Concern::new(ConcernKind::Review, review.id.as_uuid(), &text)
        });
        let questions = self.open_questions().map(|question| {
            let kind = match question.asked.permission {
                Some(_) => ConcernKind::Permission,
                None => ConcernKind::Question,
            };
            Concern::new(kind, question.id.as_uuid(), &question.asked.question)
        });
        let dependencies = self.open_dependencies().map(|dependency| {
            let needed = &dependency.needed;
            let text = named(&needed.name, &needed.description);
            Concern::new(ConcernKind::Dependency, dependency.id.as_uuid(), &text)
        });
        let own = self.status.concern();
        let own = own.map(|(kind, text)| Concern::new(kind, self.id.as_uuid(), text));
        let asked = reviews.chain(questions).chain(dependencies);
        let budget = self.budget_concern();
        let budget = budget.map(|(kind, text)| Concern::new(kind, self.id.as_uuid(), &text));
        asked.chain(own).chain(budget).collect()
    }
}

impl Status {
    /// What the status itself makes known, and what there is to say of it.
    fn concern(&self) -> Option<(ConcernKind, &str)> {
        match self {
            Self::Completed => Some((ConcernKind::Completed, "")),
            Self::Failed { reason } => Some((ConcernKind::Failed, reason)),
            Self::Waiting(Waiting::Message) => Some((ConcernKind::Interrupted, "")),
            Self::Waiting(Waiting::RateLimit(limit)) => {
                Some((ConcernKind::Limit, limit.sentence()))
            }
            Self::Waiting(Waiting::Credentials { message }) => Some((ConcernKind::Error, message)),
            Self::Draft
            | Self::Queued { .. }
            | Self::Running(_)
            | Self::Paused { .. }
            | Self::Waiting(
                Waiting::Review { .. }
                | Waiting::Question
                | Waiting::Dependency
                | Waiting::Budget(_),
            )
            | Self::Cancelled => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::in_a_line;

    #[test]
    fn a_line_is_the_first_that_says_something_and_not_too_long() {
        assert_eq!(in_a_line(" \n\n  Which?  \nRest"), "Which?");
        assert_eq!(in_a_line(""), "");
        let long = in_a_line(&"é".repeat(300));
        assert_eq!(long.chars().count(), 201);
        assert!(long.ends_with('…'));
        assert_eq!(in_a_line(&"é".repeat(200)).chars().count(), 200);
    }
}
