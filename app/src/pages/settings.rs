//! What holds for the whole installation.

use std::sync::Arc;

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::new_task::{FieldFaults, focus_first_fault};
use super::settings_fields::{Typed, account_fields, integration_fields, task_fields, work_fields};
use super::settings_form::SettingsForm;
use super::settings_secrets::{SecretForms, Secrets, load_secrets};
use super::settings_targets::{TargetForms, Targets, load_targets};
#[cfg(feature = "ssr")]
use crate::api::SecretText;
use crate::api::{AccountCheck, AccountState, SettingsView};
use crate::components::faults::fault_panels;
use crate::components::form::{PostForm, Posting};
use crate::components::frame::Installation;
use crate::components::icon::{Glyph, Icon};
use crate::components::page::{Crumb, Page};
use crate::fault::Fault;
use crate::live::{Follow, Live};
use crate::reactive::{Memo, effect, memo, part, suspend};
use crate::resource::resource;
use crate::wire::{Json, from_json};

/// All settings, secrets without their values.
#[server(prefix = "/sfn", endpoint = "settings", input = Json, output = Json)]
pub async fn load_settings() -> Result<SettingsView, Fault> {
    crate::backend::backend()?.settings().await
}

/// Saves a section. Without script the page comes back with what was wrong, or says that it is saved.
#[server(prefix = "/sfn", endpoint = "settings/save", output = Json)]
pub async fn save_settings(form: SettingsForm) -> Result<Option<SettingsView>, Fault> {
    let (mut kept, section) = (form.clone(), form.section.clone());
    kept.anthropic_api_key = SecretText::default();
    kept.claude_login_token = SecretText::default();
    kept.github_token = SecretText::default();
    kept.slack_bot_token = SecretText::default();
    let saved = async {
        let edit = form.parse().map_err(|fields| Fault::Invalid {
            message: "Please look at the marked fields.".to_owned(),
            fields,
        })?;
        crate::backend::backend()?.edit_settings(edit).await
    }
    .await;
    match saved {
        Ok(_) if crate::request::answers_a_plain_form() => {
            let section = leptos_router::location::Url::escape(&section);
            crate::request::redirect(&format!("/settings?saved={section}"));
            Ok(None)
        }
        Ok(view) => Ok(Some(view)),
        Err(fault) if crate::request::answers_a_plain_form() => {
            crate::request::redirect(&kept.address(&fault));
            Ok(None)
        }
        Err(fault) => Err(fault),
    }
}

/// Tries the credentials. Without script the page comes back and says what came of it.
#[server(prefix = "/sfn", endpoint = "settings/check", output = Json)]
pub async fn check_account() -> Result<AccountCheck, Fault> {
    let check = crate::backend::backend()?.check_account().await?;
    if crate::request::answers_a_plain_form() {
        crate::request::redirect(&format!("/settings?checked={}", check.state));
    }
    Ok(check)
}

/// What became of the section that was sent last.
type Told = Memo<Option<(String, Option<Fault>)>>;

/// The settings, a form for each section.
#[component]
pub fn SettingsPage() -> impl IntoView {
    let live = expect_context::<Live>();
    effect(move || live.follow(Follow::Tasks));
    let settings = resource(|| (), |()| load_settings());
    let secrets = resource(|| (), |()| load_secrets());
    let targets = resource(|| (), |()| load_targets());
    // All of these live as long as the page: what is inside of the form may be drawn again.
    let save = Posting::<SaveSettings>::new();
    let forms = SecretForms::new();
    let target_forms = TargetForms::new();
    let of_targets = Arc::clone(&target_forms);
    let address = use_query_map();
    let told: Told = memo(move || {
        if save.is_answered() {
            return Some((save.chosen().get()?, save.fault()));
        }
        let get = |name| address.with(|map| map.get(name));
        if let Some(section) = get("saved") {
            return Some((section, None));
        }
        let fault = from_json::<Fault>(&get("fault")?).ok()?;
        Some((get("section")?, Some(fault)))
    });
    let fields = Signal::derive(move || match told.get() {
        Some((_, Some(Fault::Invalid { fields, .. }))) => fields,
        _ => [forms.faults(), of_targets.faults()].concat(),
    });
    provide_context(FieldFaults(fields));
    effect(move || {
        if !fields.with(Vec::is_empty) {
            request_animation_frame(focus_first_fault);
        }
    });
    let check = Posting::<CheckAccount>::new();
    let saved = memo(move || save.answer().and_then(Result::ok).flatten());
    let installation = expect_context::<Installation>();
    effect(move || {
        if saved.with(Option::is_some) {
            installation.refresh();
            request_animation_frame(forget_secrets);
        }
    });
    let sections = move || {
        let target_forms = Arc::clone(&target_forms);
        suspend(async move {
            let (view, secrets, targets) = (settings.await?, secrets.await?, targets.await?);
            let typed = Typed::of_address(&address.read_untracked());
            Ok::<_, Fault>(view! {
                <div class="settings">
                    <Sections view save check told saved typed />
                    <Targets targets forms=target_forms />
                    <Secrets secrets forms />
                </div>
            })
        })
    };
    view! {
        <Page title="Settings" crumbs=vec![Crumb::here("Settings")] class="content-narrow">
            <div class="page-head"><h1>"Settings"</h1></div>
            <Transition fallback=|| view! { <div class="skeleton form-skeleton" aria-busy="true"></div> }>
                <ErrorBoundary fallback=fault_panels>{part(sections)}</ErrorBoundary>
            </Transition>
        </Page>
    }
    .into_any()
}

