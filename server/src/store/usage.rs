//! What was used, over all tasks.

use app::api::{UsageBy, UsageFigures, UsageQuery, UsageReport, UsageRow};
use app::domain::id::TaskId;
use app::domain::money::Usd;
use app::domain::task::{BudgetUse, Spent, Tokens};
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use sea_orm::{ConnectionTrait, QueryResult, Value};
use uuid::Uuid;

use super::{Store, StoreError, counted, statement};

/// The most lines of a report.
const MOST: u32 = 1_000;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// The sums of a report, whatever they are grouped by.
const SUMS: &str = "CAST(COALESCE(SUM(u.cost_micros), 0) AS BIGINT) AS cost, \
    CAST(COALESCE(SUM(u.input_tokens), 0) AS BIGINT) AS input, \
    CAST(COALESCE(SUM(u.output_tokens), 0) AS BIGINT) AS output, \
    CAST(COALESCE(SUM(u.cache_read_tokens), 0) AS BIGINT) AS cache_read, \
    CAST(COALESCE(SUM(u.cache_write_tokens), 0) AS BIGINT) AS cache_write, COUNT(*) AS turns";

/// The query is not one that can be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a day, as in 2026-11-01")]
pub struct NotADay {
    /// The parameter.
    pub field: &'static str,
}

/// Which rows are added up, and by what.
#[derive(Clone, Debug)]
pub struct UsageFilter {
    by: UsageBy,
    from_ms: i64,
    /// Not included.
    until_ms: i64,
    task: Option<Uuid>,
    model: Option<String>,
}

impl UsageFilter {
    /// Reads a client's wish.
    pub fn parse(query: &UsageQuery) -> Result<Self, NotADay> {
        let began = |text: &Option<String>, field| -> Result<Option<i64>, NotADay> {
            let Some(text) = text else { return Ok(None) };
            let day: NaiveDate = text.parse().map_err(|_| NotADay { field })?;
            Ok(Some(
                day.and_time(NaiveTime::MIN).and_utc().timestamp_millis(),
            ))
        };
        let to = began(&query.to, "to")?;
        Ok(Self {
            by: query.by,
            from_ms: began(&query.from, "from")?.unwrap_or(0),
            until_ms: to.map_or(i64::MAX, |to| to.saturating_add(DAY_MS)),
            task: query.task.map(TaskId::as_uuid),
            model: query.model.clone(),
        })
    }

    /// The columns that lines differ by, and their order.
    const fn keys(&self) -> (&'static str, &'static str) {
        match self.by {
            UsageBy::Day => ("u.at_ms / 86400000 AS day", "day"),
            UsageBy::Model => ("u.model", "cost DESC, u.model"),
            UsageBy::DayModel => ("u.at_ms / 86400000 AS day, u.model", "day, u.model"),
            UsageBy::Task => ("u.task_id, MAX(t.view) AS view", "cost DESC, u.task_id"),
            UsageBy::Phase => (
                "u.task_id, MAX(t.view) AS view, u.phase",
                "u.task_id, u.phase",
            ),
            UsageBy::PhaseModel => (
                "u.task_id, MAX(t.view) AS view, u.phase, u.model",
                "u.task_id, u.phase, cost DESC, u.model",
            ),
        }
    }

    const fn group(&self) -> &'static str {
        match self.by {
            UsageBy::Day => "u.at_ms / 86400000",
            UsageBy::Model => "u.model",
            UsageBy::DayModel => "u.at_ms / 86400000, u.model",
            UsageBy::Task => "u.task_id",
            UsageBy::Phase => "u.task_id, u.phase",
            UsageBy::PhaseModel => "u.task_id, u.phase, u.model",
        }
    }

    fn rows(&self) -> (String, Vec<Value>) {
        let begin = "FROM usage_metrics u LEFT JOIN tasks t ON t.id = u.task_id \
                     WHERE u.at_ms >= $1 AND u.at_ms < $2";
        let mut sql = begin.to_owned();
        let mut values: Vec<Value> = vec![self.from_ms.into(), self.until_ms.into()];
        if let Some(task) = self.task {
            values.push(task.into());
            sql.push_str(" AND u.task_id = $3");
        }
        if let Some(model) = &self.model {
            values.push(model.clone().into());
            let of_model = format!(" AND u.model = ${}", values.len());
            sql.push_str(&of_model);
        }
        (sql, values)
    }
}

