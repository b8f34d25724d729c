//! Reviews that nobody decides, with the clock moved on.

use std::ffi::OsStr;
use std::time::Duration;

use app::domain::id::TaskId;
use app::domain::task::{
    EventRecord, NewTask, ReminderLevel, ReviewHours, StatusName, Task, TaskCommand, TaskEdit,
    TaskEvent,
};
use server::guides::Guides;
use server::jobs::TimerPurpose;
use server::orchestrator::Live;
use server::service::{Installation, Parts, Service};
use server::store::Store;
use server::workflows::Workflows;
use server::workspace::Workspaces;

use crate::support::database::{TestDatabase, notifier, on_both_databases, settings, vault};
use crate::support::task::{Hand, act, ask, conversation, create, create_queued, new_task};

fn service(store: &Store) -> Service {
    Service::new(Parts {
        notifier: notifier(store),
        store: store.clone(),
        vault: vault(store),
        settings: settings(store),
        // No test here touches a file.
        account_trial: None,
        workspaces: Workspaces::new("/nonexistent".as_ref(), OsStr::new("/usr/bin:/bin")),
        workflows: Workflows::built_in().unwrap(),
        guides: Guides::default(),
        live: Live::default(),
        installation: Installation {
            only_scripted: false,
            problems: Vec::new(),
            sandbox: "none".to_owned(),
            sample_repository: None,
        },
    })
}

/// A task that waits at its first gate.
async fn at_gate(store: &Store) -> Task {
    create_queued(store, "Waits").await;
    let task = Hand::take(store).await.work().await;
    assert_eq!(task.status.name(), StatusName::Waiting);
    task
}

/// Lets so many hours pass for the timers of reviews.
async fn pass(database: &TestDatabase, hours: i64) {
    let passed = hours * 60 * 60 * 1_000;
    let moved = format!(
        "UPDATE jobs SET queued_at_ms = queued_at_ms - {passed} WHERE kind IN ('reminder', 'approval', 'answer')"
    );
    database.execute(&moved).await;
}

async fn see(store: &Store) {
    let service = service(store);
    let seen = service.see_to_reviews(ReviewHours::default());
    seen.await.unwrap();
}

/// What the platform has said of the task's reviews, in order.
async fn said(store: &Store, task: TaskId) -> Vec<String> {
    let records = store.events_after(task, 0, 1_000).await.unwrap();
    records.iter().filter_map(told).collect()
}

fn told(record: &EventRecord) -> Option<String> {
    let actor = record.actor;
    match &record.event {
        TaskEvent::ReviewReminded { level, .. } => Some(format!("{actor}: {level}")),
        TaskEvent::ReviewApproved { comment, .. } => {
            let remark = comment.as_ref().map(ToString::to_string);
            Some(format!("{actor}: {}", remark.unwrap_or_default()))
        }
        _ => None,
    }
}

fn edit(auto_approve: bool) -> TaskCommand {
    TaskCommand::Edit(TaskEdit {
        auto_approve: Some(auto_approve),
        ..TaskEdit::default()
    })
}

/// A conversation that waits for an answer, which its agent proposes.
async fn asking(store: &Store) -> Task {
    let new = NewTask {
        start: true,
        ..new_task("Asks", conversation())
    };
    let task = create(store, new).await.id;
    let claim = store.claim("test", Duration::from_mins(1)).await;
    ask(&service(store), &claim.unwrap().unwrap(), Some("Teal")).await;
    store.load(task).await.unwrap().unwrap()
}

async fn tell(store: &Store, task: TaskId, command: TaskCommand) {
    act(store, task, command, None).await.unwrap();
}

fn answer_after(minutes: u32) -> TaskCommand {
    TaskCommand::Edit(TaskEdit {
        answer_after: Some(minutes),
        ..TaskEdit::default()
    })
}

/// What was answered, and by whom.
async fn answers(store: &Store, task: TaskId) -> Vec<String> {
    let records = store.events_after(task, 0, 1_000).await.unwrap();
    let answered = records.iter().filter_map(|record| match &record.event {
        TaskEvent::QuestionAnswered { answer, .. } => {
            let text = answer.text().unwrap_or_default();
            Some(format!("{}: {text}", record.actor))
        }
        _ => None,
    });
    answered.collect()
}

async fn see_to_questions(store: &Store) {
    service(store).see_to_questions().await.unwrap();
}

