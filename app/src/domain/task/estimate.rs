//! What a task's phases were expected to need, and the time that they do.

use chrono::{DateTime, Utc};

use super::{EventRecord, Phase, PhaseStatus, RunEnd, Status, Task, TaskEvent};
use crate::domain::estimate::EstimatedPhase;

impl Task {
    /// Whether what its phases will need can still be told before they do, and was not yet.
    pub fn is_to_be_estimated(&self) -> bool {
        let mut phases = self.phases.iter();
        !self.estimated && !self.phases.is_empty() && !phases.any(|phase| self.has_begun(phase))
    }

    /// Whether the phase was begun by this task, and not by one that it goes on from.
    pub fn has_begun(&self, phase: &Phase) -> bool {
        phase.started_at.is_some_and(|at| at >= self.created_at)
    }

    /// Whether the phase, from its beginning to its end, is this task's own.
    pub fn has_finished(&self, phase: &Phase) -> bool {
        phase.status == PhaseStatus::Completed && self.has_begun(phase)
    }

    /// Estimates of the phases that are still to come, once, unless none could be made or the work has begun.
    pub(super) fn estimated(&self, mut phases: Vec<EstimatedPhase>) -> Vec<TaskEvent> {
        let is_pending = |phase: &Phase| phase.status == PhaseStatus::Pending;
        phases.retain(|estimated| self.phase(estimated.phase).is_some_and(is_pending));
        let mut told = phases.iter();
        let says_something = told.any(|phase| phase.estimate.expected.is_some());
        if !says_something || !self.is_to_be_estimated() {
            return Vec::new();
        }
        vec![TaskEvent::TaskEstimated { phases }]
    }

    pub(super) fn take_estimates(&mut self, phases: &[EstimatedPhase]) {
        self.estimated = true;
        for estimated in phases {
            self.with_phase(estimated.phase, |phase| {
                phase.estimate = Some(estimated.estimate);
            });
        }
    }

    /// The phase that a run is at work on. While an agent stands still, none.
    pub(super) fn at_work(&self) -> Option<u32> {
        match self.status {
            Status::Running(_) => self.active_phase().map(|phase| phase.number),
            _ => None,
        }
    }

    /// Adds the time to the phase that was worked on until this event. Of a run that was lost, only what it
    /// was known to be at work: nobody knows when it ended.
    pub(super) fn count_time(
        &mut self,
        before: Option<u32>,
        last: DateTime<Utc>,
        record: &EventRecord,
    ) {
        let now = self.at_work();
        if before == now {
            return;
        }
        let since = self.at_work_since.take();
        if let (Some(number), Some(since)) = (before, since) {
            let end = RunEnd::Lost;
            let is_lost =
                matches!(&record.event, TaskEvent::RunEnded { end: known, .. } if *known == end);
            let until = if is_lost { last } else { record.at };
            let passed = (until - since).num_milliseconds();
            let passed = u64::try_from(passed).unwrap_or(0);
            self.with_phase(number, |phase| {
                phase.active_ms = phase.active_ms.saturating_add(passed);
            });
        }
        self.at_work_since = now.map(|_| record.at);
    }
}
