//! Verification by an agent that did not do the work.

use super::*;

/// A phase whose own checks hold, verified next.
fn checked() -> Story {
    let step = TurnPurpose::Step {
        phase: 1,
        step: "01_idea".to_owned(),
    };
    Story::of(inspected())
        .then(TaskCommand::Execute)
        .then(start(1))
        .run(start_phase(1))
        .turn(TurnPurpose::Opening { phase: 1 })
        .turn(step)
        .turn(TurnPurpose::Closing { phase: 1 })
}

const LOOK: TurnPurpose = TurnPurpose::Verification { phase: 1 };

/// In the middle of the verifying agent's turn, with its message.
fn looked_at() -> (Story, MessageId) {
    let story = checked().run(verify(true, REVIEW));
    asked(story)
}

fn asked(story: Story) -> (Story, MessageId) {
    let message = story.next_message();
    let purpose = LOOK;
    let story = story.run(RunCommand::StartTurn { message, purpose });
    (story, message)
}

fn from_run(command: RunCommand) -> TaskCommand {
    TaskCommand::Run { run: RUN, command }
}

#[test]
fn the_agent_looks_only_at_what_the_platforms_own_checks_let_through() {
    let story = checked();
    let failed = story.names(from_run(verify(false, REVIEW)));
    let expected = ["CheckpointCreated", "VerificationFailed", "ReworkStarted"];
    assert_eq!(failed, expected);
    let passed = story.names(from_run(verify(true, REVIEW)));
    assert_eq!(passed, ["CheckpointCreated", "VerificationStarted"]);
    let story = story.run(verify(true, REVIEW));
    assert_eq!(story.task().next_work(), Work::Turn(LOOK));
    assert!(story.task().phases[0].verification.is_none());
}

#[test]
fn the_agent_has_a_session_of_its_own_and_its_use_counts_for_the_phase() {
    let (story, message) = looked_at();
    let turn = story.task().turn.as_ref().unwrap();
    assert_eq!(turn.session, VERIFIER);
    assert_ne!(story.task().session(), Some(VERIFIER));
    let conclude = RunCommand::ConcludeVerification {
        message,
        usage: Some(usage()),
        verdict: Ok(vec![criterion(true)]),
        review: REVIEW,
    };
    let expected = [
        "TurnEnded",
        "UsageRecorded",
        "VerificationPassed",
        "ReviewCreated",
        "RunEnded",
    ];
    assert_eq!(story.names(from_run(conclude.clone())), expected);
    let story = story.run(conclude);
    assert_eq!(story.task().phases[0].tokens, usage().tokens);
    let review = story.task().open_review().unwrap();
    let checks = &review.verification.as_ref().unwrap().checks;
    assert_eq!(checks, &[check(true), criterion(true)]);
    assert_eq!(review.head, "head");
}

#[test]
fn what_the_agent_finds_starts_a_rework_at_most_three_times() {
    let (mut story, mut message) = looked_at();
    for _ in 0..MAX_REWORKS {
        let failed = conclude(message, Ok(vec![criterion(false)]));
        let expected = ["TurnEnded", "VerificationFailed", "ReworkStarted"];
        assert_eq!(story.names(from_run(failed.clone())), expected);
        story = story.run(failed).turn(TurnPurpose::Rework { phase: 1 });
        assert_eq!(story.task().next_work(), Work::Verify { phase: 1 });
        (story, message) = asked(story.run(verify(true, REVIEW)));
    }
    let story = story.run(conclude(message, Ok(vec![criterion(false)])));
    assert_eq!(story.status(), "waiting (review)");
    let review = story.task().open_review().unwrap();
    assert!(!review.verification.as_ref().unwrap().passed());
}

#[test]
fn an_answer_that_can_not_be_used_is_asked_for_once_more() {
    let (story, message) = looked_at();
    let unreadable = conclude(message, Err("It gave no answer.".to_owned()));
    let expected = ["TurnEnded", "VerificationUnreadable"];
    assert_eq!(story.names(from_run(unreadable.clone())), expected);
    let story = story.run(unreadable);
    assert_eq!(story.task().next_work(), Work::Turn(LOOK));
    let (story, message) = asked(story);
    let story = story.run(conclude(message, Ok(vec![criterion(true)])));
    let review = story.task().open_review().unwrap();
    assert!(review.verification.as_ref().unwrap().passed());
}

