//! What agents have used, and what it cost: by days, models, tasks and phases.

use leptos::prelude::*;

use crate::api::{UsageFigures, UsagePage as Loaded, UsageRow};
use crate::components::faults::fault_panels;
use crate::components::page::{Crumb, Page};
use crate::domain::money::Usd;
use crate::fault::Fault;
use crate::number::{counted, short_count};
use crate::reactive::{list, part, suspend};
use crate::resource::resource;
use crate::wire::Json;

/// So many models have a colour of their own; the others share the last one.
const COLOURS: usize = 5;

/// The figures of the last thirty days.
#[server(prefix = "/sfn", endpoint = "usage", input = Json, output = Json)]
pub async fn load_usage() -> Result<Loaded, Fault> {
    crate::backend::backend()?.usage_page().await
}

/// Charts and tables of what was used.
#[component]
pub fn UsagePage() -> impl IntoView {
    let usage = resource(|| (), |()| load_usage());
    let shown = move || suspend(async move { usage.await.map(|usage| view! { <Usage usage /> }) });
    view! {
        <Page title="Usage" crumbs=vec![Crumb::here("Usage")]>
            <div class="page-head"><h1>"Usage"</h1><a class="btn" href="/usage/estimates">"How good estimates are"</a></div>
            <Transition fallback=|| view! { <div class="skeleton transcript-skeleton" aria-busy="true"></div> }>
                <ErrorBoundary fallback=fault_panels>{part(shown)}</ErrorBoundary>
            </Transition>
        </Page>
    }
}

#[component]
fn Usage(usage: Loaded) -> impl IntoView {
    if usage.days.items.is_empty() {
        return view! {
            <section class="panel"><p>"No agent has used anything in the last thirty days."</p></section>
        }
        .into_any();
    }
    let total = usage.days.total;
    let turns = usize::try_from(total.turns).unwrap_or(usize::MAX);
    view! {
        <p class="usage-total num">
            <strong>{total.cost_usd.to_short()}</strong>
            {format!(" in the last thirty days: {} tokens in {}", short_count(total.tokens.total()), counted(turns, "turn"))}
        </p>
        <Days rows=usage.days.items models=usage.models.items.clone() />
        <Models rows=usage.models.items />
        <Tasks rows=usage.phases.items />
    }
    .into_any()
}

/// Where a model stands in the order of cost, which is its colour.
fn colour(models: &[UsageRow], model: Option<&str>) -> usize {
    let place = models.iter().position(|row| row.model.as_deref() == model);
    place.unwrap_or(COLOURS).min(COLOURS - 1)
}

/// A share of the largest, in thousandths.
fn share(of: Usd, largest: Usd) -> i64 {
    let part = of.as_micros().saturating_mul(1_000);
    part.checked_div(largest.as_micros()).unwrap_or(0)
}

/// A bar of one or more parts, each with its colour and its length in thousandths.
fn bar(parts: &[(usize, i64)]) -> AnyView {
    let mut begins = 0;
    let parts = parts.iter().map(|(colour, length)| {
        let x = begins;
        begins += length;
        view! { <rect class=format!("usage-{colour}") x=x.to_string() y="0" width=length.to_string() height="12" /> }
    });
    let parts: Vec<_> = parts.collect();
    view! {
        <svg class="usage-bar" viewBox="0 0 1000 12" preserveAspectRatio="none" aria-hidden="true">{list(parts)}</svg>
    }
    .into_any()
}

fn figures(figures: &UsageFigures) -> AnyView {
    view! {
        <td class="num">{figures.cost_usd.to_short()}</td>
        <td class="num">{short_count(figures.tokens.total())}</td>
    }
    .into_any()
}

#[component]
fn Days(rows: Vec<UsageRow>, models: Vec<UsageRow>) -> impl IntoView {
    let days: Vec<&[UsageRow]> = rows.chunk_by(|left, right| left.day == right.day).collect();
    let cost = |rows: &[UsageRow]| rows.iter().map(|row| row.figures.cost_usd).sum::<Usd>();
    let largest = days
        .iter()
        .map(|rows| cost(rows))
        .max()
        .unwrap_or(Usd::ZERO);
    let lines = days.iter().rev().map(|rows| {
        let parts: Vec<_> = rows
            .iter()
            .map(|row| {
                let colour = colour(&models, row.model.as_deref());
                (colour, share(row.figures.cost_usd, largest))
            })
            .collect();
        let day = rows.first().and_then(|row| row.day.clone());
        let tokens = rows.iter().map(|row| row.figures.tokens.total()).sum();
        view! {
            <tr>
                <th scope="row" class="num">{day}</th>
                <td class="usage-chart">{bar(&parts)}</td>
                <td class="num">{cost(rows).to_short()}</td>
                <td class="num">{short_count(tokens)}</td>
            </tr>
        }
    });
    let lines: Vec<_> = lines.collect();
    view! {
        <section class="panel usage-panel">
            <h2>"Cost per day"</h2>
            <table class="usage-table">
                <thead><tr><th scope="col">"Day, UTC"</th><th scope="col">"By models"</th><th scope="col">"Cost"</th><th scope="col">"Tokens"</th></tr></thead>
                <tbody>{list(lines)}</tbody>
            </table>
        </section>
    }
    .into_any()
}

