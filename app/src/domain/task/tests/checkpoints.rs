//! How another task begins at a checkpoint, and how a task goes back to one.

use std::cell::Cell;

use super::*;

const FORK: TaskId = TaskId::from_uuid(Uuid::from_u128(0xf0));

/// A fork at a checkpoint, with ids that count up.
pub(super) fn fork(story: &Story, checkpoint: CheckpointId) -> Story {
    let is_it = |record: &EventRecord| matches!(&record.event, TaskEvent::CheckpointCreated { checkpoint: known, .. } if *known == checkpoint);
    let end = story.records.iter().position(is_it).unwrap() + 1;
    let new = NewFork {
        id: FORK,
        title: "A fork".parse().unwrap(),
        at: at(1_000_000),
        start: false,
    };
    let count = Cell::new(0xf0_0000);
    let new_id = |_| {
        count.set(count.get() + 1);
        Uuid::from_u128(count.get())
    };
    let made = forked(&story.records[..end], &new, new_id).unwrap();
    Story {
        task: Task::replay(&made.records),
        records: made.records,
    }
}

/// The first phase is approved, and the second one done.
fn completed() -> Story {
    let story = Story::at_the_gate();
    let review = story.open_review();
    let approve = TaskCommand::Approve {
        review,
        comment: None,
    };
    story.then(approve).then(start(2)).worked()
}

fn names_of(story: &Story) -> Vec<String> {
    let events: Vec<_> = story.records.iter().map(|it| it.event.clone()).collect();
    names(&events)
}

fn asked() -> Story {
    let id = QUESTION;
    let story = Story::talking()
        .run(RunCommand::StartConversation { session: SESSION })
        .run(RunCommand::StartTurn {
            message: MESSAGE,
            purpose: TurnPurpose::Prompt,
        });
    story.run(RunCommand::Checkpoint {
        point: Box::new(Point {
            checkpoint: CHECKPOINT,
            kind: CheckpointKind::Question,
            commit: "commit".to_owned(),
            session: SESSION,
            place: ConversationPlace::default(),
            label: "A question".to_owned(),
        }),
        then: Some(Box::new(RunCommand::EndTurn {
            message: MESSAGE,
            outcome: TurnOutcome::Deferred,
            usage: Some(usage()),
            present: Vec::new(),
            asked: vec![Answerable::Question(id, question())],
        })),
    })
}

fn answered(story: Story, question: QuestionId) -> Story {
    story.then(TaskCommand::AnswerQuestion {
        question,
        answer: answer(&["A"]),
        reason: None,
    })
}

#[test]
fn a_fork_is_paused_with_what_was_done_and_costs_nothing_yet() {
    let story = completed();
    let fork = fork(&story, story.checkpoints()[0]);
    let task = fork.task();
    assert_eq!(task.status.describe(), "paused");
    assert_eq!((task.id, task.title.as_str()), (FORK, "A fork"));
    let origin = task.origin.unwrap();
    assert_eq!(origin.task_id, TASK);
    assert_eq!(task.created_at, at(1_000_000));
    assert_eq!(task.cost, Usd::ZERO);
    assert!(task.phases[0].closed && task.phases[0].steps[0].turned);
    assert_eq!(task.phases[1].status, PhaseStatus::Pending);
    assert!(!task.has_begun(&task.phases[0]), "its origin has");
    let names = names_of(&fork);
    assert_eq!(names.last().unwrap(), "TaskForked");
    assert!(!names.contains(&"UsageRecorded".to_owned()));
    // It goes on where its origin was: the work is checked, and a person sees it.
    let resumed = fork.then(TaskCommand::Resume).then(start(1)).worked();
    assert_eq!(resumed.status(), "waiting (review)");
    assert_eq!(resumed.task().reviews.len(), 1);
}

#[test]
fn what_waits_for_a_person_waits_in_the_fork_under_an_id_of_its_own() {
    let story = answered(asked(), QUESTION).then(start(2));
    let fork = fork(&story, CHECKPOINT);
    assert_eq!(fork.status(), "waiting (question)");
    let open: Vec<_> = fork.task().open_questions().map(|open| open.id).collect();
    assert!(open.len() == 1 && open[0] != QUESTION);
    let parked = fork.task().parked.as_ref().unwrap();
    assert_eq!(parked.message, MESSAGE, "the conversation knows it by that");
    assert_ne!(parked.session, SESSION);
    let again = answered(fork, open[0]);
    assert_eq!(again.status(), "queued");
}

