//! What people write to the agent, and how they interrupt it.
//!
//! A message is queued until the agent has got it: in the course of a turn, or as what a turn begins
//! with. As long as it is queued it can be changed and cancelled. An interrupt ends the running turn;
//! what is queued comes next, and without anything queued the task waits for a message.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::decide::{Decision, queued};
use super::{
    Action, EventRecord, MAX_PENDING_MESSAGES, Refusal, Status, Task, TaskEvent, Turn, TurnOutcome,
    TurnPurpose, Waiting, Work,
};
use crate::domain::id::MessageId;
use crate::domain::text::Note;
use crate::domain::word::words;

words! {
    /// How a message reaches an agent that is at work.
    #[derive(Default)]
    pub enum DeliverAt {
        /// Within the running turn, with the result of the tool that is running or comes next; at
        /// the turn's end if none comes.
        #[default]
        ToolResult,
        /// After the running turn, as a turn of its own.
        OwnTurn,
    }

    /// What has become of a message, by its name on the wire.
    pub enum MessageStatus {
        Queued,
        Delivered,
        Cancelled,
    }
}

impl DeliverAt {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
    pub(super) fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// What a person wrote to the agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    pub id: MessageId,
    pub text: Note,
    pub sent_at: DateTime<Utc>,
    #[serde(default)]
    pub deliver_at: DeliverAt,
    /// How often it was changed since it was sent.
    #[serde(default)]
    pub revision: u32,
    #[serde(default)]
    pub edited_at: Option<DateTime<Utc>>,
    pub delivery: Delivery,
}

/// Whether the agent has got a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    Pending,
    Delivered {
        at: DateTime<Utc>,
        /// The message of the turn that it came with, or in the course of.
        #[serde(default)]
        turn: Option<MessageId>,
    },
    Cancelled {
        at: DateTime<Utc>,
    },
}

impl Message {
    /// Whether the agent is still to get it.
    pub fn is_pending(&self) -> bool {
        self.delivery == Delivery::Pending
    }

    /// The uuid that the agent's program knows this text of the message by: it takes each only once.
    pub fn wire_id(&self) -> Uuid {
        Uuid::from_u128(self.id.as_uuid().as_u128() ^ u128::from(self.revision))
    }

    /// The name on the wire of what has become of it.
    pub const fn status(&self) -> MessageStatus {
        match self.delivery {
            Delivery::Pending => MessageStatus::Queued,
            Delivery::Delivered { .. } => MessageStatus::Delivered,
            Delivery::Cancelled { .. } => MessageStatus::Cancelled,
        }
    }
}

impl Task {
    /// Messages that the agent has not got yet, oldest first.
    pub fn pending_messages(&self) -> impl Iterator<Item = &Message> {
        self.messages.iter().filter(|message| message.is_pending())
    }

    /// A message by its id.
    pub fn message(&self, id: MessageId) -> Option<&Message> {
        self.messages.iter().find(|known| known.id == id)
    }

    /// What is queued for the next turn: one message that is to have its own, or all up to that.
    pub(super) fn next_messages(&self) -> Option<Work> {
        let mut pending = self.pending_messages().peekable();
        let first = pending.next()?;
        let mut messages = vec![first.id];
        if first.deliver_at == DeliverAt::ToolResult {
            let others = pending.take_while(|message| message.deliver_at == DeliverAt::ToolResult);
            messages.extend(others.map(|message| message.id));
        }
        Some(Work::Turn(TurnPurpose::Messages { messages }))
    }

    /// What comes next of an agent that was interrupted, before anything else does.
    pub(super) fn next_after_interrupt(&self) -> Option<Work> {
        let messages = self.next_messages();
        if messages.is_none() && self.is_held() {
            return Some(Work::AwaitMessage);
        }
        // Where no turn was interrupted, the agent may not know yet what it is all about.
        messages.filter(|_| !self.interrupted.is_empty())
    }

