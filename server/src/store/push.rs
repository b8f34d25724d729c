//! The browsers that notifications are pushed to.

use app::api::{PushSubscription, PushSubscriptionView};
use app::domain::task::ConcernKind;
use chrono::DateTime;
use sea_orm::{ConnectionTrait, QueryResult, Value};
use uuid::Uuid;

use super::{LOCAL_OWNER, LOCAL_TEAM, Store, StoreError, clock, statement};

/// The most browsers of one person.
const MOST: u32 = 20;

impl Store {
    /// Keeps a browser, under the id that it has if it is known. The oldest makes room for one too many.
    pub async fn keep_subscription(
        &self,
        id: Uuid,
        given: &PushSubscription,
    ) -> Result<PushSubscriptionView, StoreError> {
        let backend = self.backend();
        let sql = format!(
            "INSERT INTO push_subscriptions (id, team_id, owner_id, endpoint, p256dh, auth, kinds, created_at_ms) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, {}) ON CONFLICT (endpoint) DO UPDATE SET \
             p256dh = excluded.p256dh, auth = excluded.auth, kinds = excluded.kinds \
             RETURNING id, endpoint, kinds, created_at_ms",
            clock(backend)
        );
        let values: [Value; 7] = [
            id.into(),
            LOCAL_TEAM.into(),
            LOCAL_OWNER.into(),
            given.endpoint.clone().into(),
            given.keys.p256dh.clone().into(),
            given.keys.auth.clone().into(),
            written(&given.kinds).into(),
        ];
        let tx = self.begin().await?;
        let row = tx.query_one_raw(statement(backend, sql, values)).await?;
        let row = row.ok_or(sea_orm::DbErr::RecordNotInserted)?;
        let view = view(&row)?;
        let sql = format!(
            "DELETE FROM push_subscriptions WHERE id IN (SELECT id FROM push_subscriptions \
             ORDER BY created_at_ms DESC, id DESC LIMIT 1000 OFFSET {MOST})"
        );
        tx.execute_unprepared(&sql).await?;
        tx.commit().await?;
        Ok(view)
    }

    /// All browsers, the newest first.
    pub async fn subscriptions(&self) -> Result<Vec<PushSubscriptionView>, StoreError> {
        let sql = "SELECT id, endpoint, kinds, created_at_ms FROM push_subscriptions \
                   ORDER BY created_at_ms DESC, id DESC";
        let rows = self
            .reader()
            .query_all_raw(statement(self.backend(), sql, []))
            .await?;
        rows.iter().map(view).collect()
    }

    /// Forgets a browser, and what was to be pushed to it. Whether there was one.
    pub async fn remove_subscription(&self, id: Uuid) -> Result<bool, StoreError> {
        let backend = self.backend();
        let tx = self.begin().await?;
        let sql = "DELETE FROM push_deliveries WHERE subscription_id = $1";
        tx.execute_raw(statement(backend, sql, [id.into()])).await?;
        let sql = "DELETE FROM push_subscriptions WHERE id = $1";
        let removed = tx.execute_raw(statement(backend, sql, [id.into()])).await?;
        tx.commit().await?;
        Ok(removed.rows_affected() > 0)
    }
}

fn written(kinds: &[ConcernKind]) -> String {
    kinds
        .iter()
        .fold(",".to_owned(), |all, kind| format!("{all}{kind},"))
}

fn view(row: &QueryResult) -> Result<PushSubscriptionView, StoreError> {
    let endpoint: String = row.try_get("", "endpoint")?;
    let host = endpoint.split('/').nth(2).unwrap_or_default().to_owned();
    let kinds: String = row.try_get("", "kinds")?;
    let created = DateTime::from_timestamp_millis(row.try_get("", "created_at_ms")?);
    Ok(PushSubscriptionView {
        id: row.try_get("", "id")?,
        endpoint,
        host,
        kinds: kinds
            .split(',')
            .filter_map(|kind| kind.parse().ok())
            .collect(),
        created_at: created.unwrap_or_default(),
    })
}
