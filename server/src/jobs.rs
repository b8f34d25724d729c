//! The queue: which tasks wait for a run, and who holds which.
//!
//! A job follows its task's events, in their transaction. Its epoch grows with every claim and
//! never shrinks, so a holder that was frozen and comes back can't write any more. Only the
//! database's clock counts.

mod answer;
mod claim;
mod delivery;
mod queue;
mod review;

pub use claim::{Caps, Claim};
pub use delivery::{Delivery, MOST_ATTEMPTS};
pub use queue::{Queue, Queued};
pub use review::{ReviewTimer, TimerPurpose};

use std::time::Duration;

use app::domain::id::TaskId;
use app::domain::task::{Priority, Status, Task, Waiting};
use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, Statement, Value};

use crate::store::{
    LOCAL_OWNER, LOCAL_TEAM, Store, StoreError, clock, counted, gate_opens_ms, larger, statement,
    stored,
};

/// The kind of job that is a task's run.
const RUN: &str = "run";

/// No prerequisite is unfinished.
const READY: &str = "NOT EXISTS (SELECT 1 FROM prerequisites p LEFT JOIN tasks t ON t.id = p.depends_on \
    WHERE p.task_id = jobs.task_id AND COALESCE(t.status, '') <> 'completed')";

impl Store {
    /// Holds on to a claim for another `lease`. Fails with [`StoreError::Fenced`] if it is lost.
    pub async fn renew(
        &self,
        task: TaskId,
        epoch: u64,
        owner: &str,
        lease: Duration,
    ) -> Result<(), StoreError> {
        let sql = format!(
            "UPDATE jobs SET lease_until_ms = {} + $1 WHERE kind = 'run' AND task_id = $2 \
             AND lease_epoch = $3 AND lease_owner = $4 AND state = 'leased'",
            clock(self.backend())
        );
        let values = [
            millis(lease).into(),
            task.as_uuid().into(),
            stored(epoch).into(),
            owner.into(),
        ];
        self.change_held(sql, values).await
    }

    /// Gives back a claim that never became a run. The task keeps its place in the queue.
    pub async fn release(&self, task: TaskId, epoch: u64) -> Result<(), StoreError> {
        let sql = "UPDATE jobs SET state = 'queued', lease_owner = NULL, lease_until_ms = 0 \
                   WHERE kind = 'run' AND task_id = $1 AND lease_epoch = $2 AND state = 'leased'";
        let values = [task.as_uuid().into(), stored(epoch).into()];
        self.change_held(sql.to_owned(), values).await?;
        self.heads().jobs_changed();
        Ok(())
    }

    /// Ends every lease and says how many there were. Only for the start of an installation of a
    /// single process, which knows that all of them are of processes that are gone.
    pub async fn expire_leases(&self) -> Result<u64, StoreError> {
        let sql =
            "UPDATE jobs SET lease_until_ms = 0 WHERE state = 'leased' AND lease_until_ms > 0";
        let statement = statement(self.backend(), sql, []);
        let expired = self.writer().execute_raw(statement).await?.rows_affected();
        if expired > 0 {
            self.heads().jobs_changed();
        }
        Ok(expired)
    }

    /// How long until a task becomes due or a lease ends; zero if one can be claimed now, `None`
    /// if nothing is to be waited for.
    pub async fn next_due(&self) -> Result<Option<Duration>, StoreError> {
        let backend = self.backend();
        let sql = format!(
            "SELECT MIN(CASE WHEN state = 'queued' THEN {larger}(not_before_ms, {opens}) \
             ELSE lease_until_ms END) - {now} AS due_ms \
             FROM jobs WHERE kind = 'run' AND state IN ('queued', 'leased') AND {READY}",
            larger = larger(backend),
            opens = gate_opens_ms(),
            now = clock(backend)
        );
        self.until(sql).await
    }

    /// The time until the earliest of some rows is due, selected as `due_ms`.
    async fn until(&self, sql: String) -> Result<Option<Duration>, StoreError> {
        let asked = statement(self.backend(), sql, []);
        let due: Option<i64> = match self.reader().query_one_raw(asked).await? {
            Some(row) => row.try_get("", "due_ms")?,
            None => None,
        };
        Ok(due.map(|due| Duration::from_millis(counted(due))))
    }

    async fn change_held(
        &self,
        sql: String,
        values: impl IntoIterator<Item = Value>,
    ) -> Result<(), StoreError> {
        let statement = statement(self.backend(), sql, values);
        match self.writer().execute_raw(statement).await?.rows_affected() {
            0 => Err(StoreError::Fenced),
            _ => Ok(()),
        }
    }
}

/// Where a claim stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Its run may write.
    InForce,
    /// It has ended, but no later one was made: what its run has said before may still be kept.
    Latest,
    /// A later one was made.
    Outdated,
}

/// Where a claim stands. It stays there until the transaction ends.
pub(crate) async fn standing(
    tx: &DatabaseTransaction,
    task: TaskId,
    epoch: u64,
) -> Result<Standing, StoreError> {
    let backend = tx.get_database_backend();
    let sql = format!(
        "SELECT state FROM jobs WHERE kind = 'run' AND task_id = $1 AND lease_epoch = $2 {}",
        for_update(backend)
    );
    let values = [task.as_uuid().into(), stored(epoch).into()];
    let row = tx.query_one_raw(statement(backend, sql, values)).await?;
    let Some(row) = row else {
        return Ok(Standing::Outdated);
    };
    let state: String = row.try_get("", "state")?;
    Ok(match state.as_str() {
        "leased" => Standing::InForce,
        _ => Standing::Latest,
    })
}

const fn for_update(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::Postgres => "FOR UPDATE",
        _ => "",
    }
}

