//! Lists, look-ups and counts.

use app::api::TaskQuery;
use app::domain::id::ReviewId;
use app::domain::task::{NewTask, TaskCommand};
use server::store::{Store, TaskFilter};

use crate::support::database::on_both_databases;
use crate::support::task::{
    Hand, act, conversation, create, create_queued, new_task, task_id, two_phases,
};

async fn titles(store: &Store, query: TaskQuery) -> Vec<String> {
    let filter = TaskFilter::parse(&query).unwrap();
    let page = store.tasks(&filter).await.unwrap();
    page.items.into_iter().map(|task| task.title).collect()
}

fn matching(q: &str) -> TaskQuery {
    TaskQuery {
        q: Some(q.to_owned()),
        ..TaskQuery::default()
    }
}

fn with_status(status: &str) -> TaskQuery {
    TaskQuery {
        status: Some(status.to_owned()),
        ..TaskQuery::default()
    }
}

on_both_databases! {
    async fn pages_follow_each_other_without_gap_or_repetition(database) {
        let store = &database.store;
        let mut created = Vec::new();
        for number in 0..23 {
            created.push(create(store, new_task(&format!("Task {number}"), two_phases())).await);
        }
        // Of tasks of the same moment the order is theirs, but it is always the same.
        created.sort_by_key(|task| std::cmp::Reverse((task.created_at, task.id)));
        let (mut listed, mut cursor) = (Vec::new(), None);
        loop {
            let query = TaskQuery { limit: Some(5), cursor, ..TaskQuery::default() };
            let page = store.tasks(&TaskFilter::parse(&query).unwrap()).await.unwrap();
            assert!(page.items.len() == 5 || page.next_cursor.is_none());
            listed.extend(page.items.into_iter().map(|task| task.id));
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
            // What is new does not shift the pages that follow.
            create(store, new_task("New", two_phases())).await;
        }
        let expected: Vec<_> = created.iter().map(|task| task.id).collect();
        assert_eq!(listed, expected);
    }

    async fn a_search_takes_its_signs_literally(database) {
        let store = &database.store;
        for title in ["100% done", "100 percent", "under_score", "underXscore", r"back\slash", "ÄPFEL"] {
            create(store, new_task(title, two_phases())).await;
        }
        let found = async |q: &str| titles(store, matching(q)).await;
        assert_eq!(found("100%").await, ["100% done"]);
        assert_eq!(found("r_s").await, ["under_score"]);
        assert_eq!(found(r"K\S").await, [r"back\slash"]);
        assert_eq!(found("äpfel").await, ["ÄPFEL"]);
        assert_eq!(found("'; DROP TABLE tasks; --").await, Vec::<String>::new());
        assert_eq!(found("nul\0l").await, Vec::<String>::new());
        assert_eq!(found("what IS to be").await.len(), 6);
        assert_eq!(found("  ").await.len(), 6);
    }

    async fn tasks_are_found_by_status_and_type(database) {
        let store = &database.store;
        create(store, new_task("Draft", conversation())).await;
        let start = true;
        create(store, NewTask { start, ..new_task("Reviewed", two_phases()) }).await;
        Hand::take(store).await.work().await;
        create_queued(store, "Running").await;
        Hand::take(store).await;
        create_queued(store, "Queued").await;
        let off = create_queued(store, "Off").await.id;
        act(store, off, TaskCommand::Cancel, None).await.unwrap();
        let away = create_queued(store, "Away").await.id;
        act(store, away, TaskCommand::Archive, None).await.unwrap();

        let by = async |status: &str| titles(store, with_status(status)).await;
        assert_eq!(by("draft").await, ["Draft"]);
        assert_eq!(by("waiting").await, ["Reviewed"]);
        assert_eq!(by("needs_you").await, ["Reviewed"]);
        assert_eq!(by("running").await, ["Running"]);
        assert_eq!(by("queued").await, ["Queued"]);
        assert_eq!(by("cancelled").await, ["Off"]);
        assert_eq!(by("active").await, ["Queued", "Running", "Reviewed", "Draft"]);
        let custom = TaskQuery { task_type: Some("custom".to_owned()), ..TaskQuery::default() };
        assert_eq!(titles(store, custom).await, ["Draft"]);
        assert_eq!(titles(store, TaskQuery::default()).await.len(), 5);

        assert_eq!(store.needs_you().await.unwrap(), 1);
        assert!(store.has_task(off).await.unwrap());
        assert!(!store.has_task(away).await.unwrap());
        assert!(!store.has_task(task_id()).await.unwrap());
    }

    async fn a_view_of_an_earlier_program_is_made_anew(database) {
        let store = &database.store;
        let task = create(store, new_task("One", two_phases())).await;
        database.execute("UPDATE tasks SET view = '{\"id\":1}'").await;
        let page = store.tasks(&TaskFilter::default()).await.unwrap();
        assert_eq!(page.items, [app::api::TaskView::from(&task)]);
    }

    async fn things_are_found_by_their_own_id(database) {
        let store = &database.store;
        let task = create_queued(store, "One").await.id;
        let waiting = Hand::take(store).await.work().await;
        let review = waiting.open_review().unwrap().id;
        assert_eq!(store.task_of_review(review).await.unwrap(), Some(task));
        let unknown = task_id().as_uuid();
        assert_eq!(store.task_of_review(ReviewId::from_uuid(unknown)).await.unwrap(), None);
    }

    async fn a_fresh_database_says_that_it_is_migrated(database) {
        assert!(database.store.is_migrated().await.unwrap());
        database.store.migrate().await.unwrap();
        database.store.ping().await.unwrap();
    }
}
