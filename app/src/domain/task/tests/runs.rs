//! What the run that holds a task has to say.

use super::*;

fn from(run: RunId, command: RunCommand) -> TaskCommand {
    TaskCommand::Run { run, command }
}

fn failed() -> RunCommand {
    RunCommand::End {
        end: RunEnd::Failed {
            message: "the agent is gone".to_owned(),
            last_lines: Vec::new(),
        },
        retry_at: at(600),
    }
}

#[test]
fn a_run_starts_only_what_waits_for_it() {
    let queued = Story::of(two_phases()).then(TaskCommand::Execute);
    assert_eq!(queued.names(start(1)), ["TaskStarted", "RunStarted"]);
    let draft = Story::of(two_phases()).refused(start(1));
    assert_eq!(draft, Refusal::OutOfTurn("a run"));
    let gate = Story::at_the_gate().refused(start(2));
    assert_eq!(gate, Refusal::OutOfTurn("a run"));
}

#[test]
fn a_later_claim_takes_the_task_from_a_lost_run() {
    let story = Story::running();
    assert_eq!(story.refused(start(1)), Refusal::OutOfTurn("a run"));
    let run = RunId::from_uuid(Uuid::from_u128(0x22));
    let later = TaskCommand::StartRun { run, epoch: 2 };
    assert_eq!(story.names(later.clone()), ["RunEnded", "RunStarted"]);
    let story = story.then(later);
    assert_eq!(story.task().run(), Some(Run { id: run, epoch: 2 }));
    let late = from(RUN, RunCommand::Complete);
    assert_eq!(story.refused(late), Refusal::StaleRun);
}

#[test]
fn a_phase_goes_through_opening_steps_closing_and_checks() {
    let story = Story::running();
    assert_eq!(story.task().next_work(), Work::StartPhase { phase: 1 });
    let story = story.run(start_phase(1));
    let story = story.turn(TurnPurpose::Opening { phase: 1 });
    let step = TurnPurpose::Step {
        phase: 1,
        step: "01_idea".to_owned(),
    };
    assert_eq!(story.task().next_work(), Work::Turn(step.clone()));
    let story = story.turn(step);
    assert_eq!(
        story.task().phases[0].steps[0].status,
        StepStatus::Completed
    );
    let story = story.turn(TurnPurpose::Closing { phase: 1 });
    assert_eq!(story.task().next_work(), Work::Verify { phase: 1 });
    let expected = [
        "CheckpointCreated",
        "VerificationPassed",
        "ReviewCreated",
        "RunEnded",
    ];
    assert_eq!(story.names(from(RUN, verify(true, REVIEW))), expected);
}

#[test]
fn what_is_not_next_is_refused() {
    let story = Story::running();
    let refused = |command| story.refused(from(RUN, command));
    let message = MESSAGE;
    let purpose = TurnPurpose::Prompt;
    assert_eq!(
        refused(RunCommand::StartConversation { session: SESSION }),
        Refusal::OutOfTurn("a conversation")
    );
    assert_eq!(
        refused(RunCommand::StartTurn { message, purpose }),
        Refusal::OutOfTurn("a turn")
    );
    assert_eq!(
        refused(verify(true, REVIEW)),
        Refusal::OutOfTurn("a verification")
    );
    assert_eq!(
        refused(RunCommand::Complete),
        Refusal::OutOfTurn("the end of the task")
    );
    let head = "head".to_owned();
    let review = REVIEW;
    assert_eq!(
        refused(RunCommand::OpenReview { review, head }),
        Refusal::OutOfTurn("a review")
    );
    let conversation = Story::talking().refused(from(RUN, start_phase(1)));
    assert_eq!(conversation, Refusal::OutOfTurn("a phase"));
}

#[test]
fn one_turn_at_a_time() {
    let purpose = TurnPurpose::Opening { phase: 1 };
    let open = RunCommand::StartTurn {
        message: MESSAGE,
        purpose,
    };
    let story = Story::running().run(start_phase(1)).run(open.clone());
    assert_eq!(
        story.refused(from(RUN, open)),
        Refusal::OutOfTurn("this turn")
    );
}

