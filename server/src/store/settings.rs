//! What people have set. One row; its version tells whether somebody else was faster.

use app::domain::settings::ChosenSettings;
use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, Value};

use super::{Corruption, LOCAL_OWNER, LOCAL_TEAM, Store, StoreError, clock, counted, statement};

/// What was set, and when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredSettings {
    /// 0 if nobody has ever set anything.
    pub version: u64,
    pub chosen: ChosenSettings,
    pub updated_at: Option<DateTime<Utc>>,
}

impl Store {
    /// What was set.
    pub async fn settings(&self) -> Result<StoredSettings, StoreError> {
        let sql = "SELECT version, chosen, updated_at_ms FROM settings WHERE team_id = $1";
        let asked = statement(self.backend(), sql, [LOCAL_TEAM.into()]);
        let Some(row) = self.reader().query_one_raw(asked).await? else {
            return Ok(StoredSettings::default());
        };
        let chosen: String = row.try_get("", "chosen")?;
        Ok(StoredSettings {
            version: counted(row.try_get("", "version")?),
            chosen: serde_json::from_str(&chosen).map_err(Corruption::Settings)?,
            updated_at: DateTime::from_timestamp_millis(row.try_get("", "updated_at_ms")?),
        })
    }

    /// Keeps what is set now, unless somebody has changed version `seen` since.
    pub async fn keep_settings(
        &self,
        seen: u64,
        chosen: &ChosenSettings,
    ) -> Result<(), StoreError> {
        let backend = self.backend();
        let now = clock(backend);
        let chosen = serde_json::to_string(chosen).map_err(StoreError::Encode)?;
        let sql = if seen == 0 {
            format!(
                "INSERT INTO settings (version, chosen, updated_by, updated_at_ms, team_id) \
                 VALUES ($1 + 1, $2, $3, {now}, $4) ON CONFLICT (team_id) DO NOTHING"
            )
        } else {
            format!(
                "UPDATE settings SET version = $1 + 1, chosen = $2, updated_by = $3, \
                 updated_at_ms = {now} WHERE team_id = $4 AND version = $1"
            )
        };
        let values: [Value; 4] = [
            i64::try_from(seen)
                .map_err(|_| StoreError::Conflict)?
                .into(),
            chosen.into(),
            LOCAL_OWNER.into(),
            LOCAL_TEAM.into(),
        ];
        let kept = self
            .writer()
            .execute_raw(statement(backend, &sql, values))
            .await?;
        match kept.rows_affected() {
            0 => Err(StoreError::Conflict),
            _ => Ok(()),
        }
    }
}
