//! What was used, added up.

use app::api::{UsageBy, UsageQuery, UsageReport};
use app::domain::task::TaskCommand;
use chrono::{TimeDelta, Utc};
use server::store::{Store, UsageFilter};

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

on_both_databases! {
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
