//! A task's page as it stands: rendered from what was loaded, moved on by the live stream.

use leptos::prelude::*;

use super::asking::Asking;
use crate::api::{
    DependencyView, MessageView, PermissionsView, PhaseView, QuestionView, ReviewView, TaskDetail,
    TaskView,
};
use crate::domain::id::TaskId;
use crate::domain::log::{LogKind, ToolUse};
use crate::domain::task::{Action, ReviewState, StatusName, WaitingReason};
use crate::live::{Live, LiveEvent};
use crate::wire::from_json;

/// How many of the agent's actions are shown.
const ACTIONS: usize = 5;

/// What every part of a task's page reads.
#[derive(Clone, Copy)]
pub struct TaskState {
    pub id: TaskId,
    pub task: RwSignal<TaskView>,
    pub phases: RwSignal<Vec<PhaseView>>,
    /// Newest first.
    pub reviews: RwSignal<Vec<ReviewView>>,
    pub messages: RwSignal<Vec<MessageView>>,
    pub questions: RwSignal<Vec<QuestionView>>,
    pub dependencies: RwSignal<Vec<DependencyView>>,
    pub permissions: RwSignal<PermissionsView>,
    /// The names of reusable secrets that can be given as variables.
    pub secrets: StoredValue<Vec<String>>,
    /// The same as files.
    pub secret_files: StoredValue<Vec<String>>,
    /// What the agent is doing, in words, while one is at work.
    pub doing: RwSignal<Option<String>>,
    /// What it did last, the newest first, with what it is doing.
    pub recent: RwSignal<Vec<String>>,
    /// The newest log line when the page was rendered.
    pub log_seq: u64,
    /// The newest log line that is known of.
    pub log_total: StoredValue<u64>,
}

impl TaskState {
    /// The state as it was loaded.
    pub fn new(detail: TaskDetail) -> Self {
        let (doing, recent) = detail
            .agent
            .map_or_else(Default::default, |agent| (agent.action, agent.recent));
        Self {
            id: detail.task.id,
            task: RwSignal::new(detail.task),
            phases: RwSignal::new(detail.phases),
            reviews: RwSignal::new(detail.reviews),
            messages: RwSignal::new(detail.messages),
            questions: RwSignal::new(detail.questions),
            dependencies: RwSignal::new(detail.dependencies),
            permissions: RwSignal::new(detail.permissions),
            secrets: StoredValue::new(detail.secrets),
            secret_files: StoredValue::new(detail.secret_files),
            doing: RwSignal::new(doing),
            recent: RwSignal::new(recent),
            log_seq: detail.log_seq,
            log_total: StoredValue::new(detail.log_seq),
        }
    }

    /// Whether the person may do this now.
    pub fn allows(self, action: Action) -> bool {
        self.task.with(|task| task.actions.contains(&action))
    }

    /// The review that waits for a decision.
    pub fn open_review(self) -> Option<ReviewView> {
        self.reviews.with(|reviews| {
            reviews
                .iter()
                .find(|review| review.status == ReviewState::Open)
                .cloned()
        })
    }

    /// Takes a newer version of the task.
    pub fn update_task(self, task: TaskView) {
        if task.id == self.id
            && self
                .task
                .with_untracked(|known| known.version <= task.version)
        {
            if task.status != StatusName::Running {
                self.doing.set(None);
            }
            self.task.set(task);
        }
    }

    /// Takes a message, new or delivered.
    pub fn update_message(self, message: MessageView) {
        self.messages.update(|messages| {
            match messages.iter_mut().find(|known| known.id == message.id) {
                Some(known) => *known = message,
                None => messages.push(message),
            }
        });
    }

    /// Takes a review, new or changed.
    pub fn update_review(self, review: ReviewView) {
        self.reviews.update(|reviews| {
            match reviews.iter_mut().find(|known| known.id == review.id) {
                Some(known) => *known = review,
                None => reviews.insert(0, review),
            }
        });
    }

    /// Moves on with an event of the stream.
    pub fn apply(self, event: &LiveEvent, live: Live) {
        match event {
            LiveEvent::Status(task) if task.id == self.id => {
                let before = self
                    .task
                    .with_untracked(|known| (known.status, known.waiting_reason));
                if before != (task.status, task.waiting_reason) {
                    live.announce(task);
                }
                self.update_task(task.as_ref().clone());
                self.drop_answered();
            }
            LiveEvent::Phase(phase) => self.phases.update(|phases| {
                if let Some(known) = phases.iter_mut().find(|known| known.number == phase.number) {
                    *known = phase.clone();
                }
            }),
            LiveEvent::Review(review) => self.update_review(review.clone()),
            LiveEvent::Question(question) => Asking::from(self).update_question(question.clone()),
            LiveEvent::Permissions(permissions) => self.permissions.set(permissions.clone()),
            LiveEvent::Dependency(dependency) => {
                Asking::from(self).update_dependency(dependency.clone());
            }
            LiveEvent::Usage(usage) => self.task.update(|task| {
                task.cost_usd = usage.cost_usd;
                task.tokens = usage.tokens;
            }),
            LiveEvent::Message(message) => self.update_message(message.clone()),
            LiveEvent::Log(lines) => {
                if let Some(line) = lines.last() {
                    self.log_total.set_value(line.seq);
                }
                self.note_action(lines);
            }
            LiveEvent::Status(_)
            | LiveEvent::Writing(_)
            | LiveEvent::Gone(_)
            | LiveEvent::Reset => {}
        }
    }

    /// What was asked is settled as soon as the task no longer waits for it.
    fn drop_answered(self) {
        let waits = self.task.with_untracked(|task| {
            let reason = task.waiting_reason;
            let asked = Some(WaitingReason::Question) == reason;
            asked || Some(WaitingReason::Dependency) == reason || task.status == StatusName::Paused
        });
        if !waits && !self.questions.with_untracked(Vec::is_empty) {
            self.questions.set(Vec::new());
        }
    }

    /// The newest tool call is what the agent is doing.
    fn note_action(self, lines: &[crate::domain::log::LogLine]) {
        let is_running = self
            .task
            .with_untracked(|task| task.status == StatusName::Running);
        if !is_running {
            return;
        }
        let calls = lines.iter().rev();
        let calls = calls.filter(|line| line.kind == LogKind::ToolUse);
        let told = calls
            .filter_map(|line| from_json::<ToolUse>(&line.text).ok())
            .map(|call| format!("{} {}", call.verb, call.target));
        let mut newest: Vec<String> = told.take(ACTIONS).collect();
        let Some(doing) = newest.first().cloned() else {
            return;
        };
        self.doing.set(Some(doing));
        self.recent.update(|recent| {
            newest.append(recent);
            newest.truncate(ACTIONS);
            *recent = newest;
        });
    }
}
