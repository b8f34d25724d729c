//! Reusable secrets: kept once, given to tasks by their names.

use leptos::prelude::*;
use wasm_bindgen::JsCast;

use super::new_task_fields::{Field, invalid};
use crate::api::SecretView;
#[cfg(feature = "ssr")]
use crate::api::{NewSecret, SecretText};
use crate::components::clock::Time;
use crate::components::form::{PostForm, Posting};
use crate::components::icon::{Glyph, Icon};
use crate::components::toast::Toasts;
use crate::domain::settings::SecretKind;
use crate::fault::{Fault, FieldFault};
use crate::reactive::{effect, part, rows};
use crate::wire::Json;

/// The form of a new secret, by its id.
const NEW: &str = "new-secret";

/// All reusable secrets, without their values.
#[server(prefix = "/sfn", endpoint = "secrets", input = Json, output = Json)]
pub async fn load_secrets() -> Result<Vec<SecretView>, Fault> {
    crate::backend::backend()?.secrets().await
}

/// Keeps a new secret, or with `change` another value of one, or with `delete` none any more.
#[server(prefix = "/sfn", endpoint = "secrets/change", output = Json)]
pub async fn change_secret(
    name: String,
    #[server(default)] kind: Option<SecretKind>,
    #[server(default)] value: String,
    #[server(default)] change: bool,
    #[server(default)] delete: bool,
) -> Result<Vec<SecretView>, Fault> {
    let backend = crate::backend::backend()?;
    if delete {
        backend.delete_secret(name).await?;
    } else {
        let kind = kind.unwrap_or(SecretKind::Variable);
        let value = SecretText::new(as_meant(&value, kind));
        if change {
            backend.replace_secret(name, value).await?;
        } else {
            backend
                .create_secret(NewSecret { name, kind, value })
                .await?;
        }
    }
    if crate::request::answers_a_plain_form() {
        crate::request::redirect("/settings#secrets-title");
    }
    backend.secrets().await
}

/// What is copied has a space or a line break around it at times; browsers send lines with two characters
/// at their ends.
#[cfg(feature = "ssr")]
fn as_meant(value: &str, kind: SecretKind) -> String {
    match kind {
        SecretKind::Variable => value.trim().to_owned(),
        SecretKind::File => value.replace("\r\n", "\n"),
    }
}

/// What the page has of the secrets, as long as it is there.
#[derive(Clone, Copy)]
pub struct SecretForms {
    add: Posting<ChangeSecret>,
    change: Posting<ChangeSecret>,
    /// As they are after the last change in this page.
    latest: RwSignal<Option<Vec<SecretView>>>,
}

impl SecretForms {
    /// Nothing is changed yet.
    pub fn new() -> Self {
        let forms = Self {
            add: Posting::new(),
            change: Posting::new(),
            latest: RwSignal::new(None),
        };
        receive(forms.add, forms.latest, "Kept");
        receive(forms.change, forms.latest, "Changed");
        let add = forms.add;
        effect(move || {
            if matches!(add.answer(), Some(Ok(_))) {
                request_animation_frame(empty_form);
            }
        });
        forms
    }

    /// What is wrong with the form of a new secret, by the names of its fields in the page.
    pub fn faults(self) -> Vec<FieldFault> {
        let Some(Fault::Invalid { fields, .. }) = self.add.fault() else {
            return Vec::new();
        };
        let in_page = |fault: FieldFault| FieldFault {
            field: format!("secret_{}", fault.field),
            ..fault
        };
        fields.into_iter().map(in_page).collect()
    }
}

fn receive(
    send: Posting<ChangeSecret>,
    latest: RwSignal<Option<Vec<SecretView>>>,
    done: &'static str,
) {
    let toasts = expect_context::<Toasts>();
    effect(move || match send.answer() {
        Some(Ok(all)) => {
            toasts.done(done);
            latest.set(Some(all));
        }
        Some(Err(fault)) => toasts.failed(&fault),
        None => {}
    });
}

/// The secrets with what can be done to them, and the form of a new one.
#[component]
pub fn Secrets(secrets: Vec<SecretView>, forms: SecretForms) -> impl IntoView {
    let latest = forms.latest;
    let known = move || latest.get().unwrap_or_else(|| secrets.clone());
    let is_empty = {
        let known = known.clone();
        move || {
            known()
                .is_empty()
                .then(|| view! { <p class="secret-state">"There are none yet."</p> })
        }
    };
    // Drawn anew with another value.
    let key = |secret: &SecretView| format!("{} {}", secret.name, secret.updated_at);
    view! {
        <section class="panel settings-section" aria-labelledby="secrets-title">
            <h2 id="secrets-title">"Reusable secrets"</h2>
            <p class="field-hint">"Kept once and encrypted. When an agent asks for a key, a variable or a file, you give it one of them by its name. Tasks have only what they were given."</p>
            {part(is_empty)}
            <ul class="secret-list">
                {rows(known, key, move |secret| view! { <li><Row secret change=forms.change /></li> })}
            </ul>
            <NewSecretForm add=forms.add />
        </section>
    }
    .into_any()
}

