//! Makes the pages that the server rendered live.

use leptos::prelude::{document, request_animation_frame};
use wasm_bindgen::prelude::wasm_bindgen;

/// Called by the document's start script.
#[wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_body(app::App);
    // Effects run before the next frame, and what they want done in it is done before the one after.
    request_animation_frame(|| request_animation_frame(mark));
}

/// Tells tests that clicks are answered from now on.
fn mark() {
    if let Some(root) = document().document_element() {
        root.set_attribute("data-hydrated", "").ok(); // only tests miss it
    }
}
