//! What the server and the browser share: the domain, the shapes of the API, the pages.

// The types of views nest as deeply as the pages do.
#![recursion_limit = "512"]

pub mod api;
#[cfg(feature = "ssr")]
pub mod backend;
mod components;
pub mod domain;
pub mod fault;
mod live;
pub mod number;
mod pages;
mod reactive;
mod request;
mod resource;
mod transcript;
pub mod visible;
mod wire;

use leptos::prelude::*;
use leptos_meta::{MetaTags, provide_meta_context};
use leptos_router::SsrMode;
use leptos_router::components::{Route, Router, Routes};
use leptos_router::path;

use components::clock::Clock;
use components::frame::{Frame, Installation};
use components::shortcuts::Shortcuts;
use components::theme::Theme;
use components::toast::{ToastList, Toasts};
use live::Live;
use pages::{NotFoundPage, lazy};

pub use pages::lazy::{fetch, fetch_rest};

/// The document around the pages, as the server sends it.
pub fn shell(options: LeptosOptions) -> impl IntoView {
    let theme = Theme::of_request();
    view! {
        <!DOCTYPE html>
        <html lang="en" data-theme=theme.attribute()>
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1" />
                <meta name="color-scheme" content="light dark" />
                <link rel="icon" href="/favicon.svg" type="image/svg+xml" />
                <link rel="alternate icon" href="/favicon.ico" sizes="32x32" />
                <link rel="stylesheet" href="/pkg/app.css" />
                <HydrationScripts options />
                <MetaTags />
            </head>
            <body>
                <App />
            </body>
        </html>
    }
}

/// The pages and what they share: the live connection, the clock, toasts, keys.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    Clock::provide();
    Toasts::provide();
    Installation::provide();
    Live::provide();
    view! {
        <Router>
            <Shortcuts />
            <Frame>
                <Routes fallback=NotFoundPage>
                    <Route path=path!("/") view=lazy::list_page ssr=SsrMode::Async />
                    <Route path=path!("/needs-you") view=lazy::needs_you_page ssr=SsrMode::Async />
                    <Route path=path!("/inbox") view=lazy::inbox_page ssr=SsrMode::Async />
                    <Route path=path!("/tasks/new") view=lazy::new_task_page ssr=SsrMode::Async />
                    <Route path=path!("/queue") view=lazy::queue_page ssr=SsrMode::Async />
                    <Route path=path!("/schedules") view=lazy::schedules_page ssr=SsrMode::Async />
                    <Route path=path!("/settings") view=lazy::settings_page ssr=SsrMode::Async />
                    <Route path=path!("/usage") view=lazy::usage_page ssr=SsrMode::Async />
                    <Route path=path!("/usage/estimates") view=lazy::estimates_page ssr=SsrMode::Async />
                    <Route path=path!("/guides") view=lazy::guides_page ssr=SsrMode::Async />
                    <Route path=path!("/guides/:group/:name") view=lazy::guide_page ssr=SsrMode::Async />
                    <Route path=path!("/tasks/:id/:tab?") view=lazy::task_page ssr=SsrMode::Async />
                </Routes>
            </Frame>
            <ToastList />
        </Router>
    }
}
