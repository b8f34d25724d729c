//! Histories: complete, in order, and the same on every reading.

use app::domain::task::{Actor, EventRecord, Task, TaskCommand, TaskEdit, TaskEvent};
use server::store::{Append, Corruption, StoreError};
use tokio::task::JoinSet;

use crate::support::database::on_both_databases;
use crate::support::task::{Hand, act, create, create_queued, new_task, task_id, two_phases};

const WRITERS: usize = 8;
const COMMANDS: usize = 1_000;

fn rename(title: &str) -> TaskCommand {
    TaskCommand::Edit(TaskEdit {
        title: Some(title.parse().unwrap()),
        ..TaskEdit::default()
    })
}

fn write(before: &Task, events: Vec<TaskEvent>) -> Append {
    Append {
        task: before.id,
        before: Some(before.clone()),
        events,
        actor: Actor::Platform,
        cause: None,
        fence: None,
    }
}

fn versions(records: &[EventRecord]) -> Vec<u64> {
    records.iter().map(|record| record.version).collect()
}

on_both_databases! {
    async fn events_come_back_as_they_were_stored(database) {
        let store = &database.store;
        let task = create(store, new_task("One", two_phases())).await;
        let executed = act(store, task.id, TaskCommand::Execute, None).await.unwrap();
        assert_eq!(versions(&executed.records), [2]);
        let read = store.events_after(task.id, 1, 10).await.unwrap();
        assert_eq!(read, executed.records);
        let loaded = store.load(task.id).await.unwrap();
        assert_eq!(loaded.as_ref(), Some(&executed.task));
        let head = store.head(task.id).await.unwrap().unwrap();
        assert_eq!((head.version, head.log_seq), (2, 0));
        assert_eq!(store.load(task_id()).await.unwrap(), None);
        assert_eq!(store.head(task_id()).await.unwrap(), None);
    }

    async fn a_decision_on_an_old_state_is_a_conflict(database) {
        let store = &database.store;
        let old = create(store, new_task("One", two_phases())).await;
        act(store, old.id, rename("Two"), None).await.unwrap();
        let late = store.append(write(&old, vec![TaskEvent::TaskCancelled {}])).await;
        assert!(matches!(late, Err(StoreError::Conflict)), "{late:?}");
        let again = Append { before: None, ..write(&old, Vec::new()) };
        let events = Task::decide(None, TaskCommand::Create(Box::new(new_task("Three", two_phases())))).unwrap();
        let again = store.append(Append { events, ..again }).await;
        assert!(matches!(again, Err(StoreError::Conflict)), "{again:?}");
        assert_eq!(store.head(old.id).await.unwrap().unwrap().version, 2);
    }

    async fn a_history_begins_with_its_creation(database) {
        let id = task_id();
        let events = vec![TaskEvent::TaskCancelled {}];
        let write = Append { task: id, before: None, events, actor: Actor::Person, cause: None, fence: None };
        let refused = database.store.append(write).await;
        assert!(matches!(refused, Err(StoreError::NotCreated)), "{refused:?}");
    }

    async fn nothing_is_written_for_a_decision_without_events(database) {
        let task = create(&database.store, new_task("One", two_phases())).await;
        let appended = database.store.append(write(&task, Vec::new())).await.unwrap();
        assert_eq!((appended.records.len(), appended.task), (0, task));
    }

    async fn eight_writers_lose_and_double_nothing(database) {
        let task = create(&database.store, new_task("Start", two_phases())).await.id;
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            // Each is a process of its own, as far as the database can tell.
            let store = if writer < 4 { database.store.clone() } else { database.another().await };
            writers.spawn(async move {
                for number in 0..COMMANDS / WRITERS {
                    let command = rename(&format!("{writer}-{number}"));
                    act(&store, task, command, None).await.unwrap();
                }
            });
        }
        writers.join_all().await;

        let events = database.store.events_after(task, 0, 5_000).await.unwrap();
        let expected: Vec<u64> = (1..=COMMANDS as u64 + 1).collect();
        assert_eq!(versions(&events), expected);
        let mut titles: Vec<_> = events
            .iter()
            .filter_map(|record| match &record.event {
                TaskEvent::TaskUpdated { edit } => edit.title.as_ref().map(ToString::to_string),
                _ => None,
            })
            .collect();
        for writer in 0..WRITERS {
            let own = format!("{writer}-");
            let own: Vec<_> = titles.iter().filter_map(|title| title.strip_prefix(&own)).collect();
            let sent: Vec<_> = (0..COMMANDS / WRITERS).map(|number| number.to_string()).collect();
            assert_eq!(own, sent, "the order of writer {writer}");
        }
        titles.sort();
        titles.dedup();
        assert_eq!(titles.len(), COMMANDS);
        assert!(events.is_sorted_by_key(|record| record.at));
        assert_eq!(database.store.load(task).await.unwrap(), Task::replay(&events));
    }

    async fn every_version_can_be_loaded_across_snapshots(database) {
        let store = &database.store;
        let task = create(store, new_task("Start", two_phases())).await.id;
        for number in 0..249 {
            act(store, task, rename(&format!("Title {number}")), None).await.unwrap();
        }
        assert_eq!(database.number("SELECT COUNT(*) FROM snapshots").await, 2);
        let events = store.events_after(task, 0, 1_000).await.unwrap();
        for version in [1, 2, 99, 100, 101, 199, 200, 201, 249, 250, 251] {
            let then = store.load_at(task, version).await.unwrap();
            let upto = &events[..events.len().min(usize::try_from(version).unwrap())];
            assert_eq!(then, Task::replay(upto), "version {version}");
        }
        assert_eq!(store.load_at(task, 0).await.unwrap(), None);
    }

    async fn a_snapshot_that_cannot_be_read_is_left_aside(database) {
        let store = &database.store;
        let task = create(store, new_task("Start", two_phases())).await.id;
        for number in 0..120 {
            act(store, task, rename(&format!("Title {number}")), None).await.unwrap();
        }
        let whole = store.load(task).await.unwrap();
        assert_eq!(database.execute("UPDATE snapshots SET state = '{}'").await, 1);
        assert_eq!(store.load(task).await.unwrap(), whole);
        // A snapshot of another meaning is not even looked at.
        database.execute("UPDATE snapshots SET schema_version = 99").await;
        assert_eq!(store.load(task).await.unwrap(), whole);
    }

    async fn damage_is_named_by_its_place(database) {
        let store = &database.store;
        let task = create_queued(store, "One").await.id;
        act(store, task, rename("Two"), None).await.unwrap();
        database.execute("UPDATE events SET data = '{\"edit\":3}' WHERE version = 3").await;
        let read = store.load(task).await;
        assert!(
            matches!(read, Err(StoreError::Corrupt(Corruption::Event { version: 3, .. }))),
            "{read:?}"
        );
        database.execute("DELETE FROM events WHERE version = 2").await;
        database.execute("UPDATE events SET data = '{\"edit\":{}}' WHERE version = 3").await;
        let read = store.load(task).await;
        assert!(
            matches!(read, Err(StoreError::Corrupt(Corruption::Gap { version: 1, .. }))),
            "{read:?}"
        );
    }

    async fn a_failed_append_leaves_nothing_behind(database) {
        let store = &database.store;
        let task = create_queued(store, "One").await;
        database.execute("DROP TABLE usage_metrics").await;
        database.execute("ALTER TABLE jobs RENAME TO gone").await;
        let failed = store.append(write(&task, vec![TaskEvent::TaskCancelled {}])).await;
        assert!(matches!(failed, Err(StoreError::Database(_))), "{failed:?}");
        assert_eq!(store.load(task.id).await.unwrap(), Some(task));
    }

    async fn a_whole_task_replays_to_its_state(database) {
        let store = &database.store;
        let task = create_queued(store, "One").await;
        let waiting = Hand::take(store).await.work().await;
        let review = waiting.open_review().unwrap().id;
        let approve = TaskCommand::Approve { review, comment: None };
        act(store, task.id, approve, None).await.unwrap();
        let done = Hand::take(store).await.work().await;
        assert_eq!(done.status.name(), app::domain::task::StatusName::Completed);
        let events = store.events_after(task.id, 0, 1_000).await.unwrap();
        assert_eq!(Task::replay(&events), Some(done));
    }
}
