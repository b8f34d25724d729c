//! The queue: who comes when, and why not.

use std::time::Duration;

use app::api::{MoveTask, Prerequisite, QueueView, QueuedTask, TaskView};
use app::domain::id::TaskId;
use app::domain::task::{Actor, StatusName, Task, TaskCommand, TaskEvent, moved};
use chrono::{DateTime, Utc};

use super::{ATTEMPTS, Service, pause, refused};
use crate::error::Error;
use crate::jobs::{Queue, Queued};
use crate::store::Append;

/// So many tasks are shown.
const MOST: u32 = 500;

impl Service {
    pub async fn queue(&self) -> Result<QueueView, Error> {
        let store = &self.parts.store;
        let queue = store.queue(MOST).await?;
        let typical = store.typical_run().await?;
        let agents_max = self.settings().in_force().values.agents_max;
        let total = queue.total;
        let running = u32::try_from(queue.running.len()).unwrap_or(u32::MAX);
        Ok(QueueView {
            items: listed(queue, typical, agents_max),
            total,
            running,
            agents_max,
            typical_run_seconds: typical.map(|run| run.as_secs()),
        })
    }

    /// Puts a queued task in front of another one of its priority, or behind all of them.
    pub async fn move_task(&self, id: TaskId, to: MoveTask) -> Result<TaskView, Error> {
        for attempt in 0..ATTEMPTS {
            match self.try_move(id, to).await {
                // Somebody changed one of these tasks at the same time.
                Err(Error::Conflict) => pause(attempt).await,
                Err(error) => return Err(error),
                Ok(()) => return Ok(TaskView::from(&self.load(id).await?)),
            }
        }
        Err(Error::Conflict)
    }

    /// Gives the tasks their new places, all at once.
    async fn try_move(&self, id: TaskId, to: MoveTask) -> Result<(), Error> {
        let task = self.load(id).await?;
        let line = self.parts.store.line(task.priority).await?;
        let is_known = |id: TaskId| line.iter().any(|(known, _)| *known == id);
        if let Some(before) = to.before.filter(|before| !is_known(*before)) {
            let message = format!("names {before}, which does not wait with the same priority");
            return Err(Error::field("before", message));
        }
        let mut writes = Vec::new();
        for (other, place) in moved(&line, id, to.before) {
            let before = match self.load(other).await {
                Err(Error::NotFound { .. }) if other != id => continue,
                loaded => loaded?,
            };
            match Task::decide(Some(&before), TaskCommand::Rank { place }) {
                Ok(events) => writes.push(self.append_of(before, events)),
                // Another one may have begun to run by now: then it is in nobody's way.
                Err(_) if other != id => {}
                Err(refusal) => return Err(refused(refusal, Some(&before))),
            }
        }
        Ok(self.parts.store.append_all(writes).await?)
    }

    fn append_of(&self, before: Task, events: Vec<TaskEvent>) -> Append {
        Append {
            task: before.id,
            before: Some(before),
            events,
            actor: Actor::Person,
            cause: self.cause.as_deref().map(str::to_owned),
            fence: None,
        }
    }
}

/// The tasks with their positions and when they are likely to start: each as soon as one of the places for
/// agents is free, if every run takes as long as usual.
fn listed(queue: Queue, typical: Option<Duration>, agents_max: u32) -> Vec<QueuedTask> {
    let Queue {
        waiting,
        running,
        now,
        ..
    } = queue;
    let mut free = typical.map(|typical| free_at(&running, typical, agents_max));
    let mut position = 0;
    let each = waiting.into_iter().map(|waiting| {
        let held_until = waiting.not_before.max(waiting.limited_until);
        let may_run = waiting.waits_for.is_empty() && held_until.is_none();
        let starts_after = free
            .as_mut()
            .zip(typical)
            .filter(|_| may_run)
            .map(|(free, typical)| now + take_place(free, typical));
        if may_run {
            position += 1;
        }
        let starts_at = starts_after.or(held_until.filter(|_| waiting.waits_for.is_empty()));
        shown(waiting, may_run.then_some(position), starts_at)
    });
    each.collect()
}

