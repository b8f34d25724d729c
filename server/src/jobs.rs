//! The queue: which tasks wait for a run, and who holds which.
//!
//! A job follows its task's events, in their transaction. Its epoch grows with every claim and
//! never shrinks, so a holder that was frozen and comes back can't write any more. Only the
//! database's clock counts.

mod answer;
mod delivery;
mod review;

pub use delivery::{Delivery, MOST_ATTEMPTS};
pub use review::{ReviewTimer, TimerPurpose};

use std::time::Duration;

use app::domain::id::TaskId;
use app::domain::task::{Priority, Status, Task, Waiting};
use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, Statement, Value};
use uuid::Uuid;

use crate::store::{
    LOCAL_OWNER, LOCAL_TEAM, Store, StoreError, clock, counted, gate_opens_ms, larger, open_gate,
    statement, stored,
};

/// The right to run a task, until the lease ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Which task.
    pub task: TaskId,
    /// Goes with every write of the run, as its fence.
    pub epoch: u64,
}

/// The kind of job that is a task's run.
const RUN: &str = "run";

const HOUR_MS: i64 = 60 * 60 * 1000;

/// Due and free, and no limit of an account holds it back, or held by somebody whose lease has ended;
/// every prerequisite is completed. To its
/// own lease a process gives as long again: if it lives and the database stood still, it renews it.
const CLAIMABLE: &str = "kind = 'run' \
    AND ((state = 'queued' AND not_before_ms <= {now} AND {open}) OR (state = 'leased' AND lease_until_ms \
    + CASE WHEN lease_owner = $1 THEN CAST($2 AS BIGINT) ELSE 0 END <= {now})) \
    AND {ready}";

/// No prerequisite is unfinished.
const READY: &str = "NOT EXISTS (SELECT 1 FROM prerequisites p LEFT JOIN tasks t ON t.id = p.depends_on \
    WHERE p.task_id = jobs.task_id AND COALESCE(t.status, '') <> 'completed')";

impl Store {
    /// Takes the most urgent task that is due, if there is one.
    ///
    /// A task gains a rank of priority after waiting 12 hours and another after 24. Of equals
    /// the one that waits longest is taken.
    pub async fn claim(&self, owner: &str, lease: Duration) -> Result<Option<Claim>, StoreError> {
        let backend = self.backend();
        let sql = claim_sql(backend);
        let values = [owner.into(), millis(lease).into()];
        let row = self
            .writer()
            .query_one_raw(statement(backend, sql, values))
            .await?;
        let Some(row) = row else { return Ok(None) };
        let task: Uuid = row.try_get("", "task_id")?;
        Ok(Some(Claim {
            task: TaskId::from_uuid(task),
            epoch: counted(row.try_get("", "lease_epoch")?),
        }))
    }

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

fn claim_sql(backend: DbBackend) -> String {
    let now = clock(backend);
    let claimable = CLAIMABLE
        .replace("{now}", now)
        .replace("{ready}", READY)
        .replace("{open}", &open_gate(backend));
    let later = format!("{}(queued_at_ms, not_before_ms)", larger(backend));
    let order = format!(
        "ORDER BY priority + CASE WHEN {now} - {later} >= {day} THEN 2 WHEN {now} - {later} >= {half} THEN 1 \
         ELSE 0 END DESC, {later}, task_id LIMIT 1",
        day = 24 * HOUR_MS,
        half = 12 * HOUR_MS,
    );
    let set = format!(
        "SET state = 'leased', lease_epoch = lease_epoch + 1, lease_owner = $1, lease_until_ms = {now} + $2"
    );
    let returning = "RETURNING jobs.task_id, jobs.lease_epoch";
    match backend {
        // Several processes claim at the same time; each skips the rows that another looks at.
        DbBackend::Postgres => format!(
            "WITH next AS MATERIALIZED (SELECT task_id AS id FROM jobs WHERE {claimable} {order} \
             FOR UPDATE SKIP LOCKED) \
             UPDATE jobs {set} FROM next WHERE jobs.kind = 'run' AND jobs.task_id = next.id {returning}"
        ),
        // There is one writer.
        _ => format!(
            "UPDATE jobs {set} WHERE kind = 'run' AND task_id = \
             (SELECT task_id FROM jobs WHERE {claimable} {order}) {returning}"
        ),
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

/// Whether a task's step from one state to the next may have made a job claimable: its own, or
/// that of a task that waits for it.
pub(crate) fn may_release_work(before: Option<&Task>, after: &Task) -> bool {
    let moved = before.map(Place::of) != Some(Place::of(after));
    let queued = matches!(Place::of(after), Place::Queued { .. });
    (moved && (queued || after.status == Status::Completed))
        || before.is_some_and(|before| queued && before.priority != after.priority)
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
    let was = Place::of(before);
    if was == place {
        return Ok(());
    }
    match place {
        Place::Held => {}
        Place::Idle => {
            let sql = "UPDATE jobs SET state = 'idle', lease_owner = NULL, lease_until_ms = 0 \
                       WHERE kind = 'run' AND task_id = $1";
            let values = [after.id.as_uuid().into()];
            tx.execute_raw(statement(backend, sql, values)).await?;
        }
        Place::Queued { not_before_ms } => {
            let sql = format!(
                "UPDATE jobs SET state = 'queued', not_before_ms = $1, queued_at_ms = {}, \
                 lease_owner = NULL, lease_until_ms = 0 WHERE kind = 'run' AND task_id = $2",
                clock(backend)
            );
            let values = [not_before_ms.into(), after.id.as_uuid().into()];
            tx.execute_raw(statement(backend, sql, values)).await?;
        }
    }
    Ok(())
}

fn insertion(backend: DbBackend, task: &Task, place: Place) -> Statement {
    let (state, not_before_ms) = match place {
        Place::Queued { not_before_ms } => ("queued", not_before_ms),
        Place::Idle | Place::Held => ("idle", 0),
    };
    let sql = format!(
        "INSERT INTO jobs (kind, task_id, team_id, owner_id, state, priority, not_before_ms, queued_at_ms, \
         attempt, lease_epoch, lease_until_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, {}, 0, 0, 0)",
        clock(backend)
    );
    let values = [
        RUN.into(),
        task.id.as_uuid().into(),
        LOCAL_TEAM.into(),
        LOCAL_OWNER.into(),
        state.into(),
        rank(task.priority).into(),
        not_before_ms.into(),
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
