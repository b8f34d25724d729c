//! Secrets at rest.
//!
//! A value is encrypted by AES-256-GCM under a key of its own, derived from a data key and a fresh
//! salt, and bound to whose it is, its name and its kind: a row that is moved or changed can't be
//! read. Data keys lie in the database too, wrapped by a master key that doesn't. Nothing is kept
//! in memory but the master keys; what reads the memory of the running process is beyond this.

mod master;
mod named;
mod rotation;
mod row;
mod seal;
mod secret;
mod task;
mod transcript;

pub use master::{KeyFileError, MasterKeyId, MasterKeys, NotAKey};
pub use named::{Keep, NamedSecret};
pub use rotation::Rotation;
pub use secret::{
    NameError, Scope, Secret, SecretKind, SecretName, SecretSummary, TaskSecrets, telling_end,
};

pub use transcript::Tampered;
pub(crate) use transcript::TranscriptKey;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use rand::rand_core::OsError;
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait,
    IntoActiveModel, QueryFilter, QueryOrder, Set,
};
use secrecy::SecretSlice;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::config::Storage;
use crate::store::{Store, StoreError};
use row::secret::Column;
use row::{data_key, secret as secret_row};
use seal::{Key, Sealed};

/// The longest value, in bytes: enough for a chain of certificates. What is printed is searched for
/// all of it, in a dozen forms.
pub const VALUE_LIMIT: usize = 64 * 1024;

/// The stored secrets. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Vault {
    store: Store,
    keys: Arc<MasterKeys>,
    /// The server's own key file, unless the key is given by configuration.
    file: Option<PathBuf>,
}

/// Why a secret can't be had or kept. Nothing is lost by any of these.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// There are secrets, and no key.
    #[error(
        "the secrets in the database are encrypted with the master key {wanted}, and there is \
         none: put it back at {}, or set CCS_MASTER_KEY_FILE. Nothing was changed. If it is lost \
         for good, `rotate-keys --forget-unreadable` removes what nobody can read any more",
        path.display()
    )]
    NoMasterKey { wanted: MasterKeyId, path: PathBuf },
    /// There are secrets, and another key.
    #[error(
        "secrets in the database are encrypted with the master key {wanted}, and the one given is \
         {given}. Nothing was changed. Give the right one, or both, one a line. If it is lost for \
         good, `rotate-keys --forget-unreadable` removes what nobody can read any more"
    )]
    WrongMasterKey { wanted: MasterKeyId, given: String },
    /// The server's own key file is of no use.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// A row of the keys was changed.
    #[error("the data key {id} in the database is damaged")]
    DamagedKey { id: Uuid },
    /// A row of the secrets was changed, moved or swapped.
    #[error("the secret {name} is damaged in the database; it has to be given again")]
    Damaged { name: String },
    /// There is no reusable secret of this name.
    #[error("there is no secret named {name}")]
    Unknown { name: SecretName },
    /// Nothing, or too much.
    #[error("a secret has 1 to {VALUE_LIMIT} bytes")]
    Length,
    /// The system has no random numbers.
    #[error("the system gives no random numbers")]
    Randomness(#[from] OsError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<DbErr> for VaultError {
    fn from(error: DbErr) -> Self {
        Self::Store(error.into())
    }
}

impl Vault {
    /// The vault with the configured master key, else the one in the data folder, which is made
    /// when there are no secrets yet. Refuses keys that can't read what is stored.
    pub async fn open(storage: &Storage, store: Store) -> Result<Self, VaultError> {
        let vault = Self::unlock(storage, store).await?;
        vault.check().await?;
        Ok(vault)
    }

    /// The same without looking whether everything can be read.
    async fn unlock(storage: &Storage, store: Store) -> Result<Self, VaultError> {
        if let Some(keys) = &storage.master_keys {
            return Ok(Self::new(store, keys.clone()));
        }
        let path = MasterKeys::file(&storage.data_dir);
        let keys = match MasterKeys::read(&path)? {
            Some(keys) => keys,
            None => match any_master_key(store.reader()).await? {
                Some(wanted) => return Err(VaultError::NoMasterKey { wanted, path }),
                None => new_file(&path)?,
            },
        };
        Ok(Self {
            file: Some(path),
            ..Self::new(store, keys)
        })
    }

    /// The vault with these keys.
    pub fn new(store: Store, keys: MasterKeys) -> Self {
        Self {
            store,
            keys: Arc::new(keys),
            file: None,
        }
    }

    /// Tells these parts from any others, without telling them: to guess them takes the master key,
    /// and with another one it is another. In hexadecimal digits.
    pub fn fingerprint(&self, parts: &[&[u8]]) -> String {
        let mut output = [0; 16];
        let digest = Sha256::digest(seal::place(parts));
        let key = &self.keys.first().key;
        seal::derive(key, &digest, "ccs/fingerprint/v1", &mut output);
        let mut text = String::with_capacity(2 * output.len());
        for byte in output {
            let _ = write!(text, "{byte:02x}");
        }
        text
    }

