//! What is shown.

use app::api::{
    BranchView, DeliverableContent, DeliverableView, Diff, EventQuery, EventView, LogFilter,
    LogMatchQuery, LogMatches, LogPage, LogQuery, MessageView, ModelSource, Overview, Page,
    PhaseView, ReviewView, TaskDetail, TaskQuery, TaskStatus, TaskView, WorkflowPhaseView,
    WorkflowView,
};
use app::domain::id::{ReviewId, TaskId};
use app::domain::plan::Workflow;
use app::domain::task::{EventRecord, Task};
use app::domain::text::Title;
use tokio::sync::watch;

use super::Service;
use super::commands::review_view;
use super::shown::off_thread;
use crate::error::Error;
use crate::logs::Wanted;
use crate::markdown;
use crate::orchestrator::Writing;
use crate::redaction::Redactor;
use crate::store::TaskFilter;
use crate::workspace::{Archive, FileContent, Patch};

/// Lines and events on one page, unless asked for otherwise.
const PAGE: u32 = 200;
const MAX_PAGE: u32 = 1_000;
/// The most characters that are searched for.
const MAX_SEARCH: usize = 200;

impl Service {
    /// A task that was not put away.
    pub async fn load(&self, id: TaskId) -> Result<Task, Error> {
        let task = self.parts.store.load(id).await?;
        task.filter(|task| !task.archived)
            .ok_or(Error::NotFound { what: "task" })
    }

    /// Fails unless there is such a task that was not put away.
    pub(super) async fn known(&self, id: TaskId) -> Result<(), Error> {
        if self.parts.store.has_task(id).await? {
            Ok(())
        } else {
            Err(Error::NotFound { what: "task" })
        }
    }

    /// A task as it was at one of its versions.
    pub async fn load_version(&self, id: TaskId, version: u64) -> Result<Task, Error> {
        let now = self.load(id).await?;
        if version == 0 || version > now.version {
            return Err(Error::NotFound { what: "version" });
        }
        let then = self.parts.store.load_at(id, version).await?;
        then.ok_or(Error::NotFound { what: "version" })
    }

    pub async fn task_list(&self, query: &TaskQuery) -> Result<Page<TaskView>, Error> {
        if let Some(text) = &query.q {
            search_text(text)?;
        }
        let filter = TaskFilter::parse(query)
            .map_err(|error| Error::field(error.field(), error.to_string()))?;
        Ok(self.parts.store.tasks(&filter).await?)
    }

    pub async fn task_detail(&self, id: TaskId) -> Result<TaskDetail, Error> {
        // Read before the task: a line that comes in between is sent again, not missed.
        let log_seq = self.parts.store.log_head(id).await?;
        let task = self.load(id).await?;
        let (secrets, secret_files) = self.reusable_secrets().await?;
        Ok(TaskDetail {
            permissions: super::permissions::view(&task),
            phases: self.phase_views(&task).await?,
            reviews: reviews(&task),
            messages: super::messages::listed(&task),
            questions: task.question_views(),
            dependencies: task.dependency_views(),
            secrets,
            secret_files,
            log_seq,
            agent: self.parts.live.agent(id),
            task: TaskView::from(&task),
        })
    }

    /// The text that the task's agent is writing, if one runs in this process.
    pub fn writing(&self, id: TaskId) -> watch::Receiver<Writing> {
        self.parts.live.writing(id)
    }

    /// What people wrote to the task's agent.
    pub async fn messages(&self, id: TaskId) -> Result<Vec<MessageView>, Error> {
        Ok(super::messages::listed(&self.load(id).await?))
    }

    pub async fn status(&self, id: TaskId) -> Result<TaskStatus, Error> {
        let log_seq = self.parts.store.log_head(id).await?;
        let view = TaskView::from(&self.load(id).await?);
        Ok(TaskStatus {
            status: view.status,
            waiting_reason: view.waiting_reason,
            phase: view.phase,
            step: view.step,
            progress: view.progress,
            version: view.version,
            log_seq,
            cost_usd: view.cost_usd,
            tokens: view.tokens,
            agent: self.parts.live.agent(id),
        })
    }

