//! What a notification says.

use app::api::NotificationView;
use app::domain::id::TaskId;
use app::domain::task::ConcernKind;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::jobs::Delivery;

/// A notification, ready to be sent by any channel.
#[derive(Clone, Debug)]
pub(super) struct Message {
    /// The notification's; the same each time it is sent.
    pub id: String,
    /// A [`ConcernKind`], or `test`.
    pub kind: String,
    pub headline: &'static str,
    pub task: Option<TaskId>,
    pub task_title: String,
    /// In a line; empty if the headline says it all.
    pub text: String,
    /// The page where it is seen to, on this server.
    pub path: String,
    /// The same, from outside.
    pub url: String,
    pub raised_at: DateTime<Utc>,
}

impl Message {
    pub fn of(delivery: &Delivery, origin: &str) -> Self {
        let task = delivery.notification.task;
        let path = NotificationView::place(task, delivery.kind);
        Self {
            id: delivery.notification.to_string(),
            kind: delivery.kind.to_string(),
            headline: headline(delivery.kind),
            task: Some(task),
            task_title: delivery.title.clone(),
            text: delivery.text.clone(),
            url: format!("{origin}{path}"),
            path,
            raised_at: delivery.raised_at,
        }
    }

    /// Shows whether messages arrive.
    pub fn trial(origin: &str) -> Self {
        let path = "/inbox".to_owned();
        Self {
            id: Uuid::now_v7().to_string(),
            kind: "test".to_owned(),
            headline: "Notifications arrive here",
            task: None,
            task_title: "A test".to_owned(),
            text: "Nothing has happened.".to_owned(),
            url: format!("{origin}{path}"),
            path,
            raised_at: Utc::now(),
        }
    }
}

const fn headline(kind: ConcernKind) -> &'static str {
    match kind {
        ConcernKind::Review => "Your review is needed",
        ConcernKind::Question => "An agent asks",
        ConcernKind::Permission => "An agent asks for permission",
        ConcernKind::Dependency => "An agent needs something",
        ConcernKind::Completed => "A task is completed",
        ConcernKind::Failed => "A task has failed",
        ConcernKind::Interrupted => "An interrupted agent waits",
        ConcernKind::Limit => "The account's limit is reached",
        ConcernKind::Budget => "A budget is used up",
        ConcernKind::BudgetWarning => "A budget will not last",
        ConcernKind::Error => "Claude refused the credentials",
    }
}
