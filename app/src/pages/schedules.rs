//! Schedules: what makes tasks by itself, and when.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use leptos_router::params::ParamsMap;

use super::list::TableSkeleton;
use super::list_row::type_name;
use super::schedule_form::ScheduleEditor;
use crate::api::{ScheduleView, TaskView, WorkflowView};
use crate::components::clock::{Time, exact_time};
use crate::components::dialog::ConfirmDialog;
use crate::components::faults::fault_panels;
use crate::components::form::{PostForm, Posting};
use crate::components::icon::{Glyph, Icon};
use crate::components::page::{Crumb, Page};
use crate::components::toast::Toasts;
use crate::domain::id::ScheduleId;
use crate::domain::plan::TaskType;
use crate::domain::schedule::{CatchUp, Rhythm, Weekday};
use crate::fault::Fault;
use crate::live::{Follow, Live};
use crate::reactive::{effect, list, memo, part, suspend};
use crate::resource::resource;
use crate::wire::Json;

/// All of them, the oldest first, and the kinds of task that they can make.
#[server(prefix = "/sfn", endpoint = "schedules", input = Json, output = Json)]
pub async fn load_schedules() -> Result<(Vec<ScheduleView>, Vec<WorkflowView>), Fault> {
    let backend = crate::backend::backend()?;
    Ok((backend.schedules().await?, backend.workflows().await?))
}

/// Pauses a schedule, or lets it go on.
#[server(prefix = "/sfn", endpoint = "schedules/pause", output = Json)]
pub async fn pause_schedule(id: ScheduleId, paused: bool) -> Result<ScheduleView, Fault> {
    crate::backend::backend()?.pause_schedule(id, paused).await
}

/// Makes a task now, and shows it.
#[server(prefix = "/sfn", endpoint = "schedules/run", output = Json)]
pub async fn run_schedule(id: ScheduleId) -> Result<TaskView, Fault> {
    let task = crate::backend::backend()?.run_schedule(id).await?;
    crate::request::redirect(&format!("/tasks/{}", task.id));
    Ok(task)
}

/// Forgets a schedule.
#[server(prefix = "/sfn", endpoint = "schedules/delete", output = Json)]
pub async fn delete_schedule(id: ScheduleId) -> Result<(), Fault> {
    crate::backend::backend()?.remove_schedule(id).await?;
    crate::request::redirect("/schedules");
    Ok(())
}

/// What the address says. It outlives what is drawn again.
pub type Address = leptos::prelude::Memo<ParamsMap>;

/// The page of all schedules; `?edit=` has the form, for `new` or one of them.
#[component]
pub fn SchedulesPage() -> impl IntoView {
    let live = expect_context::<Live>();
    effect(move || live.follow(Follow::Tasks));
    let address = use_query_map();
    let edited = memo(move || address.with(|address| address.get("edit")));
    let deleted = memo(move || address.with(|address| address.get("delete")));
    // Whoever comes back from the form or the question sees what came of it.
    let loaded = resource(move || (edited.get(), deleted.get()), |_| load_schedules());
    // A task that a schedule has made is the sign that it was due. A form stays as it is typed.
    live.after_moves(move || {
        if edited.get_untracked().is_none() {
            loaded.refetch();
        }
    });
    let shown = move || {
        let edited = edited.get();
        suspend(async move {
            loaded.await.map(|(all, workflows)| match edited {
                Some(which) => {
                    let known = all.into_iter().find(|known| known.id.to_string() == which);
                    view! { <ScheduleEditor known workflows /> }.into_any()
                }
                None => {
                    view! { <Schedules all address reload=move || loaded.refetch() /> }.into_any()
                }
            })
        })
    };
    let add = move || {
        edited.get().is_none().then(|| {
            view! { <a class="btn btn-primary" href="/schedules?edit=new"><Glyph icon=Icon::Plus /> "New schedule"</a> }
        })
    };
    view! {
        <Page title="Schedules" crumbs=vec![Crumb::here("Schedules")]>
            <div class="page-head"><h1>"Schedules"</h1> {part(add)}</div>
            <Transition fallback=TableSkeleton>
                <ErrorBoundary fallback=fault_panels>{part(shown)}</ErrorBoundary>
            </Transition>
        </Page>
    }
    .into_any()
}

#[component]
fn Schedules(
    all: Vec<ScheduleView>,
    address: Address,
    reload: impl Fn() + Copy + Send + Sync + 'static,
) -> impl IntoView {
    let toasts = expect_context::<Toasts>();
    let pause = Posting::<PauseSchedule>::new();
    let run = Posting::<RunSchedule>::new();
    effect(move || match pause.answer() {
        Some(Ok(_)) => reload(),
        Some(Err(fault)) => toasts.failed(&fault),
        None => {}
    });
    effect(move || match run.answer() {
        Some(Ok(task)) => toasts.done(format!("“{}” is queued", task.title)),
        Some(Err(fault)) => toasts.failed(&fault),
        None => {}
    });
    if all.is_empty() {
        return view! {
            <section class="empty">
                <h2>"Nothing is made by itself yet"</h2>
                <p>"A schedule makes a task each hour, day, week or month, or as a cron expression says."</p>
                <p><a class="link" href="/schedules?edit=new">"New schedule"</a></p>
            </section>
        }
        .into_any();
    }
    let rows = all
        .iter()
        .map(|schedule| view! { <Row schedule=schedule.clone() pause run /> });
    let rows = list(rows);
    let known = StoredValue::new(all);
    let dialog = move || {
        let which = address.with(|address| address.get("delete"))?;
        let known = known.with_value(|known| {
            let mut known = known.iter();
            known.find(|known| known.id.to_string() == which).cloned()
        })?;
        Some(view! { <Delete known reload /> })
    };
    view! {
        <ul class="schedules">{rows}</ul>
        {part(dialog)}
    }
    .into_any()
}

