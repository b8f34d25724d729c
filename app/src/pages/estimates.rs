//! How good the estimates of phases were.

use leptos::prelude::*;

use super::list_row::type_name;
use crate::api::{Calibration, EstimateReport, JudgedEstimate, KindCalibration};
use crate::components::clock::Time;
use crate::components::estimate::{cost_range, time_range, took};
use crate::components::faults::fault_panels;
use crate::components::icon::{Glyph, Icon};
use crate::components::page::{Crumb, Page};
use crate::fault::Fault;
use crate::number::counted;
use crate::reactive::{list, part, suspend};
use crate::resource::resource;
use crate::wire::Json;

/// How good estimates were.
#[server(prefix = "/sfn", endpoint = "estimates", input = Json, output = Json)]
pub async fn load_estimates() -> Result<EstimateReport, Fault> {
    crate::backend::backend()?.estimate_report().await
}

/// Estimates beside what became of them.
#[component]
pub fn EstimatesPage() -> impl IntoView {
    let report = resource(|| (), |()| load_estimates());
    let shown =
        move || suspend(async move { report.await.map(|report| view! { <Report report /> }) });
    view! {
        <Page title="Estimates" crumbs=vec![Crumb::link("Usage", "/usage"), Crumb::here("Estimates")]>
            <div class="page-head"><h1>"Estimates"</h1></div>
            <p class="estimate-note">"Before a task starts, each of its phases is estimated from finished phases of the same kind: the same phase of the same type of task, and with the same model once there are enough of those. Here is what became of the estimates."</p>
            <Transition fallback=|| view! { <div class="skeleton transcript-skeleton" aria-busy="true"></div> }>
                <ErrorBoundary fallback=fault_panels>{part(shown)}</ErrorBoundary>
            </Transition>
        </Page>
    }
}

#[component]
fn Report(report: EstimateReport) -> impl IntoView {
    let is_empty = report.latest.is_empty() && report.total.estimated == 0;
    let missing = is_empty.then(|| missing(&report));
    let total = (!is_empty).then(|| summary(&report.total));
    let latest = (!report.latest.is_empty()).then(|| view! { <Latest latest=report.latest /> });
    let fewest = u64::from(report.fewest);
    let kinds = (!report.kinds.is_empty()).then(|| view! { <Kinds kinds=report.kinds fewest /> });
    view! { {missing} {total} {kinds} {latest} }.into_any()
}

/// What there has to be before estimates can be judged.
fn missing(report: &EstimateReport) -> AnyView {
    let needed = counted(
        usize::try_from(report.fewest).unwrap_or(0),
        "finished phase",
    );
    let so_far = if report.total.finished == 0 {
        "No phase was finished yet.".to_owned()
    } else {
        "No phase was finished yet that there was an estimate of.".to_owned()
    };
    view! {
        <section class="panel usage-panel">
            <p>{so_far} {format!(" An estimate takes {needed} of the same kind; the phases of the task that starts next are then estimated, and show here when they are finished.")}</p>
        </section>
    }
    .into_any()
}

fn summary(total: &Calibration) -> AnyView {
    let estimated = usize::try_from(total.estimated).unwrap_or(usize::MAX);
    view! {
        <p class="usage-total num">
            <strong>{of_estimated(total.cost_inside, total)}</strong>
            {format!(" of {} cost what was expected, ", counted(estimated, "estimated phase"))}
            <strong>{of_estimated(total.active_inside, total)}</strong>
            " took the time that was expected. "
            {total.expected_percent.map(|percent| format!("Estimates that are right promise {percent} %."))}
        </p>
    }
    .into_any()
}

/// `12 (80 %)`.
fn of_estimated(inside: u64, figures: &Calibration) -> String {
    match (inside * 100).checked_div(figures.estimated) {
        Some(percent) => format!("{inside} ({percent} %)"),
        None => "–".to_owned(),
    }
}

#[component]
fn Kinds(kinds: Vec<KindCalibration>, fewest: u64) -> impl IntoView {
    let lines = kinds.into_iter().map(|kind| {
        let figures = kind.figures;
        let finished = if figures.finished < fewest {
            format!("{} of {fewest}", figures.finished)
        } else {
            figures.finished.to_string()
        };
        let promised = figures.expected_percent;
        view! {
            <tr>
                <th scope="row">{kind.phase_name} " " <small>{type_name(kind.task_type)}</small></th>
                <td class="num">{finished}</td>
                <td class="num">{figures.estimated}</td>
                <td class="num">{of_estimated(figures.cost_inside, &figures)}</td>
                <td class="num">{of_estimated(figures.active_inside, &figures)}</td>
                <td class="num">{promised.map_or_else(|| "–".to_owned(), |percent| format!("{percent} %"))}</td>
            </tr>
        }
    });
    let lines: Vec<_> = lines.collect();
    view! {
        <section class="panel usage-panel" tabindex="0" aria-label="By kind">
            <h2>"By kind"</h2>
            <table class="usage-table estimate-table">
                <thead><tr><th scope="col">"Phase"</th><th scope="col">"Finished"</th><th scope="col">"Estimated"</th><th scope="col">"Cost inside"</th><th scope="col">"Time inside"</th><th scope="col">"Promised"</th></tr></thead>
                <tbody>{list(lines)}</tbody>
            </table>
        </section>
    }
    .into_any()
}

#[component]
fn Latest(latest: Vec<JudgedEstimate>) -> impl IntoView {
    let lines: Vec<_> = latest.into_iter().map(judged).collect();
    view! {
        <section class="panel usage-panel" tabindex="0" aria-label="The latest">
            <h2>"The latest"</h2>
            <table class="usage-table estimate-table">
                <thead><tr><th scope="col">"Phase"</th><th scope="col">"Expected cost"</th><th scope="col">"Cost"</th><th scope="col">"Expected time"</th><th scope="col">"Time"</th><th scope="col">"Finished"</th></tr></thead>
                <tbody>{list(lines)}</tbody>
            </table>
        </section>
    }
    .into_any()
}

fn judged(known: JudgedEstimate) -> AnyView {
    let href = format!("/tasks/{}", known.task_id);
    let expected = known.estimate.expected;
    let (cost, time) = expected.map_or_else(Default::default, |expected| {
        (
            cost_range(&expected.cost_usd),
            time_range(&expected.active_ms),
        )
    });
    view! {
        <tr>
            <th scope="row">{known.phase_name} " " <a class="link" href=href>{known.title}</a></th>
            <td class="num">{cost}</td>
            <td class="num">{verdict(known.cost_inside)} {known.cost_usd.to_short()}</td>
            <td class="num">{time}</td>
            <td class="num">{verdict(known.active_inside)} {took(known.active_ms)}</td>
            <td><Time at=known.finished_at /></td>
        </tr>
    }
    .into_any()
}

/// Whether reality fell inside, as a mark and as a word.
fn verdict(is_inside: bool) -> AnyView {
    let (icon, tone, word) = if is_inside {
        (Icon::Check, "completed", "inside: ")
    } else {
        (Icon::Cross, "failed", "outside: ")
    };
    view! {
        <span class="estimate-verdict" data-tone=tone><Glyph icon /></span>
        <span class="visually-hidden">{word}</span>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_told_of_what_was_estimated_only() {
        let figures = Calibration {
            finished: 9,
            estimated: 3,
            ..Calibration::default()
        };
        assert_eq!(of_estimated(2, &figures), "2 (66 %)");
        assert_eq!(of_estimated(0, &Calibration::default()), "–");
    }
}
