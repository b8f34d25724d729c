//! A file of a workspace, as people read it.

use leptos::prelude::*;

use crate::api::DeliverableContent;

/// The document as the server has rendered it.
#[component]
pub fn Document(content: DeliverableContent) -> impl IntoView {
    let cut = content
        .truncated
        .then(|| view! { <p class="field-hint">"Only the beginning of this file is shown."</p> });
    let body = match content.html {
        Some(html) => view! { <div inner_html=html></div> }.into_any(),
        None => {
            view! { <p class="empty">{format!("{} bytes that are not text.", content.size)}</p> }
                .into_any()
        }
    };
    view! { {cut} {body} }.into_any()
}
