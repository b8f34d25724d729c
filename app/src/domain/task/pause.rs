//! How a person holds a task up, at once or when its turn has ended, and lets it go on.
//!
//! A paused task keeps where it stood: what happens meanwhile (an answer, an approval, the end of its
//! run) changes that, and the task goes on from there. Only an end of the task ends a pause by itself.

use super::decide::Decision;
use super::{Action, Refusal, Status, Task, TaskEvent, Work};
use crate::domain::word::words;

words! {
    /// When a task that is running is held up.
    #[derive(Default)]
    pub enum PauseAt {
        /// In the middle of what the agent is doing.
        #[default]
        Now,
        /// As soon as the agent's turn has ended.
        TurnEnd,
    }
}

impl Status {
    /// Where the task stands, paused or not.
    pub fn beneath(&self) -> &Self {
        match self {
            Self::Paused { before } => before,
            status => status,
        }
    }

    /// Whether a person holds the task up.
    pub const fn is_paused(&self) -> bool {
        matches!(self, Self::Paused { .. })
    }

    /// Whether nothing more happens by itself.
    const fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Completed | Self::Failed { .. } | Self::Cancelled
        )
    }
}

impl Task {
    /// What a person may do with a paused task, whatever it was doing before.
    pub(super) fn actions_in_pause(&self) -> Vec<Action> {
        use Action::{Approve, Cancel, Delete, Edit, Message, RequestChanges, Resume};
        let mut actions = match self.open_review() {
            Some(_) => vec![Resume, Approve, RequestChanges, Message, Edit, Cancel],
            None => vec![Resume, Message, Edit, Cancel],
        };
        if self.run().is_none() {
            actions.push(Delete);
        }
        actions
    }

    pub(super) fn pause(&self, at: PauseAt) -> Decision {
        // A second click is harmless.
        if self.status.is_paused() || at == PauseAt::TurnEnd && self.pause_requested {
            return Ok(Vec::new());
        }
        self.allow(Action::Pause)?;
        let is_at_work = matches!(self.status, Status::Running(_));
        Ok(vec![match at {
            PauseAt::TurnEnd if is_at_work => TaskEvent::PauseRequested {},
            // Nothing has to end first.
            PauseAt::Now | PauseAt::TurnEnd => TaskEvent::TaskPaused {},
        }])
    }

    pub(super) fn resume(&self) -> Decision {
        self.allow(Action::Resume)?;
        Ok(vec![TaskEvent::TaskResumed {}])
    }

    /// The turn has ended, and the pause that a person wants begins.
    pub(super) fn begin_pause(&self) -> Decision {
        match self.next_work() {
            Work::Pause => Ok(self.settled([TaskEvent::TaskPaused {}])),
            _ => Err(Refusal::OutOfTurn("a pause")),
        }
    }

    /// What a run has to say, with the pause that its end brings if a person wants one.
    pub(super) fn with_pause(&self, mut events: Vec<TaskEvent>) -> Vec<TaskEvent> {
        let is_any = |wanted: fn(&TaskEvent) -> bool| events.iter().any(wanted);
        // A turn that the next run goes on with has not ended.
        let is_between_turns =
            self.turn.is_none() || is_any(|event| matches!(event, TaskEvent::TurnEnded { .. }));
        let is_over = is_any(|event| matches!(event, TaskEvent::RunEnded { .. }));
        let is_settled = is_any(|event| {
            matches!(
                event,
                TaskEvent::TaskPaused {}
                    | TaskEvent::TaskCompleted {}
                    | TaskEvent::TaskFailed { .. }
            )
        });
        if self.pause_requested && is_between_turns && is_over && !is_settled {
            events.push(TaskEvent::TaskPaused {});
        }
        events
    }

    /// What happens to the pause.
    pub(super) fn change_pause(&mut self, event: &TaskEvent) {
        match event {
            TaskEvent::PauseRequested {} => self.pause_requested = true,
            TaskEvent::TaskPaused {} => {
                self.pause_requested = false;
                if !self.status.is_paused() && !self.status.is_final() {
                    let before = Box::new(self.status.clone());
                    self.status = Status::Paused { before };
                }
            }
            TaskEvent::TaskResumed {} => {
                self.pause_requested = false;
                if let Status::Paused { before } = &self.status {
                    self.status = before.as_ref().clone();
                }
            }
            _ => {}
        }
    }

    /// Where the task stands from here on. While it is paused, that is where it goes on from.
    pub(super) fn stand(&mut self, next: Status) {
        match &mut self.status {
            Status::Paused { before } if !next.is_final() => **before = next,
            status => *status = next,
        }
        if self.status.is_final() {
            self.pause_requested = false;
        }
    }
}
