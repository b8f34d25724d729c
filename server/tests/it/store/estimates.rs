//! Phases that were finished, and what is learned from them.

use app::domain::estimate::{EstimatedPhase, PhaseEstimate, Sample};
use app::domain::money::Usd;
use app::domain::plan::TaskType;
use app::domain::task::{NewTask, RunCommand, Task, TaskCommand};
use server::store::{FinishedPhase, Store};

use crate::support::database::on_both_databases;
use crate::support::task::{Hand, act, create, new_task, two_phases, usage};

async fn queued(store: &Store, title: &str, model: Option<&str>) -> Task {
    let new = NewTask {
        start: true,
        model: model.map(|model| model.parse().unwrap()),
        ..new_task(title, two_phases())
    };
    create(store, new).await
}

async fn approved(store: &Store, task: &Task) {
    let review = task.open_review().unwrap().id;
    let comment = None;
    let approve = TaskCommand::Approve { review, comment };
    act(store, task.id, approve, None).await.unwrap();
}

/// Both phases, from the first turn to the end.
async fn finish(store: &Store, title: &str, model: Option<&str>) -> Task {
    queued(store, title, model).await;
    let task = Hand::take(store).await.work().await;
    approved(store, &task).await;
    Hand::take(store).await.work().await
}

/// An estimate of both phases, learned from three that cost as much and took no time.
fn estimate(cost: [i64; 2]) -> RunCommand {
    let learned = |cost| {
        let cost = Usd::from_micros(cost);
        let sample = Sample { cost, active_ms: 0 };
        PhaseEstimate::learned(&[sample; 3], &[])
    };
    let [first, second] = cost.map(learned);
    let of = |phase, estimate| EstimatedPhase { phase, estimate };
    RunCommand::Estimate {
        phases: vec![of(1, first), of(2, second)],
    }
}

fn models(finished: &[FinishedPhase], phase: &str) -> Vec<String> {
    let of_phase = finished.iter().filter(|known| known.phase_id == phase);
    of_phase.map(|known| known.model.clone()).collect()
}

on_both_databases! {
    async fn finished_phases_are_kept_by_their_kind_and_the_scripted_model_apart(database) {
        let store = &database.store;
        let first = finish(store, "One", None).await;
        finish(store, "Two", Some("opus")).await;
        finish(store, "Demo", Some("scripted-demo")).await;
        // At its gate it is not finished.
        queued(store, "Open", None).await;
        Hand::take(store).await.work().await;

        let real = store.finished_phases(TaskType::CreateApp, false).await.unwrap();
        assert_eq!(models(&real, "planning"), ["opus", ""], "the newest first");
        assert_eq!(models(&real, "testing"), ["opus", ""]);
        let demo = store.finished_phases(TaskType::CreateApp, true).await.unwrap();
        assert_eq!(models(&demo, "planning"), ["scripted-demo"]);
        assert_eq!(store.finished_phases(TaskType::Workflow, false).await.unwrap(), []);
        let spent: Vec<_> = first.phases.iter().rev().map(|phase| phase.cost).collect();
        let kept: Vec<_> = real.iter().skip(2).map(|phase| phase.sample.cost).collect();
        assert_eq!(kept, spent);
        assert!(kept.iter().all(|cost| *cost >= usage().cost));
    }

    async fn estimates_are_compared_with_what_became_of_them(database) {
        let store = &database.store;
        let empty = store.estimate_report().await.unwrap();
        assert_eq!((empty.fewest, empty.total.finished, empty.kinds.len()), (3, 0, 0));
        let known = finish(store, "Before", None).await;
        let cost = |number| known.phase(number).unwrap().cost.as_micros();

        queued(store, "Estimated", None).await;
        let hand = Hand::take(store).await;
        hand.run(estimate([cost(1), cost(2) + 1])).await;
        let task = hand.work().await;
        approved(store, &task).await;
        let task = Hand::take(store).await.work().await;

        let report = store.estimate_report().await.unwrap();
        let total = report.total;
        assert_eq!((total.finished, total.estimated, total.cost_inside), (4, 2, 1));
        assert_eq!(total.expected_percent, Some(50));
        let kinds: Vec<_> = report.kinds.iter().map(|kind| {
            let figures = kind.figures;
            (kind.phase_id.as_str(), figures.finished, figures.estimated, figures.cost_inside)
        }).collect();
        assert_eq!(kinds, [("planning", 2, 1, 1), ("testing", 2, 1, 0)]);
        let latest: Vec<_> = report.latest.iter().map(|known| (known.phase, known.cost_inside)).collect();
        assert_eq!(latest, [(2, false), (1, true)]);
        assert_eq!(report.latest[0].title, "Estimated");
        assert_eq!(Some(report.latest[0].estimate), task.phase(2).unwrap().estimate);
        assert_eq!(report.latest[0].active_ms, task.phase(2).unwrap().active_ms);

        // A task that was put away is not listed, and still counts.
        act(store, task.id, TaskCommand::Archive, None).await.unwrap();
        let after = store.estimate_report().await.unwrap();
        assert_eq!((after.total, after.latest.len()), (total, 0));
    }
}
