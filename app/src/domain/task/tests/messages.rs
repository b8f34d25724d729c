//! What people write to an agent, and what becomes of it; and how they interrupt it.

use super::*;

const OTHER: MessageId = MessageId::from_uuid(Uuid::from_u128(0x3f));
const TURN: MessageId = MessageId::from_uuid(Uuid::from_u128(5));

fn send(message: MessageId, deliver_at: DeliverAt) -> TaskCommand {
    TaskCommand::SendMessage {
        message,
        text: note("Please hurry."),
        deliver_at,
    }
}

fn edit(text: &str) -> TaskCommand {
    TaskCommand::EditMessage {
        message: MESSAGE,
        text: Some(note(text)),
        deliver_at: None,
    }
}

const CANCEL: TaskCommand = TaskCommand::CancelMessage { message: MESSAGE };

fn deliver(revision: u32) -> RunCommand {
    RunCommand::DeliverMessage {
        message: MESSAGE,
        revision,
    }
}

/// In the middle of the first phase's first step.
fn in_a_step() -> Story {
    Story::running()
        .run(start_phase(1))
        .turn(TurnPurpose::Opening { phase: 1 })
        .run(RunCommand::StartTurn {
            message: TURN,
            purpose: step(),
        })
}

fn step() -> TurnPurpose {
    TurnPurpose::Step {
        phase: 1,
        step: "01_idea".to_owned(),
    }
}

fn stopped() -> RunCommand {
    RunCommand::EndTurn {
        message: TURN,
        outcome: TurnOutcome::Interrupted,
        usage: None,
        present: Vec::new(),
        asked: Vec::new(),
    }
}

/// The same, interrupted, without a word of how it goes on.
fn interrupted() -> Story {
    in_a_step()
        .then(TaskCommand::Interrupt)
        .run(stopped())
        .run(RunCommand::AwaitMessage)
}

fn messages(messages: &[MessageId]) -> Work {
    let messages = messages.to_vec();
    Work::Turn(TurnPurpose::Messages { messages })
}

fn from_run(command: RunCommand) -> TaskCommand {
    TaskCommand::Run { run: RUN, command }
}

#[test]
fn a_message_that_wants_a_turn_of_its_own_gets_one() {
    let ended = end_turn(TURN, TurnOutcome::Completed);
    let (first, second) = (MESSAGE, OTHER);
    let story = in_a_step()
        .then(send(first, DeliverAt::OwnTurn))
        .then(send(second, DeliverAt::OwnTurn))
        .run(ended.clone());
    assert_eq!(story.task().next_work(), messages(&[first]));
    let story = in_a_step()
        .then(send(first, DeliverAt::ToolResult))
        .then(send(second, DeliverAt::ToolResult))
        .run(ended.clone());
    assert_eq!(story.task().next_work(), messages(&[first, second]));
    let story = in_a_step()
        .then(send(first, DeliverAt::ToolResult))
        .then(send(second, DeliverAt::OwnTurn))
        .run(ended);
    assert_eq!(story.task().next_work(), messages(&[first]));
}

#[test]
fn a_message_is_changed_and_cancelled_until_the_agent_has_it() {
    let queued = in_a_step().then(send(MESSAGE, DeliverAt::ToolResult));
    assert_eq!(queued.names(edit("Please hurry.")), Vec::<String>::new());
    let changed = queued.clone().then(edit("Take your time."));
    let message = &changed.task().messages[0];
    assert_eq!(message.text, note("Take your time."));
    assert_ne!(
        message.wire_id(),
        MESSAGE.as_uuid(),
        "another text is another one"
    );
    let cancelled = changed.clone().then(CANCEL);
    assert_eq!(cancelled.task().pending_messages().count(), 0);
    assert_eq!(cancelled.names(CANCEL), Vec::<String>::new());
    assert_eq!(cancelled.refused(edit("No")), Refusal::MessageCancelled);
    let delivered = changed.run(deliver(1));
    assert_eq!(delivered.refused(edit("No")), Refusal::MessageDelivered);
    assert_eq!(delivered.refused(CANCEL), Refusal::MessageDelivered);
    assert!(matches!(delivered.task().messages[0].delivery,
        Delivery::Delivered { turn, .. } if turn == Some(TURN)));
    let unknown = TaskCommand::CancelMessage { message: OTHER };
    assert_eq!(delivered.refused(unknown), Refusal::UnknownMessage);
}

#[test]
fn a_change_that_comes_too_late_is_delivered_as_well() {
    let changed = in_a_step()
        .then(send(MESSAGE, DeliverAt::ToolResult))
        .then(edit("Take your time."));
    assert!(changed.names(from_run(deliver(0))).is_empty());
    assert_eq!(
        changed.names(from_run(deliver(1))),
        ["MessageDelivered"],
        "this is the text that counts"
    );
}

#[test]
fn a_message_that_was_cancelled_too_late_is_told_as_delivered_and_not_said_again() {
    let late = in_a_step()
        .then(send(MESSAGE, DeliverAt::ToolResult))
        .then(CANCEL)
        .run(deliver(0));
    assert_eq!(
        late.task().messages[0].status(),
        MessageStatus::Delivered,
        "the agent has read it"
    );
    let failed = late.run(end_turn(TURN, TurnOutcome::Interrupted));
    assert_eq!(failed.task().pending_messages().count(), 0);
}

