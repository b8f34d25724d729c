//! What surrounds every page: the rail, the state of the installation, the connection.

use leptos::prelude::*;
use leptos_router::components::A;
use leptos_router::hooks::use_location;

use super::clock::Countdown;
use super::icon::{Glyph, Icon};
use crate::api::Overview;
use crate::domain::task::LimitCause;
use crate::fault::Fault;
use crate::live::Live;
use crate::reactive::{effect, part};
use crate::resource::{Resource, resource};
use crate::wire::Json;

/// The state of the installation.
#[server(prefix = "/sfn", endpoint = "overview", input = Json, output = Json)]
pub async fn load_overview() -> Result<Overview, Fault> {
    crate::backend::backend()?.overview().await
}

/// The state of the installation, loaded once and refreshed when tasks move.
#[derive(Clone, Copy)]
pub struct Installation(Resource<Result<Overview, Fault>>);

impl Installation {
    /// Loads it for all pages.
    pub fn provide() {
        provide_context(Self(resource(|| (), |()| load_overview())));
    }

    /// Loads it anew.
    pub fn refresh(self) {
        self.0.refetch();
    }

    /// What is known; read it inside a `Transition`.
    pub fn overview(self) -> Option<Overview> {
        self.0.get()?.ok()
    }
}

/// The rail beside the pages, and the thin bar that tells of a lost connection.
#[component]
pub fn Frame(children: Children) -> impl IntoView {
    let installation = expect_context::<Installation>();
    let live = expect_context::<Live>();
    live.after_moves(move || installation.0.refetch());
    view! {
        <a class="skip-link" href="#main">"Skip to the content"</a>
        <div class="connection-lost" role="status" hidden=move || !live.is_lost()>
            "The connection to the server is lost. Trying again…"
        </div>
        <div class="frame">
            <Rail />
            <div class="frame-content">{children()}</div>
        </div>
        <LiveRegion />
    }
    .into_any()
}

#[component]
fn Rail() -> impl IntoView {
    let installation = expect_context::<Installation>();
    let waiting = move || {
        installation
            .overview()
            .map(|overview| overview.needs_you)
            .filter(|count| *count > 0)
    };
    effect(move || mark_icon(waiting().is_some()));
    let path = use_location().pathname;
    let tasks = move || path.with(|path| path == "/").then_some("page");
    view! {
        <nav class="rail" aria-label="Main">
            <A href="/" attr:class="rail-brand" attr:aria-label="Claude Code Server">
                <svg class="brand-mark" viewBox="0 0 24 24" aria-hidden="true">
                    <path d="M4 6.5 9.5 12 4 17.5M12 18h8" />
                </svg>
                <span>"Claude Code Server"</span>
            </A>
            <A href="/tasks/new" attr:class="rail-new" attr:data-key="c">
                <Glyph icon=Icon::Plus /> <span>"New task"</span>
            </A>
            <ul>
                <li>
                    <A href="/needs-you" attr:class="rail-item" attr:data-key="g n">
                        <Glyph icon=Icon::Inbox />
                        <span>"Needs you"</span>
                        <Transition>
                            {move || waiting().map(|count| view! { <span class="rail-count">{count}</span> })}
                        </Transition>
                    </A>
                </li>
                <li>
                    <a href="/" class="rail-item" data-key="g t" aria-current=tasks>
                        <Glyph icon=Icon::List /> <span>"Tasks"</span>
                    </a>
                </li>
                <li>
                    <A href="/queue" attr:class="rail-item" attr:data-key="g q">
                        <Glyph icon=Icon::Queue /> <span>"Queue"</span>
                    </A>
                </li>
                <li>
                    <A href="/schedules" attr:class="rail-item" attr:data-key="g h">
                        <Glyph icon=Icon::Clock /> <span>"Schedules"</span>
                    </A>
                </li>
                <li>
                    <A href="/guides" attr:class="rail-item" attr:data-key="g d">
                        <Glyph icon=Icon::Book /> <span>"Guides"</span>
                    </A>
                </li>
                <li>
                    <A href="/usage" attr:class="rail-item" attr:data-key="g u">
                        <Glyph icon=Icon::Chart /> <span>"Usage"</span>
                    </A>
                </li>
                <li>
                    <A href="/settings" attr:class="rail-item" attr:data-key="g s">
                        <Glyph icon=Icon::Sliders /> <span>"Settings"</span>
                    </A>
                </li>
            </ul>
            <RailFoot />
        </nav>
    }
    .into_any()
}

/// The browser's tab shows from afar that something waits.
fn mark_icon(waits: bool) {
    let icon = document().query_selector("link[rel=icon]").ok().flatten();
    if let Some(icon) = icon {
        let href = if waits {
            "/favicon-waiting.svg"
        } else {
            "/favicon.svg"
        };
        icon.set_attribute("href", href)
            .expect("the attribute's name is valid");
    }
}

#[component]
fn RailFoot() -> impl IntoView {
    let installation = expect_context::<Installation>();
    let version = move || {
        installation
            .overview()
            .map(|overview| format!("Version {}", overview.version))
    };
    view! {
        <div class="rail-foot">
            <Transition>{part(version)}</Transition>
        </div>
    }
    .into_any()
}

/// The way to what was told, with how much of it nobody has read.
#[component]
pub fn Bell() -> impl IntoView {
    let installation = expect_context::<Installation>();
    let unread = move || {
        let unread = installation.overview()?.unread;
        (unread > 0).then(|| {
            view! {
                <span class="bell-count" aria-hidden="true">{unread}</span>
                <span class="visually-hidden">{format!(" {unread} unread")}</span>
            }
        })
    };
    view! {
        <A href="/inbox" attr:class="bell" attr:data-key="g i">
            <Glyph icon=Icon::Bell />
            <span class="visually-hidden">"Notifications"</span>
            <Transition>{part(unread)}</Transition>
        </A>
    }
    .into_any()
}

/// How many agents are at work.
#[component]
pub fn AgentCount() -> impl IntoView {
    let installation = expect_context::<Installation>();
    let count = move || {
        let overview = installation.overview()?;
        let busy = overview.agents_running > 0;
        Some(view! {
            <p class="agent-count" data-busy=busy.then_some("")>
                <span class="dot" aria-hidden="true"></span>
                <span>{overview.agents_running} " of " {overview.agents_max} <span class="agent-count-word">" agents"</span></span>
            </p>
        })
    };
    view! { <Transition>{part(count)}</Transition> }
}

/// Why no agent starts at present, and for how long.
#[component]
pub fn LimitMark() -> impl IntoView {
    let installation = expect_context::<Installation>();
    let mark = move || {
        let limit = installation.overview()?.limit?;
        let word = match (limit.cause, limit.told) {
            (LimitCause::Account, true) => "Limit ends",
            (LimitCause::Account, false) => "Limit: next try",
            (LimitCause::Overloaded, _) => "Overloaded: next try",
            (LimitCause::Unreachable, _) => "Unreachable: next try",
        };
        Some(view! {
            <p class="limit-mark" data-tone="waiting" title=limit.sentence()>
                <Glyph icon=Icon::Hourglass />
                <span class="limit-mark-word">{word}</span>
                <span class="visually-hidden">{limit.sentence()} " Agents start again "</span>
                <Countdown at=limit.until />
            </p>
        })
    };
    view! { <Transition>{part(mark)}</Transition> }
}

/// Tells people who listen to the page what has changed.
#[component]
fn LiveRegion() -> impl IntoView {
    let live = expect_context::<Live>();
    view! {
        <p class="visually-hidden" role="status" aria-live="polite">{move || live.announcement()}</p>
    }
    .into_any()
}
