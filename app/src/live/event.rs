//! What the stream tells.

#[cfg(any(feature = "hydrate", test))]
use serde::Deserialize;

use crate::api::{
    DependencyView, MessageView, PermissionsView, PhaseView, QuestionView, ReviewView, TaskView,
    UsageView, WritingView,
};
use crate::domain::id::TaskId;
use crate::domain::log::LogLine;

/// One event of the stream.
#[derive(Clone, Debug)]
#[cfg_attr(
    not(any(feature = "hydrate", test)),
    expect(dead_code, reason = "only a browser has a stream")
)]
pub enum LiveEvent {
    /// A task, followed or not, is in another state or version.
    Status(Box<TaskView>),
    Phase(PhaseView),
    Review(ReviewView),
    Question(QuestionView),
    Dependency(DependencyView),
    /// What the followed task's agents may do without asking.
    Permissions(PermissionsView),
    /// A message of a person, sent or delivered.
    Message(MessageView),
    Usage(UsageView),
    /// New lines of the followed task's log, in order.
    Log(Vec<LogLine>),
    /// The followed task's agent goes on writing: [`super::Live::writing`] is the text so far.
    Writing(WritingView),
    /// The task was put away.
    Gone(TaskId),
    /// What the page knows is too old to go on from: load it again.
    Reset,
}

/// Names the task that was put away.
#[cfg(any(feature = "hydrate", test))]
#[derive(Deserialize)]
struct PutAway {
    task_id: TaskId,
}

#[cfg(any(feature = "hydrate", test))]
impl LiveEvent {
    /// Every name the stream uses.
    pub const NAMES: [&'static str; 14] = [
        "status",
        "phase_update",
        "step_update",
        "message_update",
        "review_required",
        "user_question",
        "dependency_request",
        "permissions",
        "complete",
        "error",
        "usage",
        "log",
        "writing",
        "reset",
    ];

    /// Reads an event; unknown names and shapes are skipped, for a newer server may know more.
    pub fn read(name: &str, data: &str) -> Option<Self> {
        fn json<T: serde::de::DeserializeOwned>(data: &str) -> Option<T> {
            crate::wire::from_json(data).ok()
        }
        match name {
            "status" | "complete" | "error" => json(data).map(Self::Status),
            "phase_update" | "step_update" => json(data).map(Self::Phase),
            "message_update" => json(data).map(Self::Message),
            "review_required" => json(data).map(Self::Review),
            "user_question" => json(data).map(Self::Question),
            "dependency_request" => json(data).map(Self::Dependency),
            "permissions" => json(data).map(Self::Permissions),
            "usage" => json(data).map(Self::Usage),
            "log" => json(data).map(Self::Log),
            "writing" => json(data).map(Self::Writing),
            "reset" => {
                Some(json(data).map_or(Self::Reset, |PutAway { task_id }| Self::Gone(task_id)))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::LiveEvent;

    /// A message as the stream carries it: the smallest object but for the others' many fields.
    const MESSAGE: &str = r#"{"id":"00000000-0000-7000-8000-000000000001","text":"Hi",
        "deliver_at":"tool_result","status":"queued","sent_at":"2026-11-22T15:30:00Z",
        "edited_at":null,"delivered_at":null,"turn":null}"#;

    #[test]
    fn every_name_reads_its_object_and_no_other() {
        let usage = r#"{"cost_usd":"0.840000",
            "tokens":{"input":1,"output":2,"cache_read":3,"cache_write":4}}"#;
        for name in LiveEvent::NAMES {
            let read = |data| LiveEvent::read(name, data);
            assert_eq!(
                matches!(read(MESSAGE), Some(LiveEvent::Message(_))),
                name == "message_update"
            );
            assert_eq!(
                matches!(read(usage), Some(LiveEvent::Usage(_))),
                name == "usage"
            );
            let is_log = matches!(read("[]"), Some(LiveEvent::Log(lines)) if lines.is_empty());
            assert_eq!(is_log, name == "log");
            let words = r#"{"text":"Once","append":true}"#;
            let is_writing = matches!(read(words), Some(LiveEvent::Writing(view)) if view.append);
            assert_eq!(is_writing, name == "writing");
            let is_reset = matches!(read("nonsense"), Some(LiveEvent::Reset));
            assert_eq!(is_reset, name == "reset");
        }
    }

    #[test]
    fn what_a_newer_server_tells_is_skipped() {
        assert!(LiveEvent::read("later", MESSAGE).is_none());
        assert!(LiveEvent::read("usage", "{}").is_none());
    }

    #[test]
    fn a_reset_names_the_task_that_was_put_away() {
        let id = "00000000-0000-7000-8000-000000000001";
        let gone = LiveEvent::read("reset", &json!({ "task_id": id }).to_string());
        assert!(matches!(gone, Some(LiveEvent::Gone(task)) if task.to_string() == id));
        let other = LiveEvent::read("reset", &json!({ "id": id }).to_string());
        assert!(matches!(other, Some(LiveEvent::Reset)));
    }
}
