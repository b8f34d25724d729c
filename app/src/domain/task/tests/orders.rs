//! What people ask of a task.

use super::*;

fn edit() -> TaskCommand {
    TaskCommand::Edit(TaskEdit {
        title: Some("Another title".parse().unwrap()),
        ..TaskEdit::default()
    })
}

fn send(text: &str) -> TaskCommand {
    TaskCommand::SendMessage {
        message: MESSAGE,
        text: note(text),
        deliver_at: DeliverAt::ToolResult,
    }
}

fn comment() -> Comment {
    Comment {
        file: Some("docs/01_idea.md".to_owned()),
        line: Some(3),
        end_line: None,
        text: note("Too vague."),
    }
}

fn is_not_allowed(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::NotAllowed { .. })
}

#[test]
fn a_task_is_a_draft_until_it_is_started() {
    let story = Story::of(two_phases());
    assert_eq!(story.status(), "draft");
    assert_eq!(story.names(TaskCommand::Execute), ["TaskQueued"]);
    let TaskCommand::Create(mut new) = create(two_phases()) else {
        unreachable!()
    };
    new.start = true;
    let story = Story::default().then(TaskCommand::Create(new));
    assert_eq!(story.status(), "queued");
    assert!(is_not_allowed(&story.refused(TaskCommand::Execute)));
}

#[test]
fn a_task_is_created_once_and_before_all_else() {
    let again = Story::of(two_phases()).refused(create(two_phases()));
    assert_eq!(again, Refusal::AlreadyCreated);
    assert_eq!(
        Story::default().refused(TaskCommand::Execute),
        Refusal::UnknownTask
    );
}

#[test]
fn an_edit_that_changes_nothing_leaves_no_trace() {
    let story = Story::of(two_phases()).then(edit());
    assert_eq!(story.task().title.as_str(), "Another title");
    assert_eq!(story.names(edit()), Vec::<String>::new());
}

#[test]
fn the_description_is_fixed_once_the_task_was_started() {
    let describe = TaskCommand::Edit(TaskEdit {
        description: Some("Something else".parse().unwrap()),
        ..TaskEdit::default()
    });
    let story = Story::of(two_phases());
    assert_eq!(story.names(describe.clone()), ["TaskUpdated"]);
    let story = story.then(TaskCommand::Execute);
    assert_eq!(story.refused(describe), Refusal::DescriptionFixed);
    assert_eq!(story.names(edit()), ["TaskUpdated"]);
}

#[test]
fn cancelling_ends_the_run_and_cancelling_twice_is_harmless() {
    let story = Story::running();
    assert_eq!(
        story.names(TaskCommand::Cancel),
        ["TaskCancelled", "RunEnded"]
    );
    let story = story.then(TaskCommand::Cancel);
    assert_eq!(story.status(), "cancelled");
    assert_eq!(story.names(TaskCommand::Cancel), Vec::<String>::new());
    let late = TaskCommand::Run {
        run: RUN,
        command: RunCommand::Complete,
    };
    assert_eq!(story.refused(late), Refusal::StaleRun);
}

#[test]
fn only_what_has_stopped_can_be_tried_again_or_put_away() {
    let running = Story::running();
    assert!(is_not_allowed(&running.refused(TaskCommand::Retry)));
    assert!(is_not_allowed(&running.refused(TaskCommand::Archive)));
    let refused = running.run(RunCommand::RefuseCredentials {
        message: "no credit".to_owned(),
    });
    assert_eq!(refused.status(), "waiting (credentials)");
    assert_eq!(
        refused.names(TaskCommand::Retry),
        ["TaskRetried", "TaskQueued"]
    );
    let away = refused.then(TaskCommand::Archive);
    for command in [TaskCommand::Retry, TaskCommand::Archive, edit(), start(9)] {
        assert_eq!(away.refused(command), Refusal::UnknownTask);
    }
}

#[test]
fn a_message_is_taken_once_and_while_somebody_will_read_it() {
    let story = Story::running();
    assert_eq!(story.names(send("Hello")), ["MessageSent"]);
    let story = story.then(send("Hello"));
    assert_eq!(story.names(send("Hello")), Vec::<String>::new());
    let off = story.then(TaskCommand::Cancel);
    let other = TaskCommand::SendMessage {
        message: MessageId::from_uuid(Uuid::from_u128(1)),
        text: note("Hello"),
        deliver_at: DeliverAt::ToolResult,
    };
    assert!(is_not_allowed(&off.refused(other)));
}

