//! What people are told of their tasks, as the events give cause.

use std::time::{Duration, Instant};

use app::api::{NotificationQuery, NotificationView};
use app::domain::id::{DependencyId, MessageId, QuestionId, SessionId, TaskId};
use app::domain::task::{
    Answerable, AskedQuestion, ConcernKind, DependencyKind, NeededDependency, NewTask, RunCommand,
    RunEnd, TaskCommand, TaskEdit, TurnOutcome, TurnPurpose, Via,
};
use server::store::{NotificationFilter, Store};
use uuid::Uuid;

use crate::support::database::on_both_databases;
use crate::support::task::{Hand, act, conversation, create, create_queued, new_task};

fn filter(filter: &str) -> NotificationFilter {
    let filter = Some(filter.to_owned());
    NotificationFilter::parse(&NotificationQuery {
        filter,
        ..NotificationQuery::default()
    })
    .unwrap()
}

async fn told(store: &Store, wanted: &str) -> Vec<NotificationView> {
    store.notifications(&filter(wanted)).await.unwrap().items
}

/// Kinds with their texts, newest first; of one moment, in no certain order.
async fn kinds(store: &Store, wanted: &str) -> Vec<(ConcernKind, String)> {
    let told = told(store, wanted).await;
    told.into_iter().map(|one| (one.kind, one.text)).collect()
}

fn question(text: &str) -> Answerable {
    let asked = AskedQuestion {
        group: Uuid::now_v7(),
        category: "choice".to_owned(),
        question: text.to_owned(),
        options: Vec::new(),
        multi_select: false,
        default: None,
        required: true,
        via: Via::Marker,
        permission: None,
    };
    Answerable::Question(QuestionId::from_uuid(Uuid::now_v7()), asked)
}

fn need() -> Answerable {
    let needed = NeededDependency {
        kind: DependencyKind::ApiKey,
        name: "KEY\0".to_owned(),
        description: "A key\nfor the shop.".to_owned(),
        required: true,
        via: Via::Marker,
    };
    Answerable::Dependency(DependencyId::from_uuid(Uuid::now_v7()), needed)
}

/// A conversation whose agent ends its first turn like this; nobody holds it afterwards.
async fn turn(store: &Store, outcome: TurnOutcome, asked: Vec<Answerable>) -> TaskId {
    let start = true;
    let new = NewTask {
        start,
        ..new_task("Talk", conversation())
    };
    create(store, new).await;
    let hand = Hand::take(store).await;
    let session = SessionId::from_uuid(Uuid::now_v7());
    hand.run(RunCommand::StartConversation { session }).await;
    let message = MessageId::from_uuid(Uuid::now_v7());
    let purpose = TurnPurpose::Prompt;
    hand.run(RunCommand::StartTurn { message, purpose }).await;
    hand.run(RunCommand::EndTurn {
        message,
        outcome,
        usage: None,
        present: Vec::new(),
        asked,
    })
    .await;
    hand.task
}

