//! The documents that agents work by.

use leptos::prelude::*;
use leptos_router::hooks::use_params_map;

use super::NotFoundPage;
use crate::api::{GuideContent, GuideView};
use crate::components::faults::{FaultPanel, fault_panels};
use crate::components::icon::{Glyph, Icon};
use crate::components::page::{Crumb, Page};
use crate::fault::Fault;
use crate::reactive::{list, part, suspend};
use crate::resource::resource;
use crate::wire::Json;

/// All guides.
#[server(prefix = "/sfn", endpoint = "guides/list", input = Json, output = Json)]
pub async fn list_guides() -> Result<Vec<GuideView>, Fault> {
    crate::backend::backend()?.guides().await
}

/// One of them.
#[server(prefix = "/sfn", endpoint = "guides/get", input = Json, output = Json)]
pub async fn load_guide(path: String) -> Result<GuideContent, Fault> {
    let guide = crate::backend::backend()?.guide(path).await?;
    // The page shows the HTML.
    let text = String::new();
    Ok(GuideContent { text, ..guide })
}

/// What a group of guides is for.
fn about(group: &str) -> &'static str {
    match group {
        "planning" => "What is to be built, for whom and why",
        "design" => "Screens, data, flows, interfaces, structure",
        "development" => "From the first commit to a program that runs",
        "verification" => "What an agent checks that did not write the work",
        "review" => "For the person at a gate",
        _ => "",
    }
}

fn capitalised(group: &str) -> String {
    let mut letters = group.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).collect()
}

fn address(guide: &GuideView) -> String {
    format!("/guides/{}/{}", guide.group, guide.name)
}

/// The guides by group.
#[component]
pub fn GuidesPage() -> impl IntoView {
    let guides = resource(|| (), |()| list_guides());
    let groups =
        move || suspend(async move { guides.await.map(|guides| view! { <Groups guides /> }) });
    view! {
        <Page title="Guides" crumbs=vec![Crumb::here("Guides")]>
            <div class="page-head"><h1>"Guides"</h1></div>
            <p class="guides-intro">
                "An agent gets the guide of the step that it works on, word for word. A file of the same \
                 path in the folder that CCS_GUIDE_DIR names goes before the built-in one."
            </p>
            <Transition fallback=|| view! { <div class="skeleton transcript-skeleton" aria-busy="true"></div> }>
                <ErrorBoundary fallback=fault_panels>{part(groups)}</ErrorBoundary>
            </Transition>
        </Page>
    }
}

#[component]
fn Groups(guides: Vec<GuideView>) -> impl IntoView {
    let group = |guides: &[GuideView]| {
        let name = guides.first().map(|guide| guide.group.clone());
        let name = name.unwrap_or_default();
        let rows = guides.iter().cloned().map(|guide| {
            let href = address(&guide);
            view! {
                <li>
                    <a class="guide-link" href=href>
                        <Glyph icon=Icon::File />
                        <span>{guide.title}</span>
                        {guide.is_replaced.then(replaced)}
                    </a>
                </li>
            }
        });
        let rows = list(rows);
        view! {
            <section class="panel guide-group">
                <h2>{capitalised(&name)}</h2>
                <p class="muted">{about(&name)}</p>
                <ul>{rows}</ul>
            </section>
        }
    };
    let groups = guides.chunk_by(|left, right| left.group == right.group);
    view! { <div class="guide-groups">{list(groups.map(group))}</div> }.into_any()
}

/// Marks a guide that is not the built-in one.
fn replaced() -> AnyView {
    view! { <span class="guide-mark">"replaced"</span> }.into_any()
}

/// One guide, to be read.
#[component]
pub fn GuidePage() -> impl IntoView {
    let params = use_params_map();
    let path = move || {
        params.with(|params| {
            let part = |name| params.get(name).unwrap_or_default();
            format!("{}/{}", part("group"), part("name"))
        })
    };
    let guide = resource(path, load_guide);
    let content = move || {
        suspend(async move {
            match guide.await {
                Ok(content) => view! { <Guide content /> }.into_any(),
                Err(Fault::NotFound { .. }) => view! { <NotFoundPage /> }.into_any(),
                Err(fault) => {
                    let crumbs = vec![Crumb::link("Guides", "/guides"), Crumb::here("Guide")];
                    view! { <Page title="Guide" crumbs><FaultPanel fault /></Page> }.into_any()
                }
            }
        })
    };
    view! { <Transition>{part(content)}</Transition> }
}

#[component]
fn Guide(content: GuideContent) -> impl IntoView {
    let GuideContent {
        guide,
        html,
        used_by,
        previous,
        next,
        ..
    } = content;
    let crumbs = vec![
        Crumb::link("Guides", "/guides"),
        Crumb::here(format!("{}: {}", capitalised(&guide.group), guide.title)),
    ];
    let used = if used_by.is_empty() {
        about(&guide.group).to_owned()
    } else {
        used_by.join(" · ")
    };
    let step = |guide: Option<GuideView>, word: &'static str| {
        guide.map(|guide| {
            let href = address(&guide);
            view! { <a class="btn btn-sm" href=href>{format!("{word}: {}", guide.title)}</a> }
        })
    };
    view! {
        <Page title=guide.title.clone() crumbs>
            <div class="page-head">
                <h1>{guide.title} {guide.is_replaced.then(replaced)}</h1>
            </div>
            <p class="guides-intro">{used} " · " <code>{guide.path}</code></p>
            <article class="document" inner_html=html></article>
            <nav class="guide-steps" aria-label="Other guides">
                {step(previous, "Before")} {step(next, "Next")}
            </nav>
        </Page>
    }
    .into_any()
}