#[test]
fn no_more_messages_are_kept_than_an_agent_can_be_told() {
    let mut story = Story::running();
    for number in 0..MAX_PENDING_MESSAGES as u128 {
        story = story.then(TaskCommand::SendMessage {
            message: MessageId::from_uuid(Uuid::from_u128(0x1_0000 + number)),
            text: note("More"),
            deliver_at: DeliverAt::ToolResult,
        });
    }
    let refused = story.refused(send("Too much"));
    assert!(
        matches!(refused, Refusal::TooMany { limit: 100, .. }),
        "{refused:?}"
    );
}

#[test]
fn a_message_reopens_a_finished_conversation_but_not_a_finished_app() {
    let talked = Story::talking().worked();
    assert_eq!(talked.status(), "completed");
    assert_eq!(
        talked.names(send("One more")),
        ["MessageSent", "TaskQueued"]
    );
    let review = Story::at_the_gate();
    let id = review.open_review();
    let approve = TaskCommand::Approve {
        review: id,
        comment: None,
    };
    let finished = review.then(approve).then(start(2)).worked();
    assert_eq!(finished.status(), "completed");
    assert!(is_not_allowed(&finished.refused(send("One more"))));
}

#[test]
fn an_approval_opens_the_next_phase_and_a_second_click_is_harmless() {
    let story = Story::at_the_gate();
    let review = story.open_review();
    let approve = TaskCommand::Approve {
        review,
        comment: Some(note("Good.")),
    };
    let expected = ["ReviewApproved", "PhaseCompleted", "TaskQueued"];
    assert_eq!(story.names(approve.clone()), expected);
    let story = story.then(approve.clone());
    assert_eq!(story.names(approve), Vec::<String>::new());
    let late = TaskCommand::RequestChanges {
        review,
        feedback: Some(note("No.")),
        comments: Vec::new(),
    };
    let decision = "approved";
    assert_eq!(story.refused(late), Refusal::AlreadyDecided { decision });
    let story = story.then(start(2));
    assert_eq!(story.task().next_work(), Work::StartPhase { phase: 2 });
}

#[test]
fn a_phase_that_is_sent_back_is_reworked_and_reviewed_again() {
    let story = Story::at_the_gate();
    let review = story.open_review();
    let changes = TaskCommand::RequestChanges {
        review,
        feedback: Some(note("Again, please.")),
        comments: vec![(FEEDBACK, comment())],
    };
    let expected = ["FeedbackAdded", "ChangesRequested", "TaskQueued"];
    assert_eq!(story.names(changes.clone()), expected);
    let story = story.then(changes.clone());
    let decision = "sent back";
    assert_eq!(story.refused(changes), Refusal::AlreadyDecided { decision });
    let story = story.then(start(2));
    let rework = TurnPurpose::Rework { phase: 1 };
    assert_eq!(story.task().next_work(), Work::Turn(rework));
    let story = story.worked();
    assert_eq!(story.status(), "waiting (review)");
    assert_ne!(story.open_review(), review);
    assert_eq!(story.task().open_review().unwrap().round, 2);
}

#[test]
fn comments_belong_to_an_open_review_and_are_settled_once() {
    let story = Story::at_the_gate();
    let review = story.open_review();
    let add = |review| TaskCommand::AddFeedback {
        review,
        feedback: FEEDBACK,
        comment: comment(),
    };
    assert_eq!(story.refused(add(REVIEW)), Refusal::UnknownReview);
    let story = story.then(add(review));
    let resolve = TaskCommand::ResolveFeedback { feedback: FEEDBACK };
    let story = story.then(resolve.clone());
    assert_eq!(story.names(resolve), Vec::<String>::new());
    let feedback = FeedbackId::from_uuid(Uuid::nil());
    let unknown = TaskCommand::ResolveFeedback { feedback };
    assert_eq!(story.refused(unknown), Refusal::UnknownFeedback);
}

#[test]
fn a_review_holds_a_limited_number_of_comments() {
    let story = Story::at_the_gate();
    let review = story.open_review();
    let comments = (0..=MAX_FEEDBACK as u128)
        .map(|number| (FeedbackId::from_uuid(Uuid::from_u128(number)), comment()));
    let refused = story.refused(TaskCommand::RequestChanges {
        review,
        feedback: Some(note("All of it.")),
        comments: comments.collect(),
    });
    assert!(
        matches!(refused, Refusal::TooMany { limit: 500, .. }),
        "{refused:?}"
    );
}

