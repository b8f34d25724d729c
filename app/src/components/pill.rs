//! The status of a task: colour, icon and word, the same everywhere.

use leptos::prelude::*;

use super::icon::{Glyph, Icon};
use crate::api::TaskView;
use crate::domain::task::{StatusName, WaitingReason};
use crate::reactive::memo;

/// How a status is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Chooses the colours in the style sheet.
    pub tone: &'static str,
    /// Stands for the reason.
    pub icon: Icon,
    /// Says it.
    pub word: &'static str,
}

impl Look {
    /// The look of a task's status.
    pub fn of(task: &TaskView) -> Self {
        let (tone, icon, word) = match task.status {
            StatusName::Draft => ("draft", Icon::Pencil, "Draft"),
            StatusName::Queued => ("queued", Icon::Clock, "Queued"),
            StatusName::Running => ("running", Icon::Play, "Running"),
            StatusName::Paused => ("paused", Icon::Pause, "Paused"),
            StatusName::Waiting => return Self::waiting(task.waiting_reason),
            StatusName::Completed => ("completed", Icon::Check, "Completed"),
            StatusName::Failed => ("failed", Icon::Cross, "Failed"),
            StatusName::Cancelled => ("cancelled", Icon::Slash, "Cancelled"),
        };
        Self { tone, icon, word }
    }

    fn waiting(reason: Option<WaitingReason>) -> Self {
        let (icon, word) = match reason {
            Some(WaitingReason::Review) => (Icon::Eye, "Review"),
            Some(WaitingReason::Question) => (Icon::Question, "Question"),
            Some(WaitingReason::Dependency) => (Icon::Key, "Dependency"),
            Some(WaitingReason::RateLimit) => (Icon::Hourglass, "Rate limit"),
            Some(WaitingReason::Budget) => (Icon::Alert, "Budget"),
            Some(WaitingReason::Credentials) => (Icon::Key, "Credentials"),
            Some(WaitingReason::Message) => (Icon::Message, "Interrupted"),
            None => (Icon::Clock, "Waiting"),
        };
        Self {
            tone: "waiting",
            icon,
            word,
        }
    }
}

/// Whether a person has to do something before the task goes on.
pub fn needs_person(task: &TaskView) -> bool {
    task.waiting_reason
        .is_some_and(|reason| reason != WaitingReason::RateLimit)
}

/// The pill of a task's status.
#[component]
pub fn Pill(#[prop(into)] task: Signal<TaskView>) -> impl IntoView {
    let look = memo(move || task.with(Look::of));
    view! {
        <span class="pill" data-tone=move || look.get().tone>
            <Glyph icon=Signal::derive(move || look.get().icon) />
            {move || look.get().word}
        </span>
    }
    .into_any()
}