    fn is_held(&self) -> bool {
        self.interrupt_requested || !self.interrupted.is_empty()
    }

    pub(super) fn send_message(
        &self,
        message: MessageId,
        text: Note,
        deliver_at: DeliverAt,
    ) -> Decision {
        if self.message(message).is_some() {
            return Ok(Vec::new());
        }
        self.allow(Action::Message)?;
        if self.pending_messages().count() >= MAX_PENDING_MESSAGES {
            let what = "undelivered messages";
            return Err(Refusal::TooMany {
                limit: MAX_PENDING_MESSAGES,
                what,
            });
        }
        let mut events = vec![TaskEvent::MessageSent {
            message,
            text,
            deliver_at,
        }];
        // A finished conversation is taken up again, and so is an agent that was interrupted.
        let waits = matches!(
            self.status.beneath(),
            Status::Completed | Status::Waiting(Waiting::Message)
        );
        if waits {
            events.push(queued());
        }
        Ok(events)
    }

    pub(super) fn edit_message(
        &self,
        id: MessageId,
        text: Option<Note>,
        deliver_at: Option<DeliverAt>,
    ) -> Decision {
        let known = self.queued_message(id)?;
        let text = text.unwrap_or_else(|| known.text.clone());
        let deliver_at = deliver_at.unwrap_or(known.deliver_at);
        if known.text == text && known.deliver_at == deliver_at {
            return Ok(Vec::new());
        }
        Ok(vec![TaskEvent::MessageEdited {
            message: id,
            text,
            deliver_at,
        }])
    }

    pub(super) fn cancel_message(&self, id: MessageId) -> Decision {
        match self.queued_message(id) {
            Ok(_) => Ok(vec![TaskEvent::MessageCancelled { message: id }]),
            // A second click is harmless.
            Err(Refusal::MessageCancelled) => Ok(Vec::new()),
            Err(refusal) => Err(refusal),
        }
    }

    fn queued_message(&self, id: MessageId) -> Result<&Message, Refusal> {
        let known = self.message(id).ok_or(Refusal::UnknownMessage)?;
        match known.delivery {
            Delivery::Pending => Ok(known),
            Delivery::Delivered { .. } => Err(Refusal::MessageDelivered),
            Delivery::Cancelled { .. } => Err(Refusal::MessageCancelled),
        }
    }

    pub(super) fn interrupt(&self) -> Decision {
        if self.interrupt_requested && self.run().is_some() {
            return Ok(Vec::new());
        }
        self.allow(Action::Interrupt)?;
        Ok(vec![TaskEvent::InterruptRequested {}])
    }

    /// The agent has taken up a message as it was after so many changes.
    pub(super) fn deliver_message(&self, id: MessageId, revision: u32) -> Vec<TaskEvent> {
        let is_news = self.message(id).is_some_and(|known| match known.delivery {
            // What was changed meanwhile is said again.
            Delivery::Pending => known.revision == revision,
            Delivery::Delivered { .. } => false,
            // Cancelled too late.
            Delivery::Cancelled { .. } => true,
        });
        let delivered = is_news.then_some(TaskEvent::MessageDelivered { message: id });
        delivered.into_iter().collect()
    }

    /// The agent's process was killed before it had kept a message of the turn that is open.
    pub(super) fn lose_message(&self, id: MessageId) -> Vec<TaskEvent> {
        let was_given = self.turn.as_ref().is_some_and(|turn| {
            let is_own = matches!(&turn.purpose,
                TurnPurpose::Messages { messages } if messages.contains(&id));
            turn.delivered.contains(&id) && !is_own
        });
        let lost = was_given.then_some(TaskEvent::MessageLost { message: id });
        lost.into_iter().collect()
    }

    pub(super) fn await_message(&self) -> Decision {
        match self.next_work() {
            Work::AwaitMessage => Ok(self.settled([TaskEvent::MessageAwaited {}])),
            _ => Err(Refusal::OutOfTurn("a message")),
        }
    }

