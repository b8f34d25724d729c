//! What a person typed into the form, as text, and how it becomes a task.

#[cfg(feature = "ssr")]
use leptos_router::location::Url;
use leptos_router::params::ParamsMap;
use serde::{Deserialize, Serialize};

#[cfg(any(feature = "ssr", test))]
use crate::api::CreateTask;
#[cfg(any(feature = "ssr", test))]
use crate::domain::text::{Description, Title};
#[cfg(any(feature = "ssr", test))]
use crate::fault::{Fault, FieldFault};

/// The longest address a form without script is sent back with, in bytes.
#[cfg(feature = "ssr")]
const ADDRESS_LIMIT: usize = 60_000;

/// The fields as they were typed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TaskForm {
    pub title: String,
    #[serde(rename = "type")]
    pub task_type: String,
    pub description: String,
    pub priority: String,
    pub repository: String,
    pub model: String,
    pub permission_mode: String,
    /// `on` if it is checked.
    pub auto_approve: String,
    pub budget_usd: String,
    pub budget_tokens: String,
    /// `true` if the task is to start at once.
    pub start: String,
}

impl TaskForm {
    /// The form as the address pre-fills it.
    pub fn of_address(map: &ParamsMap) -> Self {
        let value = |name: &str| map.get(name).unwrap_or_default();
        Self {
            title: value("title"),
            task_type: value("type"),
            description: value("description"),
            priority: value("priority"),
            repository: value("repository"),
            model: value("model"),
            permission_mode: value("permission_mode"),
            auto_approve: value("auto_approve"),
            budget_usd: value("budget_usd"),
            budget_tokens: value("budget_tokens"),
            start: String::new(),
        }
    }

    #[cfg(feature = "ssr")]
    fn pairs(&self) -> [(&'static str, &str); 10] {
        [
            ("title", &self.title),
            ("type", &self.task_type),
            ("priority", &self.priority),
            ("repository", &self.repository),
            ("model", &self.model),
            ("permission_mode", &self.permission_mode),
            ("auto_approve", &self.auto_approve),
            ("budget_usd", &self.budget_usd),
            ("budget_tokens", &self.budget_tokens),
            ("description", &self.description),
        ]
    }

    /// The form's address with everything that was typed and what was wrong with it, for
    /// browsers without script. What doesn't fit into an address is left out.
    #[cfg(feature = "ssr")]
    pub fn address(&self, fault: &Fault) -> String {
        let fault = serde_json::to_string(fault).unwrap_or_default();
        let mut address = format!("/tasks/new?fault={}", Url::escape(&fault));
        for (name, value) in self.pairs() {
            let pair = format!("&{name}={}", Url::escape(value));
            if !value.is_empty() && address.len() + pair.len() <= ADDRESS_LIMIT {
                address.push_str(&pair);
            }
        }
        address
    }

    /// The task that the form describes, or everything that is wrong with it.
    #[cfg(any(feature = "ssr", test))]
    pub fn parse(self) -> Result<CreateTask, Fault> {
        let mut faults = Vec::new();
        let suggested = Title::suggest(&self.description).map(String::from);
        let title = if self.title.trim().is_empty() {
            suggested.unwrap_or_default()
        } else {
            self.title
        };
        let title = required::<Title>("title", title, &mut faults);
        let description = required::<Description>("description", self.description, &mut faults);
        let priority = optional("priority", &self.priority, &mut faults);
        let permission_mode = optional("permission_mode", &self.permission_mode, &mut faults);
        let budget_usd = optional(
            "budget_usd",
            self.budget_usd.trim_start_matches('$'),
            &mut faults,
        );
        let budget_tokens = optional("budget_tokens", &self.budget_tokens, &mut faults);
        let model = optional("model", &self.model, &mut faults);
        if self.task_type.is_empty() {
            faults.push(fault_of("type", &"must be chosen"));
        }
        match (title, description) {
            (Some(title), Some(description)) if faults.is_empty() => Ok(CreateTask {
                title,
                task_type: self.task_type,
                description,
                priority: priority.unwrap_or_default(),
                repository: Some(self.repository).filter(|text| !text.trim().is_empty()),
                depends_on: Vec::new(),
                auto_approve: !self.auto_approve.is_empty(),
                budget_usd,
                budget_tokens,
                model,
                permission_mode: permission_mode.unwrap_or_default(),
                start: self.start == "true",
            }),
            _ => Err(Fault::Invalid {
                message: "Please look at the marked fields.".to_owned(),
                fields: faults,
            }),
        }
    }
}

#[cfg(any(feature = "ssr", test))]
fn fault_of(field: &str, message: &impl ToString) -> FieldFault {
    FieldFault {
        field: field.to_owned(),
        message: message.to_string(),
    }
}

#[cfg(any(feature = "ssr", test))]
fn required<T>(field: &str, text: String, faults: &mut Vec<FieldFault>) -> Option<T>
where
    T: TryFrom<String>,
    T::Error: ToString,
{
    text.try_into()
        .map_err(|error: T::Error| faults.push(fault_of(field, &error)))
        .ok()
}

#[cfg(any(feature = "ssr", test))]
fn optional<T>(field: &str, text: &str, faults: &mut Vec<FieldFault>) -> Option<T>
where
    T: std::str::FromStr,
    T::Err: ToString,
{
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    text.parse()
        .map_err(|error: T::Err| faults.push(fault_of(field, &error)))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::TaskForm;
    use crate::fault::Fault;

    #[test]
    fn a_title_is_taken_from_the_description() {
        let form = TaskForm {
            task_type: "custom".to_owned(),
            description: "# Sort the photos\nby year".to_owned(),
            start: "true".to_owned(),
            ..TaskForm::default()
        };
        let task = form.parse().expect("valid");
        assert_eq!(task.title.as_str(), "Sort the photos");
        assert!(task.start);
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let form = TaskForm {
            budget_usd: "much".to_owned(),
            ..TaskForm::default()
        };
        let Err(Fault::Invalid { fields, .. }) = form.parse() else {
            panic!("it was taken");
        };
        let names: Vec<&str> = fields.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(names, ["title", "description", "budget_usd", "type"]);
    }
}
