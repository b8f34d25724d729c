//! A phase of a task: its steps, what the agent said of it, and what was found in it. Part of a
//! snapshot, like the task itself, and of the event that takes a task back: its fields are only ever added,
//! with a default.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::decide_verification::NOT_VERIFIED;
use super::{Check, Tokens};
use crate::domain::estimate::PhaseEstimate;
use crate::domain::id::SessionId;
use crate::domain::money::Usd;
use crate::domain::plan::{PhasePlan, StepPlan};
use crate::domain::text::ModelName;
use crate::domain::word::words;

/// A phase and how far it has come.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts, each true or false beside any status"
)]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Phase {
    /// Counts from 1.
    pub number: u32,
    pub plan: PhasePlan,
    pub status: PhaseStatus,
    pub steps: Vec<Step>,
    pub session: Option<SessionId>,
    /// The commit that the phase's changes are counted from.
    pub base: Option<String>,
    /// Whether the agent was told the phase's aim.
    pub opened: bool,
    /// Whether the agent had its closing turn.
    pub closed: bool,
    /// A person said yes, and only what they wrote meanwhile keeps the phase from its end.
    #[serde(default)]
    pub approved: bool,
    /// The agent's own account of the phase.
    pub report: Option<Report>,
    /// A rework is due.
    pub rework_due: bool,
    /// Reworks by the platform since a person last saw the phase.
    pub reworks: u32,
    pub verification: Option<Verification>,
    /// What another agent is asked to verify, until it has answered or the work goes on.
    #[serde(default)]
    pub inspection: Option<Inspection>,
    /// The sessions of all agents that have verified the phase.
    #[serde(default)]
    pub verifiers: Vec<SessionId>,
    /// The sessions that have worked on it before the task went back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier_sessions: Vec<SessionId>,
    pub rounds: u32,
    pub tokens: Tokens,
    pub cost: Usd,
    /// The model that the task asked for when the phase began.
    #[serde(default)]
    pub model: Option<ModelName>,
    /// How long runs were at work on it, in milliseconds, up to the last time that one stopped.
    #[serde(default)]
    pub active_ms: u64,
    /// What was expected of it before the task began.
    #[serde(default)]
    pub estimate: Option<PhaseEstimate>,
    pub started_at: Option<DateTime<Utc>>,
    pub completed_at: Option<DateTime<Utc>>,
}

words! {
    /// Where a phase stands.
    pub enum PhaseStatus {
        Pending,
        Active,
        InReview,
        Completed,
    }
}

/// A step and how far it has come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    pub plan: StepPlan,
    pub status: StepStatus,
    /// Whether the agent had the step's turn.
    pub turned: bool,
}

words! {
    /// Where a step stands.
    pub enum StepStatus {
        Pending,
        Active,
        Completed,
    }
}

/// What the agent said of its phase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub summary: String,
    pub files: Vec<String>,
}

/// What the checks have found last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    pub checks: Vec<Check>,
    pub at: DateTime<Utc>,
}

impl Verification {
    /// Whether every check holds.
    pub fn passed(&self) -> bool {
        self.checks.iter().all(|check| check.passed)
    }

    /// Whether something did not pass that the agent that does the work can mend.
    pub(super) fn is_mendable(&self) -> bool {
        !self.passed() && !self.checks.iter().any(|check| check.id == NOT_VERIFIED)
    }
}

/// A verification by an agent that did not do the work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inspection {
    pub session: SessionId,
    /// The commit that is verified.
    pub head: String,
    /// What the platform has checked by itself.
    pub checks: Vec<Check>,
    /// Whether the agent had its turn, and what became of its answer is not known or of no use.
    pub asked: bool,
    /// Why an answer could not be used.
    pub unreadable: Option<String>,
}

impl Phase {
    /// A phase before its start.
    pub(super) fn new(number: u32, plan: PhasePlan) -> Self {
        let step = |plan: &StepPlan| Step {
            plan: plan.clone(),
            status: StepStatus::Pending,
            turned: false,
        };
        Self {
            number,
            steps: plan.steps.iter().map(step).collect(),
            plan,
            status: PhaseStatus::Pending,
            session: None,
            base: None,
            opened: false,
            closed: false,
            approved: false,
            report: None,
            rework_due: false,
            reworks: 0,
            verification: None,
            inspection: None,
            verifiers: Vec::new(),
            earlier_sessions: Vec::new(),
            rounds: 0,
            tokens: Tokens::default(),
            cost: Usd::ZERO,
            model: None,
            active_ms: 0,
            estimate: None,
            started_at: None,
            completed_at: None,
        }
    }

    /// Whether an agent worked on the phase or verified it in this session.
    pub fn is_served_by(&self, session: SessionId) -> bool {
        self.session == Some(session)
            || self.verifiers.contains(&session)
            || self.earlier_sessions.contains(&session)
    }

    /// The sessions that will have worked on the phase before, once it goes back to how it was.
    pub(super) fn sessions_before(&mut self, then: &Self) -> Vec<SessionId> {
        let mut earlier = std::mem::take(&mut self.earlier_sessions);
        earlier.extend(self.session.filter(|now| then.session != Some(*now)));
        earlier
    }

    /// The step at work, or else the next one.
    pub fn current_step(&self) -> Option<&Step> {
        let active = self
            .steps
            .iter()
            .find(|step| step.status == StepStatus::Active);
        active.or_else(|| {
            self.steps
                .iter()
                .find(|step| step.status == StepStatus::Pending)
        })
    }
}
