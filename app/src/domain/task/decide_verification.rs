//! Judging what was found in a phase: by the platform's own checks, then by an agent that did not
//! do the work, if the plan says so.

use super::decide::Decision;
use super::{
    Check, CheckpointKind, Inspection, MAX_REWORKS, Phase, Refusal, Task, TaskEvent, TurnOutcome,
    TurnPurpose, UsageDelta, Work,
};
use crate::domain::id::{CheckpointId, MessageId, ReviewId, SessionId};

/// The check that fails when the verifying agent gave no answer that can be used.
pub(super) const NOT_VERIFIED: &str = "not verified";

/// What was found in a phase, and where its work tree stood.
struct Findings {
    checks: Vec<Check>,
    head: String,
    review: ReviewId,
    /// Whether the agent that does the work can mend what did not pass.
    is_mendable: bool,
}

impl Task {
    pub(super) fn verify(
        &self,
        checks: Vec<Check>,
        review: ReviewId,
        checkpoint: CheckpointId,
        head: String,
        verifier: SessionId,
    ) -> Decision {
        let Work::Verify { phase } = self.next_work() else {
            return Err(Refusal::OutOfTurn("a verification"));
        };
        let phase = self.phase(phase);
        let phase = phase.ok_or(Refusal::OutOfTurn("a verification"))?;
        let session = phase.session.ok_or(Refusal::OutOfTurn("a verification"))?;
        let mut events = vec![TaskEvent::CheckpointCreated {
            checkpoint,
            commit: head.clone(),
            session,
            phase: Some(phase.number),
            label: format!("{} finished", phase.plan.name),
            kind: CheckpointKind::Phase,
            place: self.place_of(session),
        }];
        let passed = checks.iter().all(|check| check.passed);
        if passed && phase.plan.verification.is_some() {
            events.push(TaskEvent::VerificationStarted {
                phase: phase.number,
                session: verifier,
                head,
                checks,
            });
            return Ok(events);
        }
        let found = Findings {
            checks,
            head,
            review,
            is_mendable: true,
        };
        Ok(self.judge_findings(phase, found, events))
    }

    pub(super) fn conclude_verification(
        &self,
        message: MessageId,
        usage: Option<UsageDelta>,
        verdict: Result<Vec<Check>, String>,
        review: ReviewId,
    ) -> Decision {
        let (phase, inspection) = self
            .inspected_in(message)
            .ok_or(Refusal::OutOfTurn("the end of this verification"))?;
        let outcome = TurnOutcome::Completed;
        let mut events = vec![TaskEvent::TurnEnded { message, outcome }];
        let session = inspection.session;
        events.extend(self.used_events(session, usage));
        let mut checks = inspection.checks.clone();
        let is_mendable = verdict.is_ok();
        match verdict {
            Ok(found) => checks.extend(found),
            Err(reason) if inspection.unreadable.is_none() => {
                let phase = phase.number;
                events.push(TaskEvent::VerificationUnreadable { phase, reason });
                return Ok(events);
            }
            Err(reason) => checks.push(not_verified(phase, &reason)),
        }
        let found = Findings {
            checks,
            head: inspection.head.clone(),
            review,
            is_mendable,
        };
        if self.is_kept_open(phase, &found) {
            return Ok(events);
        }
        Ok(self.judge_findings(phase, found, events))
    }

    /// What is being verified in the turn with this message.
    fn inspected_in(&self, message: MessageId) -> Option<(&Phase, &Inspection)> {
        let turn = self.turn.as_ref().filter(|turn| turn.message == message)?;
        let TurnPurpose::Verification { phase } = turn.purpose else {
            return None;
        };
        let phase = self.phase(phase)?;
        Some((phase, phase.inspection.as_ref()?))
    }

    /// Whether good work can't end the task yet: somebody wrote to the agent while another one
    /// verified. The message is answered first, and then all is verified again.
    fn is_kept_open(&self, phase: &Phase, found: &Findings) -> bool {
        found.passed()
            && !self.stops_at_gate(phase, true)
            && self.is_last(phase.number)
            && self.pending_messages().next().is_some()
    }

    fn stops_at_gate(&self, phase: &Phase, passed: bool) -> bool {
        phase.plan.gate && !(self.auto_approve && passed)
    }

    /// Sends the phase back, opens its gate or completes it. `events` come before.
    fn judge_findings(
        &self,
        phase: &Phase,
        found: Findings,
        mut events: Vec<TaskEvent>,
    ) -> Vec<TaskEvent> {
        let passed = found.passed();
        let Findings {
            checks,
            head,
            review,
            is_mendable,
        } = found;
        let number = phase.number;
        if passed {
            events.push(TaskEvent::VerificationPassed {
                phase: number,
                checks,
            });
        } else {
            events.push(TaskEvent::VerificationFailed {
                phase: number,
                checks,
            });
            if is_mendable && phase.reworks < MAX_REWORKS {
                let rework = phase.reworks + 1;
                events.push(TaskEvent::ReworkStarted {
                    phase: number,
                    rework,
                });
                return events;
            }
        }
        if self.stops_at_gate(phase, passed) {
            events.push(self.review_created(number, review, head, false));
            return self.settled(events);
        }
        if !passed {
            let reason = if is_mendable {
                format!("the checks of phase {number} still fail after {MAX_REWORKS} reworks")
            } else {
                format!("phase {number} could not be verified")
            };
            events.push(TaskEvent::TaskFailed {
                reason,
                last_lines: Vec::new(),
            });
            return self.settled(events);
        }
        events.push(TaskEvent::PhaseCompleted { phase: number });
        if self.is_last(number) {
            // At once: a message in between would have no phase to be answered in.
            events.push(TaskEvent::TaskCompleted {});
            return self.settled(events);
        }
        events
    }
}

impl Findings {
    fn passed(&self) -> bool {
        self.checks.iter().all(|check| check.passed)
    }
}

fn not_verified(phase: &Phase, reason: &str) -> Check {
    Check {
        id: NOT_VERIFIED.to_owned(),
        subject: phase.plan.name.clone(),
        passed: false,
        evidence: format!("The verifying agent was asked twice. {reason}"),
        suggestion: None,
        documents: Vec::new(),
    }
}
