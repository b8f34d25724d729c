//! What people write to an agent.

use app::api::{EditMessage, MessageText, MessageView, TaskView};
use app::domain::id::{MessageId, TaskId};
use app::domain::task::{Actor, Task, TaskCommand};
use uuid::Uuid;

use super::Service;
use super::seed::Given;
use crate::error::Error;

/// How many messages that are not queued are listed.
const SETTLED: usize = 100;

impl Service {
    /// Writes to the agent: it gets the message in its turn, after it, or when the task goes on.
    pub async fn send_message(
        &self,
        id: TaskId,
        message: MessageText,
    ) -> Result<MessageView, Error> {
        let task = match self.seed {
            Some(_) => self.parts.store.load(id).await?,
            None => None,
        };
        let sent = |message: Uuid| {
            let known = task.as_ref()?.message(MessageId::from_uuid(message))?;
            Some((MessageView::from(known), known.sent_at))
        };
        let given = match self.give_id(sent) {
            Given::Before(sent) => return Ok(sent),
            Given::New(id) => MessageId::from_uuid(id),
        };
        let command = TaskCommand::SendMessage {
            message: given,
            text: message.text,
            deliver_at: message.deliver_at,
        };
        self.change_message(id, given, command).await
    }

    /// Changes a message that is still queued.
    pub async fn edit_message(
        &self,
        id: TaskId,
        message: MessageId,
        edit: EditMessage,
    ) -> Result<MessageView, Error> {
        let command = TaskCommand::EditMessage {
            message,
            text: edit.text,
            deliver_at: edit.deliver_at,
        };
        self.change_message(id, message, command).await
    }

    /// Takes a message back that is still queued.
    pub async fn cancel_message(
        &self,
        id: TaskId,
        message: MessageId,
    ) -> Result<MessageView, Error> {
        let command = TaskCommand::CancelMessage { message };
        self.change_message(id, message, command).await
    }

    /// Ends the turn that runs; the task goes on with a message.
    pub async fn interrupt_agent(&self, id: TaskId) -> Result<TaskView, Error> {
        self.act(id, TaskCommand::Interrupt).await
    }

    async fn change_message(
        &self,
        id: TaskId,
        message: MessageId,
        command: TaskCommand,
    ) -> Result<MessageView, Error> {
        let appended = self.execute(id, Actor::Person, command).await?;
        let known = appended.task.message(message);
        known
            .map(MessageView::from)
            .ok_or(Error::NotFound { what: "message" })
    }
}

/// All that are queued and the last of the others, oldest first.
pub(super) fn listed(task: &Task) -> Vec<MessageView> {
    let settled = task.messages.iter().filter(|known| !known.is_pending());
    let mut skipped = settled.count().saturating_sub(SETTLED);
    let is_listed = |known: &&app::domain::task::Message| {
        let is_skipped = !known.is_pending() && skipped > 0;
        skipped -= usize::from(is_skipped);
        !is_skipped
    };
    let listed = task.messages.iter().filter(is_listed);
    listed.map(MessageView::from).collect()
}
