//! Changing the keys.
//!
//! A new data key is made under the first master key, every secret is encrypted anew with it, and
//! keys that nothing needs any more go. Each step leaves everything readable, and a rotation that
//! was cut off is completed by the next.

use std::sync::Arc;

use sea_orm::sea_query::{Expr, Query};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use secrecy::ExposeSecret as _;
use uuid::Uuid;

use super::row::{data_key, secret};
use super::seal::{self, Key};
use super::{Vault, VaultError, decrypt, new_file, place};
use crate::config::Storage;
use crate::store::Store;

/// So many secrets are encrypted anew in one transaction.
const BATCH: u64 = 100;

/// What a rotation has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rotation {
    /// Secrets that are encrypted with the new key.
    pub secrets: u64,
    /// Secrets that can't be read and were left as they are, with their keys.
    pub left: u64,
    /// Secrets that nobody could read any more and that were removed.
    pub forgotten: u64,
    /// Whether the server's own master key is a new one.
    pub new_master_key: bool,
}

impl Vault {
    /// Rotates the keys: the data key, and the master key too if it is the server's own. With
    /// `forget_unreadable`, secrets whose master key is not at hand are removed first.
    pub async fn rotate(
        storage: &Storage,
        store: Store,
        forget_unreadable: bool,
    ) -> Result<Rotation, VaultError> {
        let unlocked = Self::unlock(storage, store.clone()).await;
        let vault = match unlocked {
            Err(VaultError::NoMasterKey { path, .. }) if forget_unreadable => Self {
                file: Some(path.clone()),
                ..Self::new(store, new_file(&path)?)
            },
            unlocked => unlocked?,
        };
        let mut rotation = Rotation::default();
        if forget_unreadable {
            rotation.forgotten = vault.forget_unreadable().await?;
        }
        vault.check().await?;
        vault.renew(rotation).await
    }

    async fn renew(self, mut rotation: Rotation) -> Result<Rotation, VaultError> {
        let vault = match &self.file {
            Some(path) => Self {
                keys: Arc::new(self.keys.add_to(path)?),
                ..self.clone()
            },
            None => self,
        };
        let (id, key) = vault.new_data_key(vault.store.writer()).await?;
        vault.encrypt_anew(id, &key, &mut rotation).await?;
        let unused = data_key::Entity::delete_many()
            .filter(data_key::Column::Id.ne(id))
            .filter(
                data_key::Column::Id.not_in_subquery(
                    Query::select()
                        .column(secret::Column::KeyId)
                        .from(secret::Entity)
                        .to_owned(),
                ),
            );
        unused.exec(vault.store.writer()).await?;
        let first = vault.keys.first().id.as_str();
        let older = data_key::Entity::find()
            .filter(data_key::Column::MasterKeyId.ne(first))
            .one(vault.store.reader())
            .await?;
        if let (Some(path), None) = (&vault.file, older) {
            vault.keys.reduce(path)?;
            rotation.new_master_key = true;
        }
        Ok(rotation)
    }

    async fn encrypt_anew(
        &self,
        key_id: Uuid,
        key: &Key,
        rotation: &mut Rotation,
    ) -> Result<(), VaultError> {
        let mut after = Uuid::nil();
        loop {
            let transaction = self.store.begin().await?;
            let rows = secret::Entity::find()
                .filter(secret::Column::KeyId.ne(key_id))
                .filter(secret::Column::Id.gt(after))
                .order_by_asc(secret::Column::Id)
                .limit(BATCH)
                .all(&transaction)
                .await?;
            let Some(last) = rows.last() else {
                return Ok(());
            };
            after = last.id;
            for row in &rows {
                match self.encrypt_row_anew(&transaction, row, key_id, key).await {
                    Ok(written) => rotation.secrets += written,
                    Err(error @ VaultError::Damaged { .. }) => {
                        tracing::error!(error = &error as &dyn std::error::Error, "left as it is");
                        rotation.left += 1;
                    }
                    Err(error) => return Err(error),
                }
            }
            transaction.commit().await?;
        }
    }

    /// Returns how many rows were written: none if somebody else was faster.
    async fn encrypt_row_anew(
        &self,
        connection: &impl ConnectionTrait,
        row: &secret::Model,
        key_id: Uuid,
        key: &Key,
    ) -> Result<u64, VaultError> {
        let old = data_key::Entity::find_by_id(row.key_id)
            .one(connection)
            .await?;
        let Some(old) = old else { return Ok(0) };
        let secret = decrypt(row, &self.unwrap(&old)?)?;
        let here = place(&row.scope, row.owner_id, &row.name, secret.kind, key_id);
        let sealed = seal::seal(key, &here, secret.value.expose_secret())?;
        // A value that was given at this moment is not overwritten.
        let written = secret::Entity::update_many()
            .col_expr(secret::Column::KeyId, Expr::value(key_id))
            .col_expr(secret::Column::Salt, Expr::value(sealed.salt))
            .col_expr(secret::Column::Nonce, Expr::value(sealed.nonce))
            .col_expr(secret::Column::Ciphertext, Expr::value(sealed.ciphertext))
            .filter(secret::Column::Id.eq(row.id))
            .filter(secret::Column::Nonce.eq(row.nonce.clone()))
            .exec(connection)
            .await?;
        Ok(written.rows_affected)
    }

    /// Removes the secrets whose master key is not at hand, and their data keys.
    async fn forget_unreadable(&self) -> Result<u64, VaultError> {
        let known: Vec<_> = self.keys.ids().map(|id| id.as_str().to_owned()).collect();
        let lost = || data_key::Column::MasterKeyId.is_not_in(known.clone());
        let transaction = self.store.begin().await?;
        let keys = data_key::Entity::find()
            .filter(lost())
            .all(&transaction)
            .await?;
        let ids: Vec<_> = keys.into_iter().map(|key| key.id).collect();
        let removed = secret::Entity::delete_many()
            .filter(secret::Column::KeyId.is_in(ids.clone()))
            .exec(&transaction)
            .await?;
        data_key::Entity::delete_many()
            .filter(data_key::Column::Id.is_in(ids))
            .exec(&transaction)
            .await?;
        transaction.commit().await?;
        Ok(removed.rows_affected)
    }
}
