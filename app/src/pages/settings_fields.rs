//! The fields of the settings.

use std::sync::Arc;

use leptos::prelude::*;
use leptos_router::params::ParamsMap;

use super::new_task_fields::{Field, PermissionField, invalid};
use crate::api::{SCRIPTED_MODEL, SettingsView};
use crate::components::icon::{Glyph, Icon};
use crate::domain::settings::{MOST_AGENTS, SecretSetting};
use crate::reactive::part;

/// What was typed into a form that came back, sent without script.
#[derive(Clone, Default)]
pub struct Typed(Option<ParamsMap>);

impl Typed {
    /// What the address brings back, if it tells what was wrong.
    pub fn of_address(address: &ParamsMap) -> Self {
        Self(address.get("fault").map(|_| address.clone()))
    }

    fn or(&self, name: &str, known: String) -> String {
        let typed = self.0.as_ref().and_then(|map| map.get(name));
        typed.unwrap_or(known)
    }
}

/// Said beside what can't be changed here.
const CONFIGURED: &str = "Set by the server's configuration.";

/// Where Claude's answers come from, and as whom they are asked for.
/// `shown` gives the settings as they are after the last change.
pub fn account_fields(
    view: &SettingsView,
    shown: impl Fn() -> Arc<SettingsView> + Clone + Send + Sync + 'static,
    typed: &Typed,
) -> AnyView {
    let is_configured = view.is_configured("anthropic_api_key");
    let url = view.values.anthropic_base_url.clone().map(String::from);
    let url = typed.or("anthropic_base_url", url.unwrap_or_default());
    let hint = if is_configured {
        CONFIGURED
    } else {
        "Left empty, Anthropic's own. A gateway needs https, unless it is on this machine."
    };
    let warned = shown.clone();
    let secret = move |setting| secret_state(setting, shown.clone());
    let key = secret(SecretSetting::AnthropicApiKey);
    let token = secret(SecretSetting::ClaudeLoginToken);
    let folder = view.values.claude_login_folder.clone().map(String::from);
    let folder = typed.or("claude_login_folder", folder.unwrap_or_default());
    let folder_hint = if is_configured {
        CONFIGURED
    } else {
        "Instead of both: where Claude Code has logged in on the server, as in /home/me/.claude. Each agent gets a copy of its own."
    };
    let warning = move || {
        let view = warned();
        let known = view.warnings.iter();
        let mut known = known.filter(|it| it.field == "claude_login_folder");
        known.next().map(|warning| {
            view! {
                <p class="secret-state settings-warning"><Glyph icon=Icon::Alert /> {warning.beside()}</p>
            }
        })
    };
    view! {
        <div class="settings-fields">
            <SecretField
                name="anthropic_api_key"
                label="API key"
                hint="Kept encrypted and never shown again. Agents don't get it to see."
                disabled=is_configured
            />
            {key}
            <SecretField
                name="claude_login_token"
                label="Login token"
                hint="Instead of a key: what the command “claude setup-token” prints. Agents have to hold it themselves; an API key goes before it."
                disabled=is_configured
            />
            {token}
            <InputField name="claude_login_folder" label="Login folder" hint=folder_hint value=folder kind="text" placeholder="/home/me/.claude" disabled=is_configured />
            <InputField name="anthropic_base_url" label="Address of the API" hint value=url kind="url" placeholder="https://api.anthropic.com" disabled=is_configured />
            {part(warning)}
        </div>
    }
    .into_any()
}

const fn secret_name(setting: SecretSetting) -> &'static str {
    match setting {
        SecretSetting::AnthropicApiKey => "API key",
        SecretSetting::ClaudeLoginToken => "login token",
        SecretSetting::GithubToken => "GitHub token",
        SecretSetting::SlackBotToken => "Slack token",
    }
}