#[component]
fn Row(
    schedule: ScheduleView,
    pause: Posting<PauseSchedule>,
    run: Posting<RunSchedule>,
) -> impl IntoView {
    let id = schedule.id;
    let name = String::from(schedule.name.clone());
    let kind = schedule.task.task_type.parse::<TaskType>();
    let kind = kind.map_or(schedule.task.task_type.clone(), |kind| {
        type_name(kind).to_owned()
    });
    let first = schedule.next.first().copied();
    let first = first.map(|at| view! { <span>"next " <Time at /></span> });
    let rest = schedule
        .next
        .iter()
        .map(|at| view! { <li class="num">{exact_time(*at)}</li> });
    let rest: Vec<_> = rest.collect();
    let has_times = !rest.is_empty();
    let last = schedule.last_task_id.map(|task| {
        view! { <span><a class="link" href=format!("/tasks/{task}")>"the last task"</a></span> }
    });
    let made_up = match schedule.catch_up {
        CatchUp::Skip => "missed times are left out",
        CatchUp::Latest => "one task for missed times",
        CatchUp::All => "a task for each missed time",
    };
    let (word, icon) = if schedule.paused {
        ("Resume", Icon::Play)
    } else {
        ("Pause", Icon::Pause)
    };
    let is_paused = schedule.paused;
    let [run_it, hold_it, edit_it, delete_it] =
        ["Run now:", word, "Edit", "Delete"].map(|what| format!("{what} “{name}”"));
    view! {
        <li class="schedule">
            <div class="schedule-said">
                <p class="schedule-name">
                    <a href=format!("/schedules?edit={id}") data-row>{name}</a>
                    {is_paused.then(|| view! { <span class="pill" data-tone="paused"><Glyph icon=Icon::Pause /> "Paused"</span> })}
                </p>
                <p class="schedule-when">
                    <span>{told(&schedule.rhythm)} ", " {schedule.time_zone}</span> {first} <span>{kind}</span> <span>{made_up}</span> {last}
                </p>
                {schedule.problem.map(|problem| view! { <p class="schedule-problem"><Glyph icon=Icon::Alert /> {problem}</p> })}
                {has_times.then(|| view! {
                    <details class="schedule-next"><summary>"The next times"</summary><ol>{list(rest)}</ol></details>
                })}
            </div>
            <div class="schedule-actions">
                <PostForm action=run>
                    <input type="hidden" name="id" value=id.to_string() />
                    <button class="btn btn-sm" aria-label=run_it disabled=run.pending()><Glyph icon=Icon::Play /> "Run now"</button>
                </PostForm>
                <PostForm action=pause>
                    <input type="hidden" name="id" value=id.to_string() />
                    <button class="btn btn-sm" name="paused" value=(!is_paused).to_string() aria-label=hold_it disabled=pause.pending()><Glyph icon /> {word}</button>
                </PostForm>
                <a class="btn btn-sm" href=format!("/schedules?edit={id}") aria-label=edit_it><Glyph icon=Icon::Pencil /> "Edit"</a>
                <a class="btn btn-sm btn-ghost" href=format!("/schedules?delete={id}") aria-label=delete_it>"Delete…"</a>
            </div>
        </li>
    }
    .into_any()
}

#[component]
fn Delete(known: ScheduleView, reload: impl Fn() + Copy + Send + Sync + 'static) -> impl IntoView {
    let toasts = expect_context::<Toasts>();
    let delete = Posting::<DeleteSchedule>::new();
    effect(move || match delete.answer() {
        Some(Ok(())) => {
            toasts.done("The schedule is deleted");
            reload();
        }
        Some(Err(fault)) => toasts.failed(&fault),
        None => {}
    });
    view! {
        <ConfirmDialog title="Delete this schedule?">
            <p>"“" {String::from(known.name)} "” makes no more tasks. Those that it has made stay."</p>
            <PostForm action=delete>
                <input type="hidden" name="id" value=known.id.to_string() />
                <button class="btn btn-error" disabled=delete.pending()>"Delete the schedule"</button>
            </PostForm>
        </ConfirmDialog>
    }
    .into_any()
}

/// When it is due, as people say it.
fn told(rhythm: &Rhythm) -> String {
    match rhythm {
        Rhythm::Hour { minute } => format!("hourly at minute {minute}"),
        Rhythm::Day { at } => format!("daily at {at}"),
        Rhythm::Week { on, at } => {
            let days: Vec<_> = on.iter().map(|day| day_name(*day)).collect();
            format!("{} at {at}", days.join(", "))
        }
        Rhythm::Month { day: 31, at } => format!("on the last day of the month at {at}"),
        Rhythm::Month { day, at } => format!("on day {day} of the month at {at}"),
        Rhythm::Cron { expression } => format!("cron {expression}"),
    }
}

/// A day of the week.
pub const fn day_name(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "Monday",
        Weekday::Tuesday => "Tuesday",
        Weekday::Wednesday => "Wednesday",
        Weekday::Thursday => "Thursday",
        Weekday::Friday => "Friday",
        Weekday::Saturday => "Saturday",
        Weekday::Sunday => "Sunday",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rhythm_is_told_in_words() {
        let at = "09:05".parse().unwrap();
        let on = vec![Weekday::Monday, Weekday::Friday];
        assert_eq!(told(&Rhythm::Day { at }), "daily at 09:05");
        assert_eq!(told(&Rhythm::Week { on, at }), "Monday, Friday at 09:05");
        assert_eq!(
            told(&Rhythm::Month { day: 31, at }),
            "on the last day of the month at 09:05"
        );
    }
}
