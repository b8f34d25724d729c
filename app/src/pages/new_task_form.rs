//! What a person typed into the form, as text, and how it becomes a task.

#[cfg(feature = "ssr")]
use leptos_router::location::Url;
use leptos_router::params::ParamsMap;
use serde::{Deserialize, Serialize};

#[cfg(any(feature = "ssr", test))]
use crate::api::CreateTask;
#[cfg(any(feature = "ssr", test))]
use crate::domain::plan::TaskType;
#[cfg(any(feature = "ssr", test))]
use crate::domain::text::{Description, TextError, Title};
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
    /// In minutes; empty for never.
    pub answer_after_minutes: String,
    /// In dollars; empty for any amount.
    pub budget_usd: String,
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
            answer_after_minutes: value("answer_after_minutes"),
            budget_usd: value("budget_usd"),
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
            ("answer_after_minutes", &self.answer_after_minutes),
            ("budget_usd", &self.budget_usd),
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
        let mut one_of = Choices(&mut faults);
        let priority = one_of.parse(
            "priority",
            &self.priority,
            "must be low, normal, high or critical",
        );
        let permission_mode = one_of.parse(
            "permission_mode",
            &self.permission_mode,
            "must be strict, balanced or autonomous",
        );
        let answer_after = one_of.parse(
            "answer_after_minutes",
            &self.answer_after_minutes,
            "must be a number of minutes",
        );
        let budget_usd = one_of.parse(
            "budget_usd",
            self.budget_usd.trim().trim_start_matches('$'),
            "must be an amount in dollars, such as 12.50",
        );
        let model = (!self.model.trim().is_empty())
            .then(|| required("model", self.model, &mut faults))
            .flatten();
        if self.task_type.is_empty() {
            faults.push(FieldFault::new("type", "must be chosen"));
        }
        // The field is hidden for the other types, whatever was typed there before.
        let repository = (self.task_type == TaskType::ModifyApp.to_string())
            .then_some(self.repository)
            .filter(|text| !text.trim().is_empty());
        match (title, description) {
            (Some(title), Some(description)) if faults.is_empty() => Ok(CreateTask {
                title,
                task_type: self.task_type,
                description,
                priority: priority.unwrap_or_default(),
                repository,
                depends_on: Vec::new(),
                auto_approve: Some(!self.auto_approve.is_empty()),
                answer_after_minutes: answer_after.unwrap_or_default(),
                auto_resume: None,
                budget_usd,
                budget_tokens: None,
                model,
                permission_mode,
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
fn required<T>(field: &str, text: String, faults: &mut Vec<FieldFault>) -> Option<T>
where
    T: TryFrom<String, Error = TextError>,
{
    text.try_into()
        .map_err(|error: TextError| faults.push(FieldFault::new(field, error.to_string())))
        .ok()
}

/// Fields with a few possible words, which may be left out.
#[cfg(any(feature = "ssr", test))]
struct Choices<'a>(&'a mut Vec<FieldFault>);

#[cfg(any(feature = "ssr", test))]
impl Choices<'_> {
    fn parse<T: std::str::FromStr>(&mut self, field: &str, text: &str, wrong: &str) -> Option<T> {
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        let parsed = text.parse().ok();
        if parsed.is_none() {
            self.0.push(FieldFault::new(field, wrong));
        }
        parsed
    }
}

#[cfg(test)]
mod tests {
    use super::TaskForm;
    use crate::fault::{Fault, FieldFault};

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
            priority: "soon".to_owned(),
            ..TaskForm::default()
        };
        let Err(Fault::Invalid { fields, .. }) = form.parse() else {
            panic!("it was taken");
        };
        let names: Vec<&str> = fields.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(names, ["title", "description", "priority", "type"]);
        let beside: Vec<String> = fields.iter().map(FieldFault::beside).collect();
        assert_eq!(
            beside,
            [
                "It must not be empty.",
                "It must not be empty.",
                "It must be low, normal, high or critical.",
                "It must be chosen.",
            ]
        );
    }
}