impl Store {
    /// What was used, added up.
    pub async fn usage(&self, filter: &UsageFilter) -> Result<UsageReport, StoreError> {
        let backend = self.backend();
        let (rows, values) = filter.rows();
        let (keys, order) = filter.keys();
        let sql = format!(
            "SELECT {keys}, {SUMS} {rows} GROUP BY {group} ORDER BY {order} LIMIT {MOST}",
            group = filter.group()
        );
        let found = self
            .reader()
            .query_all_raw(statement(backend, sql, values.clone()))
            .await?;
        let sql = format!("SELECT {SUMS} {rows}");
        let total = self
            .reader()
            .query_one_raw(statement(backend, sql, values))
            .await?;
        let total = total.as_ref().map(figures).transpose()?;
        let items = found.iter().map(|row| line(row, filter.by));
        Ok(UsageReport {
            total: total.unwrap_or_default(),
            items: items.collect::<Result<_, _>>()?,
        })
    }

    /// What all tasks have used since then.
    pub async fn spent_since(&self, since: DateTime<Utc>) -> Result<Spent, StoreError> {
        let sql = "SELECT CAST(COALESCE(SUM(cost_micros), 0) AS BIGINT) AS cost, \
                   CAST(COALESCE(SUM(input_tokens + output_tokens + cache_read_tokens + cache_write_tokens), 0) \
                   AS BIGINT) AS tokens FROM usage_metrics WHERE at_ms >= $1";
        let asked = statement(self.backend(), sql, [since.timestamp_millis().into()]);
        let Some(row) = self.reader().query_one_raw(asked).await? else {
            return Ok(Spent::default());
        };
        Ok(Spent {
            usd: Usd::from_micros(row.try_get("", "cost")?),
            tokens: counted(row.try_get("", "tokens")?),
        })
    }

    /// Whether people were told since then that the budget of the day will not last.
    pub async fn is_day_warned(&self, since: DateTime<Utc>) -> Result<bool, StoreError> {
        let sql = "SELECT 1 AS told FROM notifications WHERE kind = 'budget_warning' AND raised_at_ms >= $1 \
                   AND text LIKE $2 LIMIT 1";
        let text = format!("{}%", BudgetUse::OF_DAY);
        let values = [since.timestamp_millis().into(), text.into()];
        let asked = statement(self.backend(), sql, values);
        Ok(self.reader().query_one_raw(asked).await?.is_some())
    }

    /// The tasks that wait for a budget.
    pub async fn out_of_budget(&self) -> Result<Vec<TaskId>, StoreError> {
        let sql =
            "SELECT id FROM tasks WHERE waiting_reason = 'budget' AND NOT archived ORDER BY id";
        let asked = statement(self.backend(), sql, []);
        let rows = self.reader().query_all_raw(asked).await?;
        let mut tasks = Vec::with_capacity(rows.len());
        for row in rows {
            let task: Uuid = row.try_get("", "id")?;
            tasks.push(TaskId::from_uuid(task));
        }
        Ok(tasks)
    }
}

fn figures(row: &QueryResult) -> Result<UsageFigures, StoreError> {
    let count = |name: &str| -> Result<u64, StoreError> { Ok(counted(row.try_get("", name)?)) };
    Ok(UsageFigures {
        cost_usd: Usd::from_micros(row.try_get("", "cost")?),
        tokens: Tokens {
            input: count("input")?,
            output: count("output")?,
            cache_read: count("cache_read")?,
            cache_write: count("cache_write")?,
        },
        turns: count("turns")?,
    })
}

fn line(row: &QueryResult, by: UsageBy) -> Result<UsageRow, StoreError> {
    let mut line = UsageRow {
        figures: figures(row)?,
        ..UsageRow::default()
    };
    if matches!(by, UsageBy::Day | UsageBy::DayModel) {
        let day: i64 = row.try_get("", "day")?;
        let began = DateTime::from_timestamp_millis(day * DAY_MS).unwrap_or_default();
        line.day = Some(began.date_naive().to_string());
    }
    if matches!(by, UsageBy::Model | UsageBy::DayModel | UsageBy::PhaseModel) {
        line.model = Some(row.try_get("", "model")?);
    }
    if matches!(by, UsageBy::Task | UsageBy::Phase | UsageBy::PhaseModel) {
        let task: Uuid = row.try_get("", "task_id")?;
        let view: Option<String> = row.try_get("", "view")?;
        line.task_id = Some(TaskId::from_uuid(task));
        line.title = view.as_deref().and_then(title);
    }
    if matches!(by, UsageBy::Phase | UsageBy::PhaseModel) {
        let phase: Option<i32> = row.try_get("", "phase")?;
        line.phase = phase.and_then(|phase| u32::try_from(phase).ok());
    }
    Ok(line)
}

/// The title in a task's stored view.
pub(super) fn title(view: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Titled {
        title: String,
    }
    let read: Titled = serde_json::from_str(view).ok()?;
    Some(read.title)
}
