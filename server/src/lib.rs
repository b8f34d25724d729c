//! Claude Code Server: web server, orchestrator and store in one binary.

pub mod agent;
pub mod assembly;
pub mod config;
mod database;
pub mod error;
mod fault;
pub mod guides;
pub mod hardening;
mod highlight;
pub mod http;
pub mod jobs;
pub mod limits;
mod listing;
mod lock;
pub mod login;
pub mod logs;
mod markdown;
pub mod notifier;
pub mod orchestrator;
pub mod projections;
pub mod prompts;
pub mod recurrence;
pub mod redaction;
pub mod sandbox;
pub mod scripted_model;
pub mod service;
pub mod settings;
mod spelling;
pub mod state;
pub mod store;
pub mod telemetry;
pub mod transcripts;
pub mod vault;
pub mod verification;
pub mod workflows;
pub mod workspace;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use assembly::Assembly;
use leptos::config::LeptosOptions;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use config::{Command, Config};
use database::Access;
use http::assets::Site;
use http::board::Board;
use http::gate::Gate;
use lock::DataLock;
use state::AppState;
use store::Store;
use vault::Vault;

/// How long background work may take to end.
const GRACE: Duration = Duration::from_secs(10);

/// Why the server could not start or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Lock(#[from] lock::LockError),
    #[error(transparent)]
    Store(#[from] store::StoreError),
    #[error(transparent)]
    Assembly(#[from] assembly::AssemblyError),
    #[error(transparent)]
    Database(#[from] database::DatabaseError),
    #[error(transparent)]
    Vault(#[from] vault::VaultError),
    #[error("the scripted model failed")]
    ScriptedModel(#[from] scripted_model::Error),
    #[error("the address {addr} can't be listened on")]
    Listen {
        addr: SocketAddr,
        #[source]
        source: io::Error,
    },
    #[error("the system refused a signal handler")]
    Signals(#[source] io::Error),
}

/// Does what the command says, until it is done or the process is told to stop.
pub async fn run(config: Config, command: Command) -> Result<(), RunError> {
    match command {
        Command::Serve => serve(config, false).await,
        Command::Demo => {
            // The demo's tasks are not to be mixed with real ones.
            let storage = config.storage.below("demo");
            serve(Config { storage, ..config }, true).await
        }
        Command::ScriptedModel { addr, scenarios } => {
            let shutdown = CancellationToken::new();
            let _signals = stop_on_signals(&shutdown)?;
            Ok(scripted_model::run(addr, scenarios.as_deref(), shutdown).await?)
        }
        // The rest is done soon, and nothing is lost when it is cut off: signals end the process.
        Command::Migrate => {
            let _lock = DataLock::take(&config.storage.data_dir)?;
            let store = database::open(&config.storage.database).await?;
            Ok(store.migrate().await?)
        }
        Command::Rebuild => {
            database::check_present(&config.storage.database)?;
            let _lock = DataLock::take(&config.storage.data_dir)?;
            let store = database::open_existing(&config.storage.database, Access::Write).await?;
            let report = store.rebuild().await?;
            tracing::info!(?report, "rebuilt the read tables");
            Ok(())
        }
        Command::RotateKeys { forget_unreadable } => {
            database::check_present(&config.storage.database)?;
            let _lock = DataLock::take(&config.storage.data_dir)?;
            let store = database::open_existing(&config.storage.database, Access::Write).await?;
            let rotation = Vault::rotate(&config.storage, store, forget_unreadable).await?;
            tracing::info!(?rotation, "rotated the keys");
            if rotation.new_master_key {
                tracing::warn!("the master key is a new one; keep a copy of it, not of the old");
            }
            Ok(())
        }
        Command::Backup { to } => {
            let store = database::open_existing(&config.storage.database, Access::Read).await?;
            Ok(database::backup(&store, &to).await?)
        }
    }
}

async fn serve(config: Config, only_scripted: bool) -> Result<(), RunError> {
    let shutdown = CancellationToken::new();
    let _signals = stop_on_signals(&shutdown)?;
    let _lock = DataLock::take(&config.storage.data_dir)?;
    let begun = tokio::select! {
        biased;
        // A slow database or a slow CLI doesn't keep the process.
        () = shutdown.cancelled() => return Ok(()),
        begun = begin(&config, only_scripted) => begun?,
    };
    let Begun {
        store,
        listener,
        bound,
        assembly,
    } = begun;
    let Assembly {
        service,
        orchestrator,
        background,
        services,
    } = assembly;
    let state = AppState {
        board: Board::new(service.clone()),
        service,
        gate: Gate::new(&config.http, bound),
        site: Site::new(config.http.site_dir.clone()),
        leptos: leptos_options(bound),
        background: background.clone(),
        shutdown: shutdown.clone(),
    };
    background.spawn(state.board.clone().run(shutdown.clone()));
    let watching = state.service.clone().watch_reviews(shutdown.clone());
    background.spawn(watching);
    background.spawn(state.service.clone().watch_schedules(shutdown.clone()));
    tracing::info!(%bound, data = %config.storage.data_dir.display(), "serving http://{bound}");
    let agents = async {
        if let Some(deps) = orchestrator {
            orchestrator::run(deps, shutdown.clone()).await;
        }
    };
    let web = async {
        http::listener::serve(listener, http::router(state), shutdown.clone()).await;
        shutdown.cancel();
    };
    tokio::join!(web, agents);
    services.cancel();
    background.close();
    if timeout(GRACE, background.wait()).await.is_err() {
        tracing::warn!("background work did not end in time");
    }
    Ok(store.close().await?)
}

/// What stands before the first request can be answered.
struct Begun {
    store: Store,
    listener: TcpListener,
    bound: SocketAddr,
    assembly: Assembly,
}

async fn begin(config: &Config, only_scripted: bool) -> Result<Begun, RunError> {
    let store = database::open(&config.storage.database).await?;
    store.migrate().await?;
    let vault = Vault::open(&config.storage, store.clone()).await?;
    let addr = config.http.addr;
    let listen = |source| RunError::Listen { addr, source };
    let listener = TcpListener::bind(addr).await.map_err(listen)?;
    let bound = listener.local_addr().map_err(listen)?;
    let assembly = assembly::assemble(config, vault, store.clone(), only_scripted).await?;
    Ok(Begun {
        store,
        listener,
        bound,
        assembly,
    })
}

/// What the pages' shell needs to know; the names are those of the build script.
pub fn leptos_options(bound: SocketAddr) -> LeptosOptions {
    LeptosOptions::builder()
        .output_name("app")
        .site_pkg_dir("pkg")
        .site_addr(bound)
        .build()
}

/// Ctrl-C and a service manager's TERM end the server in order; a second one ends it at once, with
/// the status that a shell gives to a process that the signal killed.
fn stop_on_signals(shutdown: &CancellationToken) -> Result<JoinSet<()>, RunError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(RunError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(RunError::Signals)?;
    let mut next = async move || {
        tokio::select! {
            _ = terminate.recv() => SignalKind::terminate(),
            _ = interrupt.recv() => SignalKind::interrupt(),
        }
    };
    let shutdown = shutdown.clone();
    let mut waiting = JoinSet::new();
    waiting.spawn(async move {
        next().await;
        tracing::info!("stopping; a second signal stops at once");
        shutdown.cancel();
        let signal = next().await;
        std::process::exit(128 + signal.as_raw_value());
    });
    Ok(waiting)
}
