//! Puts the parts of a serving process together, in the order in which they need each other.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::agent::api_proxy::ApiProxy;
use crate::agent::driver::Launcher;
use crate::agent::mcp::McpServer;
use crate::agent::spawner::Spawner;
use crate::agent::version::{self, UnusableCli, Version};
use crate::config::{Config, Database};
use crate::guides::Guides;
use crate::logs::LogWriter;
use crate::notifier::{Notifier, Surroundings};
use crate::orchestrator::model::{Models, Starting};
use crate::orchestrator::{Deps, Live, Options};
use crate::sandbox::{Sandbox, SandboxError};
use crate::scripted_model::{self, ScriptedModel};
use crate::service::{AccountTrial, Installation, Parts, Service};
use crate::settings::{Account, Configured, Credential, Settings, SettingsError};
use crate::store::Store;
use crate::transcripts::Transcripts;
use crate::vault::Vault;
use crate::workflows::{WorkflowError, Workflows};
use crate::workspace::{WorkspaceError, Workspaces, sample};

/// Everything that serves, and what it runs on.
pub struct Assembly {
    pub service: Service,
    /// Absent while there is no CLI that agents could be made of.
    pub orchestrator: Option<Deps>,
    /// What runs beside it. Ends once `services` is cancelled.
    pub background: TaskTracker,
    /// To be cancelled when the orchestrator has ended: it needs these to the last.
    pub services: CancellationToken,
}