    /// Whether every data key can be read.
    pub async fn check(&self) -> Result<(), VaultError> {
        for row in data_key::Entity::find().all(self.store.reader()).await? {
            self.unwrap(&row)?;
        }
        Ok(())
    }

    /// Keeps a value under a name, in place of an earlier one.
    pub async fn put(
        &self,
        scope: Scope,
        name: &SecretName,
        kind: SecretKind,
        value: &[u8],
    ) -> Result<(), VaultError> {
        let transaction = self.store.begin().await?;
        self.put_within(&transaction, scope, name, kind, value)
            .await?;
        Ok(transaction.commit().await?)
    }

    /// The same as part of something greater.
    pub(crate) async fn put_within(
        &self,
        transaction: &DatabaseTransaction,
        scope: Scope,
        name: &SecretName,
        kind: SecretKind,
        value: &[u8],
    ) -> Result<(), VaultError> {
        if value.is_empty() || value.len() > VALUE_LIMIT {
            return Err(VaultError::Length);
        }
        let (key_id, key) = self.current_key(transaction).await?;
        let place = place(scope.name(), scope.owner(), name.as_str(), kind, key_id);
        let sealed = seal::seal(&key, &place, value)?;
        let now = now_ms();
        let row = secret_row::ActiveModel {
            id: Set(Uuid::now_v7()),
            scope: Set(scope.name().to_owned()),
            owner_id: Set(scope.owner()),
            name: Set(name.as_str().to_owned()),
            kind: Set(kind.to_string()),
            key_id: Set(key_id),
            salt: Set(sealed.salt),
            nonce: Set(sealed.nonce),
            ciphertext: Set(sealed.ciphertext),
            created_at_ms: Set(now),
            updated_at_ms: Set(now),
        };
        // The id stays, and with it what refers to it.
        let replace = OnConflict::columns([Column::Scope, Column::OwnerId, Column::Name])
            .update_columns([
                Column::Kind,
                Column::KeyId,
                Column::Salt,
                Column::Nonce,
                Column::Ciphertext,
                Column::UpdatedAtMs,
            ])
            .to_owned();
        secret_row::Entity::insert(row)
            .on_conflict(replace)
            .exec_without_returning(transaction)
            .await?;
        Ok(())
    }

    /// A secret with its value.
    pub async fn get(&self, scope: Scope, name: &SecretName) -> Result<Option<Secret>, VaultError> {
        match self.row(scope, name).await? {
            Some(row) => Ok(Some(self.open_row(self.store.reader(), &row).await?)),
            None => Ok(None),
        }
    }

    /// What there is, by name; never the values.
    pub async fn list(&self, scope: Scope) -> Result<Vec<SecretSummary>, VaultError> {
        let rows = of(scope).all(self.store.reader()).await?;
        rows.iter().map(summary).collect()
    }

    /// Removes a secret and all grants of it. Returns whether there was one.
    pub async fn delete(&self, scope: Scope, name: &SecretName) -> Result<bool, VaultError> {
        let Some(row) = self.row(scope, name).await? else {
            return Ok(false);
        };
        let removed = secret_row::Entity::delete_by_id(row.id);
        Ok(removed.exec(self.store.writer()).await?.rows_affected > 0)
    }

    async fn named(&self, name: &SecretName) -> Result<secret_row::Model, VaultError> {
        let row = self.row(Scope::Named, name).await?;
        row.ok_or_else(|| VaultError::Unknown { name: name.clone() })
    }

    async fn row(
        &self,
        scope: Scope,
        name: &SecretName,
    ) -> Result<Option<secret_row::Model>, VaultError> {
        self.row_within(self.store.reader(), scope, name).await
    }

    async fn row_within(
        &self,
        connection: &impl ConnectionTrait,
        scope: Scope,
        name: &SecretName,
    ) -> Result<Option<secret_row::Model>, VaultError> {
        let named = of(scope).filter(Column::Name.eq(name.as_str()));
        Ok(named.one(connection).await?)
    }

    /// Decrypts a row. A key that was rotated away since the row was read means that the row is an
    /// old one: it is read again.
    async fn open_row(
        &self,
        connection: &impl ConnectionTrait,
        row: &secret_row::Model,
    ) -> Result<Secret, VaultError> {
        let mut row = row.clone();
        for _ in 0..3 {
            if let Some(key) = data_key::Entity::find_by_id(row.key_id)
                .one(connection)
                .await?
            {
                return decrypt(&row, &self.unwrap(&key)?);
            }
            let again = secret_row::Entity::find_by_id(row.id)
                .one(connection)
                .await?;
            row = again.ok_or_else(|| VaultError::Damaged {
                name: row.name.clone(),
            })?;
        }
        Err(VaultError::DamagedKey { id: row.key_id })
    }

    /// The newest data key; the first one is made when it is needed.
    async fn current_key(
        &self,
        connection: &impl ConnectionTrait,
    ) -> Result<(Uuid, Key), VaultError> {
        let newest = data_key::Entity::find()
            .order_by_desc(data_key::Column::CreatedAtMs)
            .order_by_desc(data_key::Column::Id)
            .one(connection)
            .await?;
        match newest {
            Some(row) => Ok((row.id, self.unwrap(&row)?)),
            None => self.new_data_key(connection).await,
        }
    }

