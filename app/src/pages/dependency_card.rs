//! Giving or declining what an agent needs, and what was given before.

use leptos::prelude::*;

use super::asking::Asking;
use crate::api::DependencyView;
#[cfg(feature = "ssr")]
use crate::api::{ProvideDependency, SecretText};
use crate::components::clock::Time;
use crate::components::form::{PostForm, Posting};
use crate::components::icon::{Glyph, Icon};
use crate::components::toast::Toasts;
use crate::domain::id::DependencyId;
use crate::domain::task::{DependencyKind, DependencyState};
#[cfg(feature = "ssr")]
use crate::domain::text::Note;
use crate::fault::Fault;
use crate::reactive::{effect, list, part, rows};
use crate::wire::Json;

/// Gives what an agent needs: a value, the name of a reusable secret, or that it is there; or declines
/// it, with a reason as the note.
#[server(prefix = "/sfn", endpoint = "dependencies/provide", output = Json)]
pub async fn give_dependency(
    id: DependencyId,
    #[server(default)] value: String,
    #[server(default)] secret: String,
    #[server(default)] note: String,
    #[server(default)] decline: bool,
) -> Result<DependencyView, Fault> {
    let given = given(&value, secret, &note, decline)?;
    let provided = crate::backend::backend()?
        .provide_dependency(id, given)
        .await?;
    if crate::request::answers_a_plain_form() {
        crate::request::redirect(&super::asking::place(provided.task_id));
    }
    Ok(provided)
}

#[cfg(feature = "ssr")]
fn given(
    value: &str,
    secret: String,
    note: &str,
    declined: bool,
) -> Result<ProvideDependency, Fault> {
    let note: Option<Note> = match note.trim() {
        "" => None,
        note => {
            let parsed = note.parse();
            Some(parsed.map_err(|error: crate::domain::text::TextError| {
                Fault::field("note", error.to_string())
            })?)
        }
    };
    if declined {
        return Ok(ProvideDependency {
            declined,
            reason: note,
            ..ProvideDependency::default()
        });
    }
    // What is copied has a space or a line break around it at times.
    let value = value.trim();
    Ok(ProvideDependency {
        value: (!value.is_empty()).then(|| SecretText::new(value.to_owned())),
        secret: (!secret.is_empty()).then_some(secret),
        note,
        ..ProvideDependency::default()
    })
}

/// What the agent waits for, each with its form.
#[component]
pub fn Dependencies(#[prop(into)] asking: Asking) -> impl IntoView {
    let open = move || {
        let all = asking.dependencies.get().into_iter();
        all.filter(|known| known.status == DependencyState::Open)
            .collect::<Vec<_>>()
    };
    let key = |known: &DependencyView| known.id.to_string();
    view! {
        <ul class="attention-list">
            {rows(open, key, move |needed| view! { <li><Needed asking needed /></li> })}
        </ul>
    }
    .into_any()
}

#[component]
pub fn Needed(asking: Asking, needed: DependencyView) -> impl IntoView {
    let kind = needed.kind;
    let required = if needed.required {
        "required"
    } else {
        "it can go on without"
    };
    let choices = match kind {
        DependencyKind::File => asking.secret_files.get_value(),
        _ => asking.secrets.get_value(),
    };
    let form = match kind {
        DependencyKind::File => view! {
            <FileForm needed=needed.clone() />
            {(!choices.is_empty()).then(|| view! { <GiveForm asking needed=needed.clone() choices /> })}
        }
        .into_any(),
        _ => view! { <GiveForm asking needed=needed.clone() choices /> }.into_any(),
    };
    view! {
        <p class="attention-text">
            <code>{needed.name.clone()}</code>
            {format!(" ({}, {required}) ", kind_name(kind))}
            {needed.description.clone()}
        </p>
        {handover(&needed).map(|text| view! { <p class="dependency-hint">{text}</p> })}
        {form}
        <DeclineForm asking needed />
    }
    .into_any()
}

