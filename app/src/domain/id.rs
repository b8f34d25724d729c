//! Identifiers. Each kind is its own type, so that one can't be passed where another is meant.

use serde::{Deserialize, Serialize};
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
}
