//! Schedules: tasks that are made by themselves.

use std::time::Duration;

use app::api::{NewSchedule, ScheduleView, TaskView};
use app::domain::id::{ScheduleId, TaskId};
use app::domain::schedule::CatchUp;
use app::domain::task::{Actor, StatusName, TaskCommand};
use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Service;
use super::seed::{Given, Seed};
use crate::error::Error;
use crate::recurrence::{Recurrence, RecurrenceError};
use crate::store::{Occurred, Schedule};

const UNKNOWN: Error = Error::NotFound { what: "schedule" };

/// The most schedules.
const MOST: u32 = 100;
/// The next times that are shown.
const SHOWN: usize = 5;
/// How late a task may be made without that its time counts as missed.
const LATE: TimeDelta = TimeDelta::minutes(5);
/// The most tasks that are made for times that were missed.
const MOST_MISSED: usize = 10;
/// So many times are looked at for that: the longest a server may be away at one a minute, and know all.
const MOST_LOOKED_AT: usize = 20_000;
/// How long the watch sleeps at most: a new schedule may be due before those that it knows.
const LONGEST_SLEEP: Duration = Duration::from_secs(10);

impl Service {
    /// All schedules, the oldest first.
    pub async fn schedules(&self) -> Result<Vec<ScheduleView>, Error> {
        let all = self.parts.store.schedules().await?;
        Ok(all.into_iter().map(view).collect())
    }

    pub async fn show_schedule(&self, id: ScheduleId) -> Result<ScheduleView, Error> {
        Ok(view(self.known_schedule(id).await?))
    }

    /// Adds a schedule. What it makes is checked now, as if it were made now.
    pub async fn add_schedule(&self, new: NewSchedule) -> Result<ScheduleView, Error> {
        let next_at = self.check_schedule(&new).await?;
        let made = self.schedules().await?;
        let made = |id| {
            let known = made.iter().find(|known| known.id.as_uuid() == id)?;
            Some((known.clone(), known.created_at))
        };
        let id = match self.give_id(made) {
            Given::Before(known) => return Ok(known),
            Given::New(id) => ScheduleId::from_uuid(id),
        };
        let store = &self.parts.store;
        if !store.add_schedule(id, &new, next_at, MOST).await? {
            let message = format!("would be one of more than {MOST}");
            return Err(Error::field("name", message));
        }
        tracing::info!(schedule = %id, "a schedule was added");
        self.show_schedule(id).await
    }

    /// Says otherwise what a schedule makes, and when.
    pub async fn change_schedule(
        &self,
        id: ScheduleId,
        new: NewSchedule,
    ) -> Result<ScheduleView, Error> {
        self.known_schedule(id).await?;
        let next_at = self.check_schedule(&new).await?;
        let store = &self.parts.store;
        if !store.change_schedule(id, &new, next_at).await? {
            return Err(UNKNOWN);
        }
        self.show_schedule(id).await
    }

    /// Makes no more tasks, or makes them again from now on.
    pub async fn pause_schedule(
        &self,
        id: ScheduleId,
        paused: bool,
    ) -> Result<ScheduleView, Error> {
        let known = self.known_schedule(id).await?;
        if known.definition.paused == paused {
            return Ok(view(known));
        }
        let new = NewSchedule {
            paused,
            ..known.definition
        };
        self.change_schedule(id, new).await
    }

    /// Makes a task now, beside those that are made by themselves.
    pub async fn run_schedule(&self, id: ScheduleId) -> Result<TaskView, Error> {
        let known = self.known_schedule(id).await?;
        let task = match self.new_task_id().await? {
            Given::Before(task) => return Ok(task),
            Given::New(task) => TaskId::from_uuid(task),
        };
        self.make_task(&known, task, Actor::Person).await
    }

    /// Forgets a schedule. The tasks that it has made stay.
    pub async fn remove_schedule(&self, id: ScheduleId) -> Result<(), Error> {
        if self.parts.store.remove_schedule(id).await? {
            Ok(())
        } else {
            Err(UNKNOWN)
        }
    }

    async fn known_schedule(&self, id: ScheduleId) -> Result<Schedule, Error> {
        self.parts.store.schedule(id).await?.ok_or(UNKNOWN)
    }

