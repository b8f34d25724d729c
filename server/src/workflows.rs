//! The built-in workflows: readable files, embedded, checked at start.

mod check;

use std::sync::Arc;

use app::domain::plan::{TaskType, Workflow};
use rust_embed::RustEmbed;
use toml::de::DeTable;

pub use check::BrokenRule;
use check::{Finding, Source};

#[derive(RustEmbed)]
#[folder = "workflows/"]
struct Files;

/// A workflow file is not usable.
#[derive(Debug, thiserror::Error)]
pub enum WorkflowError {
    /// It is not the TOML that is expected; the source names line and reason.
    #[error("the workflow file {file} can't be read")]
    Syntax {
        /// The file's name.
        file: String,
        /// Where and why.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// It is not UTF-8.
    #[error("the workflow file {file} is not UTF-8")]
    Encoding {
        /// The file's name.
        file: String,
    },
    /// It breaks a rule.
    #[error("the workflow file {file} is wrong in line {line}: {rule}")]
    Rule {
        /// The file's name.
        file: String,
        /// Counted from 1.
        line: usize,
        /// Which rule, with what breaks it.
        rule: BrokenRule,
    },
}

/// All workflows, in the order in which they are offered.
#[derive(Clone, Debug)]
pub struct Workflows(Arc<[Workflow]>);

impl Workflows {
    /// Reads and checks the built-in workflows.
    pub fn built_in() -> Result<Self, WorkflowError> {
        let mut workflows = Vec::new();
        for name in Files::iter() {
            let file = name.into_owned();
            let Some(content) = Files::get(&file) else {
                continue;
            };
            let text = String::from_utf8(content.data.into_owned())
                .map_err(|_| WorkflowError::Encoding { file: file.clone() })?;
            workflows.push(parse(&file, &text)?);
        }
        let rank = |workflow: &Workflow| TaskType::ALL.iter().position(|t| *t == workflow.id);
        workflows.sort_by_key(rank);
        Ok(Self(workflows.into()))
    }

    /// All of them.
    pub fn all(&self) -> &[Workflow] {
        &self.0
    }

