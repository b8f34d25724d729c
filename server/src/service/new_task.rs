//! A job as it was sent, made into one that the domain takes.

use app::api::CreateTask;
use app::domain::money::Usd;
use app::domain::plan::TaskType;
use app::domain::task::NewTask;
use app::fault::FieldFault;

use super::Service;
use crate::error::Error;
use crate::spelling;

/// A year.
pub(super) const MAX_ANSWER_AFTER: u32 = 366 * 24 * 60;
const MAX_REPOSITORY: usize = 2_000;

impl Service {
    /// Checks what only the server can know: types, dependencies.
    pub(super) async fn parse_new(&self, new: CreateTask) -> Result<NewTask, Error> {
        let mut faults = Vec::new();
        let mut fault = |field: &str, message: String| {
            faults.push(FieldFault {
                field: field.to_owned(),
                message,
            });
        };
        let workflow = self
            .workflow(&new.task_type)
            .map_err(|message| fault("type", message))
            .ok();
        let repository = new.repository.as_deref().map(str::trim);
        let repository = repository.filter(|repository| !repository.is_empty());
        let task_type = workflow.as_ref().map(|workflow| workflow.id);
        if let Err(message) = self.check_repository(task_type, repository).await {
            fault("repository", message);
        }
        if new.budget_usd == Some(Usd::ZERO) {
            fault("budget_usd", "must be more than 0".to_owned());
        }
        if new.budget_tokens == Some(0) {
            fault("budget_tokens", "must be more than 0".to_owned());
        }
        if new.answer_after_minutes > MAX_ANSWER_AFTER {
            fault(
                "answer_after_minutes",
                format!("must be at most {MAX_ANSWER_AFTER}"),
            );
        }
        faults.extend(self.check_prerequisites(&new.depends_on).await?);
        let Some(workflow) = workflow.filter(|_| faults.is_empty()) else {
            return Err(Error::Invalid { fields: faults });
        };
        let defaults = self.settings().in_force().values;
        Ok(NewTask {
            title: new.title,
            description: new.description,
            workflow,
            priority: new.priority,
            permission_mode: new.permission_mode.unwrap_or(defaults.permission_mode),
            model: new.model,
            repository: repository.map(str::to_owned),
            depends_on: new.depends_on,
            auto_approve: new.auto_approve.unwrap_or(defaults.auto_approve),
            budget_usd: new.budget_usd,
            budget_tokens: new.budget_tokens,
            answer_after: new.answer_after_minutes,
            auto_resume: new.auto_resume.unwrap_or(defaults.auto_resume),
            schedule: None,
            start: new.start,
        })
    }

    /// A change needs the repository that it is made to; nothing else begins with one.
    async fn check_repository(
        &self,
        task_type: Option<TaskType>,
        repository: Option<&str>,
    ) -> Result<(), String> {
        let Some(repository) = repository else {
            return match task_type {
                Some(TaskType::ModifyApp) => Err("is needed: what is to be changed?".to_owned()),
                _ => Ok(()),
            };
        };
        plain_line(repository, MAX_REPOSITORY)?;
        match task_type {
            Some(TaskType::ModifyApp) => {
                let checked = self.parts.workspaces.check_source(repository).await;
                checked.map_err(|refusal| refusal.to_string())
            }
            Some(other) => Err(format!("is for modify_app only, this is {other}")),
            None => Ok(()),
        }
    }

    fn workflow(&self, name: &str) -> Result<app::domain::plan::Workflow, String> {
        let available = self
            .parts
            .workflows
            .all()
            .iter()
            .map(|workflow| workflow.id.to_string());
        let available: Vec<String> = available.collect();
        let Ok(task_type) = name.parse::<TaskType>() else {
            let nearest = spelling::nearest(name, available.iter().map(String::as_str));
            let nearest = nearest.unwrap_or_default();
            return Err(format!(
                "is not a task type; did you mean {nearest}? Possible: {}",
                available.join(", ")
            ));
        };
        let workflow = self.parts.workflows.get(task_type).cloned();
        workflow.ok_or_else(|| {
            format!(
                "{name} is not available yet. Possible: {}",
                available.join(", ")
            )
        })
    }
}

/// One line of text without control characters.
pub(super) fn plain_line(text: &str, limit: usize) -> Result<(), String> {
    if text.chars().count() > limit {
        return Err(format!("must be at most {limit} characters"));
    }
    if text.chars().any(char::is_control) {
        return Err("must not contain control characters".to_owned());
    }
    Ok(())
}
