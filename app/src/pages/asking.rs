//! What agents ask and need, as a page shows it: a task's own, or everything that waits for a person.

use leptos::prelude::*;

use super::task_state::TaskState;
use crate::api::{DependencyView, QuestionView};

/// What the forms of questions and dependencies read, and where they leave what came of it.
#[derive(Clone, Copy)]
pub struct Asking {
    pub questions: RwSignal<Vec<QuestionView>>,
    pub dependencies: RwSignal<Vec<DependencyView>>,
    /// The names of reusable secrets that can be given as variables.
    pub secrets: StoredValue<Vec<String>>,
    /// The same as files.
    pub secret_files: StoredValue<Vec<String>>,
}

impl From<TaskState> for Asking {
    fn from(state: TaskState) -> Self {
        Self {
            questions: state.questions,
            dependencies: state.dependencies,
            secrets: state.secrets,
            secret_files: state.secret_files,
        }
    }
}

impl Asking {
    /// A question as it is now, in its place.
    pub fn update_question(self, question: QuestionView) {
        self.questions.update(|questions| {
            match questions.iter_mut().find(|known| known.id == question.id) {
                Some(known) => *known = question,
                None => questions.push(question),
            }
        });
    }

    /// A dependency as it is now, in its place.
    pub fn update_dependency(self, dependency: DependencyView) {
        self.dependencies.update(|dependencies| {
            match dependencies
                .iter_mut()
                .find(|known| known.id == dependency.id)
            {
                Some(known) => *known = dependency,
                None => dependencies.push(dependency),
            }
        });
    }
}

/// Where a plain form leads back to: the page that it was on, if that shows all that waits, else the task.
#[cfg(feature = "ssr")]
pub fn place(task: crate::domain::id::TaskId) -> String {
    crate::request::came_from("/needs-you").unwrap_or_else(|| format!("/tasks/{task}"))
}
