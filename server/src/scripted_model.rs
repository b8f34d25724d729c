//! The scripted model: a local server of the Messages API that plays scripted replies to the real
//! Claude Code CLI. It drives the demo, the tests and the benchmarks; only the model is replaced.
//!
//! Scenarios are readable files (`scenarios/*.toml`). Everything is decided from the history that
//! each request carries, so a conversation survives crashes of either side.

mod conversation;
mod http;
mod library;
mod pattern;
mod report;
mod request;
mod rules;
mod scenario;
mod selection;
#[cfg(test)]
mod selection_tests;
mod stream;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use library::{LoadError, Scenarios};
pub use report::{Failure, Report, SessionReport};
pub use selection::ScriptPlace;

use self::http::Model;
use self::report::Notebook;

/// Why the scripted model can't run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the scripted model serves on loopback only, not on {address}")]
    NotLoopback { address: SocketAddr },
    #[error("the scripted model can't listen on {address}")]
    Bind {
        address: SocketAddr,
        source: io::Error,
    },
    #[error("the scripted model stopped serving")]
    Serve(#[source] io::Error),
    #[error("can't print the address of the scripted model")]
    Announce(#[source] io::Error),
    #[error("a scenario of the scripted model is wrong")]
    Scenario(#[from] LoadError),
}

/// A scripted model that listens. It answers once [`ScriptedModel::serve`] runs.
#[derive(Debug)]
pub struct ScriptedModel {
    listener: TcpListener,
    address: SocketAddr,
    scenarios: Arc<Scenarios>,
    notebook: Arc<Notebook>,
}

impl ScriptedModel {
    /// Listens on a loopback address; port 0 takes a free one.
    ///
    /// # Errors
    /// When the address isn't loopback or is taken.
    pub async fn bind(address: SocketAddr, scenarios: Scenarios) -> Result<Self, Error> {
        if !address.ip().is_loopback() {
            return Err(Error::NotLoopback { address });
        }
        let bind_error = |source| Error::Bind { address, source };
        let listener = TcpListener::bind(address).await.map_err(bind_error)?;
        let address = listener.local_addr().map_err(bind_error)?;
        let scenarios = Arc::new(scenarios);
        Ok(Self {
            listener,
            address,
            scenarios,
            notebook: Arc::default(),
        })
    }

    /// What `ANTHROPIC_BASE_URL` has to be, without a slash at the end.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A view of what has been asked so far, which outlives [`ScriptedModel::serve`].
    pub fn observer(&self) -> Observer {
        Observer(Arc::clone(&self.notebook))
    }

    /// Serves until the token is cancelled; open streams are ended then.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn serve(self, shutdown: CancellationToken) -> Result<(), Error> {
        let Self {
            listener,
            scenarios,
            notebook,
            ..
        } = self;
        let router = http::router(Model {
            scenarios,
            notebook,
            shutdown: shutdown.clone(),
        });
        axum::serve(listener, router)
            .with_graceful_shutdown(shutdown.cancelled_owned())
            .await
            .map_err(Error::Serve)
    }
}

/// Reads the report of a model that runs in this process.
#[derive(Clone, Debug)]
pub struct Observer(Arc<Notebook>);

impl Observer {
    /// The same as `GET /__scripted/report`.
    pub fn report(&self) -> Report {
        self.0.report()
    }
}

/// The `scripted-model` subcommand: prints the base URL as the first line of stdout, then serves
/// until the token is cancelled. Scenarios of the directory override the built-in ones.
///
/// # Errors
/// When a scenario is wrong, the address can't be used, or serving fails.
pub async fn run(
    address: SocketAddr,
    directory: Option<&Path>,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    let scenarios = match directory {
        Some(directory) => Scenarios::with_directory(directory)?,
        None => Scenarios::built_in()?,
    };
    let model = ScriptedModel::bind(address, scenarios).await?;
    announce(&model.base_url()).map_err(Error::Announce)?;
    model.serve(shutdown).await
}

/// Whoever started the program waits for this line, so it is flushed at once.
fn announce(url: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{url}")?;
    stdout.flush()
}