    /// When it is next due, if all that it says can be used.
    async fn check_schedule(&self, new: &NewSchedule) -> Result<Option<DateTime<Utc>>, Error> {
        let recurrence = Recurrence::new(&new.rhythm, &new.time_zone);
        let recurrence = recurrence.map_err(|error| match error {
            RecurrenceError::Zone => Error::field("time_zone", error.to_string()),
            RecurrenceError::Rhythm(message) => Error::field("rhythm", message),
        })?;
        self.parse_new(new.task.clone())
            .await
            .map_err(of_the_task)?;
        Ok(recurrence.after(Utc::now()).filter(|_| !new.paused))
    }

    /// Makes what is due, until `stop` is cancelled. Several processes may do so at once: the id of a task
    /// follows from its schedule and its time, so each is made once.
    pub async fn watch_schedules(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let seen = self.see_to_schedules().await;
            let due = match seen {
                Ok(()) => self.parts.store.next_schedule().await.map_err(Error::from),
                Err(error) => Err(error),
            };
            let due = due.unwrap_or_else(|error| {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the schedules can't be seen to"
                );
                None
            });
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = sleep(due.unwrap_or(LONGEST_SLEEP).min(LONGEST_SLEEP)) => {}
            }
        }
    }

    /// Makes what is due now. A schedule that fails is left for the next time.
    pub async fn see_to_schedules(&self) -> Result<(), Error> {
        let (due, now) = self.parts.store.due_schedules().await?;
        for schedule in due {
            if let Err(error) = self.see_to_schedule(&schedule, now).await {
                tracing::error!(
                    schedule = %schedule.id,
                    error = &error as &dyn std::error::Error,
                    "a schedule could not be seen to"
                );
            }
        }
        Ok(())
    }

    async fn see_to_schedule(&self, due: &Schedule, now: DateTime<Utc>) -> Result<(), Error> {
        let Some(first) = due.next_at else {
            return Ok(());
        };
        let definition = &due.definition;
        let mut occurred = Occurred {
            at: first,
            task: None,
            problem: None,
        };
        let recurrence = match Recurrence::new(&definition.rhythm, &definition.time_zone) {
            Ok(recurrence) => recurrence,
            Err(error) => {
                // A newer program may know fewer time zones.
                occurred.problem = Some(error.to_string());
                return Ok(self
                    .parts
                    .store
                    .advance_schedule(due, &occurred, None)
                    .await?);
            }
        };
        let times: Vec<_> = std::iter::once(first)
            .chain(recurrence.times(first).take(MOST_LOOKED_AT))
            .take_while(|at| *at <= now)
            .collect();
        occurred.at = times.last().copied().unwrap_or(first);
        for at in wanted(&times, definition.catch_up, now) {
            match self.make_scheduled(due, at).await {
                Ok(task) => {
                    occurred.task = Some(task.id);
                    occurred.problem = None;
                }
                Err(Error::Invalid { fields }) => {
                    let each = fields
                        .iter()
                        .map(|fault| format!("{} {}", fault.field, fault.message));
                    occurred.problem = Some(each.collect::<Vec<_>>().join("; "));
                }
                Err(error) => return Err(error),
            }
        }
        let next = recurrence.after(now);
        Ok(self
            .parts
            .store
            .advance_schedule(due, &occurred, next)
            .await?)
    }

    /// The task of one time: made now, or before by a process that did not come to note it.
    async fn make_scheduled(&self, due: &Schedule, at: DateTime<Utc>) -> Result<TaskView, Error> {
        let id = task_of(due.id, at);
        if let Some(task) = self.parts.store.load(id).await? {
            return Ok(TaskView::from(&task));
        }
        if let Some(last) = due.last_task
            && let Some(task) = self.parts.store.load(last).await?
            && !task.archived
            && task.started_at.is_none()
            && task.status.name() == StatusName::Queued
        {
            // Else they would become more and more.
            let message = format!("“{}”, the one before, still waits for an agent", task.title);
            return Err(Error::field("task", message));
        }
        match self.make_task(due, id, Actor::Platform).await {
            // Another process was faster.
            Err(Error::Refused { .. }) => Ok(TaskView::from(&self.load(id).await?)),
            made => made,
        }
    }

    async fn make_task(&self, of: &Schedule, id: TaskId, actor: Actor) -> Result<TaskView, Error> {
        let mut new = self
            .parse_new(of.definition.task.clone())
            .await
            .map_err(of_the_task)?;
        new.schedule = Some(of.id);
        new.start = true;
        let made = self
            .execute(id, actor, TaskCommand::Create(Box::new(new)))
            .await?;
        tracing::info!(schedule = %of.id, task.id = %id, "a schedule has made a task");
        Ok(TaskView::from(&made.task))
    }
}

