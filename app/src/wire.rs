//! JSON between server and browser.
//!
//! The browser reads it with its own parser, and values from the objects that this makes: a parser of ours
//! brings code for each type, for lists as well as for objects, 30 KB of the browser's module in all.

use leptos::server_fn::codec::Post;
use leptos::server_fn::{Bytes, ContentType, Decodes, Encodes, Format, FormatType};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// How server functions that no form is sent to get their parameters, and how all of them answer.
pub type Json = Post<JsonText>;

/// JSON, as a coding of server functions.
pub struct JsonText;

/// A text is not the JSON that was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unexpected JSON: {0}")]
pub struct Unexpected(String);

impl ContentType for JsonText {
    const CONTENT_TYPE: &'static str = "application/json";
}

impl FormatType for JsonText {
    const FORMAT_TYPE: Format = Format::Text;
}

impl<T: Serialize> Encodes<T> for JsonText {
    type Error = serde_json::Error;

    fn encode(value: &T) -> Result<Bytes, Self::Error> {
        serde_json::to_vec(value).map(Bytes::from)
    }
}

impl<T: DeserializeOwned> Decodes<T> for JsonText {
    type Error = Unexpected;

    fn decode(text: Bytes) -> Result<T, Unexpected> {
        let text = str::from_utf8(&text).map_err(|error| Unexpected(error.to_string()))?;
        from_json(text)
    }
}

/// The one way in which pages read JSON. Numbers beyond 2⁵³ are an error in the browser.
///
/// # Errors
/// If `text` is no JSON, or not of this type.
pub fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, Unexpected> {
    #[cfg(target_arch = "wasm32")]
    return in_browser::parse(text)
        .and_then(serde_wasm_bindgen::from_value)
        .map_err(|error| Unexpected(error.to_string()));
    #[cfg(not(target_arch = "wasm32"))]
    serde_json::from_str(text).map_err(|error| Unexpected(error.to_string()))
}

#[cfg(target_arch = "wasm32")]
mod in_browser {
    use wasm_bindgen::JsValue;

    pub(super) fn parse(text: &str) -> Result<JsValue, serde_wasm_bindgen::Error> {
        js_sys::JSON::parse(text).map_err(Into::into)
    }
}
