//! Values that pages load: read once on the server, handed to the browser inside the page.
//!
//! To the framework all of them are of one type: its code for each would be 10 KB of the browser's module.

use std::any::Any;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use leptos::prelude::Get;
use leptos::server::codee::{Decoder, Encoder};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::fault::Fault;
use crate::reactive::{Compared, downcast};
use crate::wire::from_json;

type Loading<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A value that is loaded again when its source changes.
pub struct Resource<T> {
    loaded: leptos::server::Resource<Loaded, Json>,
    value: PhantomData<fn() -> T>,
}

impl<T> Clone for Resource<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Resource<T> {}

impl<T> Resource<T> {
    /// Loads it anew; the old value stays until the new one is there.
    pub fn refetch(self) {
        self.loaded.refetch();
    }
}

impl<V> Resource<Result<V, Fault>>
where
    V: DeserializeOwned + Clone + Send + Sync + 'static,
{
    /// What is loaded so far; read it inside a `Transition`.
    #[track_caller]
    pub fn get(self) -> Option<Result<V, Fault>> {
        self.loaded.get().map(|loaded| loaded.value())
    }
}

impl<V> IntoFuture for Resource<Result<V, Fault>>
where
    V: DeserializeOwned + Clone + Send + Sync + 'static,
{
    type Output = Result<V, Fault>;
    type IntoFuture = Loading<Self::Output>;

    #[track_caller]
    fn into_future(self) -> Self::IntoFuture {
        // Awaited below, but registered with the boundary around it here.
        let loaded = self.loaded.into_future();
        Box::pin(async move { loaded.await.value() })
    }
}

/// Loads what `fetcher` gives for `source`, now and after each change of `source`.
#[track_caller]
pub fn resource<S, V, L>(
    source: impl Fn() -> S + Send + Sync + 'static,
    fetcher: impl Fn(S) -> L + Send + Sync + 'static,
) -> Resource<Result<V, Fault>>
where
    S: PartialEq + Clone + Send + Sync + 'static,
    V: Serialize + Send + Sync + 'static,
    L: Future<Output = Result<V, Fault>> + Send + 'static,
{
    let source: Box<dyn Fn() -> Arc<dyn Compared> + Send + Sync> =
        Box::new(move || Arc::new(source()));
    let fetcher: Box<dyn Fn(Arc<dyn Compared>) -> Loading<Loaded> + Send + Sync> =
        Box::new(move |source| {
            let loading = fetcher(downcast::<S>(&*source).clone());
            Box::pin(async move { Loaded::Here(Arc::new(loading.await)) })
        });
    Resource {
        loaded: leptos::server::Resource::new_with_options(source, fetcher, false),
        value: PhantomData,
    }
}

/// A loaded value of any type.
trait Value: Any + Send + Sync {
    #[cfg(feature = "ssr")]
    fn to_json(&self) -> Result<String, serde_json::Error>;
}

impl<T: Serialize + Send + Sync + 'static> Value for T {
    #[cfg(feature = "ssr")]
    fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }
}

#[derive(Clone)]
enum Loaded {
    Here(Arc<dyn Value>),
    /// As the page brought it, and what was read from it.
    Brought(Arc<(String, OnceLock<Arc<dyn Any + Send + Sync>>)>),
}

impl Loaded {
    fn value<V>(&self) -> Result<V, Fault>
    where
        V: DeserializeOwned + Clone + Send + Sync + 'static,
    {
        let value: &dyn Any = match self {
            Self::Here(value) => &**value,
            Self::Brought(brought) => {
                let (text, value) = &**brought;
                let read = || -> Arc<dyn Any + Send + Sync> {
                    Arc::new(from_json::<Result<V, Fault>>(text).unwrap_or(Err(Fault::Internal)))
                };
                &**value.get_or_init(read)
            }
        };
        let value = value.downcast_ref::<Result<V, Fault>>();
        value.expect("a resource has values of one type").clone()
    }
}

/// How the server writes a value into the page.
struct Json;

impl Encoder<Loaded> for Json {
    type Error = serde_json::Error;
    type Encoded = String;

    fn encode(loaded: &Loaded) -> Result<String, Self::Error> {
        match loaded {
            #[cfg(feature = "ssr")]
            Loaded::Here(value) => value.to_json(),
            // The browser hands nothing on.
            #[cfg(not(feature = "ssr"))]
            Loaded::Here(_) => Ok(String::new()),
            Loaded::Brought(brought) => Ok(brought.0.clone()),
        }
    }
}

impl Decoder<Loaded> for Json {
    type Error = serde_json::Error;
    type Encoded = str;

    fn decode(text: &str) -> Result<Loaded, Self::Error> {
        Ok(Loaded::Brought(Arc::new((
            text.to_owned(),
            OnceLock::new(),
        ))))
    }
}