fn shown(waiting: Queued, position: Option<u32>, starts_at: Option<DateTime<Utc>>) -> QueuedTask {
    let limited = waiting
        .limited_until
        .map(|_| "Its account can't be used at present.".to_owned());
    let hindered = waiting.waits_for.iter().find_map(hindrance);
    QueuedTask {
        id: waiting.task.id,
        title: waiting.task.title,
        priority: waiting.task.priority,
        aged: waiting.aged,
        position,
        not_before: waiting.not_before.max(waiting.limited_until),
        // What the task itself says of a limit or a budget says most.
        held: hindered.or(waiting.task.reason).or(limited),
        waits_for: waiting.waits_for,
        starts_at,
    }
}

/// In how long each place for an agent is free.
fn free_at(running: &[Duration], typical: Duration, agents_max: u32) -> Vec<Duration> {
    let mut free: Vec<_> = running
        .iter()
        .map(|age| typical.saturating_sub(*age))
        .collect();
    let places = usize::try_from(agents_max).unwrap_or(usize::MAX).max(1);
    // More may run than are allowed by now: the last of them give no place.
    free.sort_unstable();
    free.reverse();
    free.truncate(places);
    free.resize(places, Duration::ZERO);
    free
}

/// Takes the place that is free first; says in how long that is.
fn take_place(free: &mut [Duration], typical: Duration) -> Duration {
    let first = free.iter_mut().min();
    first.map_or(Duration::ZERO, |first| {
        let start = *first;
        *first += typical;
        start
    })
}

/// Why the task can't run before somebody does something about the other one.
fn hindrance(other: &Prerequisite) -> Option<String> {
    let title = other.title.as_deref().unwrap_or_default();
    match other.status {
        None => Some("A task that it waits for was deleted.".to_owned()),
        Some(StatusName::Failed) => Some(format!("“{title}”, which it waits for, has failed.")),
        Some(StatusName::Cancelled) => {
            Some(format!("“{title}”, which it waits for, was cancelled."))
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: Duration = Duration::from_mins(10);

    fn starts(running: &[u64], agents_max: u32, tasks: usize) -> Vec<u64> {
        let ages: Vec<_> = running.iter().copied().map(Duration::from_mins).collect();
        let mut free = free_at(&ages, RUN, agents_max);
        let each = (0..tasks).map(|_| take_place(&mut free, RUN).as_secs() / 60);
        each.collect()
    }

    #[test]
    fn tasks_start_when_a_place_is_free() {
        assert_eq!(starts(&[], 1, 3), [0, 10, 20]);
        assert_eq!(starts(&[4], 1, 3), [6, 16, 26]);
        assert_eq!(starts(&[4, 9], 2, 4), [1, 6, 11, 16]);
        assert_eq!(starts(&[4], 3, 4), [0, 0, 6, 10]);
        // It takes longer than usual, and may end at any moment.
        assert_eq!(starts(&[25], 1, 2), [0, 10]);
        // The limit was lowered: one of two has to end before a place is free.
        assert_eq!(starts(&[4, 9], 1, 1), [6]);
    }

    #[test]
    fn what_hinders_is_told_and_what_is_under_way_is_not() {
        let other = |status| Prerequisite {
            id: TaskId::from_uuid(uuid::Uuid::nil()),
            title: Some("Basis".to_owned()),
            status,
        };
        let told = |status| hindrance(&other(status)).unwrap_or_default();
        assert_eq!(
            told(Some(StatusName::Failed)),
            "“Basis”, which it waits for, has failed."
        );
        assert_eq!(
            told(Some(StatusName::Cancelled)),
            "“Basis”, which it waits for, was cancelled."
        );
        assert_eq!(told(None), "A task that it waits for was deleted.");
        assert_eq!(told(Some(StatusName::Running)), "");
    }
}
