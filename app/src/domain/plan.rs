//! What a task will go through: its type, and the phases, steps and deliverables of its workflow.
//!
//! A workflow is data. A task keeps a copy of it from the moment of its creation, so that a later
//! edition of the workflow never changes the meaning of a task's history. That copy may have been
//! stored by a newer program, so unknown fields are not refused here but where files are read.

use serde::{Deserialize, Serialize};

use crate::domain::word::words;

words! {
    /// Chooses the workflow.
    pub enum TaskType {
        /// A new application, from the idea to tested code.
        CreateApp,
        /// A change to an existing repository.
        ModifyApp,
        /// An automation: trigger, steps, integrations.
        Workflow,
        /// One free prompt: no phases, no gate.
        Custom,
    }
}

/// A workflow as its file describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workflow {
    /// The task type it serves.
    pub id: TaskType,
    /// Its name for people.
    pub title: String,
    /// One or two sentences: what a person gets.
    pub summary: String,
    /// In order. Empty for a free conversation.
    #[serde(default)]
    pub phases: Vec<PhasePlan>,
}

/// One phase of a workflow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhasePlan {
    /// Lower case, as in `planning`: names the phase in prompts, refs and guides.
    pub id: String,
    /// For people.
    pub name: String,
    /// What the phase is for, told to the agent when it opens.
    pub aim: String,
    /// In order; each is one turn of the agent.
    #[serde(default)]
    pub steps: Vec<StepPlan>,
    /// Files due at the phase's end that belong to no single step.
    #[serde(default)]
    pub deliverables: Vec<DeliverableRule>,
    /// Whether a person decides before the next phase begins.
    #[serde(default = "yes")]
    pub gate: bool,
}

const fn yes() -> bool {
    true
}

/// One step of a phase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepPlan {
    /// As in `01_idea`: names the step in prompts, tool calls and guides.
    pub id: String,
    /// For people.
    pub name: String,
    /// The file this step must leave, if it leaves one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deliverable: Option<DeliverableRule>,
    /// The guide for this step, as a path below the guides' folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guide: Option<String>,
}

/// A file that a phase must produce.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliverableRule {
    /// Relative to the task's workspace.
    pub path: String,
    /// The fewest characters that count as done; 1 means "not empty".
    #[serde(default = "one")]
    pub min_chars: u32,
}

const fn one() -> u32 {
    1
}

impl PhasePlan {
    /// Every file due at the phase's end, those of its steps first.
    pub fn due(&self) -> impl Iterator<Item = &DeliverableRule> {
        let of_steps = self
            .steps
            .iter()
            .filter_map(|step| step.deliverable.as_ref());
        of_steps.chain(&self.deliverables)
    }
}