/// Whether a secret is set, and what removes it.
fn state(view: &SettingsView, setting: SecretSetting) -> AnyView {
    let known = view.secret(setting).filter(|secret| secret.is_set);
    let word = secret_name(setting);
    let Some(known) = known else {
        return view! { <p class="secret-state">{format!("No {word} is set.")}</p> }.into_any();
    };
    let end = known.last_four.as_ref();
    let end = end.map(|end| format!(", it ends in {end}"));
    let text = format!("The {word} is set{}.", end.unwrap_or_default());
    if view.is_configured(&setting.to_string()) {
        return view! { <p class="secret-state">{text} " " {CONFIGURED}</p> }.into_any();
    }
    view! {
        <p class="secret-state" data-set="">
            {text}
            <button class="btn btn-sm" name="form[section]" value=format!("remove:{setting}")>
                {format!("Remove the {word}")}
            </button>
        </p>
    }
    .into_any()
}

/// Whether a secret is set, as it is after the last change.
fn secret_state(
    setting: SecretSetting,
    shown: impl Fn() -> Arc<SettingsView> + Send + Sync + 'static,
) -> AnyView {
    part(move || state(&shown(), setting))
}

/// Other services, for automations.
pub fn integration_fields(
    view: &SettingsView,
    shown: impl Fn() -> Arc<SettingsView> + Clone + Send + Sync + 'static,
    typed: &Typed,
) -> AnyView {
    let channel = view.values.slack_channel.clone().map(String::from);
    let channel = typed.or("slack_channel", channel.unwrap_or_default());
    view! {
        <p class="field-hint">"Agents that build automations get these as GITHUB_TOKEN and SLACK_BOT_TOKEN. What is not set they leave out, and document how it is done by hand."</p>
        <div class="settings-fields">
            <SecretField name="github_token" label="GitHub token" hint="A fine-grained token with no more rights than automations need." disabled=false />
            {secret_state(SecretSetting::GithubToken, shown.clone())}
            <SecretField name="slack_bot_token" label="Slack bot token" hint="It begins with xoxb-." disabled=false />
            {secret_state(SecretSetting::SlackBotToken, shown)}
            <InputField name="slack_channel" label="Slack channel" hint="Where automations write to." value=channel kind="text" placeholder="#deployments" disabled=false />
        </div>
    }
    .into_any()
}

/// What tasks begin with that don't say otherwise.
pub fn task_fields(view: &SettingsView, typed: &Typed) -> AnyView {
    let values = &view.values;
    let model = values.model.clone().map(String::from);
    let model = typed.or("model", model.unwrap_or_default());
    let mode = typed.or("permission_mode", values.permission_mode.to_string());
    let usd = values.day_budget_usd.map(|usd| usd.to_string());
    let usd = typed.or("day_budget_usd", usd.unwrap_or_default());
    let tokens = values.day_budget_tokens.map(|tokens| tokens.to_string());
    let tokens = typed.or("day_budget_tokens", tokens.unwrap_or_default());
    view! {
        <div class="settings-fields">
            <DefaultModelField chosen=model />
            <PermissionField chosen=mode.parse().unwrap_or_default() />
            <label class="check-field">
                <input type="checkbox" class="checkbox checkbox-sm" name="form[auto_approve]" value="on" checked=values.auto_approve />
                <span>"Approve every gate by itself" <small>"Phases follow one another without you. Only failed checks wait for you."</small></span>
            </label>
            <label class="check-field">
                <input type="checkbox" class="checkbox checkbox-sm" name="form[auto_resume]" value="on" checked=values.auto_resume />
                <span>"Go on by itself after a limit" <small>"When Claude answers again, the task goes on without you."</small></span>
            </label>
            <InputField name="day_budget_usd" label="Budget of a day in dollars" hint="What all tasks together may cost from midnight to midnight UTC. Left empty, any amount." value=usd kind="text" disabled=false />
            <InputField name="day_budget_tokens" label="Budget of a day in tokens" hint="The same in tokens, read from the cache included." value=tokens kind="number" disabled=false />
        </div>
    }
    .into_any()
}