/// Where a task's job should stand, as far as the task's state says it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Idle,
    Queued {
        not_before_ms: i64,
    },
    /// Held by the run that claimed it: the claim says the rest.
    Held,
}

impl Place {
    fn of(task: &Task) -> Self {
        let ms = |at: DateTime<Utc>| at.timestamp_millis();
        match &task.status {
            _ if task.archived => Self::Idle,
            Status::Queued { not_before } => Self::Queued {
                not_before_ms: not_before.map_or(0, ms),
            },
            Status::Waiting(Waiting::RateLimit(_)) => match task.goes_on_at() {
                Some(at) => Self::Queued {
                    not_before_ms: ms(at),
                },
                None => Self::Idle,
            },
            Status::Waiting(Waiting::Budget(used)) => match used.until {
                Some(at) => Self::Queued {
                    not_before_ms: ms(at),
                },
                None => Self::Idle,
            },
            _ if task.run().is_some() => Self::Held,
            _ => Self::Idle,
        }
    }
}

/// Whether a task's step from one state to the next may have made a job claimable: its own, that of a
/// task that waits for it, or one that waits for a free place.
pub(crate) fn may_release_work(before: Option<&Task>, after: &Task) -> bool {
    let moved = before.map(Place::of) != Some(Place::of(after));
    let queued = matches!(Place::of(after), Place::Queued { .. });
    let is_free = before.is_some_and(|before| moved && Place::of(before) == Place::Held);
    (moved && (queued || after.status == Status::Completed))
        || is_free
        || before.is_some_and(|before| {
            queued && (before.priority != after.priority || before.depends_on != after.depends_on)
        })
}

/// Moves the task's jobs to where the task's new state wants it.
pub(crate) async fn follow(
    tx: &DatabaseTransaction,
    before: Option<&Task>,
    after: &Task,
) -> Result<(), StoreError> {
    review::follow(tx, before, after).await?;
    answer::follow(tx, before, after).await?;
    delivery::follow(tx, before, after).await?;
    let backend = tx.get_database_backend();
    let place = Place::of(after);
    let Some(before) = before else {
        tx.execute_raw(insertion(backend, after, place)).await?;
        return Ok(());
    };
    if before.priority != after.priority {
        let sql = "UPDATE jobs SET priority = $1 WHERE kind = 'run' AND task_id = $2";
        let values = [rank(after.priority).into(), after.id.as_uuid().into()];
        tx.execute_raw(statement(backend, sql, values)).await?;
    }
    if Place::of(before) == place {
        if before.place != after.place && after.place.is_some() {
            let sql = "UPDATE jobs SET place_us = $1 WHERE kind = 'run' AND task_id = $2";
            let values = [given_place(after), after.id.as_uuid().into()];
            tx.execute_raw(statement(backend, sql, values)).await?;
        }
        return Ok(());
    }
    let now = clock(backend);
    match place {
        Place::Held => {}
        Place::Idle => {
            let sql = format!(
                "UPDATE jobs SET state = 'idle', lease_owner = NULL, lease_until_ms = 0, {} \
                 WHERE kind = 'run' AND task_id = $1",
                measured(now)
            );
            let values = [after.id.as_uuid().into()];
            tx.execute_raw(statement(backend, sql, values)).await?;
        }
        Place::Queued { not_before_ms } => {
            let sql = format!(
                "UPDATE jobs SET state = 'queued', not_before_ms = $1, queued_at_ms = {now}, \
                 place_us = {}, lease_owner = NULL, lease_until_ms = 0, {} \
                 WHERE kind = 'run' AND task_id = $2",
                place_us(backend, "$1", "$3"),
                measured(now)
            );
            let values = [
                not_before_ms.into(),
                after.id.as_uuid().into(),
                given_place(after),
            ];
            tx.execute_raw(statement(backend, sql, values)).await?;
        }
    }
    Ok(())
}

/// Keeps how long the run took that is over, if there was one.
fn measured(now: &str) -> String {
    format!("ran_ms = CASE WHEN state = 'leased' THEN {now} - claimed_at_ms ELSE ran_ms END")
}

/// The place that a person gave the task in the queue, in microseconds since 1970.
fn given_place(task: &Task) -> Value {
    task.place.map(|place| place.timestamp_micros()).into()
}

/// As an expression: the given place, or else since when the task may run. Places are in microseconds, so
/// that there is room between any two.
fn place_us(backend: DbBackend, not_before_ms: &str, given: &str) -> String {
    format!(
        "COALESCE(CAST({given} AS BIGINT), {later}({now}, CAST({not_before_ms} AS BIGINT)) * 1000)",
        later = larger(backend),
        now = clock(backend)
    )
}

fn insertion(backend: DbBackend, task: &Task, place: Place) -> Statement {
    let (state, not_before_ms) = match place {
        Place::Queued { not_before_ms } => ("queued", not_before_ms),
        Place::Idle | Place::Held => ("idle", 0),
    };
    let sql = format!(
        "INSERT INTO jobs (kind, task_id, team_id, owner_id, state, priority, not_before_ms, queued_at_ms, \
         place_us, attempt, lease_epoch, lease_until_ms) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, {now}, {place}, 0, 0, 0)",
        now = clock(backend),
        place = place_us(backend, "$7", "$8")
    );
    let values = [
        RUN.into(),
        task.id.as_uuid().into(),
        LOCAL_TEAM.into(),
        LOCAL_OWNER.into(),
        state.into(),
        rank(task.priority).into(),
        not_before_ms.into(),
        given_place(task),
    ];
    statement(backend, sql, values)
}

/// The priority as a number that the database can order by.
pub(crate) const fn rank(priority: Priority) -> i32 {
    match priority {
        Priority::Low => 0,
        Priority::Normal => 1,
        Priority::High => 2,
        Priority::Critical => 3,
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 2)
}
