//! Where notifications are sent to outside: webhooks, and channels of Slack.

use std::sync::Arc;

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use wasm_bindgen::JsCast;

use super::new_task_fields::{Field, invalid};
#[cfg(feature = "ssr")]
use crate::api::NewTarget;
use crate::api::{SigningSecret, TargetChannel, TargetTrial, TargetView};
use crate::components::clock::Time;
use crate::components::form::{PostForm, Posting};
use crate::components::icon::{Glyph, Icon};
use crate::components::kind_boxes::kind_boxes;
use crate::components::toast::Toasts;
use crate::domain::task::ConcernKind;
use crate::fault::{Fault, FieldFault};
use crate::reactive::{effect, list, part, rows};
use crate::wire::Json;

/// The form of a new target, by its id.
const NEW: &str = "new-target";

/// All targets, the oldest first.
#[server(prefix = "/sfn", endpoint = "targets", input = Json, output = Json)]
pub async fn load_targets() -> Result<Vec<TargetView>, Fault> {
    crate::backend::backend()?.targets().await
}

/// Adds a target that gets every notification.
#[server(prefix = "/sfn", endpoint = "targets/add", output = Json)]
pub async fn add_target(channel: TargetChannel, address: String) -> Result<Vec<TargetView>, Fault> {
    let backend = crate::backend::backend()?;
    let kinds = None;
    let new = NewTarget {
        channel,
        address,
        kinds,
    };
    backend.add_target(new).await?;
    come_back("");
    backend.targets().await
}

/// Which notifications a target gets; with `remove` none any more.
#[server(prefix = "/sfn", endpoint = "targets/change", output = Json)]
pub async fn change_target(
    id: uuid::Uuid,
    #[server(default)] kinds: Vec<ConcernKind>,
    #[server(default)] remove: bool,
) -> Result<Vec<TargetView>, Fault> {
    let backend = crate::backend::backend()?;
    if remove {
        backend.remove_target(id).await?;
    } else {
        backend.edit_target(id, kinds).await?;
    }
    come_back("");
    backend.targets().await
}

/// Sends a message that is none.
#[server(prefix = "/sfn", endpoint = "targets/test", output = Json)]
pub async fn try_target(id: uuid::Uuid) -> Result<TargetTrial, Fault> {
    let trial = crate::backend::backend()?.try_target(id).await?;
    come_back(if trial.is_delivered {
        "?tried=delivered"
    } else {
        "?tried=failed"
    });
    Ok(trial)
}

/// What a webhook's messages are signed by. Without script the API shows it.
#[server(prefix = "/sfn", endpoint = "targets/secret", output = Json)]
pub async fn show_secret(id: uuid::Uuid) -> Result<SigningSecret, Fault> {
    let secret = crate::backend::backend()?.signing_secret(id).await?;
    if crate::request::answers_a_plain_form() {
        crate::request::redirect(&format!("/api/notification-targets/{id}/secret"));
    }
    Ok(secret)
}

/// Leads a browser without script back to the section.
#[cfg(feature = "ssr")]
fn come_back(query: &str) {
    if crate::request::answers_a_plain_form() {
        crate::request::redirect(&format!("/settings{query}#targets-title"));
    }
}

/// What the page has of the targets, as long as it is there.
pub struct TargetForms {
    add: Posting<AddTarget>,
    change: Posting<ChangeTarget>,
    trial: Posting<TryTarget>,
    secret: Posting<ShowSecret>,
    /// As they are after the last change in this page.
    latest: RwSignal<Option<Vec<TargetView>>>,
}

impl TargetForms {
    /// Nothing is changed yet.
    pub fn new() -> Arc<Self> {
        let forms = Self {
            add: Posting::new(),
            change: Posting::new(),
            trial: Posting::new(),
            secret: Posting::new(),
            latest: RwSignal::new(None),
        };
        let toasts = expect_context::<Toasts>();
        let (add, change, latest) = (forms.add, forms.change, forms.latest);
        effect(move || match add.answer() {
            Some(Ok(all)) => {
                toasts.done("Added");
                latest.set(Some(all));
                request_animation_frame(empty_form);
            }
            // A field tells it else.
            Some(Err(fault)) if !matches!(fault, Fault::Invalid { .. }) => toasts.failed(&fault),
            Some(Err(_)) | None => {}
        });
        effect(move || match change.answer() {
            Some(Ok(all)) => {
                toasts.done("Changed");
                latest.set(Some(all));
            }
            Some(Err(fault)) => toasts.failed(&fault),
            None => {}
        });
        Arc::new(forms)
    }

