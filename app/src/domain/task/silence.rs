//! Agents of which nothing is heard in the middle of their turn.
//!
//! The platform nudges such an agent first. If it stays silent its process is ended as one that has
//! failed, and the next one goes on with the turn.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::decide::Decision;
use super::{Refusal, Task, TaskEvent};

/// Nothing is heard of an agent. It was nudged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct Silence {
    /// When something was heard of it for the last time.
    pub since: DateTime<Utc>,
    /// When it is started again if it stays silent.
    pub restart_at: DateTime<Utc>,
}

impl Task {
    pub(super) fn fall_silent(&self, silence: Silence) -> Decision {
        if self.turn.is_none() {
            return Err(Refusal::OutOfTurn("a silence"));
        }
        let is_known = self.silence.is_some();
        Ok((!is_known)
            .then_some(TaskEvent::AgentSilent { silence })
            .into_iter()
            .collect())
    }

    pub(super) fn stir(&self) -> Vec<TaskEvent> {
        let stirred = self.silence.map(|_| TaskEvent::AgentStirred {});
        stirred.into_iter().collect()
    }

    /// A silence ends with a sign of life, with its turn or its run, and when the agent is held up.
    pub(super) fn change_silence(&mut self, event: &TaskEvent) {
        match event {
            TaskEvent::AgentSilent { silence } => self.silence = Some(*silence),
            TaskEvent::AgentStirred {}
            | TaskEvent::TurnEnded { .. }
            | TaskEvent::RunStarted { .. }
            | TaskEvent::RunEnded { .. }
            | TaskEvent::TaskPaused {} => self.silence = None,
            _ => {}
        }
        if self.run().is_none() {
            self.silence = None;
        }
    }
}
