//! Where notifications are sent to: browsers, webhooks and channels of Slack.

use app::api::{PushSubscription, PushSubscriptionView, TargetChannel, TargetView};
use app::domain::task::ConcernKind;
use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, QueryResult, Value};
use uuid::Uuid;

use super::{LOCAL_OWNER, LOCAL_TEAM, Store, StoreError, clock, statement};

/// The most browsers of one person.
const MOST_BROWSERS: u32 = 20;

/// How browsers are stored, beside the words of [`TargetChannel`].
const BROWSER: &str = "browser";

/// A place that notifications are sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    Browser {
        endpoint: String,
        /// The browser's public key, in base64url.
        p256dh: String,
        /// What only the browser and this server know, in base64url.
        auth: String,
    },
    Webhook {
        url: String,
    },
    Slack {
        channel: String,
    },
}

impl Store {
    /// Keeps a browser, under the id that it has if it is known. The oldest makes room for one too many.
    pub async fn keep_subscription(
        &self,
        id: Uuid,
        given: &PushSubscription,
    ) -> Result<PushSubscriptionView, StoreError> {
        let backend = self.backend();
        let sql = format!(
            "INSERT INTO notification_targets \
             (id, team_id, owner_id, channel, address, p256dh, auth, kinds, created_at_ms) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, {}) ON CONFLICT (address) DO UPDATE SET \
             p256dh = excluded.p256dh, auth = excluded.auth, kinds = excluded.kinds \
             RETURNING id, address, kinds, created_at_ms",
            clock(backend)
        );
        let values: [Value; 8] = [
            id.into(),
            LOCAL_TEAM.into(),
            LOCAL_OWNER.into(),
            BROWSER.into(),
            given.endpoint.clone().into(),
            given.keys.p256dh.clone().into(),
            given.keys.auth.clone().into(),
            written(&given.kinds).into(),
        ];
        let tx = self.begin().await?;
        let row = tx.query_one_raw(statement(backend, sql, values)).await?;
        let row = row.ok_or(sea_orm::DbErr::RecordNotInserted)?;
        let view = browser(&row)?;
        let sql = format!(
            "DELETE FROM notification_targets WHERE id IN (SELECT id FROM notification_targets \
             WHERE channel = '{BROWSER}' ORDER BY created_at_ms DESC, id DESC LIMIT 1000 OFFSET {MOST_BROWSERS})"
        );
        tx.execute_unprepared(&sql).await?;
        tx.commit().await?;
        Ok(view)
    }

    /// All browsers, the newest first.
    pub async fn subscriptions(&self) -> Result<Vec<PushSubscriptionView>, StoreError> {
        let sql = format!(
            "SELECT id, address, kinds, created_at_ms FROM notification_targets \
             WHERE channel = '{BROWSER}' ORDER BY created_at_ms DESC, id DESC"
        );
        let rows = self
            .reader()
            .query_all_raw(statement(self.backend(), sql, []))
            .await?;
        rows.iter().map(browser).collect()
    }

    /// Adds a webhook or a channel of Slack. `None` if its address is known already, or there are
    /// `most` others.
    pub async fn add_target(
        &self,
        id: Uuid,
        target: &Target,
        kinds: &[ConcernKind],
        most: u32,
    ) -> Result<Option<TargetView>, StoreError> {
        let (channel, address) = match target {
            Target::Webhook { url } => (TargetChannel::Webhook.to_string(), url),
            Target::Slack { channel } => (TargetChannel::Slack.to_string(), channel),
            Target::Browser { endpoint, .. } => (BROWSER.to_owned(), endpoint),
        };
        let backend = self.backend();
        let sql = format!(
            "INSERT INTO notification_targets \
             (id, team_id, owner_id, channel, address, p256dh, auth, kinds, created_at_ms) \
             SELECT $1, $2, $3, $4, $5, '', '', $6, {} WHERE \
             (SELECT COUNT(*) FROM notification_targets WHERE channel <> '{BROWSER}') < {most} \
             ON CONFLICT (address) DO NOTHING \
             RETURNING id, channel, address, kinds, created_at_ms, failed_at_ms, failure",
            clock(backend)
        );
        let values: [Value; 6] = [
            id.into(),
            LOCAL_TEAM.into(),
            LOCAL_OWNER.into(),
            channel.into(),
            address.clone().into(),
            written(kinds).into(),
        ];
        let row = self.writer();
        let row = row.query_one_raw(statement(backend, sql, values)).await?;
        row.as_ref().map(view).transpose()
    }