/// What a kind is called.
const fn kind_name(kind: DependencyKind) -> &'static str {
    match kind {
        DependencyKind::ApiKey => "API key",
        DependencyKind::EnvVariable => "environment variable",
        DependencyKind::Service => "service",
        DependencyKind::File => "file",
        DependencyKind::Permission => "permission",
        DependencyKind::Package => "package",
    }
}

/// What becomes of what is given.
fn handover(needed: &DependencyView) -> Option<String> {
    let variable = needed.variable.as_deref()?;
    Some(match needed.kind {
        DependencyKind::File => format!(
            "At most 64 KiB. It is kept encrypted; the agents of this task find it by its path in \
             {variable}."
        ),
        _ => format!(
            "It is kept encrypted and never shown again; the agents of this task get it as {variable}."
        ),
    })
}

/// Takes the answer to a form over into the page.
fn receive(asking: Asking, send: Posting<GiveDependency>) {
    let toasts = expect_context::<Toasts>();
    effect(move || match send.answer() {
        Some(Ok(settled)) => {
            toasts.done(match settled.status {
                DependencyState::Declined => "Declined",
                _ => "Given to the agent",
            });
            asking.update_dependency(settled);
        }
        Some(Err(fault)) => toasts.failed(&fault),
        None => {}
    });
}

fn refusal(send: Posting<GiveDependency>) -> AnyView {
    let refused = move || send.fault().map(|fault| fault.to_string());
    view! { <p class="field-fault" role="alert">{part(refused)}</p> }.into_any()
}

/// A value that nobody sees, or a yes with a remark.
#[component]
fn GiveForm(asking: Asking, needed: DependencyView, choices: Vec<String>) -> impl IntoView {
    let send = Posting::<GiveDependency>::new();
    receive(asking, send);
    let (id, kind, name) = (needed.id, needed.kind, needed.name);
    let field = match kind {
        DependencyKind::ApiKey | DependencyKind::EnvVariable => view! {
            <input
                class="input"
                type="password"
                name="value"
                autocomplete="off"
                spellcheck="false"
                aria-label=format!("Value of {name}")
                placeholder="The value"
            />
        }
        .into_any(),
        DependencyKind::File => ().into_any(),
        DependencyKind::Permission | DependencyKind::Service | DependencyKind::Package => view! {
            <input class="input" name="note" maxlength="20000" aria-label=format!("Remark on {name}") placeholder="A remark for the agent, no secret" />
        }
        .into_any(),
    };
    let button = match kind {
        DependencyKind::Permission => view! {
            <button class="btn btn-accent" name="value" value="yes" disabled=send.pending()><Glyph icon=Icon::Check /> "Allow"</button>
        }
        .into_any(),
        kind => {
            let word = match kind {
                DependencyKind::Service | DependencyKind::Package => "It is there",
                _ => "Give it to the agent",
            };
            view! { <button class="btn btn-accent" disabled=send.pending()><Glyph icon=Icon::Check /> {word}</button> }.into_any()
        }
    };
    let takes_secret = kind.is_secret() || kind == DependencyKind::File;
    let secret = (takes_secret && !choices.is_empty()).then(|| secret_choice(&name, choices));
    view! {
        <PostForm action=send class="answer-form">
            <input type="hidden" name="id" value=id.to_string() />
            {field}
            {secret}
            {refusal(send)}
            <div class="answer-actions">{button}</div>
        </PostForm>
    }
    .into_any()
}

/// The reusable secrets that can be given instead of a value.
fn secret_choice(name: &str, choices: Vec<String>) -> AnyView {
    let option = |choice: String| view! { <option value=choice.clone()>{choice.clone()}</option> };
    view! {
        <select class="select" name="secret" aria-label=format!("Reusable secret for {name}")>
            <option value="">"Or a reusable secret…"</option>
            {list(choices.into_iter().map(option))}
        </select>
    }
    .into_any()
}

