//! The event store: the one place where the truth about tasks is kept.
//!
//! Events, projections and the queue change together, in one transaction. Channels only say
//! "look again" ([`Heads`]); whoever wants to know what happened reads it here.

mod adopt;
mod append;
mod checkpoints;
mod estimates;
mod heads;
mod idempotency;
mod limits;
mod notifications;
mod query;
mod read;
pub(crate) mod row;
mod schedules;
mod settings;
mod targets;
mod usage;

pub(crate) use append::advisory_lock;
pub use append::{Append, Appended, Fence};
pub use estimates::FinishedPhase;
pub use heads::{Heads, Moved};
pub use idempotency::{IdempotencyKey, Recall, StoredAnswer};
pub use limits::Standing;
pub(crate) use limits::{gate_opens_ms, open_gate};
pub use notifications::NotificationFilter;
pub(crate) use query::searchable;
pub use query::{FilterError, MAX_LIMIT, StatusFilter, TaskFilter};
pub use read::Head;
pub(crate) use read::{fold_step, record};
pub use schedules::{Occurred, Schedule};
pub use settings::StoredSettings;
pub use targets::Target;
pub(crate) use targets::target;
pub use usage::{NotADay, UsageFilter};

use std::sync::Arc;
use std::time::Duration;

use app::domain::id::TaskId;
use migrations::{Migrator, MigratorTrait};
use sea_orm::sqlx::{Connection as _, SqliteConnection};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend,
    DbErr, SqliteTransactionMode, SqlxError, Statement, TransactionOptions, TransactionTrait,
    Value,
};
use uuid::Uuid;

/// The team that everything belongs to while there is only one.
pub const LOCAL_TEAM: Uuid = Uuid::from_u128(1);

/// The person that everything belongs to while there is no login.
pub const LOCAL_OWNER: Uuid = Uuid::from_u128(1);

/// On PostgreSQL, what only one transaction at a time may do has the key of an advisory lock.
pub(crate) const LOCK_CLAIMS: i64 = 1;
pub(crate) const LOCK_PREREQUISITES: i64 = 2;

/// Earlier versions can damage a database in WAL mode that several connections use.
const OLDEST_SQLITE: (u32, u32, u32) = (3, 51, 3);

const READERS: u32 = 4;
const POSTGRES_CONNECTIONS: u32 = 12;
const PATIENCE: Duration = Duration::from_secs(5);

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody else wrote first: load, decide and append again.
    #[error("somebody else changed the task first")]
    Conflict,
    /// The write came from a run that no longer holds the task.
    #[error("this run no longer holds the task")]
    Fenced,
    /// The task would wait for itself: it, what it waits for, what that waits for, up to itself again.
    #[error("the task would wait for itself")]
    Circular(Vec<TaskId>),
    /// Events for a task that was never created.
    #[error("the history of a task has to begin with its creation")]
    NotCreated,
    /// What is stored can't be read.
    #[error("stored data is damaged")]
    Corrupt(#[from] Corruption),
    /// The database is not one that this program can use.
    #[error("the database can't be used")]
    Unsupported(#[from] Unsupported),
    /// What was given can't be written as JSON.
    #[error("the value can't be stored")]
    Encode(#[source] serde_json::Error),
    /// Log lines can't be compressed, which only a lack of memory explains.
    #[error("log lines can't be compressed")]
    Compress(#[source] std::io::Error),
    /// The database failed or can't be reached.
    #[error("the database failed")]
    Database(#[from] DbErr),
}

/// What is damaged, and where.
#[derive(Debug, thiserror::Error)]
pub enum Corruption {
    /// An event's JSON is not what this program knows.
    #[error("event {version} of task {task} can't be read")]
    Event {
        task: TaskId,
        version: u64,
        #[source]
        source: serde_json::Error,
    },
    /// A number is missing in a task's history.
    #[error("the history of task {task} has a gap after version {version}")]
    Gap { task: TaskId, version: u64 },
    /// A row holds a word or a number that its column never holds.
    #[error("event {version} of task {task} has an actor or a number that is not known")]
    Row { task: TaskId, version: u64 },
    /// A row of the list of tasks.
    #[error("a task in the list can't be read")]
    View(#[source] serde_json::Error),
    /// What people have set.
    #[error("the stored settings can't be read")]
    Settings(#[source] serde_json::Error),
}

/// Why a database can't be used.
#[derive(Debug, thiserror::Error)]
pub enum Unsupported {
    /// Neither `sqlite://` with a file nor `postgres://`.
    #[error("the address must be sqlite://<file> or postgres://…")]
    Address,
    /// An SQLite with a known defect.
    #[error("SQLite {found} is too old: 3.51.3 or newer is needed")]
    Sqlite {
        /// The linked version.
        found: String,
    },
}

/// A handle to the database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// SQLite: the only connection that writes. PostgreSQL: the pool.
    writer: DatabaseConnection,
    reader: DatabaseConnection,
    heads: Heads,
}

impl Store {
    /// Connects to `sqlite://<file>?mode=rwc` or `postgres://…` without changing anything there.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let (writer, reader) = if url.starts_with("sqlite:") {
            open_sqlite(url).await?
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            let mut options = quiet(url);
            options.max_connections(POSTGRES_CONNECTIONS);
            let pool = Database::connect(options).await?;
            (pool.clone(), pool)
        } else {
            return Err(Unsupported::Address.into());
        };
        // An SQLite file belongs to the process that holds the lock of its folder.
        let heads = Heads::new(writer.get_database_backend() != DbBackend::Sqlite);
        let inner = Arc::new(Inner {
            writer,
            reader,
            heads,
        });
        Ok(Self { inner })
    }

    /// Brings the schema up to date. Harmless to repeat.
    ///
    /// A change to a database that has tasks also makes the read tables again: a new one would lack all
    /// that happened before.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        let is_old = self.has_schema().await? && !self.is_migrated().await?;
        Migrator::up(&self.inner.writer, None).await?;
        if is_old {
            match self.rebuild().await {
                Ok(report) => tracing::info!(
                    tasks = report.tasks,
                    events = report.events,
                    "the read tables were made again"
                ),
                // One damaged task is no reason to refuse all of them.
                Err(error) => tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the read tables could not be made again"
                ),
            }
        }
        Ok(())
    }

    /// Whether the schema is the one that this program needs. Changes nothing.
    pub async fn is_migrated(&self) -> Result<bool, StoreError> {
        let pending = Migrator::get_pending_migrations_read_only(&self.inner.reader).await?;
        Ok(pending.is_empty())
    }

    /// Whether any version of this program has made its tables here. Changes nothing.
    pub async fn has_schema(&self) -> Result<bool, StoreError> {
        let applied = Migrator::get_applied_migrations_read_only(&self.inner.reader).await?;
        Ok(!applied.is_empty())
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        Ok(self.inner.reader.ping().await?)
    }

    /// Closes the connections once they are given back. Other handles of this store fail then.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.inner.reader.clone().close().await?;
        Ok(self.inner.writer.clone().close().await?)
    }

    /// Who to wake when something was stored.
    pub fn heads(&self) -> &Heads {
        &self.inner.heads
    }

    pub(crate) fn reader(&self) -> &DatabaseConnection {
        &self.inner.reader
    }

    pub(crate) fn writer(&self) -> &DatabaseConnection {
        &self.inner.writer
    }

    pub(crate) fn backend(&self) -> DbBackend {
        self.inner.writer.get_database_backend()
    }

    /// A transaction that may write. On SQLite it holds the write lock from its first moment.
    pub(crate) async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        self.inner.writer.begin_with_options(options).await
    }
}

