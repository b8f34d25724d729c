//! Makes the pages that the server rendered live.

use any_spawner::Executor;
use leptos::prelude::{document, location, request_animation_frame};
use leptos::task::spawn_local;
use wasm_bindgen::prelude::wasm_bindgen;

/// Called by the document's start script.
#[wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    if Executor::init_wasm_bindgen().is_err() {
        // The page is live already.
        return;
    }
    spawn_local(async {
        let path = location().pathname().unwrap_or_default();
        if app::fetch(&path).await.is_err() {
            // Without the code of its page, the document stays as the server made it: it works without script.
            return;
        }
        leptos::mount::hydrate_body(app::App);
        // Effects run before the next frame, and what they want done in it is done before the one after.
        request_animation_frame(|| {
            request_animation_frame(|| {
                mark();
                spawn_local(app::fetch_rest());
            });
        });
    });
}

/// Tells tests that clicks are answered from now on.
fn mark() {
    if let Some(root) = document().document_element() {
        root.set_attribute("data-hydrated", "").ok(); // only tests miss it
    }
}
