//! What the server and the browser share: the domain, the shapes of the API, the pages.

pub mod api;
#[cfg(feature = "ssr")]
pub mod backend;
pub mod domain;
pub mod fault;