    /// What happened to a task, in order.
    pub async fn events(&self, id: TaskId, query: &EventQuery) -> Result<Page<EventView>, Error> {
        let limit = page_size(query.limit)?;
        self.known(id).await?;
        let mut records = self
            .parts
            .store
            .events_after(id, query.after, limit + 1)
            .await?;
        let more = records.len() > limit as usize;
        records.truncate(limit as usize);
        let last = records
            .last()
            .filter(|_| more)
            .map(|record| record.version.to_string());
        let items = records.iter().map(event_view).collect::<Result<_, _>>()?;
        Ok(Page {
            items,
            next_cursor: last,
        })
    }

    /// Lines of a task's log, in order; with `q` or `kind` only those that match.
    pub async fn log_page(&self, id: TaskId, query: &LogQuery) -> Result<LogPage, Error> {
        let limit = page_size(query.limit)?;
        let wanted = wanted_lines(query.q.as_deref(), query.kind)?;
        self.known(id).await?;
        let store = &self.parts.store;
        if !wanted.is_everything() {
            let (items, searched) = store.log_search(id, query.after, limit, &wanted).await?;
            let more = searched < store.log_head(id).await?;
            return Ok(Page {
                items,
                next_cursor: more.then(|| searched.to_string()),
            });
        }
        let part = store.log_after(id, query.after, limit).await?;
        let last = part.lines.last().filter(|_| part.more);
        Ok(Page {
            next_cursor: last.map(|line| line.seq.to_string()),
            items: part.lines,
        })
    }

    /// The numbers of the lines that match, from the end of the log.
    pub async fn log_matches(
        &self,
        id: TaskId,
        query: &LogMatchQuery,
    ) -> Result<LogMatches, Error> {
        let limit = page_size(query.limit)?;
        let wanted = wanted_lines(query.q.as_deref(), query.kind)?;
        self.known(id).await?;
        let before = query.before.unwrap_or(u64::MAX);
        let store = &self.parts.store;
        let (items, from) = store.log_matches(id, before, limit, &wanted).await?;
        Ok(Page {
            items,
            next_cursor: (from > 1).then(|| from.to_string()),
        })
    }

    pub async fn phases(&self, id: TaskId) -> Result<Vec<PhaseView>, Error> {
        self.phase_views(&self.load(id).await?).await
    }

    /// Newest first.
    pub async fn reviews(&self, id: TaskId) -> Result<Vec<ReviewView>, Error> {
        Ok(reviews(&self.load(id).await?))
    }

    pub async fn review(&self, id: ReviewId) -> Result<ReviewView, Error> {
        let unknown = || Error::NotFound { what: "review" };
        let task = self
            .parts
            .store
            .task_of_review(id)
            .await?
            .ok_or_else(unknown)?;
        review_view(&self.load(task).await?, id).ok_or_else(unknown)
    }

    /// The files that the task's phases must produce, on demand with checksums.
    pub async fn list_deliverables(
        &self,
        id: TaskId,
        checksums: bool,
    ) -> Result<Vec<DeliverableView>, Error> {
        let task = self.load(id).await?;
        let workspaces = &self.parts.workspaces;
        Ok(workspaces.deliverables(&task, checksums).await?)
    }

    /// The task's title, and its workspace as a ZIP archive.
    pub async fn archive_workspace(&self, id: TaskId) -> Result<(Title, Archive), Error> {
        let task = self.load(id).await?;
        Ok((task.title, self.parts.workspaces.archive(id).await?))
    }

    /// A file of the task's workspace, rendered if it is Markdown.
    pub async fn read_deliverable(
        &self,
        id: TaskId,
        path: &str,
    ) -> Result<DeliverableContent, Error> {
        self.known(id).await?;
        let file = self.parts.workspaces.read(id, path).await?;
        rendered(self.redactor(id).await?, path, file).await
    }

    /// A file of the task's workspace as it is, with its size in bytes.
    pub async fn open_deliverable(
        &self,
        id: TaskId,
        path: &str,
    ) -> Result<(tokio::fs::File, u64), Error> {
        self.known(id).await?;
        Ok(self.parts.workspaces.open(id, path).await?)
    }

    /// What a phase has changed in the workspace; nothing before the agent began.
    pub async fn changes(&self, id: TaskId, phase: Option<u32>) -> Result<Diff, Error> {
        let task = self.load(id).await?;
        let begun =
            task.conversation.is_some() || task.phases.iter().any(|phase| phase.base.is_some());
        if !begun && phase.is_none() {
            return Ok(Diff::default());
        }
        let mut diff = self.parts.workspaces.diff(&task, phase).await?;
        let redactor = self.redactor(id).await?;
        off_thread(move || {
            redactor.redact_diff(&mut diff);
            diff
        })
        .await
    }

