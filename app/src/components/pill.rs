//! The status of a task: colour, icon and word, the same everywhere.

use leptos::prelude::*;

use super::icon::{Glyph, Icon};
use crate::api::TaskView;

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
        let (tone, icon, word) = match task.status.as_str() {
            "draft" => ("draft", Icon::Pencil, "Draft"),
            "queued" => ("queued", Icon::Clock, "Queued"),
            "running" => ("running", Icon::Play, "Running"),
            "waiting" => return Self::waiting(task.waiting_reason.as_deref()),
            "completed" => ("completed", Icon::Check, "Completed"),
            "failed" => ("failed", Icon::Cross, "Failed"),
            "cancelled" => ("cancelled", Icon::Slash, "Cancelled"),
            _ => ("paused", Icon::Pause, "Paused"),
        };
        Self { tone, icon, word }
    }

    fn waiting(reason: Option<&str>) -> Self {
        let (icon, word) = match reason {
            Some("review") => (Icon::Eye, "Review"),
            Some("question") => (Icon::Question, "Question"),
            Some("dependency") => (Icon::Key, "Needs something"),
            Some("rate_limit") => (Icon::Hourglass, "Rate limit"),
            Some("budget") => (Icon::Coin, "Budget"),
            Some("credentials") => (Icon::Key, "Credentials"),
            Some("scheduled") => (Icon::Clock, "Scheduled"),
            _ => (Icon::Pause, "Waiting"),
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
    task.status == "waiting"
        && !matches!(
            task.waiting_reason.as_deref(),
            Some("rate_limit" | "scheduled")
        )
}

/// The pill of a task's status.
#[component]
pub fn Pill(#[prop(into)] task: Signal<TaskView>) -> impl IntoView {
    let look = Memo::new(move |_| task.with(Look::of));
    view! {
        <span class="pill" data-tone=move || look.get().tone>
            <Glyph icon=Signal::derive(move || look.get().icon) />
            {move || look.get().word}
        </span>
    }
    .into_any()
}
