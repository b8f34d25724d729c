//! The form of a schedule: when, and which task.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::new_task::{FieldFaults, focus_first_fault};
use super::new_task_fields::{
    DescriptionField, Field, MoreFields, RepositoryField, TypeCards, invalid,
};
use super::new_task_form::TaskForm;
use super::schedules::day_name;
#[cfg(feature = "ssr")]
use crate::api::{CreateTask, NewSchedule};
use crate::api::{ScheduleView, WorkflowView};
use crate::components::faults::form_fault;
use crate::components::form::{PostForm, Posting};
use crate::components::icon::{Glyph, Icon};
use crate::domain::permission::PermissionMode;
use crate::domain::schedule::{CatchUp, Rhythm, Weekday};
#[cfg(feature = "ssr")]
use crate::domain::text::{TextError, Title};
use crate::fault::{Fault, FieldFault};
use crate::reactive::{effect, list, part};
use crate::wire::Json;

/// When, as it was typed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TimesForm {
    pub name: String,
    pub every: String,
    pub minute: String,
    pub at: String,
    pub on: Vec<Weekday>,
    pub day: String,
    pub expression: String,
    pub time_zone: String,
    pub catch_up: String,
}

impl TimesForm {
    fn of(known: Option<&ScheduleView>) -> Self {
        let mut form = Self {
            every: "day".to_owned(),
            minute: "0".to_owned(),
            at: "09:00".to_owned(),
            day: "1".to_owned(),
            time_zone: "UTC".to_owned(),
            ..Self::default()
        };
        let Some(known) = known else { return form };
        form.name = known.name.clone().into();
        form.time_zone.clone_from(&known.time_zone);
        form.catch_up = known.catch_up.to_string();
        form.expression.clone_from(&known.cron);
        let every = match &known.rhythm {
            Rhythm::Hour { minute } => {
                form.minute = minute.to_string();
                "hour"
            }
            Rhythm::Day { at } => {
                form.at = at.to_string();
                "day"
            }
            Rhythm::Week { on, at } => {
                (form.at, form.on) = (at.to_string(), on.clone());
                "week"
            }
            Rhythm::Month { day, at } => {
                (form.at, form.day) = (at.to_string(), day.to_string());
                "month"
            }
            Rhythm::Cron { .. } => "cron",
        };
        every.clone_into(&mut form.every);
        form
    }

    #[cfg(feature = "ssr")]
    fn rhythm(&self) -> Result<Rhythm, Fault> {
        let wrong = |message: &str| Fault::field("rhythm", message);
        let at = || {
            let at = self.at.trim().parse();
            at.map_err(|error: crate::domain::schedule::NoTimeOfDay| wrong(&error.to_string()))
        };
        let number = |text: &str, what: &str| {
            let number = text.trim().parse::<u8>();
            number.map_err(|_| wrong(&format!("needs {what}")))
        };
        Ok(match self.every.as_str() {
            "hour" => Rhythm::Hour {
                minute: number(&self.minute, "a minute from 0 to 59")?,
            },
            "day" => Rhythm::Day { at: at()? },
            "week" => Rhythm::Week {
                on: self.on.clone(),
                at: at()?,
            },
            "month" => Rhythm::Month {
                day: number(&self.day, "a day from 1 to 31")?,
                at: at()?,
            },
            "cron" => Rhythm::Cron {
                expression: self.expression.trim().to_owned(),
            },
            _ => return Err(wrong("must be hour, day, week, month or cron")),
        })
    }
}

/// Adds a schedule, or changes one; then shows all.
#[server(prefix = "/sfn", endpoint = "schedules/save", output = Json)]
pub async fn save_schedule(
    #[server(default)] id: String,
    times: TimesForm,
    form: TaskForm,
) -> Result<ScheduleView, Fault> {
    let backend = crate::backend::backend()?;
    let id = match id.as_str() {
        "" => None,
        id => Some(
            id.parse()
                .map_err(|_| Fault::field("id", "is not that of a schedule"))?,
        ),
    };
    let all = backend.schedules().await?;
    let known = all.into_iter().find(|known| Some(known.id) == id);
    let rhythm = times.rhythm()?;
    let name = times.name.parse::<Title>();
    let name = name.map_err(|error: TextError| Fault::field("name", error.to_string()))?;
    let mut task = form.parse()?;
    if let Some(known) = &known {
        // What the form does not show stays as it is.
        task = CreateTask {
            depends_on: known.task.depends_on.clone(),
            budget_tokens: known.task.budget_tokens,
            auto_resume: known.task.auto_resume,
            ..task
        };
    }
    let new = NewSchedule {
        name,
        rhythm,
        time_zone: times.time_zone.trim().to_owned(),
        catch_up: times.catch_up.parse().unwrap_or_default(),
        paused: known.is_some_and(|known| known.paused),
        task,
    };
    let saved = match id {
        Some(id) => backend.change_schedule(id, new).await?,
        None => backend.add_schedule(new).await?,
    };
    crate::request::redirect("/schedules");
    Ok(saved)
}

/// What a schedule's task is, as the form of a new one has it.
fn task_form(known: Option<&ScheduleView>) -> TaskForm {
    let Some(task) = known.map(|known| known.task.clone()) else {
        return TaskForm::default();
    };
    let text = |value: Option<String>| value.unwrap_or_default();
    TaskForm {
        title: task.title.into(),
        task_type: task.task_type,
        description: task.description.into(),
        priority: task.priority.to_string(),
        repository: text(task.repository),
        model: text(task.model.map(String::from)),
        permission_mode: text(task.permission_mode.map(|mode| mode.to_string())),
        auto_approve: if task.auto_approve == Some(true) {
            "on"
        } else {
            ""
        }
        .to_owned(),
        answer_after_minutes: match task.answer_after_minutes {
            0 => String::new(),
            minutes => minutes.to_string(),
        },
        budget_usd: text(task.budget_usd.map(|budget| budget.to_string())),
        start: String::new(),
    }
}