#[test]
fn a_review_in_between_is_opened_at_the_next_end_of_a_turn() {
    let story = Story::running().run(start_phase(1));
    assert_eq!(story.names(TaskCommand::RequestReview), ["ReviewRequested"]);
    let story = story
        .then(TaskCommand::RequestReview)
        .turn(TurnPurpose::Opening { phase: 1 });
    assert_eq!(
        story.names(TaskCommand::RequestReview),
        Vec::<String>::new()
    );
    assert_eq!(story.task().next_work(), Work::OpenReview { phase: 1 });
    let story = story.worked();
    assert_eq!(story.status(), "waiting (review)");
    let approve = TaskCommand::Approve {
        review: REVIEW,
        comment: None,
    };
    // The phase goes on: it is not complete because a person had a look.
    assert_eq!(story.names(approve), ["ReviewApproved", "TaskQueued"]);
    let draft = Story::of(two_phases());
    assert!(is_not_allowed(&draft.refused(TaskCommand::RequestReview)));
}

#[test]
fn a_refusal_says_what_is_possible_instead() {
    let refusal = Story::of(two_phases()).refused(TaskCommand::Retry);
    assert_eq!(
        refusal.to_string(),
        "A task that is a draft can't be tried again."
    );
    let Refusal::NotAllowed { allowed, .. } = refusal else {
        panic!("{refusal:?}");
    };
    let expected = [
        Action::Execute,
        Action::Edit,
        Action::Cancel,
        Action::Delete,
    ];
    assert_eq!(allowed, expected);
}

#[test]
fn an_approval_of_the_last_phase_waits_until_what_was_written_is_answered() {
    let one_phase = Workflow {
        phases: vec![phase("planning", &["01_idea"], true)],
        ..two_phases()
    };
    let story = Story::of(one_phase)
        .then(TaskCommand::Execute)
        .then(start(1))
        .worked();
    let review = story.open_review();
    let approve = TaskCommand::Approve {
        review,
        comment: None,
    };
    let expected = ["ReviewApproved", "PhaseCompleted", "TaskCompleted"];
    assert_eq!(story.names(approve.clone()), expected);

    let story = story.then(send("And a licence, please."));
    assert_eq!(
        story.names(approve.clone()),
        ["ReviewApproved", "TaskQueued"]
    );
    let story = story.then(approve.clone()).then(start(2));
    let messages = vec![MESSAGE];
    let purpose = TurnPurpose::Messages { messages };
    assert_eq!(story.task().next_work(), Work::Turn(purpose.clone()));
    let story = story.turn(purpose);
    assert_eq!(story.task().next_work(), Work::Complete);
    let complete = TaskCommand::Run {
        run: RUN,
        command: RunCommand::Complete,
    };
    let expected = ["PhaseCompleted", "TaskCompleted", "RunEnded"];
    assert_eq!(story.names(complete.clone()), expected);

    // A person may look once more before the end, and change their mind.
    let story = story.then(TaskCommand::RequestReview).worked();
    let review = story.open_review();
    let changes = TaskCommand::RequestChanges {
        review,
        feedback: Some(note("Another licence.")),
        comments: Vec::new(),
    };
    let story = story.then(changes).then(start(3));
    let rework = TurnPurpose::Rework { phase: 1 };
    assert_eq!(story.task().next_work(), Work::Turn(rework));
}

#[test]
fn a_phase_is_sent_back_with_words_or_comments_but_not_without_both() {
    let story = Story::at_the_gate();
    let review = story.open_review();
    let changes = |comments| TaskCommand::RequestChanges {
        review,
        feedback: None,
        comments,
    };
    assert_eq!(story.refused(changes(Vec::new())), Refusal::NothingToChange);
    let with_one = changes(vec![(FEEDBACK, comment())]);
    let sent_back = story.clone().then(with_one);
    let Some(ReviewStatus::ChangesRequested { feedback, .. }) =
        sent_back.task().reviews.last().map(|review| &review.status)
    else {
        panic!("{:?}", sent_back.task().reviews);
    };
    assert_eq!(feedback.as_str(), "Please see the comments.");

    let story = story.then(TaskCommand::AddFeedback {
        review,
        feedback: FEEDBACK,
        comment: comment(),
    });
    let expected = ["ChangesRequested", "TaskQueued"];
    assert_eq!(story.names(changes(Vec::new())), expected);
    // A comment that is settled asks for nothing.
    let settled = story.then(TaskCommand::ResolveFeedback { feedback: FEEDBACK });
    assert_eq!(
        settled.refused(changes(Vec::new())),
        Refusal::NothingToChange
    );
}