#[test]
fn two_answers_that_can_not_be_used_are_shown_and_never_taken_for_a_pass() {
    let unreadable = |story: Story| {
        let (story, message) = asked(story);
        story.run(conclude(message, Err("It gave no answer.".to_owned())))
    };
    let story = unreadable(unreadable(checked().run(verify(true, REVIEW))));
    assert_eq!(story.status(), "waiting (review)");
    let review = story.task().open_review().unwrap();
    let found = review.verification.as_ref().unwrap();
    assert!(!found.passed());
    let failed: Vec<_> = found.checks.iter().filter(|check| !check.passed).collect();
    assert_eq!((failed.len(), failed[0].id.as_str()), (1, "not verified"));
    assert!(failed[0].evidence.contains("It gave no answer."));
    // The agent that did the work has nothing to mend.
    assert_eq!(story.task().phases[0].reworks, 0);
}

#[test]
fn without_a_gate_what_nobody_could_verify_fails_the_task() {
    let approve = |story: Story| {
        let review = story.open_review();
        let comment = None;
        story.then(TaskCommand::Approve { review, comment })
    };
    let story = approve(
        Story::of(inspected())
            .then(TaskCommand::Execute)
            .then(start(1))
            .worked(),
    );
    let mut story = story
        .then(start(2))
        .run(start_phase(2))
        .turn(TurnPurpose::Opening { phase: 2 })
        .turn(TurnPurpose::Closing { phase: 2 })
        .run(verify(true, REVIEW));
    for _ in 0..2 {
        let message = story.next_message();
        let purpose = TurnPurpose::Verification { phase: 2 };
        story = story
            .run(RunCommand::StartTurn { message, purpose })
            .run(conclude(message, Err("It gave no answer.".to_owned())));
    }
    assert_eq!(story.status(), "failed");
    let again = story.then(TaskCommand::Retry).then(start(3)).worked();
    assert_eq!(again.status(), "completed");
}

#[test]
fn an_answer_that_a_crash_has_swallowed_is_asked_for_again() {
    let (story, message) = looked_at();
    let again = story.run(end_turn(message, TurnOutcome::Unseen));
    assert_eq!(again.task().next_work(), Work::Turn(LOOK));
    let inspection = again.task().phases[0].inspection.as_ref().unwrap();
    assert!(inspection.asked && inspection.unreadable.is_none());
    assert_eq!(inspection.session, VERIFIER);
}

#[test]
fn an_answer_without_its_verdict_is_refused() {
    let (story, message) = looked_at();
    for outcome in [TurnOutcome::Completed, TurnOutcome::Deferred] {
        let refusal = story.refused(from_run(end_turn(message, outcome)));
        assert_eq!(refusal, Refusal::OutOfTurn("the end of this turn"));
    }
    let late = conclude(MESSAGE, Ok(vec![criterion(true)]));
    let refusal = story.refused(from_run(late));
    assert_eq!(refusal, Refusal::OutOfTurn("the end of this verification"));
}

#[test]
fn whoever_works_on_voids_what_is_being_verified() {
    let (story, message) = looked_at();
    let failed = TurnOutcome::Failed {
        message: "no".to_owned(),
    };
    let story = story
        .run(end_turn(message, failed))
        .then(TaskCommand::SendMessage {
            message: MESSAGE,
            text: note("Please hurry."),
            deliver_at: DeliverAt::ToolResult,
        });
    let messages = TurnPurpose::Messages {
        messages: vec![MESSAGE],
    };
    let story = story.turn(messages);
    assert!(story.task().phases[0].inspection.is_none());
    assert_eq!(story.task().next_work(), Work::Verify { phase: 1 });
}

#[test]
fn a_message_written_while_the_last_phase_is_verified_is_answered_before_the_end() {
    let edit = TaskEdit {
        auto_approve: Some(true),
        ..TaskEdit::default()
    };
    let mut story = Story::of(inspected())
        .then(TaskCommand::Edit(edit))
        .then(TaskCommand::Execute)
        .then(start(1));
    let last = Work::Turn(TurnPurpose::Verification { phase: 2 });
    while story.task().next_work() != last {
        story = match story.task().next_work() {
            Work::StartPhase { phase } => story.run(start_phase(phase)),
            Work::Turn(purpose) => story.turn(purpose),
            Work::Verify { .. } => story.run(verify(true, REVIEW)),
            other => panic!("{other:?}"),
        };
    }
    let message = story.next_message();
    let purpose = TurnPurpose::Verification { phase: 2 };
    let story = story
        .run(RunCommand::StartTurn { message, purpose })
        .then(TaskCommand::SendMessage {
            message: MESSAGE,
            text: note("One more thing."),
            deliver_at: DeliverAt::ToolResult,
        })
        .run(conclude(message, Ok(vec![criterion(true)])));
    assert_eq!(story.status(), "running");
    let story = story.worked();
    assert_eq!(story.status(), "completed");
    assert_eq!(story.task().pending_messages().count(), 0);
}