    /// What people write, and what becomes of it.
    pub(super) fn change_messages(&mut self, record: &EventRecord) {
        let at = record.at;
        match &record.event {
            TaskEvent::MessageSent {
                message,
                text,
                deliver_at,
            } => self.messages.push(Message {
                id: *message,
                text: text.clone(),
                sent_at: at,
                deliver_at: *deliver_at,
                revision: 0,
                edited_at: None,
                delivery: Delivery::Pending,
            }),
            TaskEvent::MessageEdited {
                message,
                text,
                deliver_at,
            } => self.with_message(*message, |known| {
                known.text = text.clone();
                known.deliver_at = *deliver_at;
                known.revision += 1;
                known.edited_at = Some(at);
            }),
            TaskEvent::MessageCancelled { message } => {
                self.set_delivery(*message, Delivery::Cancelled { at });
            }
            TaskEvent::MessageDelivered { message } => self.hand_over(*message, at),
            TaskEvent::MessageLost { message } => {
                self.set_delivery(*message, Delivery::Pending);
                if let Some(turn) = &mut self.turn {
                    turn.delivered.retain(|known| known != message);
                }
            }
            TaskEvent::InterruptRequested {} => self.interrupt_requested = true,
            TaskEvent::MessageAwaited {} => self.stand(Status::Waiting(Waiting::Message)),
            _ => {}
        }
    }

    fn hand_over(&mut self, id: MessageId, at: DateTime<Utc>) {
        let is_wanted = self.message(id).is_some_and(Message::is_pending);
        let turn = self.turn.as_ref().map(|turn| turn.message);
        self.set_delivery(id, Delivery::Delivered { at, turn });
        // What was cancelled too late is not said again, should the turn come to nothing.
        if let Some(turn) = self.turn.as_mut().filter(|_| is_wanted) {
            turn.delivered.push(id);
        }
    }

    /// Keeps a turn that a person has interrupted: what it had begun with goes on after a message,
    /// or is said again if they want that.
    pub(super) fn keep_interrupted(&mut self, turn: Turn) {
        self.interrupted.push(turn);
    }

    /// The agent has answered what was said after the interrupt: with it, what was interrupted is
    /// settled as far as it had come.
    pub(super) fn settle_interrupted(&mut self) {
        for turn in std::mem::take(&mut self.interrupted) {
            self.settle_purpose(&turn.purpose, false);
        }
    }

    /// The agent is to go on where it was interrupted.
    pub(super) fn forget_interrupt(&mut self) {
        self.interrupt_requested = false;
        for turn in std::mem::take(&mut self.interrupted) {
            self.take_back(turn);
        }
    }

    /// What a turn has told the agent is to be told again.
    pub(super) fn take_back(&mut self, turn: Turn) {
        self.mark_told(&turn.purpose, false);
        for message in turn.delivered {
            self.set_delivery(message, Delivery::Pending);
        }
    }

    /// Whether a turn that ended so leaves the wish to interrupt it without an object.
    pub(super) fn ends_interrupt(&self, outcome: &TurnOutcome) -> bool {
        match outcome {
            // There is nothing to hold up any more.
            TurnOutcome::Completed => self.is_conversation(),
            // The task waits for a person anyway.
            TurnOutcome::Deferred => true,
            TurnOutcome::Interrupted | TurnOutcome::Failed { .. } | TurnOutcome::Unseen => false,
        }
    }

    fn set_delivery(&mut self, id: MessageId, delivery: Delivery) {
        self.with_message(id, |message| message.delivery = delivery);
    }

    fn with_message(&mut self, id: MessageId, change: impl FnOnce(&mut Message)) {
        if let Some(message) = self.messages.iter_mut().find(|known| known.id == id) {
            change(message);
        }
    }
}
