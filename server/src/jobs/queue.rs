//! The queue as it stands, to be shown and to be changed.

use std::collections::HashMap;
use std::time::Duration;

use app::api::{Prerequisite, TaskView};
use app::domain::id::TaskId;
use app::domain::task::{Placed, Priority};
use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, QueryResult};
use uuid::Uuid;

use super::claim::level;
use super::rank;
use crate::store::{Corruption, Store, StoreError, clock, counted, gate_opens_ms, statement};

/// So many runs tell how long one takes.
const LATELY: u32 = 50;

/// A task that waits for a run.
#[derive(Clone, Debug)]
pub struct Queued {
    pub task: TaskView,
    /// Ranks gained by waiting.
    pub aged: u32,
    /// When it may run, if that lies ahead.
    pub not_before: Option<DateTime<Utc>>,
    /// When the limits of its account let it start, if that lies ahead.
    pub limited_until: Option<DateTime<Utc>>,
    /// What is unfinished of that it waits for.
    pub waits_for: Vec<Prerequisite>,
}

/// The whole of it.
#[derive(Clone, Debug)]
pub struct Queue {
    /// Those in front, in order.
    pub waiting: Vec<Queued>,
    /// How many wait in all.
    pub total: u64,
    /// How long each running task has run, by the database's clock.
    pub running: Vec<Duration>,
    /// The database's clock.
    pub now: DateTime<Utc>,
}

impl Store {
    /// The first tasks that wait for a run, the most urgent first, due or not.
    pub async fn queue(&self, limit: u32) -> Result<Queue, StoreError> {
        let backend = self.backend();
        let now = clock(backend);
        let sql = format!(
            "SELECT t.view, jobs.not_before_ms, {opens} AS opens_ms, {level} - jobs.priority AS aged, \
             {now} AS now_ms \
             FROM jobs JOIN tasks t ON t.id = jobs.task_id \
             WHERE jobs.kind = 'run' AND jobs.state = 'queued' \
             ORDER BY {level} DESC, jobs.place_us, jobs.task_id LIMIT {limit}",
            opens = gate_opens_ms(),
            level = level(now)
        );
        let rows = self.rows(sql).await?;
        let mut unfinished = self.unfinished().await?;
        let mut waiting = Vec::with_capacity(rows.len());
        for row in &rows {
            let view: String = row.try_get("", "view")?;
            let task: TaskView = serde_json::from_str(&view).map_err(Corruption::View)?;
            let not_before_ms: i64 = row.try_get("", "not_before_ms")?;
            let now_ms: i64 = row.try_get("", "now_ms")?;
            let ahead = |at: i64| {
                let at = Some(at).filter(|at| *at > now_ms);
                at.and_then(DateTime::from_timestamp_millis)
            };
            waiting.push(Queued {
                aged: u32::try_from(row.try_get::<i32>("", "aged")?).unwrap_or(0),
                not_before: ahead(not_before_ms),
                limited_until: ahead(row.try_get("", "opens_ms")?),
                waits_for: unfinished.remove(&task.id).unwrap_or_default(),
                task,
            });
        }
        let (total, running, now) = self.load_of_queue().await?;
        Ok(Queue {
            waiting,
            total,
            running,
            now,
        })
    }

    async fn load_of_queue(&self) -> Result<(u64, Vec<Duration>, DateTime<Utc>), StoreError> {
        let now = clock(self.backend());
        let counting = format!(
            "SELECT COUNT(*) AS total, {now} AS now_ms FROM jobs WHERE kind = 'run' AND state = 'queued'"
        );
        let running = format!(
            "SELECT {now} - claimed_at_ms AS age_ms FROM jobs WHERE kind = 'run' AND state = 'leased'"
        );
        let counted_rows = self.rows(counting).await?;
        let (total, now_ms) = match counted_rows.first() {
            Some(row) => (row.try_get("", "total")?, row.try_get("", "now_ms")?),
            None => (0, 0),
        };
        let mut ages = Vec::new();
        for row in self.rows(running).await? {
            ages.push(Duration::from_millis(counted(row.try_get("", "age_ms")?)));
        }
        let now = DateTime::from_timestamp_millis(now_ms).unwrap_or_default();
        Ok((counted(total), ages, now))
    }

    /// What queued tasks wait for and is not completed.
    async fn unfinished(&self) -> Result<HashMap<TaskId, Vec<Prerequisite>>, StoreError> {
        let sql = "SELECT p.task_id, p.depends_on, t.archived, t.view FROM prerequisites p \
                   JOIN jobs ON jobs.kind = 'run' AND jobs.state = 'queued' AND jobs.task_id = p.task_id \
                   LEFT JOIN tasks t ON t.id = p.depends_on \
                   WHERE COALESCE(t.status, '') <> 'completed' ORDER BY p.task_id, p.depends_on";
        let mut unfinished: HashMap<TaskId, Vec<Prerequisite>> = HashMap::new();
        for row in self.rows(sql.to_owned()).await? {
            let task: Uuid = row.try_get("", "task_id")?;
            let other: Uuid = row.try_get("", "depends_on")?;
            let archived: Option<bool> = row.try_get("", "archived")?;
            let view: Option<String> = row.try_get("", "view")?;
            let view: Option<TaskView> = match view.filter(|_| archived == Some(false)) {
                Some(view) => Some(serde_json::from_str(&view).map_err(Corruption::View)?),
                None => None,
            };
            let each = unfinished.entry(TaskId::from_uuid(task)).or_default();
            each.push(Prerequisite {
                id: TaskId::from_uuid(other),
                status: view.as_ref().map(|view| view.status),
                title: view.map(|view| view.title),
            });
        }
        Ok(unfinished)
    }

    /// How long a run took lately: the median. `None` if none has ended yet.
    pub async fn typical_run(&self) -> Result<Option<Duration>, StoreError> {
        let sql = format!(
            "SELECT ran_ms FROM jobs WHERE kind = 'run' AND ran_ms IS NOT NULL \
             ORDER BY claimed_at_ms DESC LIMIT {LATELY}"
        );
        let mut runs = Vec::new();
        for row in self.rows(sql).await? {
            runs.push(counted(row.try_get("", "ran_ms")?));
        }
        runs.sort_unstable();
        Ok(runs.get(runs.len() / 2).copied().map(Duration::from_millis))
    }

    /// The queued tasks of a priority with their places, in order.
    pub async fn line(&self, priority: Priority) -> Result<Vec<Placed>, StoreError> {
        let sql = "SELECT task_id, place_us FROM jobs WHERE kind = 'run' AND state = 'queued' \
                   AND priority = $1 ORDER BY place_us, task_id";
        let asked = statement(self.backend(), sql, [rank(priority).into()]);
        let rows = self.reader().query_all_raw(asked).await?;
        let mut line = Vec::with_capacity(rows.len());
        for row in rows {
            let place = DateTime::from_timestamp_micros(row.try_get("", "place_us")?);
            let task: Uuid = row.try_get("", "task_id")?;
            line.push((TaskId::from_uuid(task), place.unwrap_or_default()));
        }
        Ok(line)
    }

    async fn rows(&self, sql: String) -> Result<Vec<QueryResult>, StoreError> {
        let asked = statement(self.backend(), sql, []);
        Ok(self.reader().query_all_raw(asked).await?)
    }
}