#[test]
fn a_message_that_died_with_the_agent_is_said_again() {
    let lose = RunCommand::LoseMessage { message: MESSAGE };
    let queued = in_a_step().then(send(MESSAGE, DeliverAt::ToolResult));
    assert!(queued.names(from_run(lose.clone())).is_empty());
    let killed = queued.run(deliver(0)).run(lose.clone());
    assert_eq!(killed.task().pending_messages().count(), 1);
    assert!(killed.names(from_run(lose)).is_empty());
    let again = killed
        .run(deliver(0))
        .run(end_turn(TURN, TurnOutcome::Completed));
    assert_eq!(again.task().pending_messages().count(), 0);
}

#[test]
fn an_interrupt_without_a_message_waits_for_one() {
    let asked = in_a_step().then(TaskCommand::Interrupt);
    assert_eq!(asked.names(TaskCommand::Interrupt), Vec::<String>::new());
    assert!(!asked.task().actions().contains(&Action::Interrupt));
    let story = asked.run(stopped());
    assert_eq!(story.task().next_work(), Work::AwaitMessage);
    assert_eq!(
        story.names(from_run(RunCommand::AwaitMessage)),
        ["MessageAwaited", "RunEnded"]
    );
    let waiting = story.run(RunCommand::AwaitMessage);
    assert_eq!(waiting.status(), "waiting (message)");
    assert!(matches!(
        waiting.refused(TaskCommand::Interrupt),
        Refusal::NotAllowed { .. }
    ));
    let message = send(MESSAGE, DeliverAt::ToolResult);
    assert_eq!(
        waiting.names(message.clone()),
        ["MessageSent", "TaskQueued"]
    );
    let told = waiting.then(message).then(start(2));
    assert_eq!(told.task().next_work(), messages(&[MESSAGE]));
    let answered = told.turn(TurnPurpose::Messages {
        messages: vec![MESSAGE],
    });
    let names = names_of_steps(&answered);
    assert_eq!(names, [true], "its file was there by then");
}

fn names_of_steps(story: &Story) -> Vec<bool> {
    let phase = story.task().phase(1).unwrap();
    phase.steps.iter().map(|step| step.turned).collect()
}

#[test]
fn what_is_queued_comes_next_after_an_interrupt() {
    let story = in_a_step()
        .then(send(MESSAGE, DeliverAt::OwnTurn))
        .then(TaskCommand::Interrupt)
        .run(stopped());
    assert_eq!(story.task().next_work(), messages(&[MESSAGE]));
    let cancelled = story.then(CANCEL);
    assert_eq!(cancelled.task().next_work(), Work::AwaitMessage);
}

#[test]
fn the_agent_goes_on_where_it_was_if_a_person_wants_that() {
    let again = interrupted().then(TaskCommand::Retry).then(start(2));
    assert_eq!(again.task().next_work(), Work::Turn(step()));
    let told = in_a_step()
        .then(send(MESSAGE, DeliverAt::ToolResult))
        .run(deliver(0))
        .then(TaskCommand::Interrupt)
        .run(stopped());
    assert_eq!(told.task().pending_messages().count(), 0, "it has read it");
    let again = told.run(RunCommand::AwaitMessage).then(TaskCommand::Retry);
    assert_eq!(
        again.task().pending_messages().count(),
        1,
        "it reads it again"
    );
}

#[test]
fn a_message_that_is_taken_back_does_not_let_the_agent_go_on() {
    let story = interrupted()
        .then(send(MESSAGE, DeliverAt::ToolResult))
        .then(CANCEL)
        .then(start(2));
    assert_eq!(story.task().next_work(), Work::AwaitMessage);
}

#[test]
fn a_conversation_whose_first_prompt_was_interrupted_goes_on_with_the_message() {
    let prompt = TurnPurpose::Prompt;
    let story = Story::talking()
        .run(RunCommand::StartConversation { session: SESSION })
        .run(RunCommand::StartTurn {
            message: TURN,
            purpose: prompt.clone(),
        })
        .then(TaskCommand::Interrupt)
        .run(stopped());
    let again = story
        .clone()
        .run(RunCommand::AwaitMessage)
        .then(TaskCommand::Retry)
        .then(start(2));
    assert_eq!(again.task().next_work(), Work::Turn(prompt));
    let purpose = TurnPurpose::Messages {
        messages: vec![MESSAGE],
    };
    let told = story
        .then(send(MESSAGE, DeliverAt::ToolResult))
        .turn(purpose);
    assert_eq!(told.task().next_work(), Work::Complete);
}

#[test]
fn an_interrupt_between_turns_holds_the_next_one_up() {
    let story = Story::running()
        .run(start_phase(1))
        .then(TaskCommand::Interrupt);
    assert_eq!(story.task().next_work(), Work::AwaitMessage);
    // The agent has to know what it is about before it can make sense of a message.
    let story = story.then(send(MESSAGE, DeliverAt::ToolResult));
    let opening = TurnPurpose::Opening { phase: 1 };
    assert_eq!(story.task().next_work(), Work::Turn(opening.clone()));
    let story = story.turn(opening);
    assert_eq!(story.task().next_work(), messages(&[MESSAGE]));
}

#[test]
fn an_interrupt_that_comes_too_late_for_its_turn_holds_the_next_one_up() {
    let story = in_a_step()
        .then(TaskCommand::Interrupt)
        .run(end_turn(TURN, TurnOutcome::Completed));
    assert_eq!(story.task().next_work(), Work::AwaitMessage);
    let talked = Story::talking()
        .run(RunCommand::StartConversation { session: SESSION })
        .run(RunCommand::StartTurn {
            message: TURN,
            purpose: TurnPurpose::Prompt,
        })
        .then(TaskCommand::Interrupt)
        .run(end_turn(TURN, TurnOutcome::Completed));
    assert_eq!(talked.task().next_work(), Work::Complete, "all is said");
}
