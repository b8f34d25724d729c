//! What people are told of their tasks, and what waits for them across tasks.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{DependencyView, QuestionView};
use crate::domain::id::{NotificationId, TaskId};
use crate::domain::task::ConcernKind;
use crate::domain::word::words;

/// What a person was told of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct NotificationView {
    /// `<task>.<version>`: by the event that gave cause.
    #[cfg_attr(feature = "ssr", schema(value_type = String))]
    pub id: NotificationId,
    pub task_id: TaskId,
    /// The task's title.
    pub title: String,
    pub kind: ConcernKind,
    /// The review, the question, the dependency; else the task.
    pub subject_id: Uuid,
    /// In a line; empty if the kind says it all.
    pub text: String,
    /// The page where it can be seen to.
    pub href: String,
    pub raised_at: DateTime<Utc>,
    /// When the cause was gone.
    pub resolved_at: Option<DateTime<Utc>>,
    pub read_at: Option<DateTime<Utc>>,
}

impl NotificationView {
    /// The page of a task where a kind of concern is seen to.
    #[cfg(feature = "ssr")]
    pub fn place(task: TaskId, kind: ConcernKind) -> String {
        match kind {
            ConcernKind::Review => format!("/tasks/{task}/review"),
            _ => format!("/tasks/{task}"),
        }
    }
}

/// Which notifications.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields, default)]
pub struct NotificationQuery {
    /// `unread`: not read, and the cause holds; `open`: the cause holds; `all` unless given.
    pub filter: Option<String>,
    /// 1 to 200; 50 unless given.
    pub limit: Option<u32>,
    /// From the page before.
    pub cursor: Option<String>,
}

/// How many notifications were marked as read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct ReadCount {
    pub read: u64,
}

/// Something that waits for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct NeedView {
    pub notification: NotificationView,
    /// If it is about one.
    pub question: Option<QuestionView>,
    /// If it is about one.
    pub dependency: Option<DependencyView>,
}

/// What waits for a person across all tasks, what waits for longest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct NeedsYou {
    pub items: Vec<NeedView>,
    /// Asks for the next page; absent on the last one.
    pub next_cursor: Option<String>,
    /// The names of the reusable secrets that can be given to agents as variables.
    pub secrets: Vec<String>,
    /// The same as files.
    pub secret_files: Vec<String>,
}

/// What a browser gives to be reached at, and of which kinds it wants to hear.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PushSubscription {
    /// Of the browser's push service.
    pub endpoint: String,
    pub keys: PushKeys,
    pub kinds: Vec<ConcernKind>,
}

/// What messages to a browser are encrypted by, in base64url.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PushKeys {
    pub p256dh: String,
    pub auth: String,
}

/// A browser that notifications are pushed to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct PushSubscriptionView {
    pub id: Uuid,
    pub endpoint: String,
    /// The push service.
    pub host: String,
    pub kinds: Vec<ConcernKind>,
    pub created_at: DateTime<Utc>,
}

/// How browsers subscribe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct PushView {
    /// The key that this installation signs by, as browsers want it: base64url.
    pub public_key: String,
    /// The newest first.
    pub subscriptions: Vec<PushSubscriptionView>,
}

words! {
    /// How notifications leave the house, beside browsers.
    pub enum TargetChannel {
        /// Posted to an address, signed as Standard Webhooks has it.
        Webhook,
        /// Written to a channel of Slack, with the bot's token of the settings.
        Slack,
    }
}

/// A place outside that notifications are sent to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct TargetView {
    pub id: Uuid,
    pub channel: TargetChannel,
    /// A URL, or the channel of Slack.
    pub address: String,
    pub kinds: Vec<ConcernKind>,
    pub created_at: DateTime<Utc>,
    /// When a message could last not be delivered; absent since one was.
    pub failed_at: Option<DateTime<Utc>>,
    /// Why.
    pub failure: Option<String>,
}

/// A place outside that notifications are to be sent to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewTarget {
    pub channel: TargetChannel,
    /// A URL, or the channel of Slack.
    pub address: String,
    /// All unless given.
    #[serde(default)]
    pub kinds: Option<Vec<ConcernKind>>,
}

/// What a webhook's messages are signed by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct SigningSecret {
    /// As libraries of Standard Webhooks take it: it begins with `whsec_`.
    pub secret: String,
}

/// Which notifications a target gets from now on.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct EditTarget {
    pub kinds: Vec<ConcernKind>,
}

/// What came of a message that was sent as a test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct TargetTrial {
    pub is_delivered: bool,
    /// What the other side said, for people.
    pub message: String,
}
