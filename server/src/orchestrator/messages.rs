//! A person's messages on their way to an agent at work.
//!
//! A message is delivered when the agent's program says that it has taken it up, not when it was
//! written into a pipe. Until then it may be lost with the process, and the next one gets it again:
//! the CLI takes the same uuid for the same message. One that is changed or cancelled on its way is
//! taken back; what counts is whether the program had taken it up by then.

use std::collections::HashMap;

use app::domain::id::MessageId;
use app::domain::log::LogKind;
use app::domain::task::{DeliverAt, Message, RunCommand, Task, TurnPurpose};
use app::domain::text::Note;
use uuid::Uuid;

use super::run::{Run, RunError};
use super::serve::said;
use super::session::Session;
use super::turn::line;
use crate::agent::protocol::LifecycleState;
use crate::agent::stdin::Priority;
use crate::prompts;

/// What one process was given of a person's messages, by the uuid that it knows them by.
#[derive(Debug, Default)]
pub struct Mail {
    letters: HashMap<Uuid, Letter>,
}

/// A message as the process got it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Letter {
    message: MessageId,
    revision: u32,
    text: Note,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Given, and not taken up.
    Given,
    /// The process was asked to drop it.
    Withdrawn,
    /// Taken up or dropped.
    Closed,
}

impl Mail {
    /// Whether something is still on its way.
    pub fn is_open(&self) -> bool {
        let mut letters = self.letters.values();
        letters.any(|letter| letter.stage != Stage::Closed)
    }

    /// Notes that the process gets a message as it is now; not a second time.
    fn give(&mut self, message: &Message) -> bool {
        let uuid = message.wire_id();
        if self.letters.contains_key(&uuid) {
            return false;
        }
        let letter = Letter {
            message: message.id,
            revision: message.revision,
            text: message.text.clone(),
            stage: Stage::Given,
        };
        self.letters.insert(uuid, letter);
        true
    }

    /// What is on its way and is not wanted any more as it is; told once.
    fn withdraw(&mut self, task: &Task) -> Vec<Uuid> {
        let is_wanted = |letter: &Letter| {
            let known = task.message(letter.message);
            known.is_some_and(|known| known.is_pending() && known.revision == letter.revision)
        };
        let mut unwanted = Vec::new();
        for (uuid, letter) in &mut self.letters {
            if letter.stage == Stage::Given && !is_wanted(letter) {
                letter.stage = Stage::Withdrawn;
                unwanted.push(*uuid);
            }
        }
        unwanted
    }

    fn close(&mut self, uuid: Uuid) -> Option<Letter> {
        let letter = self.letters.get_mut(&uuid)?;
        let before = letter.clone();
        letter.stage = Stage::Closed;
        (before.stage != Stage::Closed).then_some(before)
    }
}

/// What the agent has taken up of a person's messages in the course of the turn that is open, with
/// the uuids that it knows them by.
pub(super) fn taken_up_in(task: &Task, open: Option<MessageId>) -> Vec<(Uuid, MessageId)> {
    let turns = task.turn.iter().chain(&task.parked);
    let turn = turns.filter(|turn| Some(turn.message) == open);
    let mut taken_up = Vec::new();
    for turn in turn {
        let given = task.messages.iter().filter(|known| {
            let is_prompt = matches!(&turn.purpose,
                TurnPurpose::Messages { messages } if messages.contains(&known.id));
            turn.delivered.contains(&known.id) && !is_prompt
        });
        taken_up.extend(given.map(|known| (known.wire_id(), known.id)));
    }
    taken_up
}

impl Run {
    /// Takes back what is not wanted any more, and gives the agent what it is to get in its turn and
    /// this process was not given before.
    pub(super) async fn pass_on(&self, session: &mut Session, task: &Task) {
        let control = session.agent.control();
        for uuid in session.mail.withdraw(task) {
            said(control.withdraw(uuid).await);
        }
        let mut pending = task.pending_messages();
        let mut wanted = Vec::new();
        for message in pending.by_ref() {
            if message.deliver_at == DeliverAt::ToolResult && session.mail.give(message) {
                wanted.push(message);
            }
        }
        for message in wanted {
            let uuid = message.wire_id();
            let mark = MessageId::from_uuid(uuid);
            let text = prompts::message(mark, message.text.as_str());
            said(control.send_user(uuid, &text, Some(Priority::Next)).await);
        }
    }

    /// Hears how far a message has come.
    pub(super) async fn follow(
        &self,
        session: &mut Session,
        message: Uuid,
        state: LifecycleState,
    ) -> Result<(), RunError> {
        match state {
            LifecycleState::Started | LifecycleState::Completed => {
                self.taken_up(session, message).await
            }
            LifecycleState::Cancelled => {
                session.mail.close(message);
                Ok(())
            }
            LifecycleState::Queued | LifecycleState::Unknown => Ok(()),
        }
    }

    /// Records what an agent that is gone had taken up, as its transcript tells, while nobody listened.
    pub(super) async fn recall(
        &self,
        mut task: Task,
        heard: Vec<MessageId>,
    ) -> Result<Task, RunError> {
        for message in heard {
            let Some(known) = task.message(message) else {
                continue;
            };
            let (revision, text) = (known.revision, known.text.to_string());
            task = self
                .say(RunCommand::DeliverMessage { message, revision })
                .await?;
            self.log(vec![line(LogKind::Message, text)]).await?;
        }
        Ok(task)
    }

    /// Records that the agent has a message, if it is one of a person.
    pub(super) async fn taken_up(
        &self,
        session: &mut Session,
        message: Uuid,
    ) -> Result<(), RunError> {
        let Some(letter) = session.mail.close(message) else {
            return Ok(());
        };
        self.say(RunCommand::DeliverMessage {
            message: letter.message,
            revision: letter.revision,
        })
        .await?;
        // What the agent has read, even if it was changed or cancelled at the same moment.
        self.log(vec![line(LogKind::Message, letter.text.to_string())])
            .await
    }
}

#[cfg(test)]
mod tests {
    use app::domain::task::Delivery;
    use chrono::DateTime;

    use super::*;

    fn message(revision: u32) -> Message {
        Message {
            id: MessageId::from_uuid(Uuid::from_u128(7)),
            text: "Hello".parse().unwrap(),
            sent_at: DateTime::UNIX_EPOCH,
            deliver_at: DeliverAt::default(),
            revision,
            edited_at: None,
            delivery: Delivery::Pending,
        }
    }

    #[test]
    fn a_message_is_given_once_and_taken_up_once() {
        let mut mail = Mail::default();
        let message = message(0);
        assert!(!mail.is_open());
        assert!(mail.give(&message));
        assert!(!mail.give(&message) && mail.is_open());
        assert_eq!(mail.close(Uuid::from_u128(8)), None);
        let letter = mail.close(message.wire_id()).unwrap();
        assert_eq!((letter.message, letter.revision), (message.id, 0));
        assert_eq!(mail.close(message.wire_id()), None);
        assert!(!mail.is_open() && !mail.give(&message));
    }

    #[test]
    fn a_message_that_was_changed_is_given_anew() {
        let mut mail = Mail::default();
        assert!(mail.give(&message(0)));
        assert!(mail.give(&message(1)));
        assert_ne!(message(0).wire_id(), message(1).wire_id());
        mail.close(message(0).wire_id());
        assert!(mail.is_open(), "the new text is still on its way");
    }
}
