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
    /// What the phase may change: files by their path, and folders with everything below them as
    /// in `docs/analysis/**`. All of the workspace if absent, nothing if empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writes: Option<Vec<String>>,
    /// The agent that checks the results after the platform's own checks, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification: Option<VerificationPlan>,
    /// Whether a person decides before the next phase begins.
    #[serde(default = "yes")]
    pub gate: bool,
}

/// A check of a phase by an agent in a session of its own, which may read and not write.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerificationPlan {
    /// The guide it checks by, as a path below the guides' folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guide: Option<String>,
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
    /// What the step is for, told to the agent with it. A step without a guide needs one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aim: Option<String>,
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

    /// What the phase may change, in words.
    pub fn written(&self) -> String {
        match self.writes.as_deref() {
            None => "all files".to_owned(),
            Some([]) => "nothing".to_owned(),
            Some(allowed) => {
                let quoted = allowed.iter().map(|path| format!("`{path}`"));
                format!("only {}", quoted.collect::<Vec<_>>().join(", "))
            }
        }
    }

    /// Whether the phase may change the file at this path, which is relative to the workspace and
    /// has no `..` in it.
    pub fn may_change(&self, path: &str) -> bool {
        let Some(writes) = &self.writes else {
            return true;
        };
        writes
            .iter()
            .any(|allowed| match allowed.strip_suffix("**") {
                Some(folder) => path.len() > folder.len() && path.starts_with(folder),
                None => path == allowed,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phase(json: &str) -> PhasePlan {
        let rest = format!(r#"{{"id":"a","name":"A","aim":"x",{json}}}"#);
        serde_json::from_str(&rest).unwrap()
    }

    #[test]
    fn a_phase_may_change_what_it_names_and_nothing_beside_it() {
        let phase = phase(r#""writes":["docs/analysis/**","NOTES.md"]"#);
        for allowed in ["docs/analysis/a.md", "docs/analysis/b/c.md", "NOTES.md"] {
            assert!(phase.may_change(allowed), "{allowed}");
        }
        let beside = [
            "docs/analysis",
            "docs/analysis/",
            "docs/analysis.md",
            "docs/b.md",
            "a/NOTES.md",
        ];
        for forbidden in beside {
            assert!(!phase.may_change(forbidden), "{forbidden}");
        }
    }

    #[test]
    fn a_phase_that_names_nothing_may_change_all() {
        assert!(phase(r#""gate":true"#).may_change("src/main.rs"));
        assert!(!phase(r#""writes":[]"#).may_change("src/main.rs"));
    }

    #[test]
    fn a_plan_that_was_stored_before_the_rules_grew_is_read_and_stays_as_it_was() {
        let stored = r#"{"id":"a","name":"A","aim":"x","steps":[],"deliverables":[],"gate":true}"#;
        let plan: PhasePlan = serde_json::from_str(stored).unwrap();
        assert_eq!((&plan.writes, &plan.verification), (&None, &None));
        assert_eq!(serde_json::to_string(&plan).unwrap(), stored);
    }
}