on_both_databases! {
    async fn what_waits_is_told_until_its_cause_is_gone(database) {
        let store = &database.store;
        let asked = vec![question("\n Which colour?\nRed or blue."), need()];
        let Answerable::Question(id, _) = &asked[0] else { panic!() };
        let id = *id;
        let task = turn(store, TurnOutcome::Deferred, asked).await;
        let mut open = kinds(store, "open").await;
        open.sort_by_key(|(kind, _)| kind.to_string());
        assert_eq!(open, [
            (ConcernKind::Dependency, "KEY\u{fffd}: A key".to_owned()),
            (ConcernKind::Question, "Which colour?".to_owned()),
        ]);
        assert_eq!(store.unread().await.unwrap(), 2);

        let answer = vec!["Red".parse().unwrap()].try_into().unwrap();
        let command = TaskCommand::AnswerQuestion { question: id, answer, reason: None };
        act(store, task, command, None).await.unwrap();
        let open = kinds(store, "open").await;
        assert_eq!(open.len(), 1);
        assert_eq!(open[0].0, ConcernKind::Dependency);
        assert_eq!(store.unread().await.unwrap(), 1);
        let all = told(store, "all").await;
        let settled = all.iter().find(|one| one.kind == ConcernKind::Question).unwrap();
        assert!(settled.resolved_at.is_some_and(|at| at >= settled.raised_at));
        assert_eq!(settled.subject_id, id.as_uuid());
        assert_eq!(settled.href, format!("/tasks/{task}"));

        act(store, task, TaskCommand::Cancel, None).await.unwrap();
        assert_eq!(told(store, "open").await, []);
        assert_eq!(told(store, "all").await.len(), 2);
        act(store, task, TaskCommand::Archive, None).await.unwrap();
        assert_eq!(told(store, "all").await, []);
    }

    async fn a_review_is_told_with_its_phase_and_a_task_that_was_renamed_by_its_name(database) {
        let store = &database.store;
        let task = create_queued(store, "First").await.id;
        let waiting = Hand::take(store).await.work().await;
        let review = waiting.open_review().unwrap().id;
        let told_once = told(store, "unread").await;
        assert_eq!(told_once.len(), 1);
        let one = &told_once[0];
        assert_eq!((one.kind, one.title.as_str()), (ConcernKind::Review, "First"));
        assert!(one.text.starts_with("PLANNING"), "{}", one.text);
        assert_eq!(one.href, format!("/tasks/{task}/review"));
        let title = Some("Renamed".parse().unwrap());
        let edit = TaskEdit { title, ..TaskEdit::default() };
        act(store, task, TaskCommand::Edit(edit), None).await.unwrap();
        assert_eq!(told(store, "open").await[0].title, "Renamed");
        let approve = TaskCommand::Approve { review, comment: None };
        act(store, task, approve, None).await.unwrap();
        assert_eq!(told(store, "open").await, []);
    }

    async fn an_end_is_told_until_the_task_goes_on(database) {
        let store = &database.store;
        let done = create_queued(store, "Done").await.id;
        let hand = Hand::take(store).await;
        let waiting = hand.work().await;
        let review = waiting.open_review().unwrap().id;
        act(store, done, TaskCommand::Approve { review, comment: None }, None).await.unwrap();
        Hand::take(store).await.work().await;
        assert_eq!(kinds(store, "unread").await, [(ConcernKind::Completed, String::new())]);

        let failing = create_queued(store, "Failing").await.id;
        for _ in 0..3 {
            let hand = Hand::take(store).await;
            let end = RunEnd::Failed { message: "It broke.".to_owned(), last_lines: Vec::new() };
            hand.run(RunCommand::End { end, retry_at: chrono::DateTime::UNIX_EPOCH }).await;
        }
        let open = told(store, "open").await;
        let failed = open.iter().find(|one| one.kind == ConcernKind::Failed).unwrap();
        assert_eq!(failed.task_id, failing);
        assert!(failed.text.contains("It broke."), "{}", failed.text);
        act(store, failing, TaskCommand::Retry, None).await.unwrap();
        assert_eq!(kinds(store, "open").await, [(ConcernKind::Completed, String::new())]);
    }

    async fn what_was_read_counts_no_more_and_reading_twice_is_reading_once(database) {
        let store = &database.store;
        turn(store, TurnOutcome::Deferred, vec![question("One?"), question("Two?")]).await;
        let first = told(store, "unread").await.remove(0);
        assert_eq!(store.mark_read(Some(first.id)).await.unwrap(), 1);
        assert_eq!(store.mark_read(Some(first.id)).await.unwrap(), 0);
        let known = store.notification(first.id).await.unwrap().unwrap();
        assert!(known.read_at.is_some() && known.resolved_at.is_none());
        assert_eq!(store.unread().await.unwrap(), 1);
        assert_eq!(told(store, "open").await.len(), 2);
        assert_eq!(store.mark_read(None).await.unwrap(), 1);
        assert_eq!(store.unread().await.unwrap(), 0);
        store.rebuild().await.unwrap();
        assert_eq!(store.unread().await.unwrap(), 0);
        assert_eq!(store.notification(first.id).await.unwrap(), Some(known));
    }

    async fn a_page_goes_on_where_the_one_before_has_ended(database) {
        let store = &database.store;
        let asked = (0..7).map(|number| question(&format!("{number}?"))).collect();
        turn(store, TurnOutcome::Deferred, asked).await;
        let mut seen = Vec::new();
        let mut cursor = None;
        loop {
            let query = NotificationQuery { filter: None, limit: Some(3), cursor };
            let filter = NotificationFilter::parse(&query).unwrap();
            let page = store.notifications(&filter).await.unwrap();
            seen.extend(page.items.into_iter().map(|one| one.text));
            cursor = page.next_cursor;
            if cursor.is_none() { break; }
        }
        assert_eq!(seen, ["6?", "5?", "4?", "3?", "2?", "1?", "0?"]);
        let page = |cursor: Option<String>| async move {
            let filter = NotificationFilter::needing(Some(4), cursor.as_deref()).unwrap();
            store.needs(&filter).await.unwrap()
        };
        let first = page(None).await;
        let rest = page(first.next_cursor).await;
        assert_eq!(rest.next_cursor, None);
        let texts = first.items.into_iter().chain(rest.items);
        let texts: Vec<_> = texts.map(|need| need.question.unwrap().question).collect();
        assert_eq!(texts, ["0?", "1?", "2?", "3?", "4?", "5?", "6?"]);
    }

    async fn of_what_is_settled_the_newest_hundred_are_kept(database) {
        let store = &database.store;
        let asked: Vec<_> = (0..110).map(|number| question(&format!("{number}?"))).collect();
        let task = turn(store, TurnOutcome::Deferred, asked).await;
        store.mark_read(None).await.unwrap();
        act(store, task, TaskCommand::Cancel, None).await.unwrap();
        let kept = database.dump("notifications").await;
        assert_eq!(kept.len(), 100);
        assert_eq!(database.number("SELECT COUNT(*) FROM notification_reads").await, 100);
        store.rebuild().await.unwrap();
        assert_eq!(database.dump("notifications").await, kept);
    }

    async fn a_thousand_open_questions_are_read_page_by_page_in_no_time(database) {
        let store = &database.store;
        for _ in 0..10 {
            let asked = (0..100).map(|number| question(&format!("{number}?"))).collect();
            turn(store, TurnOutcome::Deferred, asked).await;
        }
        // What is known by now must not slow down what waits.
        store.mark_read(None).await.unwrap();
        let mut slowest = Duration::ZERO;
        let (mut cursor, mut pages, mut items) = (None::<String>, 0, 0);
        loop {
            let begun = Instant::now();
            let filter = NotificationFilter::needing(Some(50), cursor.as_deref()).unwrap();
            let page = store.needs(&filter).await.unwrap();
            slowest = slowest.max(begun.elapsed());
            items += page.items.iter().filter(|need| need.question.is_some()).count();
            pages += 1;
            cursor = page.next_cursor;
            if cursor.is_none() { break; }
        }
        let begun = Instant::now();
        assert_eq!(store.unread().await.unwrap(), 0);
        println!("slowest of {pages} pages: {slowest:?}; count: {:?}", begun.elapsed());
        assert_eq!((pages, items), (20, 1_000));
        // A release build takes a fraction of it; a scan of all tables would take more.
        assert!(slowest < Duration::from_millis(500), "{slowest:?}");
    }
}

#[tokio::test]
async fn the_queries_of_each_page_use_their_indexes() {
    let database = crate::support::database::TestDatabase::sqlite().await;
    for (index, condition) in [
        ("open", "resolved_at_ms IS NULL"),
        ("unread", "resolved_at_ms IS NULL AND read_at_ms IS NULL"),
        (
            "needing",
            "resolved_at_ms IS NULL AND kind NOT IN ('completed', 'limit')",
        ),
    ] {
        let plan = format!(
            "EXPLAIN QUERY PLAN SELECT * FROM notifications \
             WHERE {condition} ORDER BY raised_at_ms, task_id, version LIMIT 50"
        );
        let plan = database.plan(&plan).await;
        assert!(plan.contains(&format!("notifications_{index}")), "{plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{plan}");
    }
}
