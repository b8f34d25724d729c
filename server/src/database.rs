//! The subcommands that look after the database.

use std::path::{Path, PathBuf};

use sea_orm::{ConnectionTrait as _, DbBackend, DbErr};
use secrecy::ExposeSecret as _;

use crate::config::Database;
use crate::store::{Store, StoreError, statement};

/// A copy could not be made.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// PostgreSQL has tools of its own.
    #[error("a PostgreSQL database is backed up with its own tools: pg_dump --format=custom")]
    Postgres,
    /// Copies replace nothing.
    #[error("{} exists already", path.display())]
    Exists { path: PathBuf },
    /// Not a path that SQLite can take.
    #[error("{} is not valid UTF-8", path.display())]
    Path { path: PathBuf },
    /// The database failed.
    #[error("the database could not be copied")]
    Database(#[from] DbErr),
}

/// Connects to the configured database.
pub async fn open(database: &Database) -> Result<Store, StoreError> {
    match database {
        Database::Postgres { url } => Store::open(url.expose_secret()).await,
        Database::Sqlite { file } => Store::open(&sqlite_url(file)).await,
    }
}

/// The path as a URL; the signs that mean something in one are escaped.
fn sqlite_url(file: &Path) -> String {
    let path = file
        .to_string_lossy()
        .replace('%', "%25")
        .replace('?', "%3F")
        .replace('#', "%23");
    format!("sqlite://{path}?mode=rwc")
}

/// Copies the database to a new file, as it is at one moment, while others use it.
pub async fn backup(store: &Store, to: &Path) -> Result<(), BackupError> {
    let connection = store.reader();
    if connection.get_database_backend() != DbBackend::Sqlite {
        return Err(BackupError::Postgres);
    }
    if to.exists() {
        return Err(BackupError::Exists {
            path: to.to_owned(),
        });
    }
    let file = to.to_str().ok_or_else(|| BackupError::Path {
        path: to.to_owned(),
    })?;
    let copy = statement(DbBackend::Sqlite, "VACUUM INTO $1", [file.into()]);
    connection.execute_raw(copy).await?;
    Ok(())
}