#[component]
fn DefaultModelField(chosen: String) -> impl IntoView {
    let known = [
        ("", "Claude Code's own choice"),
        ("opus", "Opus: the most capable"),
        ("sonnet", "Sonnet: capable and faster"),
        ("haiku", "Haiku: the fastest"),
        (SCRIPTED_MODEL, "Scripted demo model"),
    ];
    let is_known = known.iter().any(|(value, _)| *value == chosen);
    let other = (!is_known).then(|| (chosen.clone(), chosen.clone()));
    let known = known.map(|(value, label)| (value.to_owned(), label.to_owned()));
    let options: Vec<(String, String)> = known.into_iter().chain(other).collect();
    let option = Arc::new(move || {
        let draw = |(value, label): &(String, String)| {
            let is_chosen = *value == chosen;
            view! { <option value=value.clone() selected=is_chosen>{label.clone()}</option> }
        };
        options.iter().map(draw).collect_view()
    });
    view! {
        <Field name="model" label="Model" hint="For tasks that name none, from their next agent on.">
            <select id="model" name="form[model]" class="select" aria-describedby="model-hint model-fault">{option()}</select>
        </Field>
    }
    .into_any()
}

/// How many agents work, and how long a review may wait.
pub fn work_fields(view: &SettingsView, typed: &Typed) -> AnyView {
    let now = &view.values;
    let defaults = &view.defaults;
    let fields = [
        (
            "agents_max",
            "Agents at once",
            now.agents_max,
            defaults.agents_max,
        ),
        (
            "review_reminder_hours",
            "Hours until a waiting review is called to mind",
            now.review_reminder_hours,
            defaults.review_reminder_hours,
        ),
        (
            "review_urgent_hours",
            "Hours until it is urgent",
            now.review_urgent_hours,
            defaults.review_urgent_hours,
        ),
        (
            "review_escalation_hours",
            "Hours until the last reminder",
            now.review_escalation_hours,
            defaults.review_escalation_hours,
        ),
        (
            "review_approval_hours",
            "Hours until a review is approved by itself",
            now.review_approval_hours,
            defaults.review_approval_hours,
        ),
    ];
    let url = view.values.public_url.clone().map(String::from);
    let url = typed.or("public_url", url.unwrap_or_default());
    let fields = fields.map(|(name, label, value, default)| {
        let disabled = view.is_configured(name);
        let hint = match name {
            _ if disabled => CONFIGURED.to_owned(),
            "agents_max" => format!(
                "1 to {MOST_AGENTS}. Default: {default}. With fewer than are at work, those go on."
            ),
            "review_approval_hours" => format!(
                "Only for tasks that approve by themselves. 0 for never. Default: {default}."
            ),
            _ => format!("0 for never. Default: {default}."),
        };
        // What is as by default stays so: shown as such, it is not sent.
        let known = (disabled || value != default).then(|| value.to_string());
        let value = typed.or(name, known.unwrap_or_default());
        view! { <InputField name label hint value kind="number" placeholder=default.to_string() disabled /> }
    });
    view! {
        <div class="settings-fields">
            {fields.into_iter().collect_view()}
            <InputField name="public_url" label="Address of this server" hint="How people reach it. Links in messages begin with it." value=url kind="url" placeholder="https://agents.example.com" disabled=false />
        </div>
    }
    .into_any()
}

/// A field of one line.
#[component]
fn InputField(
    name: &'static str,
    label: &'static str,
    #[prop(into)] hint: String,
    value: String,
    kind: &'static str,
    #[prop(into, default = String::new())] placeholder: String,
    disabled: bool,
) -> impl IntoView {
    let wrong = invalid(name);
    view! {
        <Field name label hint>
            <input
                id=name
                name=format!("form[{name}]")
                class="input"
                type=kind
                value=value
                placeholder=placeholder
                disabled=disabled
                min=(kind == "number").then_some("0")
                autocomplete=(kind == "password").then_some("off")
                spellcheck=(kind == "password").then_some("false")
                aria-describedby=format!("{name}-hint {name}-fault")
                aria-invalid=wrong
            />
        </Field>
    }
    .into_any()
}

/// A field for a secret: always empty, whatever is set.
#[component]
fn SecretField(
    name: &'static str,
    label: &'static str,
    hint: &'static str,
    disabled: bool,
) -> impl IntoView {
    view! { <InputField name label hint value=String::new() kind="password" disabled /> }.into_any()
}
