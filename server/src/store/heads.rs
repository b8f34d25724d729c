//! Wake-up calls. They carry no data: whoever is woken reads from the store after its cursor.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use app::domain::id::TaskId;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

/// How long a listener waits for a call where other processes write, too.
const PATIENCE: Duration = Duration::from_secs(1);

/// Channels that say "look again". The values only grow and mean nothing else.
///
/// They reach the listeners of this process alone. Where several processes share a database,
/// a listener also looks again after a second without a call: [`Heads::call`] sees to that.
#[derive(Debug)]
pub struct Heads {
    tasks: Mutex<Tasks>,
    all: watch::Sender<u64>,
    jobs: watch::Sender<u64>,
    /// How long nobody may hear of what another process wrote; `None` if there is no other.
    patience: Option<Duration>,
}

/// How often each kind of thing was added to a task since somebody listens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    pub events: u64,
    pub lines: u64,
}

#[derive(Debug, Default)]
struct Tasks {
    channels: HashMap<TaskId, watch::Sender<Moved>>,
    /// How many channels there may be before the abandoned ones are looked for.
    sweep_at: usize,
}

const FEWEST_TO_SWEEP: usize = 64;

impl Heads {
    /// `shared`: other processes write to the database, too.
    pub(crate) fn new(shared: bool) -> Self {
        Self {
            tasks: Mutex::default(),
            all: watch::Sender::new(0),
            jobs: watch::Sender::new(0),
            patience: shared.then_some(PATIENCE),
        }
    }

    /// Waits until there is a reason to look again. To be asked with a receiver of these channels.
    pub async fn call<T>(&self, receiver: &mut watch::Receiver<T>) {
        let changed = receiver.changed();
        let Some(patience) = self.patience else {
            if changed.await.is_err() {
                // A channel that is closed says no more than one that is silent.
                std::future::pending::<()>().await;
            }
            return;
        };
        // Called or not, the caller looks.
        timeout(patience, changed).await.ok();
    }

    /// Whether another process may have stored something since a look, which no call tells of.
    pub fn is_overdue(&self, looked: Instant) -> bool {
        self.patience
            .is_some_and(|patience| looked.elapsed() >= patience)
    }

    /// Changes when the task has new events or log lines.
    pub fn task(&self, id: TaskId) -> watch::Receiver<Moved> {
        let mut tasks = self.tasks();
        if tasks.channels.len() >= tasks.sweep_at.max(FEWEST_TO_SWEEP) {
            tasks.channels.retain(|_, channel| !channel.is_closed());
            tasks.sweep_at = tasks.channels.len() * 2;
        }
        let channel = tasks.channels.entry(id);
        channel.or_default().subscribe()
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
        self.moved(id, |moved| moved.events += 1);
        self.all.send_modify(|count| *count += 1);
    }

    /// New log lines of a task.
    pub(crate) fn lines_stored(&self, id: TaskId) {
        self.moved(id, |moved| moved.lines += 1);
    }

    fn moved(&self, id: TaskId, how: impl FnOnce(&mut Moved)) {
        let mut tasks = self.tasks();
        let Some(channel) = tasks.channels.get(&id) else {
            return;
        };
        if channel.is_closed() {
            tasks.channels.remove(&id);
        } else {
            channel.send_modify(how);
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
        let heads = Heads::new(false);
        let (one, two) = (heads.task(id(1)), heads.task(id(2)));
        let (all, jobs) = (heads.all(), heads.jobs());
        heads.woken(id(1));
        assert!(one.has_changed().unwrap() && all.has_changed().unwrap());
        assert!(!two.has_changed().unwrap() && !jobs.has_changed().unwrap());
    }

    #[test]
    fn log_lines_wake_only_the_readers_of_the_task() {
        let heads = Heads::new(false);
        let (task, all) = (heads.task(id(1)), heads.all());
        heads.lines_stored(id(1));
        assert_eq!(
            *task.borrow(),
            Moved {
                events: 0,
                lines: 1
            }
        );
        assert!(!all.has_changed().unwrap());
        heads.woken(id(1));
        assert_eq!(
            *task.borrow(),
            Moved {
                events: 1,
                lines: 1
            }
        );
    }

    #[tokio::test]
    async fn where_others_write_too_a_listener_looks_again_by_itself() {
        let heads = Heads {
            patience: Some(Duration::from_millis(20)),
            ..Heads::new(true)
        };
        let looked = Instant::now();
        assert!(!heads.is_overdue(looked));
        heads.call(&mut heads.task(id(1))).await;
        assert!(heads.is_overdue(looked));
        let alone = Heads::new(false);
        let mut task = alone.task(id(1));
        let waited = timeout(Duration::from_millis(100), alone.call(&mut task)).await;
        assert!(waited.is_err() && !alone.is_overdue(looked));
    }

    #[test]
    fn abandoned_channels_are_dropped() {
        let heads = Heads::new(false);
        for number in 0..10_000 {
            heads.task(id(number));
        }
        assert!(heads.tasks().channels.len() <= FEWEST_TO_SWEEP);
    }
}