#[test]
fn a_phase_that_fails_its_checks_is_reworked_three_times_and_then_shown() {
    let mut story = Story::running().run(start_phase(1));
    let rework = TurnPurpose::Rework { phase: 1 };
    for purpose in [
        TurnPurpose::Opening { phase: 1 },
        TurnPurpose::Step {
            phase: 1,
            step: "01_idea".to_owned(),
        },
        TurnPurpose::Closing { phase: 1 },
    ] {
        story = story.turn(purpose);
    }
    for _ in 0..MAX_REWORKS {
        let expected = ["CheckpointCreated", "VerificationFailed", "ReworkStarted"];
        assert_eq!(story.names(from(RUN, verify(false, REVIEW))), expected);
        story = story.run(verify(false, REVIEW)).turn(rework.clone());
    }
    story = story.run(verify(false, REVIEW));
    assert_eq!(story.status(), "waiting (review)");
    let review = story.task().open_review().unwrap();
    assert!(!review.verification.as_ref().unwrap().passed());
}

#[test]
fn without_a_gate_good_work_goes_on_and_bad_work_fails() {
    let second = |passed: bool| {
        let story = Story::at_the_gate();
        let review = story.open_review();
        let approve = TaskCommand::Approve {
            review,
            comment: None,
        };
        let mut story = story.then(approve).then(start(2)).run(start_phase(2));
        story = story.turn(TurnPurpose::Opening { phase: 2 });
        story = story.turn(TurnPurpose::Closing { phase: 2 });
        for _ in 0..MAX_REWORKS {
            if !passed {
                story = story.run(verify(false, REVIEW));
                story = story.turn(TurnPurpose::Rework { phase: 2 });
            }
        }
        story.run(verify(passed, REVIEW))
    };
    assert_eq!(second(true).worked().status(), "completed");
    assert_eq!(second(false).status(), "failed");
}

#[test]
fn auto_approval_skips_the_gate_of_good_work_only() {
    let story = |passed: bool| {
        let edit = TaskEdit {
            auto_approve: Some(true),
            ..TaskEdit::default()
        };
        let mut story = Story::of(two_phases())
            .then(TaskCommand::Edit(edit))
            .then(TaskCommand::Execute)
            .then(start(1))
            .run(start_phase(1))
            .turn(TurnPurpose::Opening { phase: 1 })
            .turn(TurnPurpose::Step {
                phase: 1,
                step: "01_idea".to_owned(),
            })
            .turn(TurnPurpose::Closing { phase: 1 });
        for _ in 0..MAX_REWORKS {
            if !passed {
                story = story.run(verify(false, REVIEW));
                story = story.turn(TurnPurpose::Rework { phase: 1 });
            }
        }
        story.run(verify(passed, REVIEW))
    };
    assert_eq!(
        story(true).task().next_work(),
        Work::StartPhase { phase: 2 }
    );
    assert_eq!(story(false).status(), "waiting (review)");
}

#[test]
fn three_failures_in_a_row_fail_the_task_and_a_good_turn_forgets_them() {
    let mut story = Story::running();
    assert_eq!(story.names(from(RUN, failed())), ["RunEnded", "TaskQueued"]);
    for epoch in 2..=3 {
        story = story.run(failed());
        let not_before = Some(at(600));
        assert_eq!(story.task().status, Status::Queued { not_before });
        story = story.then(start(epoch));
    }
    assert_eq!(story.names(from(RUN, failed())), ["RunEnded", "TaskFailed"]);
    let better = story.clone().run(start_phase(1));
    let better = better.turn(TurnPurpose::Opening { phase: 1 });
    assert_eq!(
        better.names(from(RUN, failed())),
        ["RunEnded", "TaskQueued"]
    );
    let story = story.run(failed());
    assert_eq!(story.status(), "failed");
    let again = story.then(TaskCommand::Retry).then(start(4));
    assert_eq!(again.task().failures, 0);
}

/// A turn is open.
fn at_work() -> Story {
    let story = Story::running().run(start_phase(1));
    let message = story.next_message();
    let purpose = TurnPurpose::Opening { phase: 1 };
    story.run(RunCommand::StartTurn { message, purpose })
}

