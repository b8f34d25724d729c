//! Accounts that can't be used at present. Only the database's clock counts, for several processes may
//! use one account.

use std::time::Duration;

use app::domain::id::TaskId;
use app::domain::task::{Limit, LimitCause};
use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Value};

use super::{Store, StoreError, clock, counted, larger, statement};
use crate::limits::{Hit, Hold, Pacing, hold};

/// The account that the task `t` uses. The model of the demo has one of its own.
const ACCOUNT: &str = "CASE WHEN t.model = 'scripted-demo' THEN 'scripted' ELSE 'account' END";

/// Whether a limit `l` is for the task `t`.
fn concerns() -> String {
    format!("l.account = {ACCOUNT} AND t.model LIKE '%' || l.model || '%'")
}

/// For queries over `jobs`: no limit keeps the job's task from starting.
pub(crate) fn open_gate(backend: DbBackend) -> String {
    format!(
        "NOT EXISTS (SELECT 1 FROM account_limits l WHERE l.next_ms > {now} AND EXISTS \
         (SELECT 1 FROM tasks t WHERE t.id = jobs.task_id AND {concerns}))",
        now = clock(backend),
        concerns = concerns()
    )
}

/// For queries over `jobs`: when the limits let the job's task start; 0 without any.
pub(crate) fn gate_opens_ms() -> String {
    format!(
        "COALESCE((SELECT MAX(l.next_ms) FROM account_limits l, tasks t \
         WHERE t.id = jobs.task_id AND {}), 0)",
        concerns()
    )
}

const COLUMNS: &str = "l.until_ms, l.told, l.cause, l.name, l.strikes";

impl Store {
    /// Leaves the account of a task alone after a sign that it can't be used: until when, and why.
    pub async fn hold_account(
        &self,
        task: TaskId,
        hit: &Hit,
        pacing: &Pacing,
    ) -> Result<Limit, StoreError> {
        let backend = self.backend();
        let tx = self.begin().await?;
        // There is a row to lock from here on.
        let sql = format!(
            "INSERT INTO account_limits (account, model) SELECT {ACCOUNT}, $2 FROM tasks t WHERE t.id = $1 \
             ON CONFLICT DO NOTHING"
        );
        let model = hit.model();
        tx.execute_raw(statement(
            backend,
            sql,
            [task.as_uuid().into(), model.into()],
        ))
        .await?;
        let locked = match backend {
            DbBackend::Postgres => "FOR UPDATE OF l",
            _ => "",
        };
        let sql = format!(
            "SELECT {COLUMNS}, l.account, {now} AS now_ms FROM account_limits l, tasks t \
             WHERE t.id = $1 AND l.model = $2 AND l.account = {ACCOUNT} {locked}",
            now = clock(backend)
        );
        let values = [task.as_uuid().into(), model.into()];
        let row = tx.query_one_raw(statement(backend, sql, values)).await?;
        let row = row.ok_or(StoreError::NotCreated)?;
        let known = held(&row)?;
        let before = Some(&known).filter(|known| known.strikes > 0);
        let next = hold(before, hit, time(row.try_get("", "now_ms")?), pacing);
        let until = next.limit.until.timestamp_millis();
        let account: String = row.try_get("", "account")?;
        let sql = "UPDATE account_limits SET until_ms = $1, next_ms = $1, told = $2, cause = $3, name = $4, \
                   strikes = $5 WHERE account = $6 AND model = $7";
        let values: [Value; 7] = [
            until.into(),
            next.limit.told.into(),
            next.limit.cause.to_string().into(),
            next.limit.name.clone().into(),
            i64::from(next.strikes).into(),
            account.into(),
            model.into(),
        ];
        tx.execute_raw(statement(backend, sql, values)).await?;
        tx.commit().await?;
        // Whoever sleeps until a task is due may sleep longer now.
        self.heads().jobs_changed();
        // As it is stored.
        Ok(Limit {
            until: time(until),
            ..next.limit
        })
    }

