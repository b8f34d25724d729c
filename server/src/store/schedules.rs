//! Schedules: what is to be made, and when next. Only the database's clock counts.

use std::time::Duration;

use app::api::NewSchedule;
use app::domain::id::{ScheduleId, TaskId};
use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, QueryResult, Value};
use uuid::Uuid;

use super::{Corruption, LOCAL_OWNER, LOCAL_TEAM, Store, StoreError, clock, counted, statement};

/// A schedule as it is stored.
#[derive(Clone, Debug)]
pub struct Schedule {
    pub id: ScheduleId,
    pub definition: NewSchedule,
    /// Nothing while it is paused.
    pub next_at: Option<DateTime<Utc>>,
    pub last_at: Option<DateTime<Utc>>,
    pub last_task: Option<TaskId>,
    pub problem: Option<String>,
    pub created_at: DateTime<Utc>,
}

/// What became of a time that was due.
#[derive(Clone, Debug)]
pub struct Occurred {
    pub at: DateTime<Utc>,
    /// The task that was made; as before if none was.
    pub task: Option<TaskId>,
    pub problem: Option<String>,
}

const COLUMNS: &str =
    "id, definition, next_at_ms, last_at_ms, last_task_id, problem, created_at_ms";

impl Store {
    /// Adds a schedule. `false` if there are so many already.
    pub async fn add_schedule(
        &self,
        id: ScheduleId,
        definition: &NewSchedule,
        next_at: Option<DateTime<Utc>>,
        most: u32,
    ) -> Result<bool, StoreError> {
        let backend = self.backend();
        let sql = format!(
            "INSERT INTO schedules (id, team_id, owner_id, definition, next_at_ms, created_at_ms) \
             SELECT $1, $2, $3, $4, $5, {} WHERE (SELECT COUNT(*) FROM schedules) < {most}",
            clock(backend)
        );
        let values: [Value; 5] = [
            id.as_uuid().into(),
            LOCAL_TEAM.into(),
            LOCAL_OWNER.into(),
            written(definition)?.into(),
            next_at.map(ms).into(),
        ];
        let added = self
            .writer()
            .execute_raw(statement(backend, sql, values))
            .await?;
        Ok(added.rows_affected() > 0)
    }

    /// All of them, the oldest first.
    pub async fn schedules(&self) -> Result<Vec<Schedule>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM schedules ORDER BY created_at_ms, id");
        let asked = statement(self.backend(), sql, []);
        let rows = self.reader().query_all_raw(asked).await?;
        rows.iter().map(read).collect()
    }

    /// One of them.
    pub async fn schedule(&self, id: ScheduleId) -> Result<Option<Schedule>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM schedules WHERE id = $1");
        let asked = statement(self.backend(), sql, [id.as_uuid().into()]);
        let row = self.reader().query_one_raw(asked).await?;
        row.as_ref().map(read).transpose()
    }

    /// Those that are due, and the present time.
    pub async fn due_schedules(&self) -> Result<(Vec<Schedule>, DateTime<Utc>), StoreError> {
        let now = clock(self.backend());
        let sql = format!(
            "SELECT {COLUMNS}, {now} AS now_ms FROM schedules WHERE next_at_ms <= {now} ORDER BY next_at_ms, id"
        );
        let asked = statement(self.backend(), sql, []);
        let rows = self.reader().query_all_raw(asked).await?;
        let now = match rows.first() {
            Some(row) => time(row.try_get("", "now_ms")?),
            None => Utc::now(),
        };
        let due: Result<_, _> = rows.iter().map(read).collect();
        Ok((due?, now))
    }

    /// How long until one is due; `None` without any.
    pub async fn next_schedule(&self) -> Result<Option<Duration>, StoreError> {
        let sql = format!(
            "SELECT MIN(next_at_ms) - {} AS due_ms FROM schedules",
            clock(self.backend())
        );
        let asked = statement(self.backend(), sql, []);
        let row = self.reader().query_one_raw(asked).await?;
        let due: Option<i64> = match row {
            Some(row) => row.try_get("", "due_ms")?,
            None => None,
        };
        Ok(due.map(|due| Duration::from_millis(counted(due))))
    }

    /// Says otherwise what a schedule makes, and when next. Whether there is one.
    pub async fn change_schedule(
        &self,
        id: ScheduleId,
        definition: &NewSchedule,
        next_at: Option<DateTime<Utc>>,
    ) -> Result<bool, StoreError> {
        let sql =
            "UPDATE schedules SET definition = $2, next_at_ms = $3, problem = NULL WHERE id = $1";
        let values: [Value; 3] = [
            id.as_uuid().into(),
            written(definition)?.into(),
            next_at.map(ms).into(),
        ];
        let changed = statement(self.backend(), sql, values);
        Ok(self.writer().execute_raw(changed).await?.rows_affected() > 0)
    }

    /// Notes what became of the time that was due, and when the next one is. Nothing if the schedule has been
    /// changed, or another process was faster.
    pub async fn advance_schedule(
        &self,
        due: &Schedule,
        occurred: &Occurred,
        next_at: Option<DateTime<Utc>>,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE schedules SET next_at_ms = $2, last_at_ms = $3, last_task_id = COALESCE($4, last_task_id), \
                   problem = $5 WHERE id = $1 AND next_at_ms = $6";
        let values: [Value; 6] = [
            due.id.as_uuid().into(),
            next_at.map(ms).into(),
            ms(occurred.at).into(),
            occurred.task.map(TaskId::as_uuid).into(),
            occurred.problem.clone().into(),
            due.next_at.map(ms).into(),
        ];
        let noted = statement(self.backend(), sql, values);
        self.writer().execute_raw(noted).await?;
        Ok(())
    }

    /// Forgets a schedule. The tasks that it has made stay. Whether there was one.
    pub async fn remove_schedule(&self, id: ScheduleId) -> Result<bool, StoreError> {
        let sql = "DELETE FROM schedules WHERE id = $1";
        let removed = statement(self.backend(), sql, [id.as_uuid().into()]);
        Ok(self.writer().execute_raw(removed).await?.rows_affected() > 0)
    }
}

fn written(definition: &NewSchedule) -> Result<String, StoreError> {
    serde_json::to_string(definition).map_err(StoreError::Encode)
}

const fn ms(at: DateTime<Utc>) -> i64 {
    at.timestamp_millis()
}

fn time(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(ms).unwrap_or_default()
}

fn read(row: &QueryResult) -> Result<Schedule, StoreError> {
    let id: Uuid = row.try_get("", "id")?;
    let definition: String = row.try_get("", "definition")?;
    let at = |column| row.try_get::<Option<i64>>("", column);
    let last_task: Option<Uuid> = row.try_get("", "last_task_id")?;
    Ok(Schedule {
        id: ScheduleId::from_uuid(id),
        definition: serde_json::from_str(&definition).map_err(Corruption::View)?,
        next_at: at("next_at_ms")?.map(time),
        last_at: at("last_at_ms")?.map(time),
        last_task: last_task.map(TaskId::from_uuid),
        problem: row.try_get("", "problem")?,
        created_at: time(row.try_get("", "created_at_ms")?),
    })
}
