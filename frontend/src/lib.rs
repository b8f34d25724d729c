//! Makes the pages that the server rendered live.

use wasm_bindgen::prelude::wasm_bindgen;

/// Called by the document's start script.
#[wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_body(app::App);
}