#[component]
fn Models(rows: Vec<UsageRow>) -> impl IntoView {
    let largest = rows.iter().map(|row| row.figures.cost_usd).max();
    let largest = largest.unwrap_or(Usd::ZERO);
    let lines = rows.iter().enumerate().map(|(place, row)| {
        let parts = [(place.min(COLOURS - 1), share(row.figures.cost_usd, largest))];
        view! {
            <tr>
                <th scope="row">{row.model.clone()}</th>
                <td class="usage-chart">{bar(&parts)}</td>
                {figures(&row.figures)}
            </tr>
        }
    });
    let lines: Vec<_> = lines.collect();
    view! {
        <section class="panel usage-panel">
            <h2>"Cost per model"</h2>
            <table class="usage-table">
                <thead><tr><th scope="col">"Model"</th><th scope="col">"Share"</th><th scope="col">"Cost"</th><th scope="col">"Tokens"</th></tr></thead>
                <tbody>{list(lines)}</tbody>
            </table>
        </section>
    }
    .into_any()
}

/// The phases of tasks, the dearest task first.
#[component]
fn Tasks(rows: Vec<UsageRow>) -> impl IntoView {
    let cost = |rows: &[UsageRow]| rows.iter().map(|row| row.figures.cost_usd).sum::<Usd>();
    let mut tasks: Vec<&[UsageRow]> = rows
        .chunk_by(|left, right| left.task_id == right.task_id)
        .collect();
    tasks.sort_by_key(|rows| std::cmp::Reverse(cost(rows)));
    let largest = tasks.first().map_or(Usd::ZERO, |rows| cost(rows));
    let lines = tasks.iter().flat_map(|rows| {
        let first = rows.first();
        let href = first.and_then(|row| row.task_id);
        let href = href.map(|task| format!("/tasks/{task}"));
        let title = first.and_then(|row| row.title.clone());
        let tokens = rows.iter().map(|row| row.figures.tokens.total()).sum();
        let head = view! {
            <tr>
                <th scope="row"><a class="link" href=href>{title}</a></th>
                <td class="usage-chart">{bar(&[(0, share(cost(rows), largest))])}</td>
                <td class="num">{cost(rows).to_short()}</td>
                <td class="num">{short_count(tokens)}</td>
            </tr>
        }
        .into_any();
        // A conversation has no phases to tell apart.
        let phases = rows.iter().filter(|row| row.phase.is_some()).map(|row| {
            let name = row.phase.map(|phase| format!("Phase {phase}"));
            view! {
                <tr class="usage-part">
                    <th scope="row">{name}</th>
                    <td class="usage-chart">{bar(&[(1, share(row.figures.cost_usd, largest))])}</td>
                    {figures(&row.figures)}
                </tr>
            }
            .into_any()
        });
        std::iter::once(head).chain(phases).collect::<Vec<_>>()
    });
    let lines: Vec<_> = lines.collect();
    view! {
        <section class="panel usage-panel">
            <h2>"Cost per task and phase"</h2>
            <table class="usage-table">
                <thead><tr><th scope="col">"Task"</th><th scope="col">"Share"</th><th scope="col">"Cost"</th><th scope="col">"Tokens"</th></tr></thead>
                <tbody>{list(lines)}</tbody>
            </table>
        </section>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_model(name: &str) -> UsageRow {
        UsageRow {
            model: Some(name.to_owned()),
            ..UsageRow::default()
        }
    }

    #[test]
    fn a_bar_is_as_long_as_its_share_of_the_largest() {
        let usd = Usd::from_micros;
        assert_eq!(share(usd(500), usd(1_000)), 500);
        assert_eq!(share(usd(1_000), usd(1_000)), 1_000);
        assert_eq!(share(usd(5), Usd::ZERO), 0);
    }

    #[test]
    fn models_have_colours_by_their_cost_and_the_rest_shares_the_last() {
        let models: Vec<_> = ["a", "b", "c", "d", "e", "f"].map(of_model).into();
        assert_eq!(colour(&models, Some("b")), 1);
        assert_eq!(colour(&models, Some("f")), COLOURS - 1);
        assert_eq!(colour(&models, Some("unknown")), COLOURS - 1);
    }
}
