//! Questions before what can't be undone, or needs a word more. They are part of the address, so that they
//! work without script as well.

use leptos::html::Dialog;
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_location, use_navigate};

use crate::reactive::effect;

/// A dialog that is open as long as the address says so.
#[component]
pub fn ConfirmDialog(
    title: &'static str,
    /// What leaves everything as it is.
    #[prop(default = "Keep it")]
    leave: &'static str,
    children: Children,
) -> impl IntoView {
    let dialog = NodeRef::<Dialog>::new();
    let path = use_location().pathname;
    let navigate = use_navigate();
    effect(move || {
        if let Some(dialog) = dialog.get() {
            // Not `close()`: its event would come when the dialog is open again.
            dialog
                .remove_attribute("open")
                .expect("the attribute's name is valid");
            dialog.show_modal().ok(); // it is in the page, or the effect would not run
        }
    });
    let close = move |_| {
        if dialog.get_untracked().is_some_and(|dialog| dialog.open()) {
            return;
        }
        let options = NavigateOptions {
            replace: true,
            scroll: false,
            ..NavigateOptions::default()
        };
        navigate(&path.get_untracked(), options);
    };
    view! {
        <dialog node_ref=dialog class="dialog" open aria-labelledby="confirm-title" on:close=close>
            <h2 id="confirm-title">{title}</h2>
            {children()}
            <a class="btn btn-ghost" href=move || path.get()>{leave}</a>
        </dialog>
    }
    .into_any()
}