    /// All webhooks and channels of Slack, the oldest first.
    pub async fn targets(&self) -> Result<Vec<TargetView>, StoreError> {
        let sql = format!(
            "SELECT id, channel, address, kinds, created_at_ms, failed_at_ms, failure \
             FROM notification_targets WHERE channel <> '{BROWSER}' ORDER BY created_at_ms, id"
        );
        let rows = self
            .reader()
            .query_all_raw(statement(self.backend(), sql, []))
            .await?;
        rows.iter().map(view).collect()
    }

    /// Which notifications a webhook or a channel gets from now on. `None` if there is no such one.
    pub async fn edit_target(
        &self,
        id: Uuid,
        kinds: &[ConcernKind],
    ) -> Result<Option<TargetView>, StoreError> {
        let sql = format!(
            "UPDATE notification_targets SET kinds = $2 WHERE id = $1 AND channel <> '{BROWSER}' \
             RETURNING id, channel, address, kinds, created_at_ms, failed_at_ms, failure"
        );
        let values = [id.into(), written(kinds).into()];
        let edited = statement(self.backend(), sql, values);
        let row = self.writer().query_one_raw(edited).await?;
        row.as_ref().map(view).transpose()
    }

    /// Forgets a target, and what was to be sent to it. Whether there was one.
    pub async fn remove_target(&self, id: Uuid) -> Result<bool, StoreError> {
        let backend = self.backend();
        let tx = self.begin().await?;
        let sql = "DELETE FROM notification_deliveries WHERE target_id = $1";
        tx.execute_raw(statement(backend, sql, [id.into()])).await?;
        let sql = "DELETE FROM notification_targets WHERE id = $1";
        let removed = tx.execute_raw(statement(backend, sql, [id.into()])).await?;
        tx.commit().await?;
        Ok(removed.rows_affected() > 0)
    }

    /// Notes why a message could not be delivered, or that one was.
    pub async fn note_failure(&self, id: Uuid, failure: Option<&str>) -> Result<(), StoreError> {
        let backend = self.backend();
        let noted = if let Some(why) = failure {
            let now = clock(backend);
            let sql = format!(
                "UPDATE notification_targets SET failed_at_ms = {now}, failure = $2 WHERE id = $1"
            );
            statement(backend, sql, [id.into(), why.into()])
        } else {
            let sql = "UPDATE notification_targets SET failed_at_ms = NULL, failure = NULL \
                           WHERE id = $1 AND failed_at_ms IS NOT NULL";
            statement(backend, sql, [id.into()])
        };
        self.writer().execute_raw(noted).await?;
        Ok(())
    }
}

fn written(kinds: &[ConcernKind]) -> String {
    kinds
        .iter()
        .fold(",".to_owned(), |all, kind| format!("{all}{kind},"))
}

fn read(kinds: &str) -> Vec<ConcernKind> {
    let kinds = kinds.split(',');
    kinds.filter_map(|kind| kind.parse().ok()).collect()
}

/// The target of a row with its channel, address and keys.
pub(crate) fn target(row: &QueryResult) -> Result<Target, StoreError> {
    let channel: String = row.try_get("", "channel")?;
    let address: String = row.try_get("", "address")?;
    Ok(match channel.parse() {
        Ok(TargetChannel::Webhook) => Target::Webhook { url: address },
        Ok(TargetChannel::Slack) => Target::Slack { channel: address },
        Err(_) => Target::Browser {
            endpoint: address,
            p256dh: row.try_get("", "p256dh")?,
            auth: row.try_get("", "auth")?,
        },
    })
}

fn browser(row: &QueryResult) -> Result<PushSubscriptionView, StoreError> {
    let endpoint: String = row.try_get("", "address")?;
    let host = endpoint.split('/').nth(2).unwrap_or_default().to_owned();
    let kinds: String = row.try_get("", "kinds")?;
    Ok(PushSubscriptionView {
        id: row.try_get("", "id")?,
        endpoint,
        host,
        kinds: read(&kinds),
        created_at: created(row)?,
    })
}

fn view(row: &QueryResult) -> Result<TargetView, StoreError> {
    let channel: String = row.try_get("", "channel")?;
    let kinds: String = row.try_get("", "kinds")?;
    let failed_at: Option<i64> = row.try_get("", "failed_at_ms")?;
    Ok(TargetView {
        id: row.try_get("", "id")?,
        // Whoever asks leaves browsers out.
        channel: channel.parse().unwrap_or(TargetChannel::Webhook),
        address: row.try_get("", "address")?,
        kinds: read(&kinds),
        created_at: created(row)?,
        failed_at: failed_at.and_then(DateTime::from_timestamp_millis),
        failure: row.try_get("", "failure")?,
    })
}

fn created(row: &QueryResult) -> Result<DateTime<Utc>, StoreError> {
    let at = DateTime::from_timestamp_millis(row.try_get("", "created_at_ms")?);
    Ok(at.unwrap_or_default())
}
