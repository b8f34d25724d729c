//! Finished phases: what estimates are learned from, and what came of them.

use app::api::{Calibration, EstimateReport, JudgedEstimate, KindCalibration, SCRIPTED_MODEL};
use app::domain::estimate::{FEWEST, PhaseEstimate, Sample};
use app::domain::id::TaskId;
use app::domain::money::Usd;
use app::domain::plan::TaskType;
use app::domain::task::Tokens;
use chrono::DateTime;
use sea_orm::{ConnectionTrait, QueryResult};
use uuid::Uuid;

use super::usage::title;
use super::{Store, StoreError, counted, statement};

/// So many of the newest phases of a type of task are looked at: enough for all of its phases and some models.
const LOOKED_AT: u32 = 1_000;

/// The most estimates that are listed.
const LISTED: u32 = 50;

/// The counts of a report, whatever they are grouped by.
const COUNTS: &str = "COUNT(*) AS finished, COUNT(f.coverage_percent) AS estimated, \
    CAST(COALESCE(SUM(CASE WHEN f.cost_inside THEN 1 ELSE 0 END), 0) AS BIGINT) AS cost_inside, \
    CAST(COALESCE(SUM(CASE WHEN f.active_inside THEN 1 ELSE 0 END), 0) AS BIGINT) AS active_inside, \
    CAST(COALESCE(SUM(f.coverage_percent), 0) AS BIGINT) AS expected";

/// A finished phase of a type of task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinishedPhase {
    /// Its id in its workflow.
    pub phase_id: String,
    /// The model that was asked for; empty for the usual one.
    pub model: String,
    pub sample: Sample,
}

impl Store {
    /// The newest finished phases of tasks of this type. What the scripted model of the demo has done says
    /// nothing of a real one, and the other way round.
    pub async fn finished_phases(
        &self,
        task_type: TaskType,
        is_scripted: bool,
    ) -> Result<Vec<FinishedPhase>, StoreError> {
        let is = if is_scripted { "=" } else { "<>" };
        let sql = format!(
            "SELECT phase_id, model, cost_micros, active_ms FROM finished_phases \
             WHERE task_type = $1 AND model {is} $2 \
             ORDER BY finished_at_ms DESC, task_id DESC, number DESC LIMIT {LOOKED_AT}"
        );
        let values = [task_type.to_string().into(), SCRIPTED_MODEL.into()];
        let asked = statement(self.backend(), sql, values);
        let rows = self.reader().query_all_raw(asked).await?;
        let read = |row: &QueryResult| -> Result<FinishedPhase, StoreError> {
            Ok(FinishedPhase {
                phase_id: row.try_get("", "phase_id")?,
                model: row.try_get("", "model")?,
                sample: Sample {
                    cost: Usd::from_micros(row.try_get("", "cost_micros")?),
                    active_ms: counted(row.try_get("", "active_ms")?),
                },
            })
        };
        rows.iter().map(read).collect()
    }

    /// How good estimates were.
    pub async fn estimate_report(&self) -> Result<EstimateReport, StoreError> {
        let backend = self.backend();
        let sql = format!("SELECT {COUNTS} FROM finished_phases f");
        let total = self
            .reader()
            .query_one_raw(statement(backend, sql, []))
            .await?;
        let sql = format!(
            "SELECT f.task_type, f.phase_id, MAX(f.name) AS name, MIN(f.number) AS place, {COUNTS} \
             FROM finished_phases f GROUP BY f.task_type, f.phase_id ORDER BY f.task_type, place, f.phase_id"
        );
        let kinds = self
            .reader()
            .query_all_raw(statement(backend, sql, []))
            .await?;
        let sql = format!(
            "SELECT f.*, t.view FROM finished_phases f JOIN tasks t ON t.id = f.task_id \
             WHERE f.coverage_percent IS NOT NULL AND NOT t.archived \
             ORDER BY f.finished_at_ms DESC, f.task_id DESC, f.number DESC LIMIT {LISTED}"
        );
        let latest = self
            .reader()
            .query_all_raw(statement(backend, sql, []))
            .await?;
        Ok(EstimateReport {
            fewest: u32::try_from(FEWEST).unwrap_or(u32::MAX),
            total: total
                .as_ref()
                .map(calibration)
                .transpose()?
                .unwrap_or_default(),
            kinds: kinds
                .iter()
                .filter_map(|row| kind(row).transpose())
                .collect::<Result<_, _>>()?,
            latest: latest
                .iter()
                .filter_map(|row| judged(row).transpose())
                .collect::<Result<_, _>>()?,
        })
    }
}

fn calibration(row: &QueryResult) -> Result<Calibration, StoreError> {
    let count = |name: &str| -> Result<u64, StoreError> { Ok(counted(row.try_get("", name)?)) };
    let estimated = count("estimated")?;
    let expected = count("expected")?.checked_div(estimated);
    Ok(Calibration {
        finished: count("finished")?,
        estimated,
        cost_inside: count("cost_inside")?,
        active_inside: count("active_inside")?,
        expected_percent: expected.and_then(|percent| u8::try_from(percent).ok()),
    })
}

/// Nothing of a type of task that this program does not know.
fn kind(row: &QueryResult) -> Result<Option<KindCalibration>, StoreError> {
    let task_type: String = row.try_get("", "task_type")?;
    let Ok(task_type) = task_type.parse() else {
        return Ok(None);
    };
    Ok(Some(KindCalibration {
        task_type,
        phase_id: row.try_get("", "phase_id")?,
        phase_name: row.try_get("", "name")?,
        figures: calibration(row)?,
    }))
}

/// Nothing of what this program can't read.
fn judged(row: &QueryResult) -> Result<Option<JudgedEstimate>, StoreError> {
    let count = |name: &str| -> Result<u64, StoreError> { Ok(counted(row.try_get("", name)?)) };
    let task_type: String = row.try_get("", "task_type")?;
    let estimate: String = row.try_get("", "estimate")?;
    let estimate: Result<PhaseEstimate, _> = serde_json::from_str(&estimate);
    let (Ok(task_type), Ok(estimate)) = (task_type.parse(), estimate) else {
        return Ok(None);
    };
    let task: Uuid = row.try_get("", "task_id")?;
    let number: i32 = row.try_get("", "number")?;
    let model: String = row.try_get("", "model")?;
    let view: String = row.try_get("", "view")?;
    let finished_at: i64 = row.try_get("", "finished_at_ms")?;
    Ok(Some(JudgedEstimate {
        task_id: TaskId::from_uuid(task),
        title: title(&view).unwrap_or_default(),
        task_type,
        phase: u32::try_from(number).unwrap_or_default(),
        phase_name: row.try_get("", "name")?,
        model: Some(model).filter(|model| !model.is_empty()),
        estimate,
        cost_usd: Usd::from_micros(row.try_get("", "cost_micros")?),
        tokens: Tokens {
            input: count("input_tokens")?,
            output: count("output_tokens")?,
            cache_read: count("cache_read_tokens")?,
            cache_write: count("cache_write_tokens")?,
        },
        active_ms: count("active_ms")?,
        cost_inside: row.try_get("", "cost_inside")?,
        active_inside: row.try_get("", "active_inside")?,
        finished_at: DateTime::from_timestamp_millis(finished_at).unwrap_or_default(),
    }))
}
