//! The fields of the form that describes a job.

use leptos::prelude::*;

use super::new_task::FieldFaults;
use super::new_task_form::TaskForm;
use super::permissions::meaning;
use crate::api::{SCRIPTED_MODEL, WorkflowView};
use crate::components::icon::{Glyph, Icon};
use crate::domain::permission::PermissionMode;
use crate::domain::plan::TaskType;
use crate::domain::task::Priority;
use crate::domain::text::{Description, Title};
use crate::reactive::list;

/// A field with its label, a hint, and what is wrong with it.
#[component]
pub fn Field(
    name: &'static str,
    label: &'static str,
    #[prop(into, default = String::new())] hint: String,
    children: Children,
) -> impl IntoView {
    let fault = expect_context::<FieldFaults>().of(name);
    let is_empty = hint.is_empty();
    view! {
        <div class="field">
            <label for=name>{label}</label>
            {children()}
            <p class="field-hint" id=format!("{name}-hint") hidden=is_empty>{hint}</p>
            <p class="field-fault" id=format!("{name}-fault")>{fault}</p>
        </div>
    }
    .into_any()
}

/// The attributes that tie an input to its hint and its fault.
pub fn invalid(name: &'static str) -> Signal<Option<&'static str>> {
    let fault = expect_context::<FieldFaults>().of(name);
    Signal::derive(move || fault.with(Option::is_some).then_some("true"))
}

/// What each kind of task gives, how long its way is, and where a person decides.
#[component]
pub fn TypeCards(workflows: Vec<WorkflowView>, chosen: String) -> impl IntoView {
    let first = workflows.first().map(|workflow| workflow.id.to_string());
    let known = workflows
        .iter()
        .any(|workflow| workflow.id.to_string() == chosen);
    let chosen = if known { Some(chosen) } else { first };
    let fault = expect_context::<FieldFaults>().of("type");
    let card = move |workflow: WorkflowView| {
        let id = workflow.id.to_string();
        let is_chosen = chosen.as_deref() == Some(&id);
        let icon = match workflow.id {
            TaskType::CreateApp => Icon::Spark,
            TaskType::ModifyApp => Icon::Pencil,
            TaskType::Workflow => Icon::Nodes,
            TaskType::Custom => Icon::Message,
        };
        view! {
            <label class="type-card">
                <input type="radio" name="form[type]" value=id checked=is_chosen />
                <span class="type-card-title"><Glyph icon=icon /> {workflow.title.clone()}</span>
                <span class="type-card-summary">{workflow.summary.clone()}</span>
                <PhaseLine workflow />
            </label>
        }
    };
    view! {
        <fieldset class="type-cards">
            <legend>"What should come out?"</legend>
            {list(workflows.into_iter().map(card))}
            <p class="field-fault">{fault}</p>
        </fieldset>
    }
    .into_any()
}

#[component]
fn PhaseLine(workflow: WorkflowView) -> impl IntoView {
    if workflow.phases.is_empty() {
        return view! { <span class="type-card-way">"One conversation, no gates"</span> }
            .into_any();
    }
    let gates = workflow.phases.iter().filter(|phase| phase.gate).count();
    let phases = workflow.phases.iter().map(|phase| {
        let steps = (phase.steps > 0).then(|| view! { <small>{phase.steps}</small> });
        view! { <span class="way-phase" data-gate=phase.gate.then_some("")>{phase.name.clone()} {steps}</span> }
    });
    view! {
        <span class="type-card-way">
            <span class="way">{list(phases)}</span>
            <span>{format!("{} phases, you decide after {gates} of them", workflow.phases.len())}</span>
        </span>
    }
    .into_any()
}

/// The description, and the title that it suggests.
#[component]
pub fn DescriptionField(title: String, description: String) -> impl IntoView {
    let suggestion = RwSignal::new(suggest(&description));
    let described = StoredValue::new(description);
    let titled = StoredValue::new(title);
    let wrong_description = invalid("description");
    let wrong_title = invalid("title");
    view! {
        <Field name="description" label="Description" hint="Markdown. Say what it is for, what must be in it, and how you will judge it.">
            <textarea
                id="description"
                name="form[description]"
                class="textarea"
                rows="9"
                required
                maxlength=Description::LIMIT.to_string()
                aria-describedby="description-hint description-fault"
                aria-invalid=wrong_description
                on:input:target=move |event| suggestion.set(suggest(&event.target().value()))
            >
                {described.get_value()}
            </textarea>
        </Field>
        <Field name="title" label="Title" hint="Left empty, it is taken from the description.">
            <input
                id="title"
                name="form[title]"
                class="input"
                type="text"
                value=titled.get_value()
                placeholder=suggestion
                maxlength=Title::LIMIT.to_string()
                aria-describedby="title-hint title-fault"
                aria-invalid=wrong_title
            />
        </Field>
    }
    .into_any()
}

fn suggest(description: &str) -> String {
    Title::suggest(description)
        .map_or_else(|| "Taken from the description".to_owned(), String::from)
}

/// Everything that has a default that suits most tasks.
#[component]
pub fn MoreFields(
    form: TaskForm,
    only_scripted: bool,
    /// Unless the form says another one.
    permission_mode: PermissionMode,
    auto_approve: bool,
) -> impl IntoView {
    let differs = [
        &form.priority,
        &form.model,
        &form.permission_mode,
        &form.answer_after_minutes,
        &form.budget_usd,
    ]
    .into_iter()
    .any(|value| !value.is_empty());
    view! {
        <details class="more" open=differs || only_scripted>
            <summary>
                <Glyph icon=Icon::Chevron /> "More"
                <span class="more-defaults">"model, permissions, priority, budget"</span>
            </summary>
            <div class="more-fields">
                <ModelField chosen=form.model only_scripted />
                <PriorityField chosen=form.priority />
                <PermissionField chosen=form.permission_mode.parse().unwrap_or(permission_mode) />
                <AnswerField chosen=form.answer_after_minutes />
                <TextField name="budget_usd" label="Budget in dollars" hint="The task stops before a turn that would cost more. Left empty, it has none." value=form.budget_usd />
                <label class="check-field">
                    <input type="checkbox" class="checkbox checkbox-sm" name="form[auto_approve]" value="on" checked=auto_approve />
                    <span>"Approve every gate by itself" <small>"Phases follow one another without you. Only failed checks wait for you, up to a week."</small></span>
                </label>
            </div>
        </details>
    }
    .into_any()
}

/// What is to be changed. Shown while the card of a change is chosen, which the style sheet sees to:
/// so it works without script.
#[component]
pub fn RepositoryField(repository: String, sample: Option<String>) -> impl IntoView {
    let hint = if sample.is_some() {
        "The demo's scripted model knows how to change this sample. The result is a branch that you fetch."
    } else {
        "An https address, or a path on the server. It is copied: the result is a branch that you fetch."
    };
    let value = if repository.is_empty() {
        sample.unwrap_or_default()
    } else {
        repository
    };
    view! {
        <div class="repository-field">
            <TextField name="repository" label="Repository" hint value />
        </div>
    }
    .into_any()
}

#[component]
fn TextField(
    name: &'static str,
    label: &'static str,
    hint: &'static str,
    value: String,
) -> impl IntoView {
    let wrong = invalid(name);
    let value = StoredValue::new(value);
    view! {
        <Field name label hint>
            <input
                id=name
                name=format!("form[{name}]")
                class="input"
                type="text"
                value=value.get_value()
                aria-describedby=format!("{name}-hint {name}-fault")
                aria-invalid=wrong
            />
        </Field>
    }
    .into_any()
}

#[component]
fn ModelField(chosen: String, only_scripted: bool) -> impl IntoView {
    let models = [
        ("", "The server's default"),
        ("opus", "Opus: the most capable"),
        ("sonnet", "Sonnet: capable and faster"),
        ("haiku", "Haiku: the fastest"),
        (
            SCRIPTED_MODEL,
            "Scripted demo model: prepared answers, costs nothing",
        ),
    ];
    let chosen = if only_scripted {
        SCRIPTED_MODEL.to_owned()
    } else {
        chosen
    };
    let chosen = StoredValue::new(chosen);
    let option = move |(value, label): (&'static str, &'static str)| {
        let is_chosen = chosen.with_value(|chosen| chosen == value);
        view! { <option value=value selected=is_chosen disabled=only_scripted && value != SCRIPTED_MODEL>{label}</option> }
    };
    view! {
        <Field name="model" label="Model">
            <select id="model" name="form[model]" class="select">{list(models.map(option))}</select>
        </Field>
    }
    .into_any()
}

#[component]
fn PriorityField(chosen: String) -> impl IntoView {
    let chosen: Priority = chosen.parse().unwrap_or_default();
    let options = [
        (Priority::Critical, "Critical"),
        (Priority::High, "High"),
        (Priority::Normal, "Normal"),
        (Priority::Low, "Low"),
    ];
    let option = move |(priority, label): (Priority, &'static str)| view! { <option value=priority.to_string() selected=priority == chosen>{label}</option> };
    view! {
        <Field name="priority" label="Priority">
            <select id="priority" name="form[priority]" class="select">{list(options.map(option))}</select>
        </Field>
    }
    .into_any()
}

#[component]
fn AnswerField(chosen: String) -> impl IntoView {
    let options = [
        ("", "The task waits"),
        (
            "60",
            "After an hour, take the answer that the agent proposes",
        ),
        (
            "480",
            "After 8 hours, take the answer that the agent proposes",
        ),
        (
            "1440",
            "After a day, take the answer that the agent proposes",
        ),
        (
            "4320",
            "After 3 days, take the answer that the agent proposes",
        ),
    ];
    let selected: Vec<_> = options
        .into_iter()
        .map(|(minutes, label)| (minutes, label, minutes == chosen))
        .collect();
    let options = move || {
        let each = |(minutes, label, is_chosen): &(&'static str, &'static str, bool)| view! { <option value=*minutes selected=*is_chosen>{*label}</option> };
        list(selected.iter().map(each))
    };
    view! {
        <Field name="answer_after_minutes" label="When nobody answers a question">
            <select id="answer_after_minutes" name="form[answer_after_minutes]" class="select">{options()}</select>
        </Field>
    }
    .into_any()
}

/// What agents may do without asking.
#[component]
pub fn PermissionField(chosen: PermissionMode) -> impl IntoView {
    let choice = |mode: PermissionMode| {
        let (word, meaning) = meaning(mode);
        view! {
            <label class="choice">
                <input type="radio" class="radio radio-sm" name="form[permission_mode]" value=mode.to_string() checked=mode == chosen />
                <span>{word} <small>{meaning}</small></span>
            </label>
        }
    };
    view! {
        <fieldset class="field field-wide">
            <legend>"What the agent may do"</legend>
            {list(PermissionMode::ALL.map(choice))}
        </fieldset>
    }
    .into_any()
}
