//! What was used, added up.

use app::api::{UsageBy, UsageQuery, UsageReport};
use app::domain::id::SessionId;
use app::domain::task::{RunCommand, RunEnd, Task, TaskCommand, TurnPurpose};
use chrono::{TimeDelta, Utc};
use server::store::{Store, UsageFilter};
use uuid::Uuid;

use crate::support::database::on_both_databases;
use crate::support::task::{Hand, act, create_queued, usage};

async fn report(store: &Store, query: UsageQuery) -> UsageReport {
    let filter = UsageFilter::parse(&query).unwrap();
    store.usage(&filter).await.unwrap()
}

fn by(by: UsageBy) -> UsageQuery {
    UsageQuery {
        by,
        ..UsageQuery::default()
    }
}

/// Gives the task back as a server does that is shut down.
async fn interrupted(hand: &Hand<'_>) -> Task {
    let end = RunEnd::Shutdown;
    let retry_at = Utc::now();
    hand.run(RunCommand::End { end, retry_at }).await
}

on_both_databases! {
    async fn a_session_that_goes_on_in_another_run_is_added_up_once(database) {
        let store = &database.store;
        create_queued(store, "One").await;
        let hand = Hand::take(store).await;
        hand.run(RunCommand::StartPhase { session: SessionId::from_uuid(Uuid::now_v7()), base: "0".repeat(40) }).await;
        hand.turn(TurnPurpose::Opening { phase: 1 }).await;
        let session = interrupted(&hand).await.phase(1).unwrap().session;
        let task = Hand::take(store).await.work().await;
        assert_eq!(task.phase(1).unwrap().session, session, "the same session goes on");
        let turns = task.tokens.total() / usage().tokens.total();
        assert!(turns > 1);

        let phases = report(store, UsageQuery { task: Some(task.id), ..by(UsageBy::PhaseModel) }).await;
        assert_eq!(phases.items.len(), 1, "one phase, one model");
        assert_eq!(phases.items[0].figures, phases.total);
        assert_eq!((phases.total.cost_usd, phases.total.turns), (task.cost, turns));
        assert_eq!(task.phase(1).unwrap().cost, task.cost);
        store.rebuild().await.unwrap();
        assert_eq!(report(store, by(UsageBy::PhaseModel)).await.total, phases.total);
    }

    async fn figures_add_up_to_the_tasks_own(database) {
        let store = &database.store;
        let mut tasks = Vec::new();
        for title in ["One", "Two"] {
            create_queued(store, title).await;
            let task = Hand::take(store).await.work().await;
            tasks.push(task);
        }
        let review = tasks[0].open_review().unwrap().id;
        act(store, tasks[0].id, TaskCommand::Approve { review, comment: None }, None).await.unwrap();
        tasks[0] = Hand::take(store).await.work().await;
        let cost = tasks[0].cost + tasks[1].cost;
        let tokens = tasks[0].tokens.total() + tasks[1].tokens.total();

        let days = report(store, by(UsageBy::Day)).await;
        assert_eq!((days.total.cost_usd, days.total.tokens.total()), (cost, tokens));
        assert_eq!(days.items.len(), 1);
        assert_eq!(days.items[0].figures, days.total);
        let today = Utc::now().date_naive();
        assert_eq!(days.items[0].day, Some(today.to_string()));

        let of_tasks = report(store, by(UsageBy::Task)).await;
        assert_eq!(of_tasks.total, days.total);
        let told = |index: usize| (of_tasks.items[index].task_id, of_tasks.items[index].title.clone());
        assert_eq!(told(0), (Some(tasks[0].id), Some("One".to_owned())), "the dearest first");
        assert_eq!(of_tasks.items[0].figures.cost_usd, tasks[0].cost);

        let phases = report(store, UsageQuery { task: Some(tasks[0].id), ..by(UsageBy::Phase) }).await;
        let known = tasks[0].phases.iter();
        let known: Vec<_> = known.map(|phase| (Some(phase.number), phase.cost)).collect();
        let told: Vec<_> = phases.items.iter().map(|row| (row.phase, row.figures.cost_usd)).collect();
        assert_eq!(told, known);

        let both = report(store, UsageQuery { task: Some(tasks[0].id), ..by(UsageBy::PhaseModel) }).await;
        let told: Vec<_> = both.items.iter().map(|row| (row.phase, row.figures.cost_usd)).collect();
        assert_eq!(told, known, "one model in each phase");
        assert!(both.items.iter().all(|row| row.model.is_some()));

        let models = report(store, by(UsageBy::DayModel)).await;
        assert_eq!(models.items.len(), 1);
        assert_eq!(models.items[0].model.as_deref(), Some("claude\u{fffd}test"));
        let other = UsageQuery { model: Some("another".to_owned()), ..by(UsageBy::Model) };
        assert_eq!(report(store, other).await, UsageReport::default());

        let yesterday = Some((today - TimeDelta::days(1)).to_string());
        let before = UsageQuery { to: yesterday, ..by(UsageBy::Day) };
        assert_eq!(report(store, before).await, UsageReport::default());
        let since = UsageQuery { from: Some(today.to_string()), ..by(UsageBy::Day) };
        assert_eq!(report(store, since).await.total, days.total);
        let spent = store.spent_since(Utc::now() - TimeDelta::hours(1)).await.unwrap();
        assert_eq!((spent.usd, spent.tokens), (cost, tokens));
        assert_eq!(days.total.turns * usage().tokens.total(), tokens);
    }
}

#[test]
fn what_is_no_day_is_refused_by_its_name() {
    for (from, to, field) in [
        (Some("soon"), None, "from"),
        (None, Some("2026-02-30"), "to"),
    ] {
        let query = UsageQuery {
            from: from.map(str::to_owned),
            to: to.map(str::to_owned),
            ..UsageQuery::default()
        };
        assert_eq!(UsageFilter::parse(&query).unwrap_err().field, field);
    }
}
