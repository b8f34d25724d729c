//! Accounts that can't be used: who is held back, and for how long.

use std::time::Duration;

use app::api::SCRIPTED_MODEL;
use app::domain::id::TaskId;
use app::domain::task::{NewTask, RunCommand, TaskCommand, TaskEdit};
use chrono::{TimeDelta, Utc};
use server::limits::{Hit, Pacing};
use server::store::{Standing, Store};

use crate::support::database::on_both_databases;
use crate::support::task::{Hand, act, create, create_queued, limit_until, new_task, two_phases};

const LEASE: Duration = Duration::from_secs(30);

fn pacing() -> Pacing {
    Pacing {
        waits: vec![Duration::from_millis(600), Duration::from_mins(5)],
        stagger: Duration::from_millis(300),
        probe: Duration::from_mins(1),
    }
}

async fn claimed(store: &Store) -> Option<TaskId> {
    let claim = store.claim("test", LEASE).await.unwrap();
    let task = claim.map(|claim| claim.task)?;
    store.space_claims(task, &pacing()).await.unwrap();
    Some(task)
}

async fn queued(store: &Store, model: Option<&str>) -> TaskId {
    let new = NewTask {
        model: model.map(|model| model.parse().unwrap()),
        start: true,
        ..new_task("One", two_phases())
    };
    create(store, new).await.id
}

fn told(seconds: i64) -> Hit {
    Hit {
        reset: Some(Utc::now() + TimeDelta::seconds(seconds)),
        ..Hit::default()
    }
}

