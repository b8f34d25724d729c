//! Wake-up calls. They carry no data: whoever is woken reads from the store after its cursor.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use app::domain::id::TaskId;
use tokio::sync::watch;

/// Channels that say "look again". The values only grow and mean nothing else.
///
/// They reach the listeners of this process alone. Where several processes share a database,
/// a listener also looks again after a second without a call.
#[derive(Debug)]
pub struct Heads {
    tasks: Mutex<Tasks>,
    all: watch::Sender<u64>,
    jobs: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Tasks {
    channels: HashMap<TaskId, watch::Sender<u64>>,
    /// How many channels there may be before the abandoned ones are looked for.
    sweep_at: usize,
}

const FEWEST_TO_SWEEP: usize = 64;

impl Default for Heads {
    fn default() -> Self {
        Self {
            tasks: Mutex::default(),
            all: watch::Sender::new(0),
            jobs: watch::Sender::new(0),
        }
    }
}

impl Heads {
    /// Changes when the task has new events or log lines.
    pub fn task(&self, id: TaskId) -> watch::Receiver<u64> {
        let mut tasks = self.tasks();
        if tasks.channels.len() >= tasks.sweep_at.max(FEWEST_TO_SWEEP) {
            tasks.channels.retain(|_, channel| !channel.is_closed());
            tasks.sweep_at = tasks.channels.len() * 2;
        }
        let channel = tasks.channels.entry(id);
        channel.or_insert_with(|| watch::Sender::new(0)).subscribe()
    }

    /// Changes when any task has new events. Log lines don't count.
    pub fn all(&self) -> watch::Receiver<u64> {
        self.all.subscribe()
    }

    /// Changes when there may be something to claim.
    pub fn jobs(&self) -> watch::Receiver<u64> {
        self.jobs.subscribe()
    }

    /// New events of a task.
    pub(crate) fn woken(&self, id: TaskId) {
        self.lines_stored(id);
        self.all.send_modify(|count| *count += 1);
    }

    /// New log lines of a task.
    pub(crate) fn lines_stored(&self, id: TaskId) {
        let mut tasks = self.tasks();
        let Some(channel) = tasks.channels.get(&id) else {
            return;
        };
        if channel.is_closed() {
            tasks.channels.remove(&id);
        } else {
            channel.send_modify(|count| *count += 1);
        }
    }

    /// Something may be claimable.
    pub(crate) fn jobs_changed(&self) {
        self.jobs.send_modify(|count| *count += 1);
    }

    /// The map is sound at every moment, so a panic elsewhere does not make it unusable.
    fn tasks(&self) -> MutexGuard<'_, Tasks> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn id(number: u128) -> TaskId {
        TaskId::from_uuid(Uuid::from_u128(number))
    }

    #[test]
    fn a_listener_is_woken_for_its_own_task_only() {
        let heads = Heads::default();
        let (one, two) = (heads.task(id(1)), heads.task(id(2)));
        let (all, jobs) = (heads.all(), heads.jobs());
        heads.woken(id(1));
        let changed = |receiver: &watch::Receiver<u64>| receiver.has_changed().unwrap();
        assert!(changed(&one) && changed(&all));
        assert!(!changed(&two) && !changed(&jobs));
    }

    #[test]
    fn log_lines_wake_only_the_readers_of_the_task() {
        let heads = Heads::default();
        let (task, all) = (heads.task(id(1)), heads.all());
        heads.lines_stored(id(1));
        assert!(task.has_changed().unwrap());
        assert!(!all.has_changed().unwrap());
    }

    #[test]
    fn abandoned_channels_are_dropped() {
        let heads = Heads::default();
        for number in 0..10_000 {
            heads.task(id(number));
        }
        assert!(heads.tasks().channels.len() <= FEWEST_TO_SWEEP);
    }
}
