//! A fresh database for each test, of both kinds.

use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement};
use server::notifier::{Notifier, Reach, Surroundings};
use server::settings::{Configured, Settings};
use server::store::Store;
use server::vault::{MasterKeys, Vault};
use tempfile::TempDir;
use uuid::Uuid;

/// A migrated database of its own.
pub struct TestDatabase {
    pub store: Store,
    pub url: String,
    _directory: Option<TempDir>,
}

impl TestDatabase {
    pub async fn sqlite() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("ccs.db");
        let url = format!("sqlite://{}?mode=rwc", file.display());
        Self::open(url, Some(directory)).await
    }

    /// On the PostgreSQL that the test command has started. Its absence is a failure: a test that
    /// is skipped proves nothing.
    pub async fn postgres() -> Self {
        let Ok(server) = std::env::var("CCS_TEST_POSTGRES_URL") else {
            panic!("CCS_TEST_POSTGRES_URL is not set: run `make test`, which starts a PostgreSQL");
        };
        let name = format!("ccs_{}", Uuid::new_v4().simple());
        let connection = Database::connect(&server).await.unwrap();
        let create = format!("CREATE DATABASE {name}");
        connection.execute_unprepared(&create).await.unwrap();
        connection.close().await.unwrap();
        let (address, _) = server.rsplit_once('/').unwrap();
        Self::open(format!("{address}/{name}"), None).await
    }

    async fn open(url: String, directory: Option<TempDir>) -> Self {
        let store = Store::open(&url).await.unwrap();
        store.migrate().await.unwrap();
        Self {
            store,
            url,
            _directory: directory,
        }
    }

    /// Another store on the same database, as another process would have it.
    pub async fn another(&self) -> Store {
        Store::open(&self.url).await.unwrap()
    }

    /// A connection past the store, to look behind it or to do damage.
    pub async fn connection(&self) -> DatabaseConnection {
        Database::connect(&self.url).await.unwrap()
    }

    /// Carries out a statement past the store.
    pub async fn execute(&self, sql: &str) -> u64 {
        let connection = self.connection().await;
        let result = connection.execute_unprepared(sql).await.unwrap();
        connection.close().await.unwrap();
        result.rows_affected()
    }

    /// A number that a query answers with.
    pub async fn number(&self, sql: &str) -> i64 {
        let connection = self.connection().await;
        let asked = Statement::from_string(connection.get_database_backend(), sql);
        let row = connection.query_one_raw(asked).await.unwrap().unwrap();
        let number = row.try_get_by_index(0).unwrap();
        connection.close().await.unwrap();
        number
    }

    /// How SQLite goes about a query, line by line.
    pub async fn plan(&self, explained: &str) -> String {
        let connection = self.connection().await;
        let asked = Statement::from_string(DbBackend::Sqlite, explained);
        let rows = connection.query_all_raw(asked).await.unwrap();
        connection.close().await.unwrap();
        let steps = rows
            .iter()
            .map(|row| row.try_get::<String>("", "detail").unwrap());
        steps.collect::<Vec<_>>().join("\n")
    }

    /// All rows of a table, in an order of their own, as text.
    pub async fn dump(&self, table: &str) -> Vec<String> {
        let connection = self.connection().await;
        let backend = connection.get_database_backend();
        let sql = if backend == DbBackend::Postgres {
            format!("SELECT t::text FROM {table} t ORDER BY 1")
        } else {
            let columns = format!("SELECT name FROM pragma_table_info('{table}') ORDER BY name");
            let columns = texts(&connection, columns).await;
            let quoted: Vec<_> = columns
                .iter()
                .map(|name| format!("quote({name})"))
                .collect();
            format!(
                "SELECT {} FROM {table} ORDER BY 1",
                quoted.join(" || ',' || ")
            )
        };
        let rows = texts(&connection, sql).await;
        connection.close().await.unwrap();
        rows
    }
}

/// A vault with a key of the tests' own.
pub fn vault(store: &Store) -> Vault {
    let key = format!("{}=", "A".repeat(43));
    Vault::new(store.clone(), MasterKeys::parse(&key).unwrap())
}

/// Settings that nothing is configured of.
pub fn settings(store: &Store) -> Settings {
    Settings::new(store.clone(), vault(store), Configured::default())
}

/// Sends notifications to this machine alone.
pub fn notifier(store: &Store) -> Notifier {
    let surroundings = Surroundings {
        browsers: Reach::Loopback,
        webhooks: Reach::Loopback,
        ..Surroundings::new("http://127.0.0.1:3000".to_owned(), false)
    };
    Notifier::new(store.clone(), vault(store), settings(store), surroundings)
}

async fn texts(connection: &DatabaseConnection, sql: String) -> Vec<String> {
    let asked = Statement::from_string(connection.get_database_backend(), sql);
    let rows = connection.query_all_raw(asked).await.unwrap();
    rows.iter()
        .map(|row| row.try_get_by_index(0).unwrap())
        .collect()
}

/// Declares each test twice: on SQLite and on PostgreSQL.
macro_rules! on_both_databases {
    ($(async fn $name:ident($database:ident) $body:block)+) => {
        $(async fn $name($database: crate::support::database::TestDatabase) $body)+

        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(crate::support::database::TestDatabase::sqlite().await).await;
            })+
        }

        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(crate::support::database::TestDatabase::postgres().await).await;
            })+
        }
    };
}

pub(crate) use on_both_databases;
