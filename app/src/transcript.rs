//! An agent's log as people read it: one row a line, a call with its result, and only the rows
//! around what is visible in the document, however long the log is.
#![cfg_attr(
    not(feature = "hydrate"),
    expect(dead_code, reason = "only a browser fetches, filters and searches")
)]

mod cache;
mod fetch;
mod filter;
mod index;
mod layout;
mod line;
mod matches;
mod row;
mod scroll;
mod search;
mod store;
mod text;
mod toolbar;
mod view;

pub use row::rows_of;
pub use view::Transcript;