    /// Makes a data key under the first master key.
    async fn new_data_key(
        &self,
        connection: &impl ConnectionTrait,
    ) -> Result<(Uuid, Key), VaultError> {
        let id = Uuid::now_v7();
        let master = self.keys.first();
        let key = seal::new_key()?;
        let wrapped = seal::seal(
            &master.key,
            &key_place(id, master.id.as_str()),
            key.as_slice(),
        )?;
        let row = data_key::Model {
            id,
            master_key_id: master.id.as_str().to_owned(),
            salt: wrapped.salt,
            nonce: wrapped.nonce,
            wrapped: wrapped.ciphertext,
            created_at_ms: now_ms(),
        };
        row.into_active_model().insert(connection).await?;
        Ok((id, key))
    }

    fn unwrap(&self, row: &data_key::Model) -> Result<Key, VaultError> {
        let Some(master) = self.keys.find(&row.master_key_id) else {
            return Err(VaultError::WrongMasterKey {
                wanted: MasterKeyId::stored(row.master_key_id.clone()),
                given: self.key_names(),
            });
        };
        let sealed = Sealed {
            salt: row.salt.clone(),
            nonce: row.nonce.clone(),
            ciphertext: row.wrapped.clone(),
        };
        let damaged = || VaultError::DamagedKey { id: row.id };
        let place = key_place(row.id, &row.master_key_id);
        let bytes = seal::open(&master.key, &place, &sealed).map_err(|_| damaged())?;
        let mut key = Key::default();
        if bytes.len() != key.len() {
            return Err(damaged());
        }
        key.copy_from_slice(&bytes);
        Ok(key)
    }

    fn key_names(&self) -> String {
        let mut names = String::new();
        for id in self.keys.ids() {
            let separator = if names.is_empty() { "" } else { ", " };
            write!(names, "{separator}{id}").expect("a string takes everything");
        }
        names
    }
}

/// The rows of a scope, by name.
fn of(scope: Scope) -> sea_orm::Select<secret_row::Entity> {
    secret_row::Entity::find()
        .filter(Column::Scope.eq(scope.name()))
        .filter(Column::OwnerId.eq(scope.owner()))
        .order_by_asc(Column::Name)
}

/// Where a secret belongs: a ciphertext opens nowhere else.
fn place(scope: &str, owner: Uuid, name: &str, kind: SecretKind, key: Uuid) -> Vec<u8> {
    seal::place(&[
        b"ccs/secret/v1",
        scope.as_bytes(),
        owner.as_bytes(),
        name.as_bytes(),
        kind.to_string().as_bytes(),
        key.as_bytes(),
    ])
}

fn key_place(id: Uuid, master: &str) -> Vec<u8> {
    seal::place(&[b"ccs/data-key/v1", id.as_bytes(), master.as_bytes()])
}

fn decrypt(row: &secret_row::Model, key: &Key) -> Result<Secret, VaultError> {
    let SecretSummary { name, kind, .. } = summary(row)?;
    let place = place(&row.scope, row.owner_id, &row.name, kind, row.key_id);
    let sealed = Sealed {
        salt: row.salt.clone(),
        nonce: row.nonce.clone(),
        ciphertext: row.ciphertext.clone(),
    };
    let value = seal::open(key, &place, &sealed).map_err(|_| damaged(&row.name))?;
    Ok(Secret {
        name,
        kind,
        // A copy of its exact length: a longer buffer would leave a piece behind when it shrinks.
        value: SecretSlice::from(value.to_vec()),
    })
}

fn summary(row: &secret_row::Model) -> Result<SecretSummary, VaultError> {
    let time = |ms| DateTime::from_timestamp_millis(ms).ok_or_else(|| damaged(&row.name));
    Ok(SecretSummary {
        name: row.name.parse().map_err(|_| damaged(&row.name))?,
        kind: row.kind.parse().map_err(|_| damaged(&row.name))?,
        created_at: time(row.created_at_ms)?,
        updated_at: time(row.updated_at_ms)?,
    })
}

fn damaged(name: &str) -> VaultError {
    VaultError::Damaged {
        name: name.to_owned(),
    }
}

/// The name of a master key that something is encrypted with, if anything is.
async fn any_master_key(
    connection: &impl ConnectionTrait,
) -> Result<Option<MasterKeyId>, VaultError> {
    let row = data_key::Entity::find()
        .order_by_desc(data_key::Column::CreatedAtMs)
        .one(connection)
        .await?;
    Ok(row.map(|row| MasterKeyId::stored(row.master_key_id)))
}

fn new_file(path: &std::path::Path) -> Result<MasterKeys, VaultError> {
    let keys = MasterKeys::create(path)?;
    tracing::warn!(
        path = %path.display(),
        "made a master key for secrets; keep a copy of it apart from the database, for without it \
         they can't be read"
    );
    Ok(keys)
}

fn now_ms() -> i64 {
    Utc::now().timestamp_millis()
}
