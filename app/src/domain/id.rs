//! Identifiers. Each kind is its own type, so that one can't be passed where another is meant.

use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[derive(Serialize, Deserialize, derive_more::Display, derive_more::FromStr)]
        #[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps an id that was minted at the edge: the domain itself rolls no dice.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The id as the database and the agent's protocol carry it.
            pub const fn as_uuid(self) -> Uuid {
                self.0
            }
        }
    )+};
}

ids! {
    /// What a person asked for; owns a workspace and a history.
    TaskId,
    /// One stretch of the platform driving a task.
    RunId,
    /// One Claude Code conversation, possibly served by several processes over time.
    SessionId,
    /// A user message to the agent. Its turn is named by the same id, and the agent sees it as
    /// the message's `uuid`, which makes delivery idempotent.
    MessageId,
    /// One round of a gate.
    ReviewId,
    /// A comment in a review.
    FeedbackId,
    /// Something an agent asked a person.
    QuestionId,
    /// Something an agent needs from a person.
    DependencyId,
    /// What a person has allowed for a whole task.
    RuleId,
    /// A point a task can be resumed or forked from.
    CheckpointId,
    /// What makes tasks by itself.
    ScheduleId,
}

/// What a person was told of a task: by the event that gave cause to it. Written `<task>.<version>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, derive_more::Display)]
#[display("{task}.{version}")]
pub struct NotificationId {
    pub task: TaskId,
    /// Of the event.
    pub version: u64,
}

/// A text that names no notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be <task>.<version>")]
pub struct NotificationIdError;

impl FromStr for NotificationId {
    type Err = NotificationIdError;

    fn from_str(text: &str) -> Result<Self, NotificationIdError> {
        let (task, version) = text.split_once('.').ok_or(NotificationIdError)?;
        Ok(Self {
            task: task.parse().map_err(|_| NotificationIdError)?,
            version: version.parse().map_err(|_| NotificationIdError)?,
        })
    }
}

impl Serialize for NotificationId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for NotificationId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::NotificationId;

    #[test]
    fn a_notification_is_named_by_its_task_and_an_event() {
        let text = "00000000-0000-7000-8000-000000000001.12";
        let id: NotificationId = text.parse().unwrap();
        assert_eq!((id.version, id.to_string().as_str()), (12, text));
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(serde_json::from_str::<NotificationId>(&json).unwrap(), id);
        for bad in [
            "",
            "12",
            ".12",
            "00000000-0000-7000-8000-000000000001.",
            "x.1",
        ] {
            assert!(bad.parse::<NotificationId>().is_err(), "{bad}");
        }
    }
}