/// The times that tasks are made for, of those that are due.
fn wanted(times: &[DateTime<Utc>], catch_up: CatchUp, now: DateTime<Utc>) -> Vec<DateTime<Utc>> {
    let kept = match catch_up {
        CatchUp::Latest => 1,
        CatchUp::All => MOST_MISSED,
        CatchUp::Skip => {
            let in_time = times.iter().filter(|at| now - **at <= LATE);
            return in_time.copied().collect();
        }
    };
    times[times.len().saturating_sub(kept)..].to_vec()
}

/// The id of the task that a schedule makes for a time.
fn task_of(schedule: ScheduleId, at: DateTime<Utc>) -> TaskId {
    let mut hash = Sha256::new();
    hash.update(b"ccs/schedule/v1");
    hash.update(schedule.as_uuid().as_bytes());
    hash.update(at.timestamp_millis().to_be_bytes());
    let id: Uuid = Seed(hash.finalize().into()).first();
    TaskId::from_uuid(id)
}

/// The same faults, named as parts of the schedule.
fn of_the_task(error: Error) -> Error {
    let Error::Invalid { mut fields } = error else {
        return error;
    };
    for fault in &mut fields {
        fault.field = format!("task.{}", fault.field);
    }
    Error::Invalid { fields }
}

fn view(schedule: Schedule) -> ScheduleView {
    let definition = schedule.definition;
    let recurrence = Recurrence::new(&definition.rhythm, &definition.time_zone).ok();
    let next = schedule.next_at.map_or_else(Vec::new, |first| {
        let rest = recurrence
            .iter()
            .flat_map(|recurrence| recurrence.times(first));
        std::iter::once(first).chain(rest.take(SHOWN - 1)).collect()
    });
    ScheduleView {
        id: schedule.id,
        name: definition.name,
        cron: definition.rhythm.cron(),
        rhythm: definition.rhythm,
        time_zone: definition.time_zone,
        catch_up: definition.catch_up,
        paused: definition.paused,
        task: definition.task,
        next,
        last_at: schedule.last_at,
        last_task_id: schedule.last_task,
        problem: schedule.problem,
        created_at: schedule.created_at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_missed_is_made_up_for_as_the_policy_says() {
        let now = Utc::now();
        let ago = |minutes: i64| now - TimeDelta::minutes(minutes);
        let missed: Vec<_> = (0..12).rev().map(|hour| ago(60 * hour + 1)).collect();
        assert_eq!(wanted(&missed, CatchUp::Skip, now), [ago(1)]);
        assert_eq!(wanted(&missed, CatchUp::Latest, now), [ago(1)]);
        let all = wanted(&missed, CatchUp::All, now);
        assert_eq!((all.len(), all[0], all[9]), (10, ago(60 * 9 + 1), ago(1)));
        let long_ago = [ago(600)];
        assert!(wanted(&long_ago, CatchUp::Skip, now).is_empty());
        assert_eq!(wanted(&long_ago, CatchUp::Latest, now), [ago(600)]);
    }

    #[test]
    fn each_time_of_each_schedule_has_a_task_of_its_own() {
        let (one, other) = [1, 2]
            .map(|id| ScheduleId::from_uuid(Uuid::from_u128(id)))
            .into();
        let (now, later) = (Utc::now(), Utc::now() + TimeDelta::minutes(1));
        assert_eq!(task_of(one, now), task_of(one, now));
        assert_ne!(task_of(one, now), task_of(one, later));
        assert_ne!(task_of(one, now), task_of(other, now));
    }
}