on_both_databases! {
    async fn a_question_takes_the_proposed_answer_when_its_time_is_over(database) {
        let store = &database.store;
        let task = asking(store).await.id;
        pass(&database, 1_000).await;
        see_to_questions(store).await;
        assert_eq!(answers(store, task).await, [""; 0], "nobody has said so");
        tell(store, task, answer_after(120)).await;
        pass(&database, 1).await;
        see_to_questions(store).await;
        assert_eq!(answers(store, task).await, [""; 0]);
        pass(&database, 1).await;
        // Two processes look at the same moment.
        let another = database.another().await;
        tokio::join!(see_to_questions(store), see_to_questions(&another));
        see_to_questions(store).await;
        assert_eq!(answers(store, task).await, ["platform: Teal"]);
        let task = store.load(task).await.unwrap().unwrap();
        assert_eq!(task.status.name(), StatusName::Queued);
    }

    async fn a_shorter_time_counts_from_when_the_question_was_asked(database) {
        let store = &database.store;
        let task = asking(store).await.id;
        tell(store, task, answer_after(600)).await;
        pass(&database, 2).await;
        tell(store, task, answer_after(60)).await;
        see_to_questions(store).await;
        assert_eq!(answers(store, task).await, ["platform: Teal"]);
    }

    async fn a_task_that_is_to_wait_after_all_or_is_called_off_is_left_alone(database) {
        let store = &database.store;
        let task = asking(store).await.id;
        tell(store, task, answer_after(60)).await;
        tell(store, task, answer_after(0)).await;
        pass(&database, 2).await;
        see_to_questions(store).await;
        assert_eq!(answers(store, task).await, [""; 0]);
        tell(store, task, answer_after(60)).await;
        tell(store, task, TaskCommand::Cancel).await;
        pass(&database, 2).await;
        see_to_questions(store).await;
        assert_eq!(answers(store, task).await, [""; 0]);
    }

    async fn a_review_is_called_to_mind_after_a_day_two_and_three(database) {
        let store = &database.store;
        let task = at_gate(store).await.id;
        see(store).await;
        pass(&database, 23).await;
        see(store).await;
        assert_eq!(said(store, task).await, [""; 0]);
        pass(&database, 1).await;
        see(store).await;
        see(store).await;
        assert_eq!(said(store, task).await, ["platform: reminder"]);
        pass(&database, 24).await;
        // Two processes look at the same moment.
        let another = database.another().await;
        tokio::join!(see(store), see(&another));
        assert_eq!(said(store, task).await, ["platform: reminder", "platform: urgent"]);
        pass(&database, 24).await;
        see(store).await;
        pass(&database, 1_000).await;
        see(store).await;
        let all = ["platform: reminder", "platform: urgent", "platform: escalation"];
        assert_eq!(said(store, task).await, all);
        assert_eq!(store.review_timers().await.unwrap(), []);
        let task = store.load(task).await.unwrap().unwrap();
        assert_eq!(task.status.name(), StatusName::Waiting);
        assert_eq!(task.reviews[0].reminded, Some(ReminderLevel::Escalation));
    }

    async fn after_a_long_stop_only_the_most_urgent_is_said(database) {
        let store = &database.store;
        let task = at_gate(store).await.id;
        pass(&database, 60).await;
        see(store).await;
        assert_eq!(said(store, task).await, ["platform: urgent"]);
    }

    async fn a_task_that_goes_on_by_itself_is_approved_after_a_week(database) {
        let store = &database.store;
        let task = at_gate(store).await.id;
        pass(&database, 200).await;
        see(store).await;
        assert_eq!(said(store, task).await, ["platform: escalation"]);
        // From now on it may, and then again it may not.
        act(store, task, edit(true), None).await.unwrap();
        act(store, task, edit(false), None).await.unwrap();
        see(store).await;
        assert_eq!(said(store, task).await.len(), 1);
        act(store, task, edit(true), None).await.unwrap();
        see(store).await;
        see(store).await;
        let remark = "platform: Approved by itself: nobody decided within 168 hours.";
        assert_eq!(said(store, task).await, ["platform: escalation", remark]);
        let task = store.load(task).await.unwrap().unwrap();
        assert_eq!(task.status.name(), StatusName::Queued);
        assert_eq!(store.review_timers().await.unwrap(), []);
        // The run can be claimed: the approval has released it.
        let done = Hand::take(store).await.work().await;
        assert_eq!(done.status.name(), StatusName::Completed);
    }

    async fn the_next_round_waits_from_its_own_beginning(database) {
        let store = &database.store;
        let first = at_gate(store).await;
        pass(&database, 30).await;
        see(store).await;
        let request = TaskCommand::RequestChanges {
            review: first.awaited_review().unwrap(),
            feedback: Some("Again.".parse().unwrap()),
            comments: Vec::new(),
        };
        act(store, first.id, request, None).await.unwrap();
        assert_eq!(store.review_timers().await.unwrap(), []);
        let second = Hand::take(store).await.work().await;
        let timers = store.review_timers().await.unwrap();
        assert_eq!(timers.len(), 1);
        assert_eq!(Some(timers[0].review), second.awaited_review());
        assert_eq!(timers[0].purpose, TimerPurpose::Reminder { reached: None });
        assert!(timers[0].age < Duration::from_mins(10), "{:?}", timers[0].age);
        see(store).await;
        assert_eq!(said(store, first.id).await, ["platform: reminder"]);
    }

    async fn a_task_that_is_called_off_or_put_away_is_left_alone(database) {
        let store = &database.store;
        let cancelled = at_gate(store).await.id;
        act(store, cancelled, TaskCommand::Cancel, None).await.unwrap();
        let archived = at_gate(store).await.id;
        act(store, archived, TaskCommand::Archive, None).await.unwrap();
        pass(&database, 1_000).await;
        see(store).await;
        assert_eq!(said(store, cancelled).await, [""; 0]);
        assert_eq!(said(store, archived).await, [""; 0]);
    }
}
