//! What comes next for a task that is running. Recovery after a crash asks the same question as
//! the steady state: the answer follows from the events alone.

use super::{Phase, PhaseStatus, Status, Task, TurnPurpose};

/// The next thing for a run to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// Give a conversation its session.
    StartConversation,
    /// Give the next phase its session and mark where the work tree stands.
    StartPhase { phase: u32 },
    /// Send the agent a user message.
    Turn(TurnPurpose),
    /// Check what the phase has left behind.
    Verify { phase: u32 },
    /// Ask a person for the review that was requested in between.
    OpenReview { phase: u32 },
    /// Wait for a person to say how an agent that was interrupted goes on.
    AwaitMessage,
    /// Hold the task up until a person lets it go on.
    Pause,
    /// Bring the files of a checkpoint back.
    RestoreFiles,
    /// Wait for a larger budget: the next turn would need it.
    AwaitBudget,
    /// Nothing is left to do.
    Complete,
    /// The task isn't running.
    Nothing,
}

impl Task {
    /// What the run that holds the task does next, if no turn is open.
    pub fn next_work(&self) -> Work {
        if !matches!(self.status, Status::Running(_)) {
            return Work::Nothing;
        }
        if let Some(restored) = self.next_restored() {
            return restored;
        }
        if self.pause_requested {
            return Work::Pause;
        }
        self.afforded(self.next_wanted())
    }

    /// The same, whatever it costs.
    fn next_wanted(&self) -> Work {
        if let Some(parked) = &self.parked {
            return Work::Turn(parked.purpose.clone());
        }
        if let Some(next) = self.next_after_interrupt() {
            return next;
        }
        if self.is_conversation() {
            self.next_in_conversation()
        } else {
            self.next_in_phases()
        }
    }

    fn next_in_conversation(&self) -> Work {
        if self.conversation.is_none() {
            return Work::StartConversation;
        }
        if !self.prompted {
            return Work::Turn(TurnPurpose::Prompt);
        }
        let answers = self.next_answers().or_else(|| self.next_messages());
        answers.unwrap_or(Work::Complete)
    }

    fn next_in_phases(&self) -> Work {
        let unfinished = |phase: &&Phase| phase.status != PhaseStatus::Completed;
        let Some(phase) = self.phases.iter().find(unfinished) else {
            return Work::Complete;
        };
        let number = phase.number;
        if phase.status == PhaseStatus::Pending {
            return Work::StartPhase { phase: number };
        }
        if !phase.opened {
            return Work::Turn(TurnPurpose::Opening { phase: number });
        }
        let said = self.next_answers().or_else(|| self.next_messages());
        if let Some(said) = said {
            return said;
        }
        if self.review_requested {
            return Work::OpenReview { phase: number };
        }
        if phase.approved {
            return Work::Complete;
        }
        if phase.rework_due {
            return Work::Turn(TurnPurpose::Rework { phase: number });
        }
        if let Some(step) = phase.steps.iter().find(|step| !step.turned) {
            let step = step.plan.id.clone();
            return Work::Turn(TurnPurpose::Step {
                phase: number,
                step,
            });
        }
        if !phase.closed {
            return Work::Turn(TurnPurpose::Closing { phase: number });
        }
        if phase.inspection.is_some() {
            return Work::Turn(TurnPurpose::Verification { phase: number });
        }
        Work::Verify { phase: number }
    }
}
