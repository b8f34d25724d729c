//! Read tables follow from the events alone.

use app::domain::id::{DependencyId, QuestionId};
use app::domain::task::{
    Answerable, AskedQuestion, Choice, Comment, NeededDependency, NewTask, RunCommand, TaskCommand,
    TaskEdit, TurnOutcome, TurnPurpose, Via, Work,
};
use server::store::{Store, StoreError};
use uuid::Uuid;

use crate::support::database::{TestDatabase, on_both_databases};
use crate::support::task::{
    Hand, act, conversation, create, create_queued, feedback_id, new_task, usage, verified,
};

const TABLES: [&str; 13] = [
    "tasks",
    "prerequisites",
    "phases",
    "finished_phases",
    "reviews",
    "feedback",
    "questions",
    "dependencies",
    "verifications",
    "checkpoints",
    "usage_metrics",
    "notifications",
    "notification_reads",
];

async fn dump(database: &TestDatabase) -> Vec<(&'static str, Vec<String>)> {
    let mut tables = Vec::new();
    for table in TABLES {
        tables.push((table, database.dump(table).await));
    }
    tables
}

/// Works up to the check of the phase and has it fail.
async fn fail_the_check(hand: &Hand<'_>) {
    loop {
        let task = hand.store.load(hand.task).await.unwrap().unwrap();
        match task.next_work() {
            Work::Turn(purpose) => hand.turn(purpose).await,
            Work::StartPhase { .. } => {
                let session = app::domain::id::SessionId::from_uuid(Uuid::now_v7());
                let base = "0".repeat(40);
                hand.run(RunCommand::StartPhase { session, base }).await
            }
            _ => break,
        };
    }
    hand.run(verified(false)).await;
}

/// Tasks that have been through everything there is.
async fn live(store: &Store) {
    let first = create_queued(store, "First").await.id;
    let hand = Hand::take(store).await;
    fail_the_check(&hand).await;
    let waiting = hand.work().await;
    let review = waiting.open_review().unwrap().id;
    let comment = |file: &str| Comment {
        file: Some(file.to_owned()),
        line: Some(1),
        end_line: None,
        text: "No.".parse().unwrap(),
    };
    let feedback = feedback_id();
    let added = TaskCommand::AddFeedback {
        review,
        feedback,
        comment: comment("a\0b"),
    };
    act(store, first, added, None).await.unwrap();
    act(
        store,
        first,
        TaskCommand::ResolveFeedback { feedback },
        None,
    )
    .await
    .unwrap();
    let changes = TaskCommand::RequestChanges {
        review,
        feedback: Some("Again.".parse().unwrap()),
        comments: vec![(feedback_id(), comment("c"))],
    };
    act(store, first, changes, None).await.unwrap();
    let waiting = Hand::take(store).await.work().await;
    let review = waiting.open_review().unwrap().id;
    let approve = TaskCommand::Approve {
        review,
        comment: Some("Yes.".parse().unwrap()),
    };
    act(store, first, approve, None).await.unwrap();
    Hand::take(store).await.work().await;

    ask(store).await;
    let depends_on = vec![first];
    let third = create(
        store,
        NewTask {
            depends_on,
            ..new_task("Third", conversation())
        },
    )
    .await
    .id;
    let title = Some("Renamed".parse().unwrap());
    act(
        store,
        third,
        TaskCommand::Edit(TaskEdit {
            title,
            ..TaskEdit::default()
        }),
        None,
    )
    .await
    .unwrap();
    let fourth = create_queued(store, "Fourth").await.id;
    act(store, fourth, TaskCommand::Archive, None)
        .await
        .unwrap();
}

/// A conversation whose agent asks and needs something.
async fn ask(store: &Store) {
    let start = true;
    create(
        store,
        NewTask {
            start,
            ..new_task("Second", conversation())
        },
    )
    .await;
    let hand = Hand::take(store).await;
    let session = app::domain::id::SessionId::from_uuid(Uuid::now_v7());
    hand.run(RunCommand::StartConversation { session }).await;
    let message = app::domain::id::MessageId::from_uuid(Uuid::now_v7());
    let purpose = TurnPurpose::Prompt;
    hand.run(RunCommand::StartTurn { message, purpose }).await;
    let question = AskedQuestion {
        group: Uuid::now_v7(),
        category: "choice".to_owned(),
        question: "Which\0?".to_owned(),
        options: vec![Choice {
            label: "A".to_owned(),
            description: String::new(),
        }],
        multi_select: false,
        default: None,
        required: true,
        via: Via::Marker,
        permission: None,
    };
    let needed = NeededDependency {
        kind: app::domain::task::DependencyKind::ApiKey,
        name: "KEY\0".to_owned(),
        description: "A key.".to_owned(),
        required: true,
        via: Via::Tool {
            tool: "x".to_owned(),
            tool_use_id: "y".to_owned(),
        },
    };
    hand.run(RunCommand::EndTurn {
        message,
        outcome: TurnOutcome::Deferred,
        usage: Some(usage()),
        present: Vec::new(),
        asked: vec![
            Answerable::Question(QuestionId::from_uuid(Uuid::now_v7()), question),
            Answerable::Dependency(DependencyId::from_uuid(Uuid::now_v7()), needed),
        ],
    })
    .await;
}

on_both_databases! {
    async fn rebuilt_tables_equal_those_that_grew(database) {
        let store = &database.store;
        live(store).await;
        // Reading is no event, and yet not forgotten.
        assert!(store.mark_read(None).await.unwrap() > 2);
        create_queued(store, "Unread").await;
        let task = Hand::take(store).await.work().await;
        assert!(task.open_review().is_some());
        let grown = dump(&database).await;
        for (table, rows) in &grown {
            assert!(!rows.is_empty(), "nothing in {table} was tested");
        }
        let report = store.rebuild().await.unwrap();
        assert_eq!(report.tasks, 5);
        assert_eq!(report.events, u64::try_from(database.number("SELECT COUNT(*) FROM events").await).unwrap());
        assert_eq!(dump(&database).await, grown);

        database.execute("DELETE FROM reviews").await;
        database.execute("DELETE FROM phases WHERE number = 1").await;
        database.execute("UPDATE tasks SET status = 'draft', view = ''").await;
        database.execute("UPDATE usage_metrics SET cost_micros = 0").await;
        database.execute("UPDATE finished_phases SET active_ms = 0").await;
        database.execute("UPDATE notifications SET resolved_at_ms = 0, read_at_ms = NULL").await;
        store.rebuild().await.unwrap();
        assert_eq!(dump(&database).await, grown);
    }

    async fn the_queue_outlives_a_rebuild(database) {
        let store = &database.store;
        live(store).await;
        let queue = database.dump("jobs").await;
        store.rebuild().await.unwrap();
        assert_eq!(database.dump("jobs").await, queue);
    }

    async fn a_damaged_history_leaves_the_tables_as_they_were(database) {
        let store = &database.store;
        live(store).await;
        let before = dump(&database).await;
        database.execute("DELETE FROM events WHERE version = 2").await;
        let failed = store.rebuild().await;
        assert!(matches!(failed, Err(StoreError::Corrupt(_))), "{failed:?}");
        assert_eq!(dump(&database).await, before);
    }
}