const SILENCE: Silence = Silence {
    since: DateTime::UNIX_EPOCH,
    restart_at: DateTime::UNIX_EPOCH,
};

#[test]
fn an_agent_falls_silent_once_and_stirs_once() {
    let story = Story::running();
    let fall = || from(RUN, RunCommand::FallSilent(SILENCE));
    assert_eq!(story.refused(fall()), Refusal::OutOfTurn("a silence"));
    let stir = || from(RUN, RunCommand::Stir);
    let story = at_work();
    assert_eq!(story.names(stir()), [""; 0]);
    assert_eq!(story.names(fall()), ["AgentSilent"]);
    let silent = story.then(fall());
    assert_eq!(silent.task().silence, Some(SILENCE));
    assert_eq!(silent.names(fall()), [""; 0]);
    assert_eq!(silent.clone().then(stir()).task().silence, None);
}

#[test]
fn a_silence_ends_with_its_run_and_while_the_agent_stands_still() {
    let silent = at_work().then(from(RUN, RunCommand::FallSilent(SILENCE)));
    assert_eq!(silent.clone().run(failed()).task().silence, None);
    let now = TaskCommand::Pause { at: PauseAt::Now };
    assert_eq!(silent.then(now).task().silence, None);
}

#[test]
fn the_last_lines_stay_with_a_task_that_failed_until_it_is_tried_again() {
    let failed = RunCommand::End {
        end: RunEnd::Failed {
            message: "the agent is gone".to_owned(),
            last_lines: vec!["So long.".to_owned()],
        },
        retry_at: at(600),
    };
    let mut story = Story::running();
    for epoch in 2..=3 {
        story = story.run(failed.clone()).then(start(epoch));
        assert_eq!(story.task().last_lines, [""; 0]);
    }
    let story = story.run(failed);
    assert_eq!(story.task().last_lines, ["So long."]);
    assert_eq!(story.then(TaskCommand::Retry).task().last_lines, [""; 0]);
}

#[test]
fn a_shutdown_or_a_loss_costs_the_task_nothing() {
    for end in [RunEnd::Shutdown, RunEnd::Lost, RunEnd::Settled] {
        let retry_at = at(600);
        let story = Story::running().run(RunCommand::End { end, retry_at });
        let not_before = None;
        assert_eq!(story.task().status, Status::Queued { not_before });
        assert_eq!(story.task().failures, 0);
    }
}

#[test]
fn what_the_agent_asks_for_ends_the_run() {
    let story = Story::talking().run(RunCommand::StartConversation { session: SESSION });
    let purpose = TurnPurpose::Prompt;
    let story = story.run(RunCommand::StartTurn {
        message: MESSAGE,
        purpose,
    });
    let asked = |asked| RunCommand::EndTurn {
        message: MESSAGE,
        outcome: TurnOutcome::Deferred,
        usage: Some(usage()),
        present: Vec::new(),
        asked: vec![asked],
    };
    let asked_question = asked(Answerable::Question(QUESTION, question()));
    let expected = ["TurnEnded", "UsageRecorded", "QuestionAsked", "RunEnded"];
    assert_eq!(story.names(from(RUN, asked_question.clone())), expected);
    let waiting = story.clone().run(asked_question);
    assert_eq!(waiting.status(), "waiting (question)");
    assert_eq!(waiting.task().tokens, usage().tokens);
    let needed = asked(Answerable::Dependency(DEPENDENCY, dependency()));
    assert_eq!(story.run(needed).status(), "waiting (dependency)");
}

#[test]
fn a_limit_holds_the_task_until_its_time() {
    let story = Story::running();
    let limit = RunCommand::Limit(next_try(3_600));
    assert_eq!(
        story.names(from(RUN, limit.clone())),
        ["RateLimited", "RunEnded"]
    );
    let story = story.run(limit);
    assert_eq!(story.status(), "waiting (rate_limit)");
    assert_eq!(story.task().goes_on_at(), Some(at(3_600)));
    assert_eq!(story.names(start(2)), ["LimitLifted", "RunStarted"]);
    assert_eq!(
        story.names(TaskCommand::Retry),
        ["TaskRetried", "TaskQueued"]
    );
    let story = story.then(start(2));
    assert_eq!(story.task().limit(), None);
}

