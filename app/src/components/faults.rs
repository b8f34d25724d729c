//! What went wrong, in words.

use leptos::prelude::*;

use super::icon::{Glyph, Icon};
use crate::fault::Fault;
use crate::request;

/// A part of a page that could not be had.
#[component]
pub fn FaultPanel(fault: Fault) -> impl IntoView {
    let status = match &fault {
        Fault::NotFound { .. } => 404,
        Fault::Invalid { .. } => 400,
        Fault::NotAllowed { .. } | Fault::Conflict => 409,
        Fault::Unavailable { .. } => 503,
        Fault::Internal | Fault::Transport { .. } => 500,
    };
    let message = fault.to_string();
    drop(fault);
    request::set_status(status);
    view! {
        <section class="panel fault" data-tone="failed">
            <h2><Glyph icon=Icon::Alert /> {message}</h2>
            <p><a class="link" href="/">"Back to the tasks"</a></p>
        </section>
    }
}

/// For an `ErrorBoundary`: everything that its children reported.
pub fn fault_panels(errors: ArcRwSignal<Errors>) -> AnyView {
    let fault = move || {
        let errors = errors.get();
        let first = errors.into_iter().next();
        first.map(|(_, error)| {
            let fault = error.downcast_ref::<Fault>().cloned();
            view! { <FaultPanel fault=fault.unwrap_or(Fault::Internal) /> }
        })
    };
    fault.into_any()
}

/// What is wrong with a form, above its fields.
pub fn form_fault(fault: Option<Fault>) -> Option<AnyView> {
    let fault = fault?;
    let notice = view! {
        <div class="notice" data-tone="failed" role="alert">
            <Glyph icon=Icon::Alert />
            <p>{fault.to_string()}</p>
        </div>
    };
    Some(notice.into_any())
}