/// Tries the credentials that are in force.
#[component]
fn Trial(check: Posting<CheckAccount>) -> impl IntoView {
    let address = use_query_map();
    let outcome = move || {
        let (state, message) = match check.answer() {
            Some(Ok(check)) => (check.state, check.message),
            Some(Err(fault)) => (AccountState::Failed, fault.to_string()),
            None => {
                let state = address.with(|map| map.get("checked"))?;
                (state.parse::<AccountState>().ok()?, String::new())
            }
        };
        let works = state == AccountState::Works;
        let said = (!works && !message.is_empty()).then(|| view! { " " <code>{message}</code> });
        Some(view! {
            <div class="notice" data-tone=if works { "completed" } else { "failed" }>
                <Glyph icon=if works { Icon::Check } else { Icon::Alert } />
                <p>{state.words()} {said}</p>
            </div>
        })
    };
    let pending = check.pending();
    let progress = move || pending.get().then_some("true");
    let word = move || {
        if pending.get() {
            "Asking Claude…"
        } else {
            "Test the credentials"
        }
    };
    view! {
        <PostForm action=check class="settings-trial">
            <button class="btn" disabled=pending aria-busy=progress aria-describedby="trial-hint">{word}</button>
            <p class="field-hint" id="trial-hint">"One short question to Claude through Claude Code, with what is saved. It takes up to half a minute."</p>
            <div role="status">{part(outcome)}</div>
        </PostForm>
    }
    .into_any()
}

#[component]
fn Sections(
    view: SettingsView,
    save: Posting<SaveSettings>,
    check: Posting<CheckAccount>,
    told: Told,
    /// The settings after the last change in this page.
    saved: Memo<Option<SettingsView>>,
    typed: Typed,
) -> impl IntoView {
    let view = Arc::new(view);
    let first = Arc::clone(&view);
    let shown = move || saved.get().map_or_else(|| Arc::clone(&first), Arc::new);
    let account = account_fields(&view, shown.clone(), &typed);
    let integrations = integration_fields(&view, shown, &typed);
    let tasks = task_fields(&view, &typed);
    let work = work_fields(&view, &typed);
    view! {
            <Section id="claude" title="Claude" save told below=view! { <Trial check /> }.into_any()>{account}</Section>
            <Section id="tasks" title="New tasks" save told>{tasks}</Section>
            <Section id="work" title="Agents and reviews" save told>{work}</Section>
            <Section id="integrations" title="Integrations" save told>{integrations}</Section>
    }
    .into_any()
}

#[component]
fn Section(
    id: &'static str,
    title: &'static str,
    save: Posting<SaveSettings>,
    told: Told,
    /// What is no part of the form.
    #[prop(optional)]
    below: Option<AnyView>,
    children: Children,
) -> impl IntoView {
    let outcome = move || {
        let (section, fault) = told.get()?;
        let removed = section.strip_prefix("remove:");
        let is_here = removed.map_or(section == id, |secret| section_of(secret) == id);
        if !is_here {
            return None;
        }
        Some(match fault {
            Some(fault) => view! {
                <div class="notice" data-tone="failed" role="alert">
                    <Glyph icon=Icon::Alert />
                    <p>{fault.to_string()}</p>
                </div>
            }
            .into_any(),
            None => view! {
                <div class="notice" data-tone="completed">
                    <Glyph icon=Icon::Check />
                    <p>{if removed.is_some() { "Removed." } else { "Saved." }}</p>
                </div>
            }
            .into_any(),
        })
    };
    let heading = format!("{id}-title");
    let labelled = heading.clone();
    view! {
        <section class="panel settings-section" aria-labelledby=labelled>
            <PostForm action=save novalidate=true class="settings-form">
                <h2 id=heading>{title}</h2>
                {children()}
                <div class="form-actions">
                    <button class="btn btn-primary" name="form[section]" value=id>"Save"</button>
                    // There before it speaks, or readers of the screen don't hear it.
                    <div role="status">{part(outcome)}</div>
                </div>
            </PostForm>
            {below}
        </section>
    }
    .into_any()
}

/// Which section a secret is in.
fn section_of(secret: &str) -> &'static str {
    if secret.starts_with("anthropic") || secret.starts_with("claude") {
        "claude"
    } else {
        "integrations"
    }
}

/// A secret that was saved does not stay on the screen's other side.
fn forget_secrets() {
    use wasm_bindgen::JsCast;
    let Ok(found) = document().query_selector_all(".settings input[type=password]") else {
        return;
    };
    for index in 0..found.length() {
        let field = found.item(index);
        if let Some(field) =
            field.and_then(|field| field.dyn_into::<web_sys::HtmlInputElement>().ok())
        {
            field.set_value("");
        }
    }
}
