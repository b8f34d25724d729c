//! Short answers to one's own actions.

use std::time::Duration;

use leptos::prelude::*;

use crate::reactive::rows;

use super::icon::{Glyph, Icon};
use crate::fault::Fault;

/// How long a toast stays.
const STAY: Duration = Duration::from_secs(6);

#[derive(Clone, PartialEq, Eq)]
struct Toast {
    id: u32,
    text: String,
    failed: bool,
}

/// Where a page leaves the results of what a person did.
#[derive(Clone, Copy)]
pub struct Toasts {
    list: RwSignal<Vec<Toast>>,
    next: StoredValue<u32>,
}

impl Toasts {
    /// Makes toasts available to every page.
    pub fn provide() {
        provide_context(Self {
            list: RwSignal::new(Vec::new()),
            next: StoredValue::new(0),
        });
    }

    /// It worked.
    pub fn done(self, text: impl Into<String>) {
        self.add(text.into(), false);
    }

    /// It didn't.
    pub fn failed(self, fault: &Fault) {
        self.add(fault.to_string(), true);
    }

    fn add(self, text: String, failed: bool) {
        let id = self.next.get_value();
        self.next.set_value(id + 1);
        self.list
            .update(|list| list.push(Toast { id, text, failed }));
        set_timeout(move || self.drop(id), STAY);
    }

    fn drop(self, id: u32) {
        self.list
            .try_update(|list| list.retain(|toast| toast.id != id));
    }
}

/// The corner where toasts appear.
#[component]
pub fn ToastList() -> impl IntoView {
    let toasts = expect_context::<Toasts>();
    let row = move |toast: Toast| {
        let icon = if toast.failed {
            Icon::Alert
        } else {
            Icon::Check
        };
        let tone = if toast.failed { "failed" } else { "completed" };
        view! {
            <li class="toast-item" data-tone=tone>
                <Glyph icon=icon />
                <span>{toast.text}</span>
                <button type="button" class="icon-button" aria-label="Dismiss" on:click=move |_| toasts.drop(toast.id)>
                    <Glyph icon=Icon::Cross />
                </button>
            </li>
        }
    };
    view! {
        <div role="status"><ul class="toast-list">
            {rows(move || toasts.list.get(), |toast| toast.id.to_string(), row)}
        </ul></div>
    }
    .into_any()
}