    /// What is wrong with the form of a new target, by the names of its fields in the page.
    pub fn faults(&self) -> Vec<FieldFault> {
        let Some(Fault::Invalid { fields, .. }) = self.add.fault() else {
            return Vec::new();
        };
        let in_page = |fault: FieldFault| FieldFault {
            field: format!("target_{}", fault.field),
            ..fault
        };
        fields.into_iter().map(in_page).collect()
    }
}

/// The targets with what can be done to them, and the form of a new one.
#[component]
pub fn Targets(targets: Vec<TargetView>, forms: Arc<TargetForms>) -> impl IntoView {
    let latest = forms.latest;
    let known = move || latest.get().unwrap_or_else(|| targets.clone());
    let is_empty = {
        let known = known.clone();
        move || {
            known()
                .is_empty()
                .then(|| view! { <p class="secret-state">"They are told in the inbox, and nowhere else."</p> })
        }
    };
    let add = forms.add;
    let told = Arc::clone(&forms);
    // Drawn anew with what is told of it.
    let key =
        |target: &TargetView| format!("{} {:?} {:?}", target.id, target.kinds, target.failed_at);
    view! {
        <section class="panel settings-section" aria-labelledby="targets-title">
            <h2 id="targets-title">"Notifications"</h2>
            <p class="field-hint">
                "What the inbox tells is sent to these too. Browsers are added " <a href="/inbox">"in the inbox"</a> "."
            </p>
            {part(is_empty)}
            <ul class="secret-list">
                {rows(known, key, move |target| view! { <li><Row target change=forms.change trial=forms.trial secret=forms.secret /></li> })}
            </ul>
            <div role="status">{part(move || outcome(&told))}</div>
            <NewTargetForm add />
        </section>
    }
    .into_any()
}

/// What a test has come to, or the secret that was asked for.
fn outcome(forms: &TargetForms) -> Option<AnyView> {
    let tried = use_query_map().with(|map| map.get("tried"));
    let told = |is_good: bool, message: String| {
        view! {
            <div class="notice" data-tone=if is_good { "completed" } else { "failed" }>
                <Glyph icon=if is_good { Icon::Check } else { Icon::Alert } />
                <p>{message}</p>
            </div>
        }
        .into_any()
    };
    let trial = match forms.trial.answer() {
        Some(Ok(trial)) if trial.is_delivered => {
            Some(told(true, "The test was delivered.".to_owned()))
        }
        Some(Ok(trial)) => Some(told(
            false,
            format!("The test was not delivered: {}.", trial.message),
        )),
        Some(Err(fault)) => Some(told(false, fault.to_string())),
        None => tried.map(|tried| match tried.as_str() {
            "delivered" => told(true, "The test was delivered.".to_owned()),
            _ => told(false, "The test was not delivered.".to_owned()),
        }),
    };
    let secret = forms.secret.answer().map(|answer| match answer {
        Ok(secret) => view! {
            <p class="target-secret">"The receiver checks messages by: " <code>{secret.secret}</code></p>
        }
        .into_any(),
        Err(fault) => told(false, fault.to_string()),
    });
    (trial.is_some() || secret.is_some()).then(|| view! { {trial} {secret} }.into_any())
}

