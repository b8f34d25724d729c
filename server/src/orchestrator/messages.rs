//! A person's messages on their way to an agent at work.
//!
//! A message is delivered when the agent's program says that it has taken it up, not when it was
//! written into a pipe. Until then it may be lost with the process, and the next one gets it again:
//! the CLI takes the same uuid for the same message.

use std::collections::HashSet;

use app::domain::id::MessageId;
use app::domain::log::LogKind;
use app::domain::task::{RunCommand, Task};
use uuid::Uuid;

use super::run::{Run, RunError};
use super::serve::said;
use super::session::Session;
use super::turn::line;
use crate::agent::protocol::LifecycleState;
use crate::agent::stdin::Priority;
use crate::prompts;

/// What one process was given of a person's messages.
#[derive(Debug, Default)]
pub struct Mail {
    given: HashSet<MessageId>,
    /// Those of them that it has not taken up.
    open: HashSet<MessageId>,
}

impl Mail {
    /// Whether something is still on its way.
    pub fn is_open(&self) -> bool {
        !self.open.is_empty()
    }

    fn give(&mut self, message: MessageId) -> bool {
        self.given.insert(message) && self.open.insert(message)
    }

    fn close(&mut self, message: Uuid) -> Option<MessageId> {
        self.open.take(&MessageId::from_uuid(message))
    }
}

impl Run {
    /// Gives the agent what this process was not given before.
    pub(super) async fn pass_on(&self, session: &mut Session, task: &Task) {
        for message in task.pending_messages() {
            if !session.mail.give(message.id) {
                continue;
            }
            let control = session.agent.control();
            let text = prompts::message(message.id, message.text.as_str());
            let uuid = message.id.as_uuid();
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

    /// Records that the agent has a message, if it is one of a person.
    pub(super) async fn taken_up(
        &self,
        session: &mut Session,
        message: Uuid,
    ) -> Result<(), RunError> {
        let Some(message) = session.mail.close(message) else {
            return Ok(());
        };
        let task = self.say(RunCommand::DeliverMessage { message }).await?;
        let delivered = task.messages.iter().find(|known| known.id == message);
        let lines = delivered.map(|known| line(LogKind::Message, known.text.to_string()));
        self.log(lines.into_iter().collect()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_given_once_and_taken_up_once() {
        let mut mail = Mail::default();
        let message = MessageId::from_uuid(Uuid::from_u128(7));
        assert!(!mail.is_open());
        assert!(mail.give(message));
        assert!(!mail.give(message) && mail.is_open());
        assert_eq!(mail.close(Uuid::from_u128(8)), None);
        assert_eq!(mail.close(message.as_uuid()), Some(message));
        assert_eq!(mail.close(message.as_uuid()), None);
        assert!(!mail.is_open() && !mail.give(message));
    }
}