/// Sends a file: the browser does it by itself, also where the page is live.
#[component]
fn FileForm(needed: DependencyView) -> impl IntoView {
    let label = format!("File for {}", needed.name);
    view! {
        <form class="answer-form" method="post" enctype="multipart/form-data" action=format!("/dependencies/{}/file", needed.id)>
            <input class="file-input" type="file" name="file" required aria-label=label />
            <div class="answer-actions">
                <button class="btn btn-accent"><Glyph icon=Icon::File /> "Send the file"</button>
            </div>
        </form>
    }
    .into_any()
}

/// Says no, if one likes with a reason.
#[component]
fn DeclineForm(asking: Asking, needed: DependencyView) -> impl IntoView {
    let send = Posting::<GiveDependency>::new();
    receive(asking, send);
    let (id, name) = (needed.id, needed.name);
    view! {
        <details class="dependency-decline">
            <summary>"Decline"</summary>
            <PostForm action=send class="answer-form">
                <input type="hidden" name="id" value=id.to_string() />
                <input type="hidden" name="decline" value="true" />
                <textarea
                    class="textarea"
                    name="note"
                    rows="1"
                    maxlength="20000"
                    aria-label=format!("Why you decline {name}")
                    placeholder="Why, for the agent"
                ></textarea>
                {refusal(send)}
                <div class="answer-actions">
                    <button class="btn" disabled=send.pending()><Glyph icon=Icon::Cross /> {format!("Decline {name}")}</button>
                </div>
            </PostForm>
        </details>
    }
    .into_any()
}

/// What the agent has asked for and what became of it; never a value.
#[component]
pub fn Given(#[prop(into)] asking: Asking) -> impl IntoView {
    let shown = move || {
        let known = asking.dependencies.get();
        (!known.is_empty()).then(|| {
            view! {
                <h2 class="given-title">"What the agent needed"</h2>
                <ul class="given-list">{list(known.into_iter().map(given_row))}</ul>
            }
        })
    };
    view! { <section class="given">{part(shown)}</section> }.into_any()
}

fn given_row(known: DependencyView) -> AnyView {
    let what = match known.status {
        DependencyState::Open => "waits for you".to_owned(),
        DependencyState::Provided => match &known.secret {
            Some(secret) => format!("given as the reusable secret {secret}"),
            None => "given".to_owned(),
        },
        DependencyState::Declined => "declined".to_owned(),
        DependencyState::Withdrawn => "no longer needed".to_owned(),
    };
    let by = known.settled_by.map(|by| match by {
        crate::domain::task::Actor::Person => " by you, ",
        crate::domain::task::Actor::Agent => " by the agent, ",
        crate::domain::task::Actor::Platform => " by the platform, ",
    });
    let when = known.settled_at.map(|at| view! { <Time at /> });
    let note = known.note.map(|note| format!(": {note}"));
    view! {
        <li>
            <code>{known.name}</code>
            {format!(" ({}) {what}", kind_name(known.kind))}
            {by}
            {when}
            {note}
        </li>
    }
    .into_any()
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::given;

    #[test]
    fn a_form_gives_a_value_or_a_name_or_a_reason() {
        let value = given(" sk-1\n", String::new(), "", false).unwrap();
        assert_eq!(value.value.unwrap().expose(), "sk-1");
        let named = given("", "stripe".to_owned(), " ", false).unwrap();
        assert_eq!((named.value, named.note), (None, None));
        assert_eq!(named.secret.as_deref(), Some("stripe"));
        let declined = given("", String::new(), "Too dear.", true).unwrap();
        assert!(declined.declined && declined.note.is_none());
        assert_eq!(
            declined.reason.map(String::from).as_deref(),
            Some("Too dear.")
        );
        assert!(given("", String::new(), "\u{0}", true).is_err());
    }
}
