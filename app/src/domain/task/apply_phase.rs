//! Folding what happens to phases into the state.

use super::phase::Report;
use super::{
    EventRecord, Inspection, Phase, PhaseStatus, Step, StepStatus, Task, TaskEvent, Verification,
};

impl Task {
    /// How far the phases are.
    pub(super) fn change_phases(&mut self, record: &EventRecord) {
        let at = record.at;
        match &record.event {
            TaskEvent::PhaseStarted {
                phase,
                session,
                base,
            } => {
                let model = self.model.clone();
                self.with_phase(*phase, |phase| {
                    phase.status = PhaseStatus::Active;
                    phase.model = model;
                    phase.session = Some(*session);
                    phase.base = Some(base.clone());
                    phase.started_at = Some(at);
                });
            }
            TaskEvent::StepStarted { phase, step } => {
                self.with_step(*phase, step, |step| step.status = StepStatus::Active);
            }
            TaskEvent::StepCompleted { phase, step, .. } => {
                self.with_step(*phase, step, |step| step.status = StepStatus::Completed);
            }
            TaskEvent::PhaseReported {
                phase,
                summary,
                files,
            } => {
                let report = Report {
                    summary: summary.clone(),
                    files: files.clone(),
                };
                self.with_phase(*phase, |phase| phase.report = Some(report));
            }
            TaskEvent::ReworkStarted { phase, rework } => {
                self.with_phase(*phase, |phase| {
                    phase.rework_due = true;
                    phase.reworks = *rework;
                });
            }
            TaskEvent::PhaseCompleted { phase } => {
                self.with_phase(*phase, |phase| {
                    phase.status = PhaseStatus::Completed;
                    phase.completed_at = Some(at);
                });
            }
            _ => {}
        }
    }

    /// What was found in the phases, and who is looking.
    pub(super) fn change_verifications(&mut self, record: &EventRecord) {
        let at = record.at;
        match &record.event {
            TaskEvent::VerificationPassed { phase, checks }
            | TaskEvent::VerificationFailed { phase, checks } => {
                let verification = Verification {
                    checks: checks.clone(),
                    at,
                };
                self.with_phase(*phase, |phase| {
                    phase.verification = Some(verification);
                    phase.inspection = None;
                });
            }
            TaskEvent::VerificationStarted {
                phase,
                session,
                head,
                checks,
            } => {
                let inspection = Inspection {
                    session: *session,
                    head: head.clone(),
                    checks: checks.clone(),
                    asked: false,
                    unreadable: None,
                };
                self.with_phase(*phase, |phase| {
                    phase.inspection = Some(inspection);
                    phase.verifiers.push(*session);
                });
            }
            TaskEvent::VerificationUnreadable { phase, reason } => {
                self.with_inspection(*phase, |inspection| {
                    inspection.unreadable = Some(reason.clone());
                });
            }
            _ => {}
        }
    }

    pub(super) fn with_phase(&mut self, number: u32, change: impl FnOnce(&mut Phase)) {
        if let Some(phase) = self.phases.iter_mut().find(|phase| phase.number == number) {
            change(phase);
        }
    }

    pub(super) fn with_inspection(&mut self, phase: u32, change: impl FnOnce(&mut Inspection)) {
        self.with_phase(phase, |phase| {
            if let Some(inspection) = &mut phase.inspection {
                change(inspection);
            }
        });
    }

    pub(super) fn with_step(&mut self, phase: u32, id: &str, change: impl FnOnce(&mut Step)) {
        self.with_phase(phase, |phase| {
            if let Some(step) = phase.steps.iter_mut().find(|step| step.plan.id == id) {
                change(step);
            }
        });
    }
}
