//! The queue: who may run what, and when.

use std::collections::BTreeSet;
use std::time::Duration;

use app::domain::id::TaskId;
use app::domain::task::{NewTask, Priority, RunCommand, RunEnd, TaskCommand, TaskEdit};
use chrono::{TimeDelta, Utc};
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
        let ago = 25 * 60 * 60 * 1000;
        database
            .execute(&format!(
                "UPDATE jobs SET queued_at_ms = queued_at_ms - {ago} WHERE task_id IN \
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
