//! The queue: who comes when, and why not.

use std::time::Duration;

use app::api::{MoveTask, Prerequisite, QueueView, QueuedTask, TaskView};
use app::domain::id::TaskId;
use app::domain::task::{StatusName, TaskCommand, moved};
use chrono::{DateTime, Utc};

use super::Service;
use crate::error::Error;
use crate::jobs::{Queue, Queued};

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
        let task = self.load(id).await?;
        let line = self.parts.store.line(task.priority).await?;
        let is_known = |id: TaskId| line.iter().any(|(known, _)| *known == id);
        if let Some(before) = to.before.filter(|before| !is_known(*before)) {
            let message = format!("names {before}, which does not wait with the same priority");
            return Err(Error::field("before", message));
        }
        for (other, place) in moved(&line, id, to.before) {
            match self.act(other, TaskCommand::Rank { place }).await {
                // Another one may have begun to run by now: then it is in nobody's way.
                Err(Error::Refused { .. }) if other != id => {}
                ranked => drop(ranked?),
            }
        }
        Ok(TaskView::from(&self.load(id).await?))
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
        let may_run = waiting.waits_for.is_empty() && waiting.not_before.is_none();
        let starts_after = free
            .as_mut()
            .zip(typical)
            .filter(|_| may_run)
            .map(|(free, typical)| take_place(free, typical));
        if may_run {
            position += 1;
        }
        shown(waiting, may_run.then_some(position), starts_after, now)
    });
    each.collect()
}

fn shown(
    waiting: Queued,
    position: Option<u32>,
    starts_after: Option<Duration>,
    now: DateTime<Utc>,
) -> QueuedTask {
    QueuedTask {
        id: waiting.task.id,
        title: waiting.task.title,
        priority: waiting.task.priority,
        aged: waiting.aged,
        position,
        not_before: waiting.not_before,
        held: waiting.waits_for.iter().find_map(hindrance),
        waits_for: waiting.waits_for,
        starts_at: starts_after.map(|after| now + after),
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
