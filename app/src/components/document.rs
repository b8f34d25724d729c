//! A file of a workspace, as people read it.

use leptos::prelude::*;

use super::code::{Code, CodePart, Margin};
use crate::api::DeliverableContent;

/// The document as the server rendered and sanitised it, or its source.
#[component]
pub fn Document(
    content: DeliverableContent,
    /// Show the source even if there is a rendered document.
    is_source: bool,
    #[prop(optional_no_strip)] margin: Option<Margin>,
) -> impl IntoView {
    let cut = content
        .truncated
        .then(|| view! { <p class="field-hint">"Only the beginning of this file is shown."</p> });
    let body = match (content.html, content.text) {
        (Some(html), _) if !is_source => {
            view! { <article class="document" inner_html=html></article> }.into_any()
        }
        (_, Some(text)) => {
            view! { <Code parts=vec![CodePart::of_text(&text)] is_diff=false margin /> }.into_any()
        }
        _ => view! { <p class="empty">{format!("{} bytes that are not text.", content.size)}</p> }
            .into_any(),
    };
    view! { {cut} {body} }.into_any()
}