on_both_databases! {
    async fn a_task_that_meets_a_limit_holds_back_the_others(database) {
        let store = &database.store;
        let first = create_queued(store, "First").await.id;
        let hand = Hand::take(store).await;
        let second = create_queued(store, "Second").await.id;
        assert_eq!(store.account_standing(second).await.unwrap(), Standing::Open);
        let limit = store.hold_account(first, &told(60), &pacing()).await.unwrap();
        hand.run(RunCommand::Limit(limit.clone())).await;
        assert_eq!(claimed(store).await, None);
        assert_eq!(store.present_limit().await.unwrap(), Some(limit.clone()));
        // Another process knows it as well.
        let other = database.another().await;
        assert_eq!(claimed(&other).await, None);
        assert_eq!(other.account_standing(second).await.unwrap(), Standing::Held(limit));
        let due = store.next_due().await.unwrap().unwrap();
        assert!(due > Duration::from_secs(50), "{due:?}");
        // What has answered does not end a limit that holds.
        store.free_account(second).await.unwrap();
        assert_eq!(claimed(store).await, None);
        // A person may.
        store.try_account(second).await.unwrap();
        assert_eq!(store.present_limit().await.unwrap(), None);
        assert_eq!(claimed(store).await, Some(second));
    }

    async fn tasks_go_on_one_after_the_other_until_the_model_has_answered(database) {
        let store = &database.store;
        let mut tasks = Vec::new();
        for _ in 0..3 {
            tasks.push(queued(store, None).await);
        }
        let pacing = pacing();
        store.hold_account(tasks[0], &Hit::default(), &pacing).await.unwrap();
        assert_eq!(claimed(store).await, None);
        let due = store.next_due().await.unwrap().unwrap();
        assert!(due <= Duration::from_millis(600), "{due:?}");
        tokio::time::sleep(due + Duration::from_millis(20)).await;
        assert_eq!(claimed(store).await, Some(tasks[0]));
        // Nobody has told that it is over: one task tries alone.
        assert_eq!(claimed(store).await, None);
        assert_eq!(store.account_standing(tasks[0]).await.unwrap(), Standing::Tried);
        store.free_account(tasks[0]).await.unwrap();
        assert_eq!(claimed(store).await, Some(tasks[1]));
        assert_eq!(claimed(store).await, Some(tasks[2]));
    }

    async fn after_an_end_that_was_told_tasks_follow_each_other_at_a_distance(database) {
        let store = &database.store;
        let first = queued(store, None).await;
        let second = queued(store, None).await;
        store.hold_account(first, &told(60), &pacing()).await.unwrap();
        database
            .execute("UPDATE account_limits SET until_ms = until_ms - 61000, next_ms = next_ms - 61000")
            .await;
        assert_eq!(claimed(store).await, Some(first));
        assert_eq!(claimed(store).await, None);
        tokio::time::sleep(pacing().stagger + Duration::from_millis(50)).await;
        assert_eq!(claimed(store).await, Some(second));
    }

    async fn the_model_of_the_demo_has_a_limit_of_its_own(database) {
        let store = &database.store;
        let scripted = queued(store, Some(SCRIPTED_MODEL)).await;
        let real = queued(store, Some("opus")).await;
        store.hold_account(scripted, &told(60), &pacing()).await.unwrap();
        assert_eq!(claimed(store).await, Some(real));
        assert_eq!(claimed(store).await, None);
        store.hold_account(real, &told(60), &pacing()).await.unwrap();
        store.try_account(scripted).await.unwrap();
        assert_eq!(claimed(store).await, Some(scripted));
    }

    async fn a_limit_of_one_model_leaves_the_others_alone(database) {
        let store = &database.store;
        let opus = queued(store, Some("claude-opus-5-5")).await;
        let sonnet = queued(store, Some("sonnet")).await;
        let hit = Hit { name: Some("seven_day_opus".to_owned()), ..told(60) };
        store.hold_account(opus, &hit, &pacing()).await.unwrap();
        assert_eq!(claimed(store).await, Some(sonnet));
        assert_eq!(claimed(store).await, None);
        assert!(matches!(store.account_standing(opus).await.unwrap(), Standing::Held(_)));
        assert_eq!(store.account_standing(sonnet).await.unwrap(), Standing::Open);
        // It does not hold back all tasks, so it is not told of all of them.
        assert_eq!(store.present_limit().await.unwrap(), None);
    }

    async fn an_agent_that_waits_to_try_again_keeps_others_from_starting(database) {
        let store = &database.store;
        let first = queued(store, None).await;
        let second = queued(store, None).await;
        assert_eq!(claimed(store).await, Some(first));
        store.delay_account(first, Duration::from_mins(1)).await.unwrap();
        assert_eq!(claimed(store).await, None);
        // No limit is reached: turns that run may go on.
        assert_eq!(store.account_standing(first).await.unwrap(), Standing::Tried);
        store.free_account(first).await.unwrap();
        assert_eq!(claimed(store).await, Some(second));
    }

    async fn a_task_that_does_not_go_on_by_itself_is_not_claimed_after_its_limit(database) {
        let store = &database.store;
        create_queued(store, "One").await;
        let hand = Hand::take(store).await;
        let by_hand = TaskEdit { auto_resume: Some(false), ..TaskEdit::default() };
        act(store, hand.task, TaskCommand::Edit(by_hand), None).await.unwrap();
        let past = Utc::now() - TimeDelta::seconds(1);
        hand.run(RunCommand::Limit(limit_until(past))).await;
        assert_eq!(store.next_due().await.unwrap(), None);
        assert_eq!(claimed(store).await, None);
        let mut jobs = store.heads().jobs();
        let by_itself = TaskEdit { auto_resume: Some(true), ..TaskEdit::default() };
        act(store, hand.task, TaskCommand::Edit(by_itself), None).await.unwrap();
        assert!(jobs.has_changed().unwrap());
        jobs.mark_unchanged();
        assert_eq!(claimed(store).await, Some(hand.task));
    }

    async fn signs_of_agents_that_run_at_the_same_time_count_once(database) {
        let store = &database.store;
        let mut tasks = Vec::new();
        for _ in 0..4 {
            tasks.push(queued(store, None).await);
        }
        // However long they take: it is ended by hand.
        let pacing = || Pacing {
            waits: [10, 20].map(Duration::from_mins).to_vec(),
            ..pacing()
        };
        let mut signs = tokio::task::JoinSet::new();
        for task in tasks.clone() {
            let store = database.another().await;
            signs.spawn(async move {
                store.hold_account(task, &Hit::default(), &pacing()).await.unwrap().until
            });
        }
        let untils = signs.join_all().await;
        assert!(untils.iter().all(|until| *until == untils[0]), "{untils:?}");
        database
            .execute("UPDATE account_limits SET until_ms = until_ms - 600000")
            .await;
        let again = store.hold_account(tasks[0], &Hit::default(), &pacing()).await.unwrap();
        let wait = again.until - Utc::now();
        assert!(wait > TimeDelta::minutes(15), "the second time in a row: {wait}");
    }
}
