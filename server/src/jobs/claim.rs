//! Who runs next. Of each owner and each priority only the task in front is looked at, found through an
//! index; so a claim takes as long with ten thousand tasks in the queue as with ten.

use std::time::Duration;

use app::domain::id::TaskId;
use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Value};
use uuid::Uuid;

use super::{READY, millis};
use crate::store::{
    LOCK_CLAIMS, Store, StoreError, advisory_lock, clock, counted, open_gate, statement,
};

/// The right to run a task, until the lease ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Which task.
    pub task: TaskId,
    /// Goes with every write of the run, as its fence.
    pub epoch: u64,
}

/// How many tasks may be held at once, by all processes together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// Of all owners.
    pub overall: u32,
    /// Of each owner.
    pub per_owner: u32,
}

impl Caps {
    /// As many as there are.
    pub const UNLIMITED: Self = Self {
        overall: u32::MAX,
        per_owner: u32::MAX,
    };
}

const HOUR_US: i64 = 60 * 60 * 1_000_000;

/// A lease has ended. To its own a process gives as long again: if it lives and the database stood still,
/// it renews it.
const EXPIRED: &str = "jobs.lease_until_ms \
    + CASE WHEN jobs.lease_owner = $1 THEN CAST($2 AS BIGINT) ELSE 0 END <= {now}";

/// The task to run next. `held` are the runs in force, `owners` all who have queued tasks (found one by one
/// through the index), `heads` the first task of each owner and priority that is due, ready and held back by
/// no limit of its account, and those whose run was lost.
const NEXT: &str = "WITH RECURSIVE held(owner_id, runs) AS ( \
        SELECT jobs.owner_id, COUNT(*) FROM jobs \
        WHERE jobs.kind = 'run' AND jobs.state = 'leased' AND NOT ({expired}) GROUP BY jobs.owner_id), \
    owners(owner_id) AS ( \
        SELECT (SELECT jobs.owner_id FROM jobs WHERE jobs.kind = 'run' AND jobs.state = 'queued' \
            ORDER BY jobs.owner_id LIMIT 1) \
        UNION ALL SELECT (SELECT jobs.owner_id FROM jobs WHERE jobs.kind = 'run' \
            AND jobs.state = 'queued' AND jobs.owner_id > owners.owner_id ORDER BY jobs.owner_id LIMIT 1) \
        FROM owners WHERE owners.owner_id IS NOT NULL), \
    ranks(priority) AS (VALUES (0), (1), (2), (3)), \
    heads(task_id) AS ( \
        SELECT (SELECT jobs.task_id FROM jobs WHERE jobs.kind = 'run' AND jobs.state = 'queued' \
            AND jobs.owner_id = owners.owner_id AND jobs.priority = ranks.priority \
            AND jobs.not_before_ms <= {now} AND {ready} AND {open} ORDER BY jobs.place_us, jobs.task_id LIMIT 1) \
        FROM owners CROSS JOIN ranks WHERE owners.owner_id IS NOT NULL \
        UNION ALL SELECT jobs.task_id FROM jobs \
        WHERE jobs.kind = 'run' AND jobs.state = 'leased' AND {expired} AND {ready}) \
    {select}";

/// The most urgent of them whose owner may have another run; of equals that of the owner with the fewest
/// runs, then of the one who was served the longest time ago, then the one in front.
const CHOICE: &str = "SELECT jobs.task_id AS id FROM heads \
    JOIN jobs ON jobs.kind = 'run' AND jobs.task_id = heads.task_id \
    LEFT JOIN held ON held.owner_id = jobs.owner_id \
    WHERE ((jobs.state = 'queued' AND jobs.not_before_ms <= {now} AND {open}) \
        OR (jobs.state = 'leased' AND {expired})) \
    AND COALESCE(held.runs, 0) < $4 AND COALESCE((SELECT SUM(runs) FROM held), 0) < $3 \
    ORDER BY {level} DESC, COALESCE(held.runs, 0), \
        (SELECT COALESCE(MAX(served.claimed_at_ms), 0) FROM jobs served \
        WHERE served.kind = 'run' AND served.owner_id = jobs.owner_id), \
    jobs.place_us, jobs.task_id LIMIT 1";

/// The priority with its age: a rank more after 12 hours, two after 24.
pub(super) fn level(now: &str) -> String {
    format!(
        "jobs.priority + CASE WHEN {now} * 1000 - jobs.place_us >= {day} THEN 2 \
         WHEN {now} * 1000 - jobs.place_us >= {half} THEN 1 ELSE 0 END",
        day = 24 * HOUR_US,
        half = 12 * HOUR_US
    )
}

impl Store {
    /// Takes the task that is next, whatever else runs.
    pub async fn claim(&self, owner: &str, lease: Duration) -> Result<Option<Claim>, StoreError> {
        self.claim_within(owner, lease, Caps::UNLIMITED).await
    }

    /// Takes the task that is next, if there is one and the caps leave room for it.
    ///
    /// The most urgent goes first: a task gains a rank of priority after waiting 12 hours and another after
    /// 24. Of equally urgent ones that of the owner with the fewest runs goes first, and of one owner's the
    /// one that waits longest, or that was put in front.
    pub async fn claim_within(
        &self,
        owner: &str,
        lease: Duration,
        caps: Caps,
    ) -> Result<Option<Claim>, StoreError> {
        let backend = self.backend();
        let values: [Value; 4] = [
            owner.into(),
            millis(lease).into(),
            i64::from(caps.overall).into(),
            i64::from(caps.per_owner).into(),
        ];
        let taking = statement(backend, taking(backend), values);
        let row = match backend {
            DbBackend::Postgres => {
                let tx = self.begin().await?;
                // One claim at a time: two at once could both see the last free place.
                advisory_lock(&tx, LOCK_CLAIMS).await?;
                let row = tx.query_one_raw(taking).await?;
                tx.commit().await?;
                row
            }
            // There is one writer.
            _ => self.writer().query_one_raw(taking).await?,
        };
        row.map(|row| read(&row)).transpose()
    }
}

fn read(row: &QueryResult) -> Result<Claim, StoreError> {
    let task: Uuid = row.try_get("", "task_id")?;
    Ok(Claim {
        task: TaskId::from_uuid(task),
        epoch: counted(row.try_get("", "lease_epoch")?),
    })
}

fn taking(backend: DbBackend) -> String {
    let now = clock(backend);
    let fill = |text: &str| {
        text.replace("{expired}", EXPIRED)
            .replace("{ready}", READY)
            .replace("{open}", &open_gate(backend))
            .replace("{level}", &level(now))
            .replace("{now}", now)
    };
    let set = format!(
        "SET state = 'leased', lease_epoch = lease_epoch + 1, lease_owner = $1, \
         claimed_at_ms = {now}, lease_until_ms = {now} + $2"
    );
    let returning = "RETURNING jobs.task_id, jobs.lease_epoch";
    if backend == DbBackend::Postgres {
        // A row that somebody is just changing is passed over.
        let select = format!(
            ", next AS MATERIALIZED ({CHOICE} FOR UPDATE OF jobs SKIP LOCKED) \
             UPDATE jobs {set} FROM next WHERE jobs.kind = 'run' AND jobs.task_id = next.id {returning}"
        );
        return fill(&NEXT.replace(" {select}", &select));
    }
    let next = NEXT.replace("{select}", CHOICE);
    fill(&format!(
        "UPDATE jobs {set} WHERE kind = 'run' AND task_id = ({next}) {returning}"
    ))
}
