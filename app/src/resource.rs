//! Values that pages load: read once on the server, handed to the browser inside the page.

use std::future::Future;

use leptos::server::codee::{Decoder, Encoder};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A value that is loaded again when its source changes.
pub type Resource<T> = leptos::server::Resource<T, Json>;

/// JSON, read from bytes as the answers of server functions are: serde's code for each type is in
/// the browser's module once instead of twice.
pub struct Json;

impl<T: Serialize> Encoder<T> for Json {
    type Error = serde_json::Error;
    type Encoded = String;

    fn encode(value: &T) -> Result<String, Self::Error> {
        serde_json::to_string(value)
    }
}

impl<T: DeserializeOwned> Decoder<T> for Json {
    type Error = serde_json::Error;
    type Encoded = str;

    fn decode(text: &str) -> Result<T, Self::Error> {
        from_json(text)
    }
}

/// The one way in which the browser reads JSON.
pub fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, serde_json::Error> {
    serde_json::from_slice(text.as_bytes())
}

/// Loads what `fetcher` gives for `source`, now and after each change of `source`.
#[track_caller]
pub fn resource<S, T, Loading>(
    source: impl Fn() -> S + Send + Sync + 'static,
    fetcher: impl Fn(S) -> Loading + Send + Sync + 'static,
) -> Resource<T>
where
    S: PartialEq + Clone + Send + Sync + 'static,
    T: Serialize + DeserializeOwned + Send + Sync + 'static,
    Loading: Future<Output = T> + Send + 'static,
{
    Resource::new_with_options(source, fetcher, false)
}