#[test]
fn a_task_that_is_not_to_go_on_by_itself_waits_for_a_word_after_a_limit() {
    let by_hand = TaskEdit {
        auto_resume: Some(false),
        ..TaskEdit::default()
    };
    let story = Story::running()
        .then(TaskCommand::Edit(by_hand))
        .run(RunCommand::Limit(next_try(3_600)));
    assert_eq!(story.task().goes_on_at(), None);
    assert_eq!(story.task().limit(), Some(&next_try(3_600)));
    let by_itself = TaskEdit {
        auto_resume: Some(true),
        ..TaskEdit::default()
    };
    let story = story.then(TaskCommand::Edit(by_itself));
    assert_eq!(story.task().goes_on_at(), Some(at(3_600)));
}

#[test]
fn limits_in_a_row_are_counted_until_a_turn_is_completed() {
    let limited = |story: Story, epoch| {
        let story = story.run(RunCommand::Limit(next_try(60)));
        story.then(start(epoch))
    };
    let story = limited(limited(Story::running(), 2), 3);
    assert_eq!(story.task().limits, 2);
    let story = story
        .run(start_phase(1))
        .turn(TurnPurpose::Opening { phase: 1 });
    assert_eq!(story.task().limits, 0);
}

#[test]
fn messages_are_handed_over_in_a_turn_of_their_own() {
    let story = Story::running()
        .run(start_phase(1))
        .turn(TurnPurpose::Opening { phase: 1 })
        .then(TaskCommand::SendMessage {
            message: MESSAGE,
            text: note("Please hurry."),
            deliver_at: DeliverAt::ToolResult,
        });
    let purpose = TurnPurpose::Messages {
        messages: vec![MESSAGE],
    };
    assert_eq!(story.task().next_work(), Work::Turn(purpose.clone()));
    let message = MessageId::from_uuid(Uuid::from_u128(5));
    let turn = RunCommand::StartTurn { message, purpose };
    let expected = ["TurnStarted", "MessageDelivered"];
    assert_eq!(story.names(from(RUN, turn)), expected);
    let deliver = RunCommand::DeliverMessage {
        message: MESSAGE,
        revision: 0,
    };
    let story = story.run(deliver.clone());
    assert_eq!(story.names(from(RUN, deliver)), Vec::<String>::new());
}

#[test]
fn steps_are_reported_once_and_by_their_name() {
    let story = Story::running().run(start_phase(1));
    let report = |step: &str, completed| RunCommand::ReportStep {
        step: step.to_owned(),
        completed,
        note: None,
    };
    let unknown = story.refused(from(RUN, report("02_other", true)));
    assert_eq!(unknown, Refusal::OutOfTurn("that step"));
    let story = story.run(report("01_idea", false));
    assert_eq!(
        story.names(from(RUN, report("01_idea", false))),
        Vec::<String>::new()
    );
    assert_eq!(
        story.names(from(RUN, report("01_idea", true))),
        ["StepCompleted"]
    );
    let story = story.run(report("01_idea", true));
    assert_eq!(
        story.names(from(RUN, report("01_idea", true))),
        Vec::<String>::new()
    );
}

#[test]
fn a_phase_is_reported_while_it_is_at_work() {
    let report = |phase| RunCommand::ReportPhase {
        phase,
        summary: "All is written.".to_owned(),
        files: Vec::new(),
    };
    let story = Story::running().run(start_phase(1));
    assert_eq!(story.names(from(RUN, report(1))), ["PhaseReported"]);
    let other = story.refused(from(RUN, report(2)));
    assert_eq!(other, Refusal::OutOfTurn("the end of that phase"));
}