#[test]
fn a_fork_that_is_to_start_is_queued() {
    let story = completed();
    let end = story.checkpoints()[0];
    let history = story.records.iter().position(|record| {
        matches!(&record.event, TaskEvent::CheckpointCreated { checkpoint, .. } if *checkpoint == end)
    });
    let new = NewFork {
        id: FORK,
        title: "A fork".parse().unwrap(),
        at: at(1_000_000),
        start: true,
    };
    let history = &story.records[..=history.unwrap()];
    let made = forked(history, &new, |id| Uuid::from_u128(!id.as_u128())).unwrap();
    let task = Task::replay(&made.records).unwrap();
    assert_eq!(task.status.describe(), "queued");
    assert!(matches!(
        forked(&history[..3], &new, |id| Uuid::from_u128(!id.as_u128())),
        Err(ForkError::NoCheckpoint)
    ));
}

#[test]
fn a_task_goes_back_and_what_came_later_is_left_behind() {
    let story = completed();
    assert_eq!(story.status(), "completed");
    let cost = story.task().cost;
    let review = story.task().reviews[0].id;
    let back = story.going_back(story.checkpoints()[0], 0xb);
    assert_eq!(
        story.names(back.clone()),
        ["CheckpointCreated", "TaskRestored"]
    );
    let story = story.then(back);
    assert_eq!(story.status(), "queued");
    let running = story.then(start(3));
    assert_eq!(running.task().next_work(), Work::RestoreFiles);
    let restored = TaskCommand::Run {
        run: RUN,
        command: RunCommand::RestoreFiles,
    };
    assert_eq!(
        running.names(restored.clone()),
        ["FilesRestored", "RunEnded"]
    );
    let held = running.then(restored);
    assert_eq!(held.status(), "paused");
    assert_eq!(held.task().cost, cost, "spent is spent");
    assert_eq!(held.task().phases[1].status, PhaseStatus::Pending);
    let approve = TaskCommand::Approve {
        review,
        comment: None,
    };
    assert_eq!(held.task().reviews[0].status, ReviewStatus::Superseded);
    assert!(matches!(
        held.refused(approve),
        Refusal::NotAllowed { .. } | Refusal::AlreadyDecided { .. }
    ));
    let again = held.then(TaskCommand::Resume).then(start(4)).worked();
    assert_eq!(again.status(), "waiting (review)");
    assert_eq!(again.task().reviews[1].round, 2, "the rounds count on");
    assert_ne!(
        again.task().phases[0].session,
        Some(SessionId::from_uuid(Uuid::from_u128(0x5e01)))
    );
}

#[test]
fn a_question_is_asked_again_when_its_task_goes_back_to_it() {
    let story = answered(asked(), QUESTION)
        .then(start(2))
        .run(RunCommand::StartTurn {
            message: MESSAGE,
            purpose: TurnPurpose::Prompt,
        })
        .run(RunCommand::DeliverAnswers {
            questions: vec![QUESTION],
            dependencies: Vec::new(),
        })
        .run(end_turn(MESSAGE, TurnOutcome::Completed))
        .run(RunCommand::Complete);
    let back = story.going_back(CHECKPOINT, 0xb);
    let story = story
        .then(back)
        .then(start(3))
        .run(RunCommand::RestoreFiles);
    assert_eq!(story.status(), "waiting (question)");
    let known = &story.task().questions[0];
    assert_eq!((known.told, known.taken), (false, false));
    assert_eq!(answered(story, QUESTION).status(), "queued");
}

#[test]
fn what_an_agent_is_doing_is_stopped_before_it_is_undone() {
    let story = completed();
    let mut running = story.clone();
    running.add(vec![
        TaskEvent::TaskQueued { not_before: None },
        TaskEvent::RunStarted { run: RUN, epoch: 9 },
    ]);
    let back = running.going_back(running.checkpoints()[0], 0xb);
    let refusal = running.refused(back.clone());
    let Refusal::NotAllowed { allowed, .. } = refusal else {
        panic!("{refusal:?}");
    };
    assert!(allowed.contains(&Action::Pause) && !allowed.contains(&Action::Restore));
    // Its agent stands still, and its run ends with that.
    let paused = running.then(TaskCommand::Pause { at: PauseAt::Now });
    let names = paused.names(back);
    assert_eq!(names, ["RunEnded", "CheckpointCreated", "TaskRestored"]);
}

#[test]
fn what_has_no_checkpoint_offers_neither() {
    let actions = Story::running().task().actions();
    assert!(!actions.contains(&Action::Fork) && !actions.contains(&Action::Restore));
    let actions = completed().task().actions();
    assert_eq!(
        actions,
        [Action::Edit, Action::Fork, Action::Restore, Action::Delete]
    );
}
