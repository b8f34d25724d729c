//! The queue: who may run what, and when.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use app::domain::id::TaskId;
use app::domain::task::{NewTask, Priority, RunCommand, RunEnd, TaskCommand, TaskEdit};
use chrono::{TimeDelta, Utc};
use server::jobs::Caps;
use server::store::{Store, StoreError};
use tokio::task::JoinSet;

use crate::support::database::on_both_databases;
use crate::support::task::{
    Hand, act, create, create_queued, limit_until, new_task, run_id, two_phases,
};

const LEASE: Duration = Duration::from_secs(30);

async fn claimed(store: &Store) -> Option<TaskId> {
    let claim = store.claim("test", LEASE).await.unwrap();
    claim.map(|claim| claim.task)
}

fn queued(title: &str, priority: Priority) -> NewTask {
    NewTask {
        priority,
        start: true,
        ..new_task(title, two_phases())
    }
}

on_both_databases! {
    async fn each_task_is_claimed_once(database) {
        let mut queued = BTreeSet::new();
        for number in 0..40 {
            queued.insert(create_queued(&database.store, &format!("Task {number}")).await.id);
        }
        let mut claimers = JoinSet::new();
        for claimer in 0..8 {
            let store = if claimer < 4 { database.store.clone() } else { database.another().await };
            claimers.spawn(async move {
                let mut taken = Vec::new();
                while let Some(task) = claimed(&store).await {
                    taken.push(task);
                }
                taken
            });
        }
        let taken = claimers.join_all().await.concat();
        assert_eq!(taken.len(), queued.len());
        assert_eq!(taken.into_iter().collect::<BTreeSet<_>>(), queued);
    }

    async fn the_urgent_come_first_and_the_old_gain_rank(database) {
        let store = &database.store;
        let low = create(store, queued("Low", Priority::Low)).await.id;
        let first = create(store, queued("First", Priority::Normal)).await.id;
        let second = create(store, queued("Second", Priority::Normal)).await.id;
        let aged = create(store, queued("Aged", Priority::Low)).await.id;
        let critical = create(store, queued("Critical", Priority::Critical)).await.id;
        let draft = create(store, new_task("Draft", two_phases())).await.id;
        // Queued 25 hours ago, it counts as high.
        let ago = 25_i64 * 60 * 60 * 1_000_000;
        database
            .execute(&format!(
                "UPDATE jobs SET place_us = place_us - {ago} WHERE task_id IN \
                 (SELECT id FROM tasks WHERE search LIKE 'aged%')"
            ))
            .await;
        for expected in [critical, aged, first, second, low] {
            assert_eq!(claimed(store).await, Some(expected));
        }
        assert_eq!(claimed(store).await, None);
        // A draft has a place in the queue only once it is started.
        act(store, draft, TaskCommand::Execute, None).await.unwrap();
        assert_eq!(claimed(store).await, Some(draft));
    }

    async fn a_changed_priority_counts_at_once(database) {
        let store = &database.store;
        let _first = create(store, queued("First", Priority::High)).await;
        let second = create(store, queued("Second", Priority::Low)).await.id;
        let edit = TaskEdit { priority: Some(Priority::Critical), ..TaskEdit::default() };
        act(store, second, TaskCommand::Edit(edit), None).await.unwrap();
        assert_eq!(claimed(store).await, Some(second));
    }

    async fn a_task_waits_for_its_prerequisites(database) {
        let store = &database.store;
        let before = create_queued(store, "Before").await.id;
        let depends_on = vec![before];
        let after = create(store, NewTask { depends_on, ..queued("After", Priority::Critical) }).await.id;
        let hand = Hand::take(store).await;
        assert_eq!(hand.task, before);
        assert_eq!(claimed(store).await, None);
        let waiting = hand.work().await;
        assert_eq!(store.next_due().await.unwrap(), None);
        let review = waiting.open_review().unwrap().id;
        act(store, before, TaskCommand::Approve { review, comment: None }, None).await.unwrap();
        let mut jobs = store.heads().jobs();
        Hand::take(store).await.work().await;
        assert!(jobs.has_changed().unwrap());
        jobs.mark_unchanged();
        assert_eq!(claimed(store).await, Some(after));
    }

    async fn no_task_may_come_to_wait_for_itself(database) {
        let store = &database.store;
        let wait_for = |other: TaskId| {
            TaskCommand::Edit(TaskEdit { depends_on: Some(vec![other]), ..TaskEdit::default() })
        };
        let first = create_queued(store, "First").await.id;
        let depends_on = vec![first];
        let second = create(store, NewTask { depends_on, ..queued("Second", Priority::Normal) }).await.id;
        let depends_on = vec![second];
        let third = create(store, NewTask { depends_on, ..queued("Third", Priority::Normal) }).await.id;
        for (other, expected) in [
            (first, vec![first, first]),
            (second, vec![first, second, first]),
            (third, vec![first, third, second, first]),
        ] {
            match act(store, first, wait_for(other), None).await {
                Err(StoreError::Circular(circle)) => assert_eq!(circle, expected),
                other => panic!("{other:?}"),
            }
        }
        // What is given up counts no more, and nothing of what was refused is left.
        let free = TaskCommand::Edit(TaskEdit { depends_on: Some(Vec::new()), ..TaskEdit::default() });
        act(store, second, free, None).await.unwrap();
        act(store, first, wait_for(third), None).await.unwrap();
        for expected in [Some(second), None] {
            assert_eq!(claimed(store).await, expected);
        }
    }

    async fn two_halves_of_a_circle_are_not_let_through_at_once(database) {
        let another = database.another().await;
        for _ in 0..10 {
            let first = create(&database.store, new_task("First", two_phases())).await.id;
            let second = create(&database.store, new_task("Second", two_phases())).await.id;
            let wait_for = |other: TaskId| {
                TaskCommand::Edit(TaskEdit { depends_on: Some(vec![other]), ..TaskEdit::default() })
            };
            let (one, two) = tokio::join!(
                act(&database.store, first, wait_for(second), None),
                act(&another, second, wait_for(first), None),
            );
            assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
        }
    }

    async fn caps_hold_for_all_processes_together(database) {
        for number in 0..12 {
            create_queued(&database.store, &format!("Task {number}")).await;
        }
        let caps = Caps { overall: 5, per_owner: u32::MAX };
        let mut claimers = JoinSet::new();
        for claimer in 0..4 {
            let store = if claimer < 2 { database.store.clone() } else { database.another().await };
            claimers.spawn(async move {
                let mut taken = 0;
                while store.claim_within("test", LEASE, caps).await.unwrap().is_some() {
                    taken += 1;
                }
                taken
            });
        }
        assert_eq!(claimers.join_all().await.into_iter().sum::<u32>(), 5);
    }

    async fn a_claim_is_quick_with_ten_thousand_tasks_in_the_queue(database) {
        let (rows, fresh, owner) = if database.url.starts_with("postgres") {
            ("SELECT generate_series(1, 10000)", "gen_random_uuid()", "'00000000-0000-0000-0000-000000000001'")
        } else {
            let rows = "VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 10000";
            (rows, "randomblob(16)", "X'00000000000000000000000000000001'")
        };
        let filled = format!(
            "WITH RECURSIVE n(i) AS ({rows}) INSERT INTO jobs (kind, task_id, team_id, owner_id, state, \
             priority, not_before_ms, queued_at_ms, place_us, attempt, lease_epoch, lease_until_ms) \
             SELECT 'run', {fresh}, {owner}, {owner}, 'queued', i % 4, 0, i, i * 1000, 0, 0, 0 FROM n"
        );
        assert_eq!(database.execute(&filled).await, 10_000);
        // Those in front wait for a task that is never completed.
        let held = format!(
            "INSERT INTO prerequisites (task_id, depends_on) SELECT task_id, {owner} FROM jobs \
             WHERE queued_at_ms % 10 = 0 OR queued_at_ms < 500"
        );
        database.execute(&held).await;
        let mut taken = Vec::new();
        for _ in 0..50 {
            let begun = Instant::now();
            assert!(claimed(&database.store).await.is_some());
            taken.push(begun.elapsed());
        }
        taken.sort_unstable();
        println!("a claim took {:?}, at most {:?}", taken[25], taken[49]);
        // Ten times what it should take at most: other programs may keep the machine busy.
        assert!(taken[25] < Duration::from_millis(100), "{taken:?}");
    }

    async fn a_task_can_be_put_in_front_of_others(database) {
        let store = &database.store;
        let first = create_queued(store, "First").await.id;
        let second = create_queued(store, "Second").await.id;
        let place = Utc::now() - TimeDelta::seconds(60);
        act(store, second, TaskCommand::Rank { place }, None).await.unwrap();
        let hand = Hand::take(store).await;
        assert_eq!(hand.task, second);
        // The place is for one run.
        hand.run(RunCommand::End { end: RunEnd::Shutdown, retry_at: Utc::now() }).await;
        assert_eq!(claimed(store).await, Some(first));
    }

    async fn a_task_is_not_claimed_before_its_time(database) {
        let store = &database.store;
        create_queued(store, "One").await;
        let hand = Hand::take(store).await;
        let until = Utc::now() + TimeDelta::milliseconds(700);
        hand.run(RunCommand::Limit(limit_until(until))).await;
        assert_eq!(claimed(store).await, None);
        let due = store.next_due().await.unwrap().unwrap();
        assert!(due > Duration::ZERO && due <= Duration::from_millis(700), "{due:?}");
        tokio::time::sleep(due + Duration::from_millis(20)).await;
        assert_eq!(store.next_due().await.unwrap(), Some(Duration::ZERO));
        let again = Hand::take(store).await;
        assert_eq!((again.task, again.epoch), (hand.task, hand.epoch + 1));
    }

    async fn a_run_that_lost_its_lease_can_write_nothing(database) {
        let store = &database.store;
        let task = create_queued(store, "One").await.id;
        let old = Hand::take(store).await;
        assert_eq!(claimed(store).await, None);
        assert_eq!(store.expire_leases().await.unwrap(), 1);
        // Nobody else has claimed it yet, so the run may go on.
        store.renew(task, old.epoch, "test", LEASE).await.unwrap();
        assert_eq!(claimed(store).await, None);
        store.expire_leases().await.unwrap();
        let new = Hand::take(store).await;
        assert_eq!(new.epoch, old.epoch + 1);

        let events = vec![app::domain::task::TaskEvent::TaskCompleted {}];
        let before = store.load(task).await.unwrap();
        let late = server::store::Append {
            task,
            before,
            events,
            actor: app::domain::task::Actor::Platform,
            cause: None,
            fence: Some(server::store::Fence { epoch: old.epoch }),
        };
        let late = store.append(late).await;
        assert!(matches!(late, Err(StoreError::Fenced)), "{late:?}");
        let renewed = store.renew(task, old.epoch, "test", LEASE).await;
        assert!(matches!(renewed, Err(StoreError::Fenced)));
        let released = store.release(task, old.epoch).await;
        assert!(matches!(released, Err(StoreError::Fenced)));
        let stolen = store.renew(task, new.epoch, "somebody else", LEASE).await;
        assert!(matches!(stolen, Err(StoreError::Fenced)));
        store.renew(task, new.epoch, "test", LEASE).await.unwrap();
        assert_eq!(new.work().await.status.name(), app::domain::task::StatusName::Waiting);
    }

    async fn a_task_called_off_between_claim_and_start_stays_off(database) {
        let store = &database.store;
        let task = create_queued(store, "One").await.id;
        let claim = store.claim("test", LEASE).await.unwrap().unwrap();
        let before = store.load(task).await.unwrap().unwrap();
        act(store, task, TaskCommand::Cancel, None).await.unwrap();
        let after = store.load(task).await.unwrap();
        let run = run_id();
        let start = TaskCommand::StartRun { run, epoch: claim.epoch };
        let events = app::domain::task::Task::decide(Some(&before), start).unwrap();
        let write = server::store::Append {
            task,
            before: after,
            events,
            actor: app::domain::task::Actor::Platform,
            cause: None,
            fence: Some(server::store::Fence { epoch: claim.epoch }),
        };
        let late = store.append(write).await;
        assert!(matches!(late, Err(StoreError::Fenced)), "{late:?}");
        assert_eq!(store.next_due().await.unwrap(), None);
    }

    async fn a_claim_that_is_given_back_keeps_its_place(database) {
        let store = &database.store;
        let first = create_queued(store, "First").await.id;
        create_queued(store, "Second").await;
        let claim = store.claim("test", LEASE).await.unwrap().unwrap();
        assert_eq!((claim.task, claim.epoch), (first, 1));
        store.release(first, claim.epoch).await.unwrap();
        let again = store.claim("test", LEASE).await.unwrap().unwrap();
        assert_eq!((again.task, again.epoch), (first, 2));
    }

    async fn a_failed_run_is_tried_again_at_its_time(database) {
        let store = &database.store;
        create_queued(store, "One").await;
        let hand = Hand::take(store).await;
        let end = RunEnd::Failed { message: "no reason".to_owned(), last_lines: Vec::new() };
        let retry_at = Utc::now() - TimeDelta::seconds(1);
        hand.run(RunCommand::End { end, retry_at }).await;
        let claim = store.claim("test", LEASE).await.unwrap().unwrap();
        assert_eq!(claim.epoch, hand.epoch + 1);
    }

    async fn a_lease_ends_by_itself(database) {
        let store = &database.store;
        let task = create_queued(store, "One").await.id;
        let short = Duration::from_millis(150);
        store.claim("another", short).await.unwrap().unwrap();
        assert_eq!(claimed(store).await, None);
        tokio::time::sleep(short + Duration::from_millis(50)).await;
        assert_eq!(claimed(store).await, Some(task));
    }
}
