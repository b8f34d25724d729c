//! Histories that begin elsewhere: a fork's, stored at once; and a task that goes back in its own.

use app::domain::id::{CheckpointId, SessionId, TaskId};
use app::domain::task::{
    CheckpointKind, EventRecord, NewFork, Point, Restore, RunCommand, Standing, Task, TaskCommand,
    TaskEvent, forked,
};
use server::store::{Store, StoreError};
use uuid::Uuid;

use crate::support::database::on_both_databases;
use crate::support::task::{Hand, act, create_queued};

/// A task whose first phase was approved and whose work is done.
async fn completed(store: &Store) -> Task {
    let id = create_queued(store, "First").await.id;
    let task = Hand::take(store).await.work().await;
    let approve = TaskCommand::Approve {
        review: task.open_review().unwrap().id,
        comment: None,
    };
    act(store, id, approve, None).await.unwrap();
    Hand::take(store).await.work().await
}

/// The history up to the first checkpoint.
async fn until_checkpoint(store: &Store, id: TaskId) -> Vec<EventRecord> {
    let mut records = store.events_after(id, 0, 1_000).await.unwrap();
    let is_one = |record: &EventRecord| matches!(record.event, TaskEvent::CheckpointCreated { .. });
    let end = records.iter().position(is_one).unwrap();
    records.truncate(end + 1);
    records
}

on_both_databases! {
    async fn a_fork_is_stored_at_once_and_counts_nothing_of_its_origins(database) {
        let store = &database.store;
        let origin = completed(store).await;
        let history = until_checkpoint(store, origin.id).await;
        let new = NewFork {
            id: TaskId::from_uuid(Uuid::now_v7()),
            title: "A fork".parse().unwrap(),
            at: chrono::SubsecRound::trunc_subsecs(chrono::Utc::now(), 3),
            start: true,
        };
        let made = forked(&history, &new, |_| Uuid::now_v7()).unwrap();
        let spent = database.dump("usage_metrics").await;
        let task = store.adopt(&made.records).await.unwrap();
        assert_eq!(Some(&task), Task::replay(&made.records).as_ref());
        assert_eq!(store.load(new.id).await.unwrap().as_ref(), Some(&task));
        assert_eq!(database.dump("usage_metrics").await, spent);
        let twice = store.adopt(&made.records).await;
        assert!(matches!(twice, Err(StoreError::Conflict)), "{twice:?}");

        let waiting = Hand::take(store).await.work().await;
        assert_eq!((waiting.id, waiting.status.describe().as_str()), (new.id, "waiting (review)"));
        let approve = TaskCommand::Approve { review: waiting.open_review().unwrap().id, comment: None };
        act(store, new.id, approve, None).await.unwrap();
        Hand::take(store).await.work().await;
        // Its first phase is its origin's work: nothing is learned from it twice.
        let finished = database.number("SELECT COUNT(*) FROM finished_phases").await;
        assert_eq!(finished, 3);
        let grown = (database.dump("tasks").await, database.dump("reviews").await, database.dump("notifications").await);
        store.rebuild().await.unwrap();
        let rebuilt = (database.dump("tasks").await, database.dump("reviews").await, database.dump("notifications").await);
        assert_eq!(rebuilt, grown);
    }

    async fn the_tables_of_a_task_that_went_back_are_those_of_a_rebuild(database) {
        let store = &database.store;
        let task = completed(store).await;
        let history = until_checkpoint(store, task.id).await;
        let then = Task::replay(&history).unwrap();
        let latest = then.checkpoint.unwrap();
        let to = Point {
            checkpoint: latest.id,
            kind: CheckpointKind::Phase,
            commit: "2".repeat(40),
            session: latest.session,
            place: latest.place,
            label: "Finished".to_owned(),
        };
        let left = Point { checkpoint: CheckpointId::from_uuid(Uuid::now_v7()), kind: CheckpointKind::Restore, ..to.clone() };
        let restore = TaskCommand::Restore(Box::new(Restore {
            to,
            version: then.version,
            session: SessionId::from_uuid(Uuid::now_v7()),
            standing: Standing::of(&then),
            left: Some(left),
        }));
        act(store, task.id, restore, None).await.unwrap();
        let hand = Hand::take(store).await;
        let back = hand.run(RunCommand::RestoreFiles).await;
        assert!(back.status.is_paused() && back.cost == task.cost);
        assert_eq!(database.number("SELECT COUNT(*) FROM finished_phases").await, 0);
        act(store, task.id, TaskCommand::Resume, None).await.unwrap();
        let waiting = Hand::take(store).await.work().await;
        assert_eq!(waiting.open_review().unwrap().round, 2);
        let mut tables = Vec::new();
        for _ in 0..2 {
            let mut dumped = Vec::new();
            for table in ["tasks", "phases", "reviews", "finished_phases", "checkpoints", "usage_metrics", "notifications"] {
                dumped.push(database.dump(table).await);
            }
            tables.push(dumped);
            store.rebuild().await.unwrap();
        }
        assert_eq!(tables[0], tables[1]);
    }
}