#[component]
fn Row(
    target: TargetView,
    change: Posting<ChangeTarget>,
    trial: Posting<TryTarget>,
    secret: Posting<ShowSecret>,
) -> impl IntoView {
    let about = format!(
        "{}, {}, added ",
        channel_name(target.channel),
        count(target.kinds.len())
    );
    let failure = target.failed_at.map(|at| {
        let why = target.failure.clone().unwrap_or_default();
        view! {
            <span class="target-failure">{format!("Not delivered: {why}, ")} <Time at /></span>
        }
    });
    let address = target.address.as_str();
    let signing = (target.channel == TargetChannel::Webhook).then(|| {
        let show = format!("Show the signing secret of {address}");
        view! {
            <PostForm action=secret>
                <TargetId id=target.id />
                <button class="btn btn-sm" disabled=secret.pending() aria-label=show>
                    "Signing secret"
                </button>
            </PostForm>
        }
    });
    let pending = change.pending();
    let (test, choose, remove) = (
        format!("Send a test to {address}"),
        format!("Choose what {address} gets"),
        format!("Remove {address}"),
    );
    let remove_for_good = format!("{remove} for good");
    view! {
        <p class="secret-about"><code>{address.to_owned()}</code> <span>{about} <Time at=target.created_at /></span> {failure}</p>
        <PostForm action=trial>
            <TargetId id=target.id />
            <button class="btn btn-sm" disabled=trial.pending() aria-label=test>"Send a test"</button>
        </PostForm>
        {signing}
        <details>
            <summary aria-label=choose>"Choose"</summary>
            <PostForm action=change class="secret-form">
                <TargetId id=target.id />
                <fieldset class="push-kinds">
                    <legend class="visually-hidden">"What it gets"</legend>
                    {kind_boxes(&target.kinds)}
                </fieldset>
                <button class="btn btn-sm" disabled=pending>"Save"</button>
            </PostForm>
        </details>
        <details>
            <summary aria-label=remove>"Remove"</summary>
            <PostForm action=change class="secret-form">
                <TargetId id=target.id />
                <p>"It gets nothing any more. A webhook that is added again has another secret."</p>
                <button class="btn btn-sm btn-error" name="remove" value="true" disabled=pending>{remove_for_good}</button>
            </PostForm>
        </details>
    }
    .into_any()
}

#[component]
fn TargetId(id: uuid::Uuid) -> impl IntoView {
    view! { <input type="hidden" name="id" value=id.to_string() /> }.into_any()
}

fn count(kinds: usize) -> String {
    let all = ConcernKind::ALL.len();
    match kinds {
        0 => "gets nothing".to_owned(),
        some if some == all => "gets everything".to_owned(),
        some => format!("gets {some} of {all} kinds"),
    }
}

const fn channel_name(channel: TargetChannel) -> &'static str {
    match channel {
        TargetChannel::Webhook => "Webhook",
        TargetChannel::Slack => "Slack",
    }
}

#[component]
fn NewTargetForm(add: Posting<AddTarget>) -> impl IntoView {
    let (wrong_channel, wrong_address) = (invalid("target_channel"), invalid("target_address"));
    let option = |channel: TargetChannel| view! { <option value=channel.to_string()>{channel_name(channel)}</option> };
    view! {
        <PostForm action=add id=NEW class="settings-form new-secret" novalidate=true>
            <h3>"Send them elsewhere"</h3>
            <div class="settings-fields">
                <Field name="target_channel" label="To" hint="Slack needs the bot token above.">
                    <select id="target_channel" class="select" name="channel" aria-describedby="target_channel-hint target_channel-fault" aria-invalid=wrong_channel>
                        {list(TargetChannel::ALL.map(option))}
                    </select>
                </Field>
                <Field name="target_address" label="URL or channel" hint="As in https://example.com/hook or #deployments. Webhooks are signed as Standard Webhooks has it.">
                    <input
                        id="target_address"
                        class="input"
                        name="address"
                        maxlength="2048"
                        autocomplete="off"
                        spellcheck="false"
                        aria-describedby="target_address-hint target_address-fault"
                        aria-invalid=wrong_address
                    />
                </Field>
            </div>
            <div class="form-actions">
                <button class="btn" disabled=add.pending()><Glyph icon=Icon::Plus /> "Add"</button>
            </div>
        </PostForm>
    }
    .into_any()
}

fn empty_form() {
    let form = document().get_element_by_id(NEW);
    if let Some(form) = form.and_then(|form| form.dyn_into::<web_sys::HtmlFormElement>().ok()) {
        form.reset();
    }
}
