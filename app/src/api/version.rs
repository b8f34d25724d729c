//! A task as it was.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{CheckpointView, DependencyView, PhaseView, QuestionView, ReviewView, TaskView};
use crate::domain::id::TaskId;
use crate::domain::money::Usd;
use crate::domain::task::Actor;

/// A task as it was after so many events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct TaskVersion {
    pub version: u64,
    /// When its last event happened.
    pub at: DateTime<Utc>,
    pub actor: Actor,
    /// That event's name, such as `PhaseStarted`.
    pub event_type: String,
    pub task: TaskView,
    pub phases: Vec<PhaseView>,
    pub reviews: Vec<ReviewView>,
    pub questions: Vec<QuestionView>,
    pub dependencies: Vec<DependencyView>,
    /// How many messages people had written.
    pub messages: u64,
    /// How many lines the log had; 0 for none.
    pub log_seq: u64,
    /// The last checkpoint until then that is kept: its files as they were.
    pub checkpoint: Option<CheckpointView>,
}

/// What differs between two versions of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct VersionDiff {
    pub task_id: TaskId,
    pub from: u64,
    pub to: u64,
    pub changes: Vec<FactChange>,
}

/// A fact that is another one in the later version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct FactChange {
    /// What it is about, as people say it.
    pub name: String,
    /// Absent if there was nothing to say of it.
    pub before: Option<String>,
    pub after: Option<String>,
}

/// Which version to compare with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields)]
pub struct VersionQuery {
    /// The task's newest unless given.
    #[serde(default)]
    pub to: Option<u64>,
}

/// Something that is true of a version, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Not twice in one version.
    pub name: String,
    pub value: String,
}

impl TaskVersion {
    /// What there is to say of it, in order.
    pub fn facts(&self) -> Vec<Fact> {
        let mut facts = self.of_the_task();
        let mut say = |name: String, value: String| facts.push(Fact { name, value });
        for phase in &self.phases {
            let name = format!("Phase {}, {}", phase.number, phase.name);
            say(name, phase.status.to_string());
        }
        for review in &self.reviews {
            let name = format!("Review of {}, round {}", review.phase_name, review.round);
            let interim = if review.interim { " (interim)" } else { "" };
            say(format!("{name}{interim}"), review.status.to_string());
        }
        for (number, question) in (1..).zip(&self.questions) {
            let text: String = question.question.chars().take(80).collect();
            say(
                format!("Question {number}, “{text}”"),
                question.status.to_string(),
            );
        }
        for (number, needed) in (1..).zip(&self.dependencies) {
            let name = format!("Dependency {number}, {}", needed.name);
            say(name, needed.status.to_string());
        }
        facts
    }

    fn of_the_task(&self) -> Vec<Fact> {
        let task = &self.task;
        let status = match task.waiting_reason {
            Some(reason) => format!("{} ({reason})", task.status),
            None => task.status.to_string(),
        };
        let step = task.step.clone().or_else(|| task.phase_name.clone());
        let told = [
            ("Title", Some(task.title.clone())),
            ("Status", Some(status)),
            ("Reason", task.reason.clone()),
            ("At work on", step),
            ("Progress", Some(format!("{} %", task.progress))),
            ("Priority", Some(task.priority.to_string())),
            ("Model", task.model.clone()),
            ("Permissions", Some(task.permission_mode.to_string())),
            ("Budget", task.budget_usd.map(Usd::to_short)),
            ("Cost", Some(task.cost_usd.to_short())),
            ("Tokens", Some(task.tokens.total().to_string())),
            ("Messages", Some(self.messages.to_string())),
            ("Lines of the log", Some(self.log_seq.to_string())),
        ];
        let told = told.into_iter().filter_map(|(name, value)| {
            Some(Fact {
                name: name.to_owned(),
                value: value?,
            })
        });
        told.collect()
    }

    /// What is different in a later version of the same task.
    pub fn changes_to(&self, later: &Self) -> Vec<FactChange> {
        let (before, after) = (self.facts(), later.facts());
        let value_in = |facts: &[Fact], name: &str| {
            let fact = facts.iter().find(|fact| fact.name == name);
            fact.map(|fact| fact.value.clone())
        };
        let gone = before
            .iter()
            .filter(|fact| value_in(&after, &fact.name).is_none());
        let each = after.iter().chain(gone).map(|fact| FactChange {
            name: fact.name.clone(),
            before: value_in(&before, &fact.name),
            after: value_in(&after, &fact.name),
        });
        each.filter(|change| change.before != change.after)
            .collect()
    }
}
