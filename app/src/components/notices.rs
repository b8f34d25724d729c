//! What keeps agents from working, and what a person should know before relying on them.

use leptos::prelude::*;

use super::icon::{Glyph, Icon};
use crate::api::{ModelSource, Overview};
use crate::reactive::list;

/// The notices of the installation, above every page.
#[component]
pub fn Notices(overview: Overview) -> impl IntoView {
    let problems = overview.problems.into_iter().map(|problem| {
        view! { <Notice tone="failed" icon=Icon::Alert>{problem}</Notice> }
    });
    let credentials = (overview.model_source == ModelSource::None).then(|| {
        view! {
            <Notice tone="waiting" icon=Icon::Key>
                "No Claude credentials are set, so only the scripted demo model can answer. "
                <a class="link" href="/settings">"Give a key in the settings"</a>
                " to work with Claude, or "
                <a class="link" href="/tasks/new?type=create_app&model=scripted-demo">"try the demo"</a>
                "."
            </Notice>
        }
    });
    let scripted = (overview.model_source == ModelSource::Scripted).then(|| {
        view! {
            <Notice tone="scripted" icon=Icon::Spark>
                "This server runs on a " <strong>"scripted model"</strong>
                ": the answers are prepared, the agent and all it does are real."
            </Notice>
        }
    });
    let sandbox = (overview.sandbox == "none").then(|| {
        view! {
            <Notice tone="waiting" icon=Icon::Alert>
                "Agents run without a sandbox on this machine: they can reach whatever this server's user can reach."
            </Notice>
        }
    });
    view! {
        <div class="notices">{list(problems)} {credentials} {scripted} {sandbox}</div>
    }
    .into_any()
}

#[component]
fn Notice(tone: &'static str, icon: Icon, children: Children) -> impl IntoView {
    view! {
        <div class="notice" data-tone=tone>
            <Glyph icon=icon />
            <p>{children()}</p>
        </div>
    }
    .into_any()
}
