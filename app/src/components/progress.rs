//! How far a task is.

use leptos::prelude::*;

/// A thin bar, in percent.
#[component]
pub fn ProgressBar(
    #[prop(into)] percent: Signal<u8>,
    #[prop(into)] label: String,
) -> impl IntoView {
    view! {
        <progress class="thin-progress" max="100" value=move || percent.get().to_string() aria-label=label>
            {move || format!("{} %", percent.get())}
        </progress>
    }
    .into_any()
}
