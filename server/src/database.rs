//! The subcommands that look after the database.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use sea_orm::{ConnectionTrait as _, DbBackend, DbErr};
use secrecy::ExposeSecret as _;
use tokio::fs;
use uuid::Uuid;

use crate::config::Database;
use crate::store::{Store, StoreError, statement};

/// What a subcommand could not do with the database.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// Nothing is there: as a rule, the data folder is the wrong one.
    #[error("there is no database at {}; is this the right data folder?", file.display())]
    Absent { file: PathBuf },
    /// The database is somebody else's, or was never used.
    #[error("the database is not one of this program; is this the right data folder?")]
    Foreign,
    /// An earlier version wrote it.
    #[error("the database has not the schema of this version; bring it there with `migrate`")]
    NotMigrated,
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
    Copy(#[source] DbErr),
    /// The whole copy could not be given its name.
    #[error("the copy could not be put at {}", path.display())]
    Place {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// It can't be opened or read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is done with a database that has to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Also of an earlier version's: a copy is wanted most before a new version takes over.
    Read,
    Write,
}

/// Connects to the configured database. An SQLite file that isn't there is made.
pub async fn open(database: &Database) -> Result<Store, StoreError> {
    match database {
        Database::Postgres { url } => Store::open(url.expose_secret()).await,
        Database::Sqlite { file } => Store::open(&sqlite_url(file, "rwc")).await,
    }
}

/// Connects to a database that is there and was made by this program.
pub async fn open_existing(database: &Database, access: Access) -> Result<Store, DatabaseError> {
    check_present(database)?;
    let store = match (database, access) {
        (Database::Postgres { url }, _) => Store::open(url.expose_secret()).await?,
        (Database::Sqlite { file }, Access::Read) => Store::open(&sqlite_url(file, "ro")).await?,
        (Database::Sqlite { file }, Access::Write) => Store::open(&sqlite_url(file, "rw")).await?,
    };
    if !store.has_schema().await? {
        return Err(DatabaseError::Foreign);
    }
    if access == Access::Write && !store.is_migrated().await? {
        return Err(DatabaseError::NotMigrated);
    }
    Ok(store)
}

/// Refuses a file that isn't there, before anything is made beside it.
pub fn check_present(database: &Database) -> Result<(), DatabaseError> {
    match database {
        Database::Sqlite { file } if !file.is_file() => {
            Err(DatabaseError::Absent { file: file.clone() })
        }
        _ => Ok(()),
    }
}

/// The path as a URL; the signs that mean something in one are escaped.
fn sqlite_url(file: &Path, mode: &str) -> String {
    let path = file
        .to_string_lossy()
        .replace('%', "%25")
        .replace('?', "%3F")
        .replace('#', "%23");
    format!("sqlite://{path}?mode={mode}")
}

/// Copies the database to a new file, as it is at one moment, while others use it. A copy that is
/// cut off never bears the file's name.
pub async fn backup(store: &Store, to: &Path) -> Result<(), DatabaseError> {
    let connection = store.reader();
    if connection.get_database_backend() != DbBackend::Sqlite {
        return Err(DatabaseError::Postgres);
    }
    if to.exists() {
        return Err(DatabaseError::Exists {
            path: to.to_owned(),
        });
    }
    let unfinished = unfinished(to);
    let file = unfinished.to_str().ok_or_else(|| DatabaseError::Path {
        path: to.to_owned(),
    })?;
    let copy = statement(DbBackend::Sqlite, "VACUUM INTO $1", [file.into()]);
    let copied = connection.execute_raw(copy).await;
    let placed = match copied {
        Ok(_) if to.exists() => Err(DatabaseError::Exists {
            path: to.to_owned(),
        }),
        Ok(_) => fs::rename(&unfinished, to)
            .await
            .map_err(|source| DatabaseError::Place {
                path: to.to_owned(),
                source,
            }),
        Err(error) => Err(DatabaseError::Copy(error)),
    };
    if placed.is_err() {
        fs::remove_file(&unfinished).await.ok(); // not there if copying failed at its start
    }
    placed
}

fn unfinished(to: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(to.file_name().unwrap_or_default());
    name.push(format!(".{}", Uuid::now_v7().simple()));
    to.with_file_name(name)
}
