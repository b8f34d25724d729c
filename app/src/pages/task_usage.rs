//! What a task has used, by its phases and their models.

use leptos::prelude::*;

use super::task_state::TaskState;
use crate::api::{UsageReport, UsageRow};
use crate::components::faults::fault_panels;
use crate::domain::id::TaskId;
use crate::fault::Fault;
use crate::number::short_count;
use crate::reactive::{list, memo, part, suspend};
use crate::resource::resource;
use crate::wire::Json;

/// What a task has used, by its phases and their models.
#[server(prefix = "/sfn", endpoint = "tasks/usage", input = Json, output = Json)]
pub async fn load_task_usage(id: TaskId) -> Result<UsageReport, Fault> {
    crate::backend::backend()?.task_usage(id).await
}

/// A table that follows the task's cost.
#[component]
pub fn TaskUsage(state: TaskState) -> impl IntoView {
    let used = memo(move || state.task.with(|task| (task.cost_usd, task.tokens)));
    let id = state.id;
    let report = resource(move || used.get(), move |_| load_task_usage(id));
    let shown =
        move || suspend(async move { report.await.map(|report| view! { <Used state report /> }) });
    view! {
        <Transition fallback=|| view! { <div class="skeleton transcript-skeleton" aria-busy="true"></div> }>
            <ErrorBoundary fallback=fault_panels>{part(shown)}</ErrorBoundary>
        </Transition>
    }
    .into_any()
}

#[component]
fn Used(state: TaskState, report: UsageReport) -> impl IntoView {
    if report.items.is_empty() {
        return view! { <p>"The agent has used nothing yet."</p> }.into_any();
    }
    let name = |row: &UsageRow| {
        let number = row.phase?;
        state.phases.with_untracked(|phases| {
            let mut phases = phases.iter();
            let phase = phases.find(|phase| phase.number == number)?;
            Some(phase.name.clone())
        })
    };
    let line = |row: &UsageRow| {
        view! {
            <tr>
                <th scope="row">{name(row).unwrap_or_else(|| "Conversation".to_owned())}</th>
                <td>{row.model.clone()}</td>
                {figures(row)}
            </tr>
        }
    };
    let lines: Vec<_> = report.items.iter().map(line).collect();
    let total = UsageRow {
        figures: report.total,
        ..UsageRow::default()
    };
    view! {
        <section class="panel usage-panel" tabindex="0" aria-label="By phases and models">
            <table class="usage-table usage-figures">
                <thead><tr><th scope="col">"Phase"</th><th scope="col">"Model"</th><th scope="col">"Turns"</th><th scope="col">"Cost"</th><th scope="col">"Input"</th><th scope="col">"Cache read"</th><th scope="col">"Cache write"</th><th scope="col">"Output"</th></tr></thead>
                <tbody>{list(lines)}</tbody>
                <tfoot><tr><th scope="row">"In all"</th><td></td>{figures(&total)}</tr></tfoot>
            </table>
        </section>
    }
    .into_any()
}

fn figures(row: &UsageRow) -> AnyView {
    let tokens = row.figures.tokens;
    let counts = [
        tokens.input,
        tokens.cache_read,
        tokens.cache_write,
        tokens.output,
    ];
    let counts = counts.map(|count| view! { <td class="num">{short_count(count)}</td> });
    view! {
        <td class="num">{row.figures.turns}</td>
        <td class="num">{row.figures.cost_usd.to_short()}</td>
        {list(counts)}
    }
    .into_any()
}
