//! Reviews that nobody decides.

use super::*;

const fn remind(level: ReminderLevel) -> TaskCommand {
    TaskCommand::RemindReview {
        review: REVIEW,
        level,
    }
}

const APPROVE: TaskCommand = TaskCommand::ApproveByItself {
    review: REVIEW,
    hours: 168,
};

fn waiting() -> Story {
    let story = Story::at_the_gate();
    assert_eq!(story.status(), "waiting (review)");
    story
}

/// The same, of a task that is to go on by itself.
fn waiting_to_go_on() -> Story {
    waiting().then(TaskCommand::Edit(TaskEdit {
        auto_approve: Some(true),
        ..TaskEdit::default()
    }))
}

/// What the review is called in this story.
fn review_of(story: &Story) -> ReviewId {
    story.task().awaited_review().unwrap()
}

fn for_review(story: &Story, command: TaskCommand) -> TaskCommand {
    let review = review_of(story);
    match command {
        TaskCommand::RemindReview { level, .. } => TaskCommand::RemindReview { review, level },
        TaskCommand::ApproveByItself { hours, .. } => {
            TaskCommand::ApproveByItself { review, hours }
        }
        other => other,
    }
}

#[test]
fn a_reminder_is_said_once_and_then_more_urgently() {
    let story = waiting();
    let first = for_review(&story, remind(ReminderLevel::Reminder));
    assert_eq!(story.names(first.clone()), ["ReviewReminded"]);
    let story = story.then(first.clone());
    assert_eq!(story.names(first.clone()), [""; 0]);
    let escalated = for_review(&story, remind(ReminderLevel::Escalation));
    let story = story.then(escalated);
    let urgent = for_review(&story, remind(ReminderLevel::Urgent));
    assert_eq!(story.names(urgent), [""; 0]);
    let review = &story.task().reviews[0];
    assert_eq!(review.reminded, Some(ReminderLevel::Escalation));
    assert_eq!(story.status(), "waiting (review)");
}

#[test]
fn a_decided_review_is_not_called_to_mind() {
    let story = waiting();
    let late = for_review(&story, remind(ReminderLevel::Urgent));
    let review = review_of(&story);
    let story = story.then(TaskCommand::Approve {
        review,
        comment: None,
    });
    assert_eq!(story.names(late), [""; 0]);
    let story = waiting();
    let late = for_review(&story, remind(ReminderLevel::Urgent));
    assert_eq!(story.then(TaskCommand::Cancel).names(late), [""; 0]);
}

#[test]
fn a_task_that_is_to_go_on_is_approved_with_a_remark() {
    let story = waiting_to_go_on();
    let events = story.when(for_review(&story, APPROVE)).unwrap();
    assert_eq!(
        names(&events),
        ["ReviewApproved", "PhaseCompleted", "TaskQueued"]
    );
    let TaskEvent::ReviewApproved { comment, .. } = &events[0] else {
        panic!("{events:?}");
    };
    assert_eq!(
        comment.as_ref().map(ToString::to_string).as_deref(),
        Some("Approved by itself: nobody decided within 168 hours.")
    );
}

#[test]
fn a_task_that_waits_for_people_is_never_approved_by_itself() {
    let story = waiting();
    assert_eq!(story.names(for_review(&story, APPROVE)), [""; 0]);
}

#[test]
fn a_review_that_was_sent_back_is_not_approved_by_itself() {
    let story = waiting_to_go_on();
    let late = for_review(&story, APPROVE);
    let review = review_of(&story);
    let story = story.then(TaskCommand::RequestChanges {
        review,
        feedback: Some(note("Again.")),
        comments: Vec::new(),
    });
    assert_eq!(story.names(late), [""; 0]);
}

#[test]
fn an_unknown_review_is_refused() {
    let unknown = ReviewId::from_uuid(Uuid::from_u128(0xabc));
    let story = waiting();
    let command = TaskCommand::RemindReview {
        review: unknown,
        level: ReminderLevel::Reminder,
    };
    assert_eq!(story.refused(command), Refusal::UnknownReview);
}