    /// Lets no other task of this account start for a while: an agent waits to try again.
    pub async fn delay_account(&self, task: TaskId, delay: Duration) -> Result<(), StoreError> {
        let backend = self.backend();
        let sql = format!(
            "INSERT INTO account_limits (account, model, next_ms) SELECT {ACCOUNT}, '', {now} + CAST($2 AS BIGINT) \
             FROM tasks t WHERE t.id = $1 ON CONFLICT (account, model) DO UPDATE SET \
             next_ms = {larger}(account_limits.next_ms, excluded.next_ms)",
            now = clock(backend),
            larger = larger(backend)
        );
        let delay = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX / 2);
        let values = [task.as_uuid().into(), delay.into()];
        self.writer()
            .execute_raw(statement(backend, sql, values))
            .await?;
        Ok(())
    }

    /// What is known of the limits of a task's account; nothing if it can be used as far as is known.
    pub async fn account_standing(&self, task: TaskId) -> Result<Standing, StoreError> {
        let backend = self.backend();
        let sql = format!(
            "SELECT {COLUMNS}, {now} AS now_ms FROM account_limits l, tasks t WHERE t.id = $1 AND {concerns} \
             ORDER BY l.until_ms DESC LIMIT 1",
            now = clock(backend),
            concerns = concerns()
        );
        let asked = statement(backend, sql, [task.as_uuid().into()]);
        let Some(row) = self.reader().query_one_raw(asked).await? else {
            return Ok(Standing::Open);
        };
        let known = held(&row)?;
        if known.limit.until > time(row.try_get("", "now_ms")?) {
            return Ok(Standing::Held(known.limit));
        }
        Ok(Standing::Tried)
    }

    /// The limit that holds back all tasks, if there is one at present.
    pub async fn present_limit(&self) -> Result<Option<Limit>, StoreError> {
        let backend = self.backend();
        // An account of one's own says more than that of the demo.
        let sql = format!(
            "SELECT {COLUMNS} FROM account_limits l WHERE l.until_ms > {} AND l.model = '' \
             ORDER BY l.account LIMIT 1",
            clock(backend)
        );
        let row = self
            .reader()
            .query_one_raw(statement(backend, sql, []))
            .await?;
        row.map(|row| Ok(held(&row)?.limit)).transpose()
    }

    /// Keeps a distance between a task that was just claimed and those of the same account that come
    /// after it, as long as nobody has seen that the account can be used again.
    pub async fn space_claims(&self, claimed: TaskId, pacing: &Pacing) -> Result<(), StoreError> {
        let backend = self.backend();
        let now = clock(backend);
        let sql = format!(
            "UPDATE account_limits AS l SET next_ms = {now} + CASE WHEN l.told THEN CAST($2 AS BIGINT) \
             ELSE CAST($3 AS BIGINT) END WHERE l.next_ms <= {now} \
             AND EXISTS (SELECT 1 FROM tasks t WHERE t.id = $1 AND {concerns})",
            concerns = concerns()
        );
        let millis = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX / 2);
        let values = [
            claimed.as_uuid().into(),
            millis(pacing.stagger).into(),
            millis(pacing.probe).into(),
        ];
        self.writer()
            .execute_raw(statement(backend, sql, values))
            .await?;
        Ok(())
    }

    /// The model has answered a task: what was held back may start.
    pub async fn free_account(&self, task: TaskId) -> Result<(), StoreError> {
        let backend = self.backend();
        let sql = format!(
            "DELETE FROM account_limits AS l WHERE l.until_ms <= {now} AND EXISTS \
             (SELECT 1 FROM tasks t WHERE t.id = $1 AND {concerns})",
            now = clock(backend),
            concerns = concerns()
        );
        let freed = statement(backend, sql, [task.as_uuid().into()]);
        if self.writer().execute_raw(freed).await?.rows_affected() > 0 {
            self.heads().jobs_changed();
        }
        Ok(())
    }

    /// A person wants a task to be tried now, whatever was told of its account's limit.
    pub async fn try_account(&self, task: TaskId) -> Result<(), StoreError> {
        let backend = self.backend();
        let sql = format!(
            "UPDATE account_limits AS l SET until_ms = 0, next_ms = 0 WHERE EXISTS \
             (SELECT 1 FROM tasks t WHERE t.id = $1 AND {})",
            concerns()
        );
        let tried = statement(backend, sql, [task.as_uuid().into()]);
        if self.writer().execute_raw(tried).await?.rows_affected() > 0 {
            self.heads().jobs_changed();
        }
        Ok(())
    }
}

/// What is known of the limits of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It can be used.
    Open,
    /// It could not be used lately, and may be tried.
    Tried,
    /// It can't be used.
    Held(Limit),
}

fn held(row: &QueryResult) -> Result<Hold, StoreError> {
    let cause: String = row.try_get("", "cause")?;
    let strikes = counted(row.try_get("", "strikes")?);
    Ok(Hold {
        limit: Limit {
            until: time(row.try_get("", "until_ms")?),
            told: row.try_get("", "told")?,
            // A newer program may know more causes.
            cause: cause.parse().unwrap_or(LimitCause::Account),
            name: row.try_get("", "name")?,
        },
        strikes: u32::try_from(strikes).unwrap_or(u32::MAX),
    })
}

fn time(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(ms).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_model_of_the_demo_is_known_by_its_name() {
        assert!(super::ACCOUNT.contains(&format!("'{}'", app::api::SCRIPTED_MODEL)));
    }
}
