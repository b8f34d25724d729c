//! Which part of all tasks a list shows: decides what is news for it.

use chrono::{DateTime, Utc};

use crate::api::{Page, TaskQuery, TaskView};
use crate::components::pill::needs_person;
use crate::domain::task::StatusName;

/// A filter, and the stretch of time that the list covers: it is sorted by creation.
#[derive(Clone, Debug)]
pub struct Section {
    query: TaskQuery,
    /// Later tasks are on the pages before; `None` on the first one.
    newest: Option<DateTime<Utc>>,
    /// Earlier tasks are on the pages behind; `None` on the last one.
    oldest: Option<DateTime<Utc>>,
}

impl Section {
    /// The part that a page of the list covers.
    pub fn of(page: &Page<TaskView>, query: &TaskQuery) -> Self {
        let created = || page.items.iter().map(|task| task.created_at);
        let newest = created().max().unwrap_or(DateTime::<Utc>::MIN_UTC);
        Self {
            newest: query.cursor.is_some().then_some(newest),
            oldest: page
                .next_cursor
                .is_some()
                .then(|| created().min())
                .flatten(),
            query: query.clone(),
        }
    }

    /// Whether the task belongs into this part.
    pub fn takes(&self, task: &TaskView) -> bool {
        self.newest.is_none_or(|newest| task.created_at <= newest)
            && self.oldest.is_none_or(|oldest| task.created_at >= oldest)
            && fits(&self.query, task)
    }
}

/// Whether the filters let the task through. A search looks at the title alone: the stream has no
/// descriptions.
fn fits(query: &TaskQuery, task: &TaskView) -> bool {
    let status = match query.status.as_deref() {
        None => true,
        Some("needs_you") => needs_person(task),
        Some("active") => !matches!(
            task.status,
            StatusName::Completed | StatusName::Failed | StatusName::Cancelled
        ),
        Some(status) => task.status.to_string() == status,
    };
    let of_type = |wanted: &String| task.task_type.to_string() == *wanted;
    let named = |text: &String| {
        task.title
            .to_lowercase()
            .contains(&text.trim().to_lowercase())
    };
    status && query.task_type.as_ref().is_none_or(of_type) && query.q.as_ref().is_none_or(named)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::TaskId;
    use crate::domain::plan::{TaskType, Workflow};
    use crate::domain::task::{
        Actor, EventRecord, Limit, LimitCause, NewTask, Priority, Status, Task, TaskCommand,
        Waiting,
    };

    fn task(second: i64, status: Status) -> TaskView {
        let new = NewTask {
            title: "A Title".parse().unwrap(),
            description: "A description".parse().unwrap(),
            workflow: Workflow {
                id: TaskType::Custom,
                title: String::new(),
                summary: String::new(),
                phases: Vec::new(),
            },
            priority: Priority::Normal,
            permission_mode: crate::domain::permission::PermissionMode::default(),
            model: None,
            repository: None,
            depends_on: Vec::new(),
            auto_approve: false,
            answer_after: 0,
            auto_resume: true,
            schedule: None,
            budget_usd: None,
            budget_tokens: None,
            start: false,
        };
        let events = Task::decide(None, TaskCommand::Create(Box::new(new))).unwrap();
        let records = events
            .into_iter()
            .zip(1..)
            .map(|(event, version)| EventRecord {
                task_id: TaskId::from_uuid(uuid::Uuid::nil()),
                version,
                event,
                actor: Actor::Person,
                at: DateTime::from_timestamp(second, 0).unwrap(),
            });
        let records: Vec<_> = records.collect();
        let mut task = Task::replay(&records).unwrap();
        task.status = status;
        TaskView::from(&task)
    }

    fn query(status: Option<&str>) -> TaskQuery {
        TaskQuery {
            status: status.map(str::to_owned),
            ..TaskQuery::default()
        }
    }

    #[test]
    fn a_list_takes_what_its_filters_let_through() {
        let page = Page {
            items: Vec::new(),
            next_cursor: None,
        };
        let takes = |query: TaskQuery, status| Section::of(&page, &query).takes(&task(1, status));
        let question = Status::Waiting(Waiting::Question);
        let limited = || {
            Status::Waiting(Waiting::RateLimit(Limit {
                until: DateTime::<Utc>::MAX_UTC,
                told: true,
                cause: LimitCause::Account,
                name: None,
            }))
        };
        assert!(takes(query(Some("needs_you")), question.clone()));
        assert!(!takes(query(Some("needs_you")), limited()));
        assert!(!takes(query(Some("needs_you")), Status::Draft));
        assert!(takes(query(Some("active")), limited()));
        assert!(!takes(query(Some("active")), Status::Completed));
        assert!(takes(query(Some("completed")), Status::Completed));
        let with = |task_type: &str, q: &str| TaskQuery {
            task_type: Some(task_type.to_owned()),
            q: Some(q.to_owned()),
            ..query(None)
        };
        assert!(takes(with("custom", " title "), question.clone()));
        assert!(!takes(with("create_app", "title"), question.clone()));
        assert!(!takes(with("custom", "other"), question));
    }

    #[test]
    fn a_list_takes_only_what_lies_on_its_page() {
        let page = |next: Option<&str>| Page {
            items: vec![task(20, Status::Draft), task(10, Status::Draft)],
            next_cursor: next.map(str::to_owned),
        };
        let at = |page: Page<TaskView>, cursor: Option<&str>, second| {
            let query = TaskQuery {
                cursor: cursor.map(str::to_owned),
                ..query(None)
            };
            Section::of(&page, &query).takes(&task(second, Status::Draft))
        };
        assert!(at(page(None), None, 30) && at(page(None), None, 5));
        assert!(at(page(Some("next")), None, 30) && !at(page(Some("next")), None, 5));
        assert!(!at(page(None), Some("here"), 30) && at(page(None), Some("here"), 5));
        let nothing = Page {
            items: Vec::new(),
            next_cursor: None,
        };
        assert!(!at(nothing, Some("here"), 30));
    }
}
