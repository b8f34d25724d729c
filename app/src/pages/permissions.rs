//! What a task's agents may do without asking.

use leptos::prelude::*;

use super::task_state::TaskState;
use crate::api::PermissionsView;
use crate::components::form::{PostForm, Posting};
use crate::components::toast::Toasts;
use crate::domain::id::{RuleId, TaskId};
use crate::domain::permission::{GrantedRule, PermissionMode, RuleKind};
#[cfg(feature = "ssr")]
use crate::domain::task::TaskEdit;
#[cfg(feature = "ssr")]
use crate::domain::text::{RuleText, TextError};
use crate::fault::Fault;
use crate::reactive::{effect, list, memo, part, rows};
use crate::wire::Json;

/// Sets the mode, takes a rule away, or adds one: whichever is named.
#[server(prefix = "/sfn", endpoint = "tasks/permissions", output = Json)]
pub async fn change_permissions(
    id: TaskId,
    #[server(default)] mode: Option<PermissionMode>,
    #[server(default)] revoke: Option<RuleId>,
    #[server(default)] kind: Option<RuleKind>,
    #[server(default)] subject: String,
) -> Result<PermissionsView, Fault> {
    let backend = crate::backend::backend()?;
    if let Some(mode) = mode {
        let edit = TaskEdit {
            permission_mode: Some(mode),
            ..TaskEdit::default()
        };
        backend.edit_task(id, edit).await?;
    }
    if let Some(rule) = revoke {
        backend.revoke_permission(id, rule).await?;
    } else if let Some(kind) = kind {
        let subject: RuleText = subject
            .parse()
            .map_err(|error: TextError| Fault::field("subject", error.to_string()))?;
        backend.grant_permission(id, kind.rule(subject)).await?;
    }
    let permissions = backend.permissions(id).await?;
    if crate::request::answers_a_plain_form() {
        crate::request::redirect(&format!("/tasks/{id}/permissions"));
    }
    Ok(permissions)
}

/// The mode, the rules with their forms, and what goes by itself.
#[component]
pub fn Permissions(state: TaskState) -> impl IntoView {
    let toasts = expect_context::<Toasts>();
    let change = Posting::<ChangePermissions>::new();
    effect(move || match change.answer() {
        Some(Ok(permissions)) => {
            toasts.done("Changed");
            state.permissions.set(permissions);
        }
        Some(Err(fault)) => toasts.failed(&fault),
        None => {}
    });
    let commands = move || state.permissions.with(|known| known.commands.join(" · "));
    let has_commands = move || state.permissions.with(|known| !known.commands.is_empty());
    view! {
        <div class="permissions">
            <Mode state change />
            <section>
                <h2>"Allowed for this task"</h2>
                <Rules state change />
                <AddRule state change />
            </section>
            <section hidden=move || !has_commands()>
                <details>
                    <summary>"Commands that go without asking"</summary>
                    <p class="permissions-commands">{part(commands)}</p>
                </details>
            </section>
        </div>
    }
    .into_any()
}

/// The word for a mode, and what it means.
pub fn meaning(mode: PermissionMode) -> (&'static str, &'static str) {
    match mode {
        PermissionMode::Strict => ("Strict", "Asks before anything is changed."),
        PermissionMode::Balanced => (
            "Balanced",
            "Edits its workspace and runs everyday commands; asks for the rest.",
        ),
        PermissionMode::Autonomous => ("Autonomous", "Does whatever the sandbox allows."),
    }
}

#[component]
fn Mode(state: TaskState, change: Posting<ChangePermissions>) -> impl IntoView {
    let chosen = memo(move || state.permissions.with(|known| known.mode));
    let choice = move |mode: PermissionMode| {
        let (word, meaning) = meaning(mode);
        view! {
            <label class="choice">
                <input type="radio" class="radio radio-sm" name="mode" value=mode.to_string() checked=move || chosen.get() == mode />
                <span>{word} " " <small>{meaning}</small></span>
            </label>
        }
    };
    view! {
        <section>
            <h2>"What the agent may do"</h2>
            <PostForm action=change class="permissions-mode">
                <input type="hidden" name="id" value=state.id.to_string() />
                <fieldset class="answer-choices">
                    <legend class="visually-hidden">"What the agent may do"</legend>
                    {list(PermissionMode::ALL.map(choice))}
                </fieldset>
                <button class="btn btn-sm" disabled=change.pending()>"Change"</button>
            </PostForm>
        </section>
    }
    .into_any()
}

#[component]
fn Rules(state: TaskState, change: Posting<ChangePermissions>) -> impl IntoView {
    let rules = move || state.permissions.with(|known| known.rules.clone());
    let is_empty = move || state.permissions.with(|known| known.rules.is_empty());
    let id = state.id;
    let row = move |granted: GrantedRule| {
        let phrase = granted.rule.kind().phrase();
        let subject = granted.rule.subject().to_owned();
        let label = format!("Remove: {phrase} {subject}");
        view! {
            <li class="rule">
                <span>{phrase} " " <code>{subject}</code></span>
                <PostForm action=change>
                    <input type="hidden" name="id" value=id.to_string() />
                    <button class="btn btn-sm btn-ghost" name="revoke" value=granted.id.to_string() aria-label=label>"Remove"</button>
                </PostForm>
            </li>
        }
    };
    view! {
        <p class="muted" hidden=move || !is_empty()>"Nothing beyond that. When the agent asks, you can allow it for the whole task."</p>
        <ul class="rules">
            {rows(rules, |granted: &GrantedRule| granted.id.to_string(), row)}
        </ul>
    }
    .into_any()
}

#[component]
fn AddRule(state: TaskState, change: Posting<ChangePermissions>) -> impl IntoView {
    let option = |kind: RuleKind| view! { <option value=kind.to_string()>{kind.phrase()}</option> };
    let refused = move || change.fault().map(|fault| fault.to_string());
    view! {
        <PostForm action=change class="rule-form">
            <input type="hidden" name="id" value=state.id.to_string() />
            <select class="select" name="kind" aria-label="What is allowed">{list(RuleKind::ALL.map(option))}</select>
            <input class="input" name="subject" maxlength="2000" required=true aria-label="What for" placeholder="npm publish, docs/, example.org" />
            <button class="btn btn-sm" disabled=change.pending()>"Allow"</button>
            <p class="field-fault" role="alert">{refused}</p>
        </PostForm>
    }
    .into_any()
}
