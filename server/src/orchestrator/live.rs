//! What agents are doing right now. Held in memory only: it is shown, never relied upon.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use app::api::{AgentState, AgentView};
use app::domain::id::TaskId;
use tokio::sync::watch;

use super::writing::{Writing, Writings};

/// How many past actions are shown.
const RECENT: usize = 5;

/// The live agents of this process.
#[derive(Clone, Debug, Default)]
pub struct Live {
    agents: Arc<Mutex<HashMap<TaskId, AgentView>>>,
    writings: Writings,
}

impl Live {
    fn agents(&self) -> MutexGuard<'_, HashMap<TaskId, AgentView>> {
        // The map is whole after every statement, also of a thread that panicked.
        self.agents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the task's agent is doing, if one is live.
    pub fn agent(&self, task: TaskId) -> Option<AgentView> {
        self.agents().get(&task).cloned()
    }

    /// How many agents are live.
    pub fn running(&self) -> u32 {
        u32::try_from(self.agents().len()).unwrap_or(u32::MAX)
    }

    /// The text that the task's agent is writing. It changes with every word, so readers take their
    /// time between two looks.
    pub fn writing(&self, task: TaskId) -> watch::Receiver<Writing> {
        self.writings.watch(task)
    }

    /// The task's agent writes more of its text.
    pub fn write(&self, task: TaskId, words: &str) {
        self.writings.push(task, words);
    }

    /// The text is finished, and on its way as a line of the log if `is_logged`. To be said before
    /// the line is handed over: whoever sees the line knows then that it takes the text's place.
    pub fn end_text(&self, task: TaskId, is_logged: bool) {
        self.writings.end(task, is_logged);
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
        self.end_text(task, false);
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
        self.live.writings.forget(self.task);
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn an_agent_that_rests_or_is_gone_writes_nothing() {
        let live = Live::default();
        let task = TaskId::from_uuid(Uuid::from_u128(1));
        let text = live.writing(task);
        let shown = live.show(task);
        live.write(task, "half a sen");
        live.rest(task);
        assert_eq!(text.borrow().text(), "");
        live.write(task, "another ha");
        assert_eq!(text.borrow().text(), "another ha");
        // As after a cancellation, a failure or a panic.
        drop(shown);
        assert_eq!(text.borrow().text(), "");
        assert!(live.agent(task).is_none());
    }
}