    /// The branch that the task's work ends in, once there is one.
    pub async fn find_branch(&self, id: TaskId) -> Result<Option<BranchView>, Error> {
        let task = self.load(id).await?;
        if task.repository.is_none() {
            return Ok(None);
        }
        Ok(self.parts.workspaces.branch(id).await?)
    }

    /// All that the task has changed since its start, as git applies it.
    pub async fn patch(&self, id: TaskId) -> Result<Patch, Error> {
        self.load(id).await?;
        Ok(self.parts.workspaces.patch(id).await?)
    }

    pub fn workflow_list(&self) -> Vec<WorkflowView> {
        self.parts
            .workflows
            .all()
            .iter()
            .map(workflow_view)
            .collect()
    }

    pub async fn installation(&self) -> Result<Overview, Error> {
        let known = &self.parts.installation;
        let needs_you = self.parts.store.needs_you().await?;
        let unread = self.parts.store.unread().await?;
        let in_force = self.settings().in_force();
        let limit = self.parts.store.present_limit().await?;
        Ok(Overview {
            agents_running: self.parts.live.running(),
            agents_max: in_force.values.agents_max,
            needs_you: u32::try_from(needs_you).unwrap_or(u32::MAX),
            unread: u32::try_from(unread).unwrap_or(u32::MAX),
            model_source: match (known.only_scripted, in_force.has_account) {
                (true, _) => ModelSource::Scripted,
                (false, true) => ModelSource::Account,
                (false, false) => ModelSource::None,
            },
            permission_mode: in_force.values.permission_mode,
            auto_approve: in_force.values.auto_approve,
            limit,
            problems: known.problems.clone(),
            sandbox: known.sandbox.clone(),
            sample_repository: known
                .sample_repository
                .as_ref()
                .map(|path| path.display().to_string()),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        })
    }
}

/// A file without secrets, as HTML too if it is Markdown.
pub(super) async fn rendered(
    redactor: Redactor,
    path: &str,
    mut file: FileContent,
) -> Result<DeliverableContent, Error> {
    let path = path.to_owned();
    off_thread(move || {
        redactor.redact_file(&mut file);
        let is_markdown = std::path::Path::new(&path)
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("md"));
        let text = file.text.as_deref().filter(|_| is_markdown);
        DeliverableContent {
            html: text.map(markdown::to_html),
            path,
            size: file.size,
            text: file.text,
            truncated: file.truncated,
            sha256: file.sha256,
        }
    })
    .await
}

pub(super) fn reviews(task: &Task) -> Vec<ReviewView> {
    task.reviews
        .iter()
        .rev()
        .map(|review| ReviewView::of(task, review))
        .collect()
}

fn page_size(limit: Option<u32>) -> Result<u32, Error> {
    match limit.unwrap_or(PAGE) {
        limit @ 1..=MAX_PAGE => Ok(limit),
        _ => Err(Error::field(
            "limit",
            format!("must be a number from 1 to {MAX_PAGE}"),
        )),
    }
}

fn wanted_lines(q: Option<&str>, kind: Option<LogFilter>) -> Result<Wanted, Error> {
    let text = q.filter(|text| !text.is_empty());
    text.map(search_text).transpose()?;
    Ok(Wanted::new(text, kind))
}

fn search_text(text: &str) -> Result<(), Error> {
    super::new_task::plain_line(text, MAX_SEARCH).map_err(|message| Error::field("q", message))
}

fn workflow_view(workflow: &Workflow) -> WorkflowView {
    let phase = |phase: &app::domain::plan::PhasePlan| WorkflowPhaseView {
        name: phase.name.clone(),
        steps: u32::try_from(phase.steps.len()).unwrap_or(u32::MAX),
        gate: phase.gate,
    };
    WorkflowView {
        id: workflow.id,
        title: workflow.title.clone(),
        summary: workflow.summary.clone(),
        phases: workflow.phases.iter().map(phase).collect(),
    }
}

/// The stored form is the one on the wire, with the name taken out of it.
pub(super) fn event_view(record: &EventRecord) -> Result<EventView, Error> {
    let mut stored = serde_json::to_value(&record.event).map_err(Error::Undecodable)?;
    let event_type = stored["type"].as_str().unwrap_or_default().to_owned();
    Ok(EventView {
        task_id: record.task_id,
        version: record.version,
        event_type,
        data: stored["data"].take(),
        actor: record.actor,
        at: record.at,
    })
}
