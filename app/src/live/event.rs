//! What the stream tells.

use crate::api::{DependencyView, PhaseView, QuestionView, ReviewView, TaskView, UsageView};
use crate::domain::log::LogLine;

/// One event of the stream.
#[derive(Clone, Debug)]
#[cfg_attr(
    not(any(feature = "hydrate", test)),
    expect(dead_code, reason = "only a browser has a stream")
)]
pub enum LiveEvent {
    /// A task, followed or not, is in another state or version.
    Status(TaskView),
    Phase(PhaseView),
    Review(ReviewView),
    Question(QuestionView),
    Dependency(DependencyView),
    Usage(UsageView),
    /// New lines of the followed task's log, in order.
    Log(Vec<LogLine>),
    /// What the page knows is too old to go on from: load it again.
    Reset,
}

#[cfg(any(feature = "hydrate", test))]
impl LiveEvent {
    /// Every name the stream uses.
    pub const NAMES: [&'static str; 11] = [
        "status",
        "phase_update",
        "step_update",
        "review_required",
        "user_question",
        "dependency_request",
        "complete",
        "error",
        "usage",
        "log",
        "reset",
    ];

    /// Reads an event; unknown names and shapes are skipped, for a newer server may know more.
    pub fn read(name: &str, data: &str) -> Option<Self> {
        fn json<T: serde::de::DeserializeOwned>(data: &str) -> Option<T> {
            crate::resource::from_json(data).ok()
        }
        match name {
            "status" | "complete" | "error" => json(data).map(Self::Status),
            "phase_update" | "step_update" => json(data).map(Self::Phase),
            "review_required" => json(data).map(Self::Review),
            "user_question" => json(data).map(Self::Question),
            "dependency_request" => json(data).map(Self::Dependency),
            "usage" => json(data).map(Self::Usage),
            "log" => json(data).map(Self::Log),
            "reset" => Some(Self::Reset),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::LiveEvent;

    #[test]
    fn every_name_is_understood_and_nonsense_is_skipped() {
        for name in LiveEvent::NAMES {
            assert!(LiveEvent::read(name, "nonsense").is_none() || name == "reset");
        }
        assert!(
            matches!(LiveEvent::read("log", "[]"), Some(LiveEvent::Log(lines)) if lines.is_empty())
        );
        assert!(LiveEvent::read("later", "{}").is_none());
    }
}
