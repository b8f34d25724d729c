//! Requests that a client may send twice and that must be carried out once.
//!
//! The HTTP layer asks [`Store::recall`] before it acts, which also reserves the key, and tells
//! [`Store::remember`] the answer afterwards, or [`Store::forget`] if it has none worth keeping.

use sea_orm::{ConnectionTrait, EntityTrait};

use super::{LOCAL_OWNER, Store, StoreError, clock, statement};

/// An answer is kept for 24 hours.
const KEPT_MS: i64 = 24 * 60 * 60 * 1000;

/// A key whose request was never answered, since the server died, is free again after a minute.
const RESERVED_MS: i64 = 60 * 1000;

/// What makes two requests the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// As the client chose it.
    pub key: String,
    /// Method and path, as in `POST /api/tasks`.
    pub route: String,
    /// Of the request's body, to tell a mistake from a repetition. Made with a key that is not in the
    /// database: the body may be a secret.
    pub body_digest: [u8; 32],
}

/// What a request was answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The `Location` header.
    pub location: Option<String>,
    /// The `Content-Type` header.
    pub content_type: Option<String>,
    /// The body as it was sent.
    pub body: Vec<u8>,
}

/// What is known of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recall {
    /// Nothing: the caller carries it out. The key is reserved until it remembers or forgets.
    New,
    /// It was carried out: the caller gives the same answer again.
    Answered(StoredAnswer),
    /// It is being carried out right now, by another request with this key.
    InProgress,
    /// The key was used with another body.
    Different,
}

mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "idempotency_keys")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub owner_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub route: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub key: String,
        #[sea_orm(column_name = "body_sha256")]
        pub body_sha256: Vec<u8>,
        pub status: Option<i32>,
        pub location: Option<String>,
        pub content_type: Option<String>,
        pub body: Option<Vec<u8>>,
        pub expires_at_ms: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

impl Store {
    /// What is known of a request. If nothing is, the key is reserved for the caller, so that of
    /// two requests at the same moment one is carried out.
    pub async fn recall(&self, key: &IdempotencyKey) -> Result<Recall, StoreError> {
        let backend = self.backend();
        let now = clock(backend);
        // An expired row is taken over as if it were not there.
        let sql = format!(
            "INSERT INTO idempotency_keys (owner_id, route, key, body_sha256, expires_at_ms) \
             VALUES ($1, $2, $3, $4, {now} + $5) \
             ON CONFLICT (owner_id, route, key) DO UPDATE SET body_sha256 = excluded.body_sha256, \
             status = NULL, location = NULL, content_type = NULL, body = NULL, \
             expires_at_ms = excluded.expires_at_ms WHERE idempotency_keys.expires_at_ms <= {now}"
        );
        let values = [
            LOCAL_OWNER.into(),
            key.route.clone().into(),
            key.key.clone().into(),
            key.body_digest.to_vec().into(),
            RESERVED_MS.into(),
        ];
        let writer = self.writer();
        let reserved = writer.execute_raw(statement(backend, sql, values)).await?;
        if reserved.rows_affected() == 1 {
            let sql = format!("DELETE FROM idempotency_keys WHERE expires_at_ms <= {now}");
            writer.execute_raw(statement(backend, sql, [])).await?;
            return Ok(Recall::New);
        }
        let id = (LOCAL_OWNER, key.route.clone(), key.key.clone());
        let Some(row) = row::Entity::find_by_id(id).one(writer).await? else {
            // Forgotten in between: the other request came to nothing.
            return Ok(Recall::InProgress);
        };
        if row.body_sha256 != key.body_digest {
            return Ok(Recall::Different);
        }
        let status = row.status.and_then(|status| u16::try_from(status).ok());
        Ok(status.map_or(Recall::InProgress, |status| {
            Recall::Answered(StoredAnswer {
                status,
                location: row.location,
                content_type: row.content_type,
                body: row.body.unwrap_or_default(),
            })
        }))
    }

    /// Keeps the answer to a request whose key was reserved.
    pub async fn remember(
        &self,
        key: &IdempotencyKey,
        answer: &StoredAnswer,
    ) -> Result<(), StoreError> {
        let backend = self.backend();
        let sql = format!(
            "UPDATE idempotency_keys SET status = $1, location = $2, content_type = $3, body = $4, \
             expires_at_ms = {} + $5 WHERE owner_id = $6 AND route = $7 AND key = $8",
            clock(backend)
        );
        let values = [
            i32::from(answer.status).into(),
            answer.location.clone().into(),
            answer.content_type.clone().into(),
            answer.body.clone().into(),
            KEPT_MS.into(),
            LOCAL_OWNER.into(),
            key.route.clone().into(),
            key.key.clone().into(),
        ];
        self.writer()
            .execute_raw(statement(backend, sql, values))
            .await?;
        Ok(())
    }

    /// Frees a reserved key: the request came to nothing and may be tried again.
    pub async fn forget(&self, key: &IdempotencyKey) -> Result<(), StoreError> {
        let sql = "DELETE FROM idempotency_keys WHERE owner_id = $1 AND route = $2 AND key = $3 \
                   AND status IS NULL";
        let values = [
            LOCAL_OWNER.into(),
            key.route.clone().into(),
            key.key.clone().into(),
        ];
        self.writer()
            .execute_raw(statement(self.backend(), sql, values))
            .await?;
        Ok(())
    }

    /// Frees all reserved keys: those whose requests died with an earlier process. Only for the one
    /// process that uses the database.
    pub async fn free_keys(&self) -> Result<(), StoreError> {
        let sql = "DELETE FROM idempotency_keys WHERE status IS NULL";
        let freeing = statement(self.backend(), sql, []);
        self.writer().execute_raw(freeing).await?;
        Ok(())
    }
}
