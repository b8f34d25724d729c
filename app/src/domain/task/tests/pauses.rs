//! How a task is held up and goes on.

use super::*;

const NOW: TaskCommand = TaskCommand::Pause { at: PauseAt::Now };
const LATER: TaskCommand = TaskCommand::Pause {
    at: PauseAt::TurnEnd,
};

/// A conversation in the middle of its first turn.
fn at_work() -> Story {
    Story::talking()
        .run(RunCommand::StartConversation { session: SESSION })
        .run(RunCommand::StartTurn {
            message: MESSAGE,
            purpose: TurnPurpose::Prompt,
        })
}

fn ended(end: RunEnd) -> RunCommand {
    RunCommand::End {
        end,
        retry_at: at(600),
    }
}

#[test]
fn a_pause_at_once_leaves_the_run_its_task_and_the_turn_open() {
    let story = at_work();
    assert_eq!(story.names(NOW), ["TaskPaused"]);
    let paused = story.then(NOW);
    assert_eq!(paused.status(), "paused");
    assert_eq!(paused.task().run().map(|run| run.id), Some(RUN));
    assert!(paused.task().turn.is_some());
    let resumed = paused.clone().then(TaskCommand::Resume);
    assert_eq!(resumed.status(), "running");
    // Later its process ends, and another one goes on.
    let later = paused.run(ended(RunEnd::Settled));
    assert_eq!(
        (later.status().as_str(), later.task().run()),
        ("paused", None)
    );
    let resumed = later.then(TaskCommand::Resume);
    assert_eq!(resumed.status(), "queued");
    assert!(resumed.then(start(2)).task().turn.is_some());
}

#[test]
fn a_turn_that_ends_in_the_moment_of_the_pause_is_kept() {
    let paused = at_work().then(NOW);
    let ended_turn = paused.run(end_turn(MESSAGE, TurnOutcome::Completed));
    assert!(ended_turn.task().turn.is_none() && ended_turn.task().prompted);
    assert_eq!(ended_turn.task().next_work(), Work::Nothing);
    let resumed = ended_turn
        .run(ended(RunEnd::Settled))
        .then(TaskCommand::Resume);
    assert_eq!(resumed.then(start(2)).task().next_work(), Work::Complete);
}

#[test]
fn a_pause_at_the_end_of_the_turn_waits_for_it() {
    let story = at_work().then(LATER);
    assert_eq!(story.status(), "running");
    assert!(story.when(LATER).unwrap().is_empty(), "a second click");
    let story = story.run(end_turn(MESSAGE, TurnOutcome::Completed));
    assert_eq!(story.task().next_work(), Work::Pause);
    let pause = TaskCommand::Run {
        run: RUN,
        command: RunCommand::Pause,
    };
    assert_eq!(story.names(pause.clone()), ["TaskPaused", "RunEnded"]);
    let paused = story.then(pause);
    assert_eq!(
        (paused.status().as_str(), paused.task().run()),
        ("paused", None)
    );
    let resumed = paused.then(TaskCommand::Resume).then(start(2));
    assert_eq!(resumed.task().next_work(), Work::Complete);
}

#[test]
fn a_pause_that_is_not_wanted_any_more_does_not_come() {
    let story = at_work().then(LATER);
    assert!(story.task().actions().contains(&Action::Resume));
    let story = story.then(TaskCommand::Resume);
    let story = story.run(end_turn(MESSAGE, TurnOutcome::Completed));
    assert_eq!(story.task().next_work(), Work::Complete);
}

#[test]
fn a_wanted_pause_comes_with_whatever_ends_the_run() {
    let asked = RunCommand::EndTurn {
        message: MESSAGE,
        outcome: TurnOutcome::Deferred,
        usage: None,
        present: Vec::new(),
        asked: vec![Answerable::Question(QUESTION, question())],
    };
    let paused = at_work().then(LATER).run(asked);
    assert_eq!(paused.status(), "paused");
    assert_eq!(
        paused.then(TaskCommand::Resume).status(),
        "waiting (question)"
    );
    let limited = at_work()
        .then(LATER)
        .run(end_turn(
            MESSAGE,
            TurnOutcome::Failed {
                message: "limit".to_owned(),
            },
        ))
        .run(RunCommand::Limit(next_try(600)));
    assert_eq!(limited.status(), "paused");
    assert_eq!(
        limited.then(TaskCommand::Resume).status(),
        "waiting (rate_limit)"
    );
    // A turn that the next run goes on with has not ended.
    let stopped = at_work().then(LATER).run(ended(RunEnd::Shutdown));
    assert_eq!(stopped.status(), "queued");
    assert!(stopped.task().pause_requested);
}