#[component]
fn Row(secret: SecretView, change: Posting<ChangeSecret>) -> impl IntoView {
    let kind = kind_name(secret.kind);
    let end = secret.last_four.map(|end| format!(", ends in {end}"));
    let tasks = match secret.tasks {
        0 => "given to no task".to_owned(),
        1 => "given to 1 task".to_owned(),
        tasks => format!("given to {tasks} tasks"),
    };
    let consequence = match secret.tasks {
        0 => "No task was given it. Deleted is deleted.".to_owned(),
        1 => "A task was given it: its next agent won't have it.".to_owned(),
        tasks => format!("{tasks} tasks were given it: their next agents won't have it."),
    };
    let (name, doomed) = (secret.name.clone(), secret.name);
    let pending = change.pending();
    view! {
        <p class="secret-about">
            <code>{name.clone()}</code>
            <span>{format!("{kind}{}, {tasks}, set ", end.unwrap_or_default())} <Time at=secret.updated_at /></span>
        </p>
        <details>
            <summary aria-label=format!("Replace {name}")>"Replace"</summary>
            <PostForm action=change class="secret-form">
                <input type="hidden" name="name" value=name.clone() />
                <input type="hidden" name="kind" value=secret.kind.to_string() />
                <textarea
                    class="textarea secret-text"
                    name="value"
                    rows="1"
                    autocomplete="off"
                    spellcheck="false"
                    required=true
                    aria-label=format!("New value of {name}")
                    placeholder="The new value"
                ></textarea>
                <button class="btn btn-sm" name="change" value="true" disabled=pending>{format!("Replace {name}")}</button>
            </PostForm>
        </details>
        <details>
            <summary aria-label=format!("Delete {doomed}")>"Delete"</summary>
            <PostForm action=change class="secret-form">
                <input type="hidden" name="name" value=doomed.clone() />
                <p>{consequence}</p>
                <button class="btn btn-sm btn-error" name="delete" value="true" disabled=pending>{format!("Delete {doomed} for good")}</button>
            </PostForm>
        </details>
    }
    .into_any()
}

const fn kind_name(kind: SecretKind) -> &'static str {
    match kind {
        SecretKind::Variable => "Variable",
        SecretKind::File => "File",
    }
}

#[component]
fn NewSecretForm(add: Posting<ChangeSecret>) -> impl IntoView {
    let (wrong_name, wrong_value) = (invalid("secret_name"), invalid("secret_value"));
    let option =
        |kind: SecretKind| view! { <option value=kind.to_string()>{kind_name(kind)}</option> };
    view! {
        <PostForm action=add id=NEW class="settings-form new-secret" novalidate=true>
            <h3>"New secret"</h3>
            <div class="settings-fields">
                <Field name="secret_name" label="Name" hint="Letters, digits, _, - and ., as in STRIPE_KEY.">
                    <input
                        id="secret_name"
                        class="input"
                        name="name"
                        maxlength="128"
                        autocomplete="off"
                        spellcheck="false"
                        aria-describedby="secret_name-hint secret_name-fault"
                        aria-invalid=wrong_name
                    />
                </Field>
                <Field name="secret_kind" label="Agents get it as" hint="A file's text can have several lines.">
                    <select id="secret_kind" class="select" name="kind" aria-describedby="secret_kind-hint">
                        {crate::reactive::list(SecretKind::ALL.map(option))}
                    </select>
                </Field>
                <Field name="secret_value" label="Value" hint="At most 64 KiB. It is never shown again.">
                    <textarea
                        id="secret_value"
                        class="textarea secret-text"
                        name="value"
                        rows="2"
                        autocomplete="off"
                        spellcheck="false"
                        aria-describedby="secret_value-hint secret_value-fault"
                        aria-invalid=wrong_value
                    ></textarea>
                </Field>
            </div>
            <div class="form-actions">
                <button class="btn" disabled=add.pending()><Glyph icon=Icon::Plus /> "Keep the secret"</button>
            </div>
        </PostForm>
    }
    .into_any()
}

/// The value does not stay in the page.
fn empty_form() {
    let form = document().get_element_by_id(NEW);
    if let Some(form) = form.and_then(|form| form.dyn_into::<web_sys::HtmlFormElement>().ok()) {
        form.reset();
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::{SecretKind, as_meant};

    #[test]
    fn a_file_keeps_its_lines_and_a_variable_loses_what_was_copied_along() {
        assert_eq!(as_meant(" sk-1\r\n", SecretKind::Variable), "sk-1");
        assert_eq!(as_meant("a\r\nb\r\n", SecretKind::File), "a\nb\n");
    }
}
