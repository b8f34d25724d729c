//! What agents are doing right now. Held in memory only: it is shown, never relied upon.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use app::api::{AgentState, AgentView};
use app::domain::id::TaskId;

/// How many past actions are shown.
const RECENT: usize = 5;

/// The live agents of this process.
#[derive(Clone, Debug, Default)]
pub struct Live(Arc<Mutex<HashMap<TaskId, AgentView>>>);

impl Live {
    fn agents(&self) -> MutexGuard<'_, HashMap<TaskId, AgentView>> {
        // The map is whole after every statement, also of a thread that panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the task's agent is doing, if one is live.
    pub fn agent(&self, task: TaskId) -> Option<AgentView> {
        self.agents().get(&task).cloned()
    }

    /// How many agents are live.
    pub fn running(&self) -> u32 {
        u32::try_from(self.agents().len()).unwrap_or(u32::MAX)
    }

    /// Shows the task's agent until the guard is dropped.
    pub(super) fn show(&self, task: TaskId) -> Shown {
        self.set(task, AgentState::Starting);
        let live = self.clone();
        Shown { live, task }
    }

    pub(super) fn set(&self, task: TaskId, state: AgentState) {
        let mut agents = self.agents();
        let view = agents.entry(task).or_insert_with(|| AgentView {
            state,
            action: None,
            recent: Vec::new(),
        });
        view.state = state;
    }

    pub(super) fn act(&self, task: TaskId, action: &str) {
        if let Some(view) = self.agents().get_mut(&task) {
            view.action = Some(action.to_owned());
            view.recent.insert(0, action.to_owned());
            view.recent.truncate(RECENT);
        }
    }

    pub(super) fn rest(&self, task: TaskId) {
        if let Some(view) = self.agents().get_mut(&task) {
            view.action = None;
        }
    }
}

/// An agent that is shown, whatever becomes of its run.
pub(super) struct Shown {
    live: Live,
    task: TaskId,
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.live.agents().remove(&self.task);
    }
}