    /// The one that serves a task type.
    pub fn get(&self, task_type: TaskType) -> Option<&Workflow> {
        self.0.iter().find(|workflow| workflow.id == task_type)
    }
}

fn parse(file: &str, text: &str) -> Result<Workflow, WorkflowError> {
    let syntax = |source| WorkflowError::Syntax {
        file: file.to_owned(),
        source: Box::new(source),
    };
    let mut workflow: Workflow = toml::from_str(text).map_err(syntax)?;
    let tree = DeTable::parse(text).map_err(syntax)?;
    let source = Source {
        text,
        tree: tree.get_ref(),
    };
    if let Some(Finding { line, rule }) = source.finding(&workflow) {
        let file = file.to_owned();
        return Err(WorkflowError::Rule { file, line, rule });
    }
    for step in workflow
        .phases
        .iter_mut()
        .flat_map(|phase| &mut phase.steps)
    {
        step.guide.take_if(|guide| guide == check::NO_GUIDE);
    }
    Ok(workflow)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_workflows_are_usable() {
        let workflows = Workflows::built_in().unwrap();
        let create_app = workflows.get(TaskType::CreateApp).unwrap();
        let steps: Vec<_> = create_app
            .phases
            .iter()
            .map(|phase| phase.steps.len())
            .collect();
        assert_eq!(steps, [9, 5, 6, 0]);
        assert!(workflows.get(TaskType::Custom).unwrap().phases.is_empty());
    }

    #[test]
    fn an_unusable_file_is_named_with_line_and_reason() {
        let error =
            parse("x.toml", "id = \"custom\"\ntitle = \"T\"\nsumary = \"S\"\n").unwrap_err();
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(
            source.contains("line 3") && source.contains("sumary"),
            "{source}"
        );
    }

    /// A file with one phase, which begins in line 4.
    fn with_phase(lines: &str) -> Result<Workflow, WorkflowError> {
        let head = "id = \"custom\"\ntitle = \"T\"\nsummary = \"S\"\n[[phases]]\nid = \"a\"\n\
                    name = \"A\"\naim = \"x\"\n";
        parse("x.toml", &format!("{head}{lines}"))
    }

    #[test]
    fn a_broken_rule_is_told_with_file_line_and_reason() {
        let step = "[[phases.steps]]\nid = \"b\"\nname = \"B\"\n";
        let cases = [
            ("deliverables = [{ path = \"a.md\", min_char = 3 }]".to_owned(), 8, "`min_char` means nothing here"),
            ("writes = [\"docs/**\"]\ndeliverables = [\n{ path = \"docs/a.md\" },\n{ path = \"../etc/passwd\" },\n]".to_owned(), 11, "`../etc/passwd` is not a plain relative path"),
            ("writes = [\"docs/**\"]\ndeliverables = [{ path = \"a.md\" }]".to_owned(), 9, "`a.md` lies outside"),
            ("writes = [\"**/a\"]".to_owned(), 8, "`**/a` is neither"),
            ("verification = { guide = \"verification/none.md\" }".to_owned(), 8, "no guide `verification/none.md`"),
            ("[[phases]]\nid = \"a\"\nname = \"A\"\naim = \"x\"".to_owned(), 9, "`a` is not a lower-case word"),
            (step.to_owned(), 8, "step `b` names no guide"),
            (format!("{step}guide = \"none\""), 8, "step `b` has neither"),
            (format!("{step}guide = \"planning/x.md\""), 11, "no guide `planning/x.md`"),
            (format!("{step}{step}"), 8, "step `b` names no guide"),
        ];
        for (lines, line, reason) in cases {
            let error = with_phase(&lines).unwrap_err().to_string();
            let place = format!("x.toml is wrong in line {line}: ");
            assert!(
                error.contains(&place) && error.contains(reason),
                "{error}\n{lines}"
            );
        }
    }

    #[test]
    fn a_step_that_says_that_it_needs_no_guide_has_none() {
        let step =
            "[[phases.steps]]\nid = \"b\"\nname = \"B\"\naim = \"Do it.\"\nguide = \"none\"\n";
        let workflow = with_phase(step).unwrap();
        assert_eq!(workflow.phases[0].steps[0].guide, None);
    }

    #[test]
    fn each_workflow_has_the_phases_that_it_promises() {
        let workflows = Workflows::built_in().unwrap();
        let shape = |task_type| {
            let phases = &workflows.get(task_type).unwrap().phases;
            let shape = phases
                .iter()
                .map(|phase| (phase.id.clone(), phase.steps.len()));
            shape.collect::<Vec<_>>()
        };
        let named = |phases: &[(&str, usize)]| -> Vec<_> {
            phases
                .iter()
                .map(|(id, steps)| ((*id).to_owned(), *steps))
                .collect()
        };
        assert_eq!(
            shape(TaskType::ModifyApp),
            named(&[
                ("analysis", 3),
                ("planning", 4),
                ("implementation", 6),
                ("testing", 3)
            ])
        );
        assert_eq!(
            shape(TaskType::Workflow),
            named(&[
                ("planning", 3),
                ("design", 3),
                ("development", 4),
                ("testing", 0)
            ])
        );
        for workflow in workflows.all() {
            assert!(
                workflow.phases.iter().all(|phase| phase.gate),
                "{}",
                workflow.title
            );
        }
    }

    #[test]
    fn analysis_and_planning_of_a_change_may_not_change_the_program() {
        let workflows = Workflows::built_in().unwrap();
        let phases = &workflows.get(TaskType::ModifyApp).unwrap().phases;
        let may_change_code =
            |phase: &app::domain::plan::PhasePlan| phase.may_change("src/main.rs");
        let free: Vec<_> = phases.iter().map(may_change_code).collect();
        assert_eq!(free, [false, false, true, true]);
    }
}