/// The form of one, or of a new one.
#[component]
pub fn ScheduleEditor(known: Option<ScheduleView>, workflows: Vec<WorkflowView>) -> impl IntoView {
    let save = Posting::<SaveSchedule>::new();
    let times = TimesForm::of(known.as_ref());
    let form = task_form(known.as_ref());
    let fields = Signal::derive(move || match save.fault() {
        Some(Fault::Invalid { fields, .. }) => fields.into_iter().map(of_the_form).collect(),
        _ => Vec::new(),
    });
    effect(move || {
        if !fields.with(Vec::is_empty) {
            request_animation_frame(focus_first_fault);
        }
    });
    provide_context(FieldFaults(fields));
    let summary = move || form_fault(save.fault());
    let id = known.map(|known| known.id.to_string());
    let mode = form
        .permission_mode
        .parse()
        .unwrap_or(PermissionMode::default());
    let auto_approve = !form.auto_approve.is_empty();
    view! {
        <PostForm action=save class="new-task schedule-form" novalidate=true>
            {part(summary)}
            <input type="hidden" name="id" value=id.unwrap_or_default() />
            <Times times />
            <TypeCards workflows chosen=form.task_type.clone() />
            <DescriptionField title=form.title.clone() description=form.description.clone() />
            <RepositoryField repository=form.repository.clone() sample=None />
            <MoreFields form only_scripted=false permission_mode=mode auto_approve />
            <div class="form-actions">
                <button class="btn btn-primary" disabled=save.pending()><Glyph icon=Icon::Check /> "Save"</button>
                <a class="btn" href="/schedules">"Cancel"</a>
            </div>
        </PostForm>
    }
    .into_any()
}

/// Parts of the task are fields of their own here.
fn of_the_form(fault: FieldFault) -> FieldFault {
    let field = fault.field.strip_prefix("task.").unwrap_or(&fault.field);
    FieldFault {
        field: field.to_owned(),
        ..fault
    }
}

/// When. The style sheet shows what belongs to the chosen rhythm: so it works without script.
#[component]
fn Times(times: TimesForm) -> impl IntoView {
    let rhythms = [
        ("hour", "Every hour"),
        ("day", "Every day"),
        ("week", "On days of the week"),
        ("month", "On a day of the month"),
        ("cron", "As a cron expression says"),
    ];
    let every = times.every.clone();
    let rhythms = rhythms.map(
        |(value, label)| view! { <option value=value selected=every == value>{label}</option> },
    );
    let missed = [
        (CatchUp::Latest, "One task for all of them"),
        (CatchUp::Skip, "None"),
        (CatchUp::All, "One for each, at most ten"),
    ];
    let catch_up: CatchUp = times.catch_up.parse().unwrap_or_default();
    let missed = missed.map(|(each, label)| view! { <option value=each.to_string() selected=each == catch_up>{label}</option> });
    let days = Weekday::ALL.map(|day| {
        let checked = times.on.contains(&day);
        view! {
            <label class="choice">
                <input type="checkbox" class="checkbox checkbox-sm" name="times[on][]" value=day.to_string() checked=checked />
                <span>{day_name(day)}</span>
            </label>
        }
    });
    let (wrong_name, wrong_rhythm, wrong_zone) =
        (invalid("name"), invalid("rhythm"), invalid("time_zone"));
    let fault = expect_context::<FieldFaults>().of("rhythm");
    view! {
        <Field name="name" label="Name">
            <input id="name" class="input" type="text" name="times[name]" value=times.name required maxlength="200" aria-describedby="name-fault" aria-invalid=wrong_name />
        </Field>
        <fieldset class="field schedule-times">
            <legend>"When"</legend>
            <label class="visually-hidden" for="every">"Rhythm"</label>
            <select id="every" class="select" name="times[every]" aria-describedby="rhythm-fault" aria-invalid=wrong_rhythm>{list(rhythms)}</select>
            <label class="for-hour">"Minute" <input class="input num" type="number" name="times[minute]" min="0" max="59" value=times.minute /></label>
            <label class="for-month">"Day" <input class="input num" type="number" name="times[day]" min="1" max="31" value=times.day /></label>
            <label class="for-time">"At" <input class="input num" type="time" name="times[at]" value=times.at /></label>
            <label class="for-cron">"Minute, hour, day, month, weekday" <input class="input num" type="text" name="times[expression]" maxlength="200" placeholder="0 9 * * 1-5" value=times.expression /></label>
            <div class="for-week">{list(days)}</div>
            <p class="for-month field-hint">"31 is the last day of any month. A month without the day is left out."</p>
            <p class="field-fault" id="rhythm-fault">{fault}</p>
        </fieldset>
        <Field name="time_zone" label="Time zone" hint="As in Europe/Berlin or America/New_York.">
            <input id="time_zone" class="input" type="text" name="times[time_zone]" value=times.time_zone aria-describedby="time_zone-hint time_zone-fault" aria-invalid=wrong_zone />
        </Field>
        <Field name="catch_up" label="Times at which the server was not there">
            <select id="catch_up" class="select" name="times[catch_up]">{list(missed)}</select>
        </Field>
    }
    .into_any()
}