#[test]
fn a_step_whose_end_nobody_saw_counts_by_what_it_left() {
    let purpose = TurnPurpose::Opening { phase: 1 };
    let message = MESSAGE;
    let nothing_written = RunCommand::EndTurn {
        message,
        outcome: TurnOutcome::Completed,
        usage: None,
        present: Vec::new(),
        asked: Vec::new(),
    };
    let opened = Story::running()
        .run(start_phase(1))
        .run(RunCommand::StartTurn { message, purpose })
        .run(nothing_written);
    let step = TurnPurpose::Step {
        phase: 1,
        step: "01_idea".to_owned(),
    };
    let after = |present: Vec<String>| {
        let purpose = step.clone();
        let message = MESSAGE;
        let story = opened
            .clone()
            .run(RunCommand::StartTurn { message, purpose });
        let unseen = RunCommand::EndTurn {
            message,
            outcome: TurnOutcome::Unseen,
            usage: None,
            present,
            asked: Vec::new(),
        };
        story.run(unseen).task().next_work()
    };
    assert_eq!(after(Vec::new()), Work::Turn(step.clone()));
    let closing = TurnPurpose::Closing { phase: 1 };
    assert_eq!(
        after(vec!["docs/01_idea.md".to_owned()]),
        Work::Turn(closing)
    );
}

#[test]
fn progress_grows_to_the_full() {
    let mut last = 0;
    let mut story = Story::at_the_gate();
    for (version, _) in story.records.iter().enumerate() {
        let task = Task::replay(&story.records[..=version]).unwrap();
        assert!(task.progress() >= last, "{} after {last}", task.progress());
        last = task.progress();
    }
    let approve = TaskCommand::Approve {
        review: story.open_review(),
        comment: None,
    };
    story = story.then(approve).then(start(2)).worked();
    assert_eq!(story.task().progress(), 100);
}

#[test]
fn a_message_whose_turn_came_to_nothing_is_said_again() {
    let purpose = TurnPurpose::Messages {
        messages: vec![MESSAGE],
    };
    let opened = Story::running()
        .run(start_phase(1))
        .turn(TurnPurpose::Opening { phase: 1 })
        .then(TaskCommand::SendMessage {
            message: MESSAGE,
            text: note("Please hurry."),
            deliver_at: DeliverAt::ToolResult,
        });
    let message = MessageId::from_uuid(Uuid::from_u128(5));
    let after = |outcome| {
        let turn = RunCommand::StartTurn {
            message,
            purpose: purpose.clone(),
        };
        let story = opened.clone().run(turn);
        assert_eq!(story.task().pending_messages().count(), 0);
        let work = story.run(end_turn(message, outcome)).task().next_work();
        work == Work::Turn(purpose.clone())
    };
    let message_text = "no".to_owned();
    assert!(after(TurnOutcome::Interrupted));
    assert!(after(TurnOutcome::Failed {
        message: message_text
    }));
    for outcome in [TurnOutcome::Completed, TurnOutcome::Unseen] {
        assert!(!after(outcome));
    }
    let parked = RunCommand::StartTurn {
        message,
        purpose: purpose.clone(),
    };
    let parked = opened
        .run(parked)
        .run(end_turn(message, TurnOutcome::Deferred));
    let goes_on = RunCommand::StartTurn {
        message,
        purpose: purpose.clone(),
    };
    let names = parked.names(from(RUN, goes_on.clone()));
    assert_eq!(names, ["TurnStarted"], "it was delivered before");
    let failed = parked
        .run(goes_on)
        .run(end_turn(message, TurnOutcome::Interrupted));
    assert_eq!(failed.task().next_work(), Work::Turn(purpose));
}

#[test]
fn a_message_that_reached_a_failing_turn_in_its_course_is_said_again() {
    let purpose = TurnPurpose::Opening { phase: 1 };
    let turn = MessageId::from_uuid(Uuid::from_u128(5));
    let story = Story::running()
        .run(start_phase(1))
        .run(RunCommand::StartTurn {
            message: turn,
            purpose,
        })
        .then(TaskCommand::SendMessage {
            message: MESSAGE,
            text: note("Please hurry."),
            deliver_at: DeliverAt::ToolResult,
        })
        .run(RunCommand::DeliverMessage {
            message: MESSAGE,
            revision: 0,
        });
    assert_eq!(story.task().pending_messages().count(), 0);
    let answered = story.clone().run(end_turn(turn, TurnOutcome::Completed));
    assert_eq!(answered.task().pending_messages().count(), 0);
    let stopped = story.run(end_turn(turn, TurnOutcome::Interrupted));
    assert_eq!(stopped.task().pending_messages().count(), 1);
}
