//! Light, dark, or as the system says. Kept in a cookie, so that the server knows it and the page
//! never flashes in the wrong one.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::form::{PostForm, Posting};
use super::icon::{Glyph, Icon};
use crate::fault::Fault;
use crate::reactive::effect;
use crate::request;
use crate::wire::Json;

/// The cookie's name.
const COOKIE: &str = "theme";

/// The page's colours.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    derive_more::Display,
    derive_more::FromStr,
)]
#[serde(rename_all = "snake_case")]
#[display(rename_all = "snake_case")]
#[from_str(rename_all = "snake_case")]
pub enum Theme {
    /// As the system says.
    #[default]
    System,
    Light,
    Dark,
}

impl Theme {
    /// What the person chose before.
    pub fn of_request() -> Self {
        request::cookie(COOKIE)
            .and_then(|value| value.parse().ok())
            .unwrap_or_default()
    }

    /// The value of the document's `data-theme`; absent follows the system.
    pub const fn attribute(self) -> Option<&'static str> {
        match self {
            Self::System => None,
            Self::Light => Some("light"),
            Self::Dark => Some("dark"),
        }
    }
}

/// Remembers the choice.
#[server(prefix = "/sfn", endpoint = "theme", output = Json)]
pub async fn set_theme(theme: Theme) -> Result<(), Fault> {
    request::set_cookie(COOKIE, &theme.to_string());
    // A server function is async, whatever it does.
    std::future::ready(Ok(())).await
}

/// The three choices, side by side.
#[component]
pub fn ThemeSwitch() -> impl IntoView {
    let action = Posting::<SetTheme>::new();
    let shown = RwSignal::new(present());
    effect(move || {
        let chosen = action.chosen().get();
        if let Some(theme) = chosen.and_then(|theme| theme.parse().ok()) {
            show(theme);
            shown.set(theme);
        }
    });
    let choice = move |theme: Theme, icon: Icon, label: &'static str| {
        let pressed = move || (shown.get() == theme).to_string();
        view! {
            <button type="submit" class="icon-button" name="theme" value=theme.to_string() aria-label=label title=label aria-pressed=pressed>
                <Glyph icon=icon />
            </button>
        }
    };
    view! {
        <PostForm action class="theme-switch">
            {choice(Theme::Light, Icon::Sun, "Light colours")}
            {choice(Theme::Dark, Icon::Moon, "Dark colours")}
            {choice(Theme::System, Icon::Monitor, "Colours of the system")}
        </PostForm>
    }
    .into_any()
}

/// What the page is shown in.
#[cfg(feature = "ssr")]
fn present() -> Theme {
    Theme::of_request()
}

/// What the page was rendered in.
#[cfg(not(feature = "ssr"))]
fn present() -> Theme {
    let root = document().document_element();
    let name = root.and_then(|root| root.get_attribute("data-theme"));
    name.and_then(|name| name.parse().ok()).unwrap_or_default()
}

/// At once, before the server has answered.
fn show(theme: Theme) {
    let Some(root) = document().document_element() else {
        return;
    };
    let result = match theme.attribute() {
        Some(name) => root.set_attribute("data-theme", name),
        None => root.remove_attribute("data-theme"),
    };
    result.expect("the attribute's name is valid");
}