/// Why the parts could not be put together.
#[derive(Debug, thiserror::Error)]
pub enum AssemblyError {
    #[error(transparent)]
    Workflow(#[from] WorkflowError),
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    #[error("the demo's sample repository can't be laid out")]
    Sample(#[from] WorkspaceError),
    #[error("the settings can't be read")]
    Settings(#[from] SettingsError),
    #[error("the listener for the agents' tools can't be opened")]
    Tools(#[source] io::Error),
    #[error("the listener for the agents' requests to the API can't be opened")]
    Api(#[source] io::Error),
}

/// Builds all parts over a store whose schema is up to date.
pub async fn assemble(
    config: &Config,
    vault: Vault,
    store: Store,
    only_scripted: bool,
) -> Result<Assembly, AssemblyError> {
    let services = CancellationToken::new();
    let background = TaskTracker::new();
    let (logs, writing) = LogWriter::start(store.clone(), services.clone());
    background.spawn(writing);
    let sandbox = Sandbox::probe(config.agents.sandbox).await?;
    let (mcp, serving) = McpServer::bind(services.clone())
        .await
        .map_err(AssemblyError::Tools)?;
    background.spawn(logged(serving, "the agents' tools failed"));
    let (api, serving) = ApiProxy::bind(services.clone())
        .await
        .map_err(AssemblyError::Api)?;
    background.spawn(logged(serving, "the agents' way to the API failed"));
    let settings = Settings::new(store.clone(), vault.clone(), configured(config));
    settings.refresh().await?;
    let models = models(settings.clone(), only_scripted, &background, &services);
    let cli = find_cli(sandbox.spawner(), &config.agents.claude_bins).await;
    let trial = cli.as_ref().ok().map(|(program, _)| {
        let (models, spawner) = (models.clone(), sandbox.spawner().clone());
        let folder = config.storage.data_dir.join("trials");
        AccountTrial::new(models, spawner, program.clone(), folder)
    });
    let live = Live::default();
    let mut allowed_roots = config.agents.allowed_roots.clone();
    let mut sample_repository = None;
    if only_scripted {
        // Beside the demo's data: what is the platform's own is nobody's source.
        let samples = config.storage.data_dir.with_file_name("samples");
        let sample = sample::lay_out(&samples, &config.search_path).await?;
        allowed_roots.extend(sample.parent().map(Path::to_owned));
        sample_repository = Some(sample);
    }
    let workspaces = Workspaces::new(&config.storage.data_dir, &config.search_path)
        .with_allowed_roots(&allowed_roots)
        .with_git_credentials(config.agents.git_credentials_file.as_deref());
    let guides = Guides::new(config.agents.guide_dir.clone());
    let surroundings = surroundings(config);
    let notifier = Notifier::new(store.clone(), vault.clone(), settings.clone(), surroundings);
    background.spawn(notifier.clone().run(services.clone()));
    let transcripts = Transcripts::new(store.clone(), vault.clone());
    let service = Service::new(Parts {
        store: store.clone(),
        vault,
        notifier,
        settings,
        account_trial: trial,
        workspaces: workspaces.clone(),
        workflows: Workflows::built_in()?,
        guides: guides.clone(),
        live: live.clone(),
        installation: Installation {
            sample_repository,
            ..installation(only_scripted, &sandbox, cli.as_ref().err())
        },
    });
    let orchestrator = match cli {
        Ok((program, version)) => {
            tracing::info!(
                cli.version = %version,
                cli.program = %program.display(),
                sandbox = %sandbox.tier(),
                "agents can run"
            );
            Some(Deps {
                service: service.clone(),
                store,
                logs,
                workspaces,
                guides,
                launcher: Launcher::new(sandbox, &config.storage.data_dir),
                mcp,
                api,
                models,
                transcripts,
                live,
                options: Arc::new(options(config, program)),
            })
        }
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "no agent can run");
            None
        }
    };
    Ok(Assembly {
        service,
        orchestrator,
        background,
        services,
    })
}

/// Without login, only the owner can ask anything of a server that others don't reach, by a proxy or without.
fn surroundings(config: &Config) -> Surroundings {
    let http = &config.http;
    let is_private = http.addr.ip().is_loopback() && http.allowed_hosts.is_empty();
    Surroundings::new(format!("http://{}", http.addr), is_private)
}

fn options(config: &Config, program: PathBuf) -> Options {
    Options {
        program,
        lease: config.agents.lease,
        renew: config.agents.lease / 3,
        stands_still: config.agents.pause,
        silence: config.agents.silence,
        owner: Uuid::now_v7().to_string(),
        pacing: config.agents.pacing.clone(),
        patience: config.agents.patience,
        // The lock on the data directory holds for the database in it, and for no other.
        alone: matches!(config.storage.database, Database::Sqlite { .. }),
    }
}

fn installation(only_scripted: bool, sandbox: &Sandbox, cli: Option<&UnusableCli>) -> Installation {
    let mut problems = Vec::new();
    if let Some(error) = cli {
        problems.push(format!(
            "No agent can run: {error} Set CCS_CLAUDE_BIN, or let `make run` install the CLI, and \
             start the server again."
        ));
    }
    if !sandbox.is_sandboxed() {
        problems.push(sandbox.explanation().to_owned());
    }
    Installation {
        only_scripted,
        problems,
        sandbox: sandbox.tier().to_string(),
        sample_repository: None,
    }
}

/// The first of the candidates that can be used; if none can, why the first one that is there can't.
async fn find_cli(
    spawner: &Spawner,
    candidates: &[PathBuf],
) -> Result<(PathBuf, Version), UnusableCli> {
    let mut refusal = None;
    for program in candidates {
        match version::installed(spawner, program).await {
            Ok(version) => return Ok((program.clone(), version)),
            Err(UnusableCli::Missing { .. }) if candidates.len() > 1 => {}
            Err(error) => {
                tracing::warn!(
                    program = %program.display(),
                    error = &error as &dyn std::error::Error,
                    "this CLI can't be used"
                );
                refusal.get_or_insert(error);
            }
        }
    }
    Err(refusal.unwrap_or_else(|| UnusableCli::Missing {
        path: "claude".to_owned(),
    }))
}

/// What the configuration sets.
fn configured(config: &Config) -> Configured {
    let agents = &config.agents;
    let base_url = agents.anthropic_base_url.clone();
    let credential = match (&agents.anthropic_api_key, &base_url) {
        (Some(key), _) => Some(Credential::ApiKey(key.clone())),
        // A gateway may hold the key itself.
        (None, Some(_)) => Some(Credential::unused()),
        (None, None) => None,
    };
    Configured {
        values: config.fixed.clone(),
        account: credential.map(|credential| Account {
            base_url,
            credential,
        }),
    }
}

fn models(
    settings: Settings,
    only_scripted: bool,
    background: &TaskTracker,
    services: &CancellationToken,
) -> Models {
    let (background, services) = (background.clone(), services.clone());
    Models::new(settings, only_scripted, move || -> Starting {
        Box::pin(start_scripted_model(background.clone(), services.clone()))
    })
}

async fn start_scripted_model(
    background: TaskTracker,
    stop: CancellationToken,
) -> io::Result<String> {
    let scenarios = scripted_model::Scenarios::built_in().map_err(io::Error::other)?;
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    let model = ScriptedModel::bind(address, scenarios)
        .await
        .map_err(io::Error::other)?;
    let url = model.base_url();
    background.spawn(logged(model.serve(stop), "the scripted model failed"));
    Ok(url)
}

async fn logged<E: std::error::Error + 'static>(
    work: impl Future<Output = Result<(), E>>,
    failure: &'static str,
) {
    if let Err(error) = work.await {
        tracing::error!(error = &error as &dyn std::error::Error, "{failure}");
    }
}
