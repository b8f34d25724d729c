//! The built-in workflows: readable files, embedded, checked at start.

use std::sync::Arc;

use app::domain::plan::{TaskType, Workflow};
use rust_embed::RustEmbed;

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
    #[error("the workflow file {file} breaks a rule: {rule}")]
    Rule {
        /// The file's name.
        file: String,
        /// Which rule, with what breaks it.
        rule: String,
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
    let workflow: Workflow = toml::from_str(text).map_err(syntax)?;
    let given: toml::Value = toml::from_str(text).map_err(syntax)?;
    let read = toml::Value::try_from(&workflow).expect("a workflow is texts, numbers and lists");
    let unknown = unknown_key(&given, &read).map(|key| format!("`{key}` means nothing here"));
    match unknown.or_else(|| broken_rule(&workflow)) {
        Some(rule) => Err(WorkflowError::Rule {
            file: file.to_owned(),
            rule,
        }),
        None => Ok(workflow),
    }
}

/// A key in the file that nothing was read from: a typo should not be a silent default.
fn unknown_key<'a>(given: &'a toml::Value, read: &toml::Value) -> Option<&'a str> {
    match (given, read) {
        (toml::Value::Table(given), toml::Value::Table(read)) => {
            given.iter().find_map(|(key, value)| match read.get(key) {
                Some(read) => unknown_key(value, read),
                None => Some(key.as_str()),
            })
        }
        (toml::Value::Array(given), toml::Value::Array(read)) => {
            let mut pairs = given.iter().zip(read);
            pairs.find_map(|(given, read)| unknown_key(given, read))
        }
        _ => None,
    }
}

fn broken_rule(workflow: &Workflow) -> Option<String> {
    let mut phases = std::collections::HashSet::new();
    for phase in &workflow.phases {
        if !is_slug(&phase.id) || !phases.insert(&phase.id) {
            return Some(format!(
                "phase id `{}` is not a unique lower-case word",
                phase.id
            ));
        }
        let mut steps = std::collections::HashSet::new();
        for step in &phase.steps {
            if !is_slug(&step.id) || !steps.insert(&step.id) {
                let (step, phase) = (&step.id, &phase.id);
                return Some(format!(
                    "step id `{step}` of `{phase}` is not a unique lower-case word"
                ));
            }
        }
        if let Some(due) = phase.due().find(|due| !is_inside(&due.path)) {
            return Some(format!(
                "deliverable `{}` is not a plain relative path",
                due.path
            ));
        }
    }
    None
}

fn is_slug(id: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    !id.is_empty() && id.bytes().all(allowed)
}

fn is_inside(path: &str) -> bool {
    use std::path::Component;
    let path = std::path::Path::new(path);
    path.components().count() > 0
        && path
            .components()
            .all(|part| matches!(part, Component::Normal(_)))
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

    #[test]
    fn a_typo_deep_inside_a_file_is_found() {
        let text = "id = \"custom\"\ntitle = \"T\"\nsummary = \"S\"\n[[phases]]\nid = \"a\"\nname = \
                    \"A\"\naim = \"x\"\ndeliverables = [{ path = \"a.md\", min_char = 3 }]\n";
        let error = parse("x.toml", text).unwrap_err().to_string();
        assert!(error.contains("`min_char` means nothing here"), "{error}");
    }

    #[test]
    fn a_deliverable_outside_the_workspace_is_refused() {
        let text = "id = \"custom\"\ntitle = \"T\"\nsummary = \"S\"\n[[phases]]\nid = \"a\"\nname = \
                    \"A\"\naim = \"x\"\ndeliverables = [{ path = \"../etc/passwd\" }]\n";
        assert!(matches!(
            parse("x.toml", text),
            Err(WorkflowError::Rule { .. })
        ));
    }
}