async fn open_sqlite(url: &str) -> Result<(DatabaseConnection, DatabaseConnection), StoreError> {
    // Each connection would see a database of its own.
    if url.contains(":memory:") || url.contains("mode=memory") {
        return Err(Unsupported::Address.into());
    }
    let connect = |connections: u32| {
        let mut options = quiet(url);
        options
            .max_connections(connections)
            .test_before_acquire(false)
            .map_sqlx_sqlite_pool_opts(|pool| {
                pool.after_release(|connection, _| Box::pin(is_at_rest(connection)))
            })
            .map_sqlx_sqlite_opts(|options| {
                options
                    .foreign_keys(true)
                    .busy_timeout(PATIENCE)
                    .pragma("journal_mode", "WAL")
                    .pragma("synchronous", "FULL")
                    .pragma("journal_size_limit", "67108864")
            });
        Database::connect(options)
    };
    let writer = connect(1).await?;
    let found = sqlite_version(&writer).await?;
    if !is_new_enough(&found) {
        return Err(Unsupported::Sqlite { found }.into());
    }
    let reader = connect(READERS).await?;
    Ok((writer, reader))
}

/// Whether a connection that is given back can be used again. When the disk is full, SQLite rolls a
/// transaction back by itself; the way back that sqlx then tries fails, and it would take all that
/// follows for parts of that transaction: after the next failure nothing more would be committed.
async fn is_at_rest(connection: &mut SqliteConnection) -> Result<bool, SqlxError> {
    // Behind a way back that is still queued.
    connection.ping().await?;
    Ok(!connection.is_in_transaction())
}

/// Statements carry what people and agents wrote: none of them is logged.
fn quiet(url: &str) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .sqlx_logging(false)
        .record_stmt_in_spans(false)
        .acquire_timeout(PATIENCE * 2);
    options
}

async fn sqlite_version(connection: &DatabaseConnection) -> Result<String, DbErr> {
    let asked = Statement::from_string(DbBackend::Sqlite, "SELECT sqlite_version() AS version");
    let row = connection.query_one_raw(asked).await?;
    row.ok_or(DbErr::RecordNotFound("sqlite_version()".to_owned()))?
        .try_get("", "version")
}

fn is_new_enough(version: &str) -> bool {
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    (next(), next(), next()) >= OLDEST_SQLITE
}

/// A statement in the dialect that both databases share; parameters are `$1`, `$2` …
pub(crate) fn statement(
    backend: DbBackend,
    sql: impl Into<String>,
    values: impl IntoIterator<Item = Value>,
) -> Statement {
    Statement::from_sql_and_values(backend, sql, values)
}

/// The database's own clock in milliseconds since 1970, as an expression.
pub(crate) const fn clock(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::Postgres => "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
        _ => "CAST(unixepoch('subsec') * 1000 AS INTEGER)",
    }
}

/// The function that gives the larger of two values.
pub(crate) const fn larger(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::Postgres => "GREATEST",
        _ => "MAX",
    }
}

/// A count as the databases keep it. They have no unsigned numbers.
pub(crate) fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A count as it was before [`stored`].
pub(crate) fn counted(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::is_new_enough;

    #[test]
    fn versions_are_compared_by_number() {
        for good in ["3.51.3", "3.51.10", "3.52.0", "4.0.0"] {
            assert!(is_new_enough(good), "{good}");
        }
        for old in ["3.51.2", "3.46.0", "3.9.9", "", "x"] {
            assert!(!is_new_enough(old), "{old}");
        }
    }
}
