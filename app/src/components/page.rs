//! The frame of one page: title, breadcrumb, notices, content.

use leptos::prelude::*;
use leptos::server_fn::error::ServerFnUrlError;
use leptos::text_prop::TextProp;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use super::frame::{AgentCount, Bell, Installation, LimitMark};
use super::icon::{Glyph, Icon};
use super::notices::Notices;
use super::theme::ThemeSwitch;
use crate::fault::Fault;
use crate::reactive::{list, part};

/// A place on the way from the start to the page; the last one has no address.
#[derive(Clone)]
pub struct Crumb {
    pub text: String,
    pub href: Option<String>,
}

impl Crumb {
    /// A page above this one.
    pub fn link(text: impl Into<String>, href: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            href: Some(href.into()),
        }
    }

    /// This page.
    pub fn here(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            href: None,
        }
    }
}

/// Every page's outside. `title` is what the tab shows.
#[component]
pub fn Page(
    #[prop(into)] title: Signal<String>,
    crumbs: Vec<Crumb>,
    #[prop(default = "")] class: &'static str,
    children: Children,
) -> impl IntoView {
    // The server writes the head after the page and outside of its arena: there a signal of this page
    // may be gone, or be a signal of another page that is rendered at the same time.
    let installation = expect_context::<Installation>();
    #[cfg(feature = "ssr")]
    let tab = TextProp::from(title.with_untracked(|title| in_tab(title, 0)));
    #[cfg(not(feature = "ssr"))]
    let tab = {
        // The state of the installation is read in an effect: here it would be awaited.
        let waiting = RwSignal::new(0);
        crate::reactive::effect(move || {
            if let Some(overview) = installation.overview() {
                waiting.set(overview.needs_you);
            }
        });
        TextProp::from(move || title.with(|title| in_tab(title, waiting.get())))
    };
    let notices = move || {
        let overview = installation.overview()?;
        // Known only now, and in time for the head, which is written last.
        #[cfg(feature = "ssr")]
        if let Some(tab) = title.try_with_untracked(|title| in_tab(title, overview.needs_you)) {
            // It shows nothing in its place.
            let _ = view! { <Title text=tab /> };
        }
        Some(view! { <Notices overview /> })
    };
    let crumbs = crumbs.into_iter().map(|crumb| match crumb.href {
        Some(href) => view! { <li><a href=href>{crumb.text}</a></li> }.into_any(),
        None => view! { <li aria-current="page">{crumb.text}</li> }.into_any(),
    });
    view! {
        <Title text=tab />
        <header class="top-bar">
            <nav aria-label="Breadcrumb"><ol class="crumbs">{list(crumbs)}</ol></nav>
            <LimitMark />
            <AgentCount />
            <Bell />
            <ThemeSwitch />
        </header>
        <main id="main" class=format!("content {class}") tabindex="-1">
            <Transition>{part(notices)}</Transition>
            <SentBack />
            {children()}
        </main>
    }
    .into_any()
}

/// What the tab shows: first how many tasks wait for a person, for tabs are narrow.
fn in_tab(title: &str, waiting: u32) -> String {
    match waiting {
        0 => format!("{title} · Claude Code Server"),
        waiting => format!("({waiting}) {title} · Claude Code Server"),
    }
}

/// What went wrong with a form that was sent without script: the framework sends the browser back
/// with the fault in the address.
#[component]
fn SentBack() -> impl IntoView {
    let address = use_query_map();
    let fault = move || {
        let encoded = address.with(|address| address.get("__err"))?;
        let fault = ServerFnUrlError::<Fault>::decode_err(&encoded);
        Some(view! {
            <div class="notice" data-tone="failed" role="alert">
                <Glyph icon=Icon::Alert />
                <p>{fault.to_string()}</p>
            </div>
        })
    };
    view! { {part(fault)} }.into_any()
}