#[test]
fn what_was_waited_for_stays_and_can_be_answered_meanwhile() {
    let asked = vec![Answerable::Question(QUESTION, question())];
    let waiting = Story::asked(TurnOutcome::Deferred, asked);
    let paused = waiting.then(NOW);
    let actions = paused.task().actions();
    assert_eq!(actions[..2], [Action::Resume, Action::Answer]);
    let back = paused.clone().then(TaskCommand::Resume);
    assert_eq!(back.status(), "waiting (question)");
    let answered = paused.then(TaskCommand::AnswerQuestion {
        question: QUESTION,
        answer: answer(&["A"]),
        reason: None,
    });
    assert_eq!(answered.status(), "paused");
    assert_eq!(answered.then(TaskCommand::Resume).status(), "queued");
}

#[test]
fn a_gate_stays_open_and_nobody_decides_by_itself() {
    let paused = Story::at_the_gate().then(NOW);
    let review = paused.open_review();
    assert_eq!(paused.task().awaited_review(), None, "its timers rest");
    let back = paused.clone().then(TaskCommand::Resume);
    assert_eq!(back.task().awaited_review(), Some(review));
    let approve = TaskCommand::Approve {
        review,
        comment: None,
    };
    let approved = paused.then(approve);
    assert_eq!(approved.status(), "paused");
    assert_eq!(approved.then(TaskCommand::Resume).status(), "queued");
}

#[test]
fn the_end_of_a_task_ends_its_pause() {
    let cancelled = at_work().then(NOW);
    assert_eq!(
        cancelled.names(TaskCommand::Cancel),
        ["TaskCancelled", "RunEnded"]
    );
    assert_eq!(cancelled.then(TaskCommand::Cancel).status(), "cancelled");
    let mut story = at_work();
    for epoch in 2..=3 {
        let failed = RunEnd::Failed {
            message: "gone".to_owned(),
            last_lines: Vec::new(),
        };
        story = story.run(ended(failed)).then(start(epoch));
    }
    let failed = story.then(NOW).run(ended(RunEnd::Failed {
        message: "gone".to_owned(),
        last_lines: Vec::new(),
    }));
    assert_eq!(failed.status(), "failed");
}

#[test]
fn after_a_crash_a_paused_task_stays_paused() {
    let paused = at_work().then(NOW);
    let later = TaskCommand::StartRun {
        run: RunId::from_uuid(Uuid::from_u128(0x22)),
        epoch: 2,
    };
    assert_eq!(paused.names(later.clone()), ["RunEnded"]);
    let lost = paused.then(later.clone());
    assert_eq!(
        (lost.status().as_str(), lost.task().run()),
        ("paused", None)
    );
    assert_eq!(lost.refused(later), Refusal::OutOfTurn("a run"));
    assert_eq!(lost.then(TaskCommand::Resume).status(), "queued");
}

#[test]
fn only_what_goes_on_can_be_paused_and_only_what_is_paused_resumed() {
    let draft = Story::of(two_phases());
    for command in [NOW, LATER, TaskCommand::Resume] {
        let refusal = draft.refused(command);
        assert!(matches!(refusal, Refusal::NotAllowed { .. }), "{refusal}");
    }
    let queued = draft.then(TaskCommand::Execute);
    assert_eq!(queued.names(LATER), ["TaskPaused"], "nothing has to end");
    let refusal = queued.refused(TaskCommand::Resume).to_string();
    assert_eq!(refusal, "A task that is queued can't be resumed.");
    let paused = queued.then(NOW);
    assert!(paused.when(NOW).unwrap().is_empty(), "a second click");
    assert_eq!(
        paused.refused(TaskCommand::Retry).to_string(),
        "A task that is paused can't be tried again."
    );
    assert_eq!(paused.then(TaskCommand::Resume).status(), "queued");
}

#[test]
fn a_phase_that_failed_for_its_work_goes_back_to_the_agent() {
    let story = Story::at_the_gate();
    let review = story.open_review();
    let approve = TaskCommand::Approve {
        review,
        comment: None,
    };
    let mut story = story.then(approve).then(start(2)).run(start_phase(2));
    story = story.turn(TurnPurpose::Opening { phase: 2 });
    story = story.turn(TurnPurpose::Closing { phase: 2 });
    let rework = TurnPurpose::Rework { phase: 2 };
    for _ in 0..MAX_REWORKS {
        story = story.run(verify(false, REVIEW)).turn(rework.clone());
    }
    let failed = story.run(verify(false, REVIEW));
    assert_eq!(failed.status(), "failed");
    let expected = ["TaskRetried", "ReworkStarted", "TaskQueued"];
    assert_eq!(failed.names(TaskCommand::Retry), expected);
    let again = failed.then(TaskCommand::Retry).then(start(3));
    assert_eq!(again.task().next_work(), Work::Turn(rework));
}
