//! An agent process that serves a session of a task, and what the platform keeps beside it.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use app::api::AgentState;
use app::domain::id::{MessageId, SessionId};
use app::domain::task::{ApiUse, ConversationPlace, Task, Tokens, TurnPurpose};
use tokio::task::spawn_blocking;
use uuid::Uuid;

use super::Deps;
use super::handover::{Handed, Handover};
use super::messages::{self, Mail};
use super::model::{Endpoint, NoModel};
use crate::agent::api_meter::ApiUsage;
use crate::agent::api_proxy::{ApiCalls, UnusableUpstream, Upstream};
use crate::agent::driver::{Agent, StartError};
use crate::agent::mcp::McpCalls;
use crate::agent::process::AgentSpec;
use crate::agent::resume::{ResumePlan, lacking, resume_plan, said_since};
use crate::agent::usage::UsageMeter;
use crate::prompts;
use crate::redaction::KnownSecrets;
use crate::settings::Credential;
use crate::transcripts::{Mirror, TranscriptError};
use crate::vault::VaultError;
use crate::verification::verdict;
use crate::workspace::WorkspaceError;

/// How long an agent may take to end by itself.
const GRACE: Duration = Duration::from_secs(5);

/// How long the CLI may take to write down the end of a turn.
const WRITTEN: Duration = Duration::from_secs(1);

/// A live agent.
pub struct Session {
    pub id: SessionId,
    pub agent: Agent,
    pub calls: McpCalls,
    /// Its way to the model's API, and what was recorded of its use.
    pub api: ApiCalls,
    pub api_recorded: ApiUsage,
    pub meter: UsageMeter,
    pub mail: Mail,
    /// What the agent may know. To be added to before it is given anything more.
    pub secrets: KnownSecrets,
    /// What the agent has been given by now.
    pub handed: Handed,
    /// Where files of people are put for the agent.
    pub home: PathBuf,
    /// Their folder as the agent sees it.
    pub files: PathBuf,
    /// The work directory as the agent sees it.
    pub workspace: PathBuf,
    /// Calls of this process that a person has allowed.
    pub approved: HashSet<String>,
    /// Another agent did the work, and this one verifies it.
    pub is_onlooker: bool,
    /// Keeps the conversation beside the CLI.
    pub mirror: Mirror,
}

/// Where an agent has left its conversation.
#[derive(Clone, Copy, Debug)]
pub struct Left {
    pub session: SessionId,
    pub place: ConversationPlace,
    pub is_onlooker: bool,
}

/// Why an agent is not there.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    #[error(transparent)]
    Model(#[from] NoModel),
    #[error(transparent)]
    Upstream(#[from] UnusableUpstream),
    #[error("the agent's folders can't be used")]
    Folders(#[from] WorkspaceError),
    #[error("the agent's conversation can't be kept")]
    Mirror(#[from] TranscriptError),
    #[error("the task's secrets can't be had")]
    Secrets(#[from] VaultError),
    #[error("the agent's transcript can't be read")]
    Transcript(#[source] std::io::Error),
    #[error(transparent)]
    Start(#[from] StartError),
}

/// An agent that has been started, and what is to be done about the turn that was open.
pub struct Started {
    pub session: Session,
    pub plan: ResumePlan,
    /// What an earlier process has said in the turn that was open.
    pub said: Vec<String>,
    /// What it had taken up of a person's messages, and did not live to keep.
    pub lost: Vec<MessageId>,
    /// What it had taken up of them, and nobody lived to record.
    pub heard: Vec<MessageId>,
}

/// What the transcript of a conversation tells of an earlier process.
struct Remembered {
    plan: ResumePlan,
    said: Vec<String>,
    lost: Vec<MessageId>,
    heard: Vec<MessageId>,
}

impl Remembered {
    async fn read(
        config: PathBuf,
        task: &Task,
        id: SessionId,
        open: Option<MessageId>,
    ) -> Result<Self, SessionError> {
        let (uuid, message) = (id.as_uuid(), open.map(MessageId::as_uuid));
        let taken_up = messages::taken_up_in(task, open);
        let pending = task.pending_messages().filter(|_| open.is_some());
        let pending: Vec<_> = pending.map(|known| (known.wire_id(), known.id)).collect();
        let reading = spawn_blocking(move || {
            let plan = resume_plan(&config, uuid, message)?;
            let said = message.map(|message| said_since(&config, uuid, message));
            let uuids = taken_up.iter().chain(&pending).map(|(uuid, _)| *uuid);
            let lacking = lacking(&config, uuid, &uuids.collect::<Vec<_>>())?;
            let those = |messages: Vec<(Uuid, MessageId)>, are_there: bool| -> Vec<MessageId> {
                let messages = messages.into_iter();
                let messages = messages.filter(|(uuid, _)| lacking.contains(uuid) != are_there);
                messages.map(|(_, message)| message).collect()
            };
            Ok(Self {
                plan,
                said: said.transpose()?.unwrap_or_default(),
                lost: those(taken_up, false),
                heard: those(pending, true),
            })
        });
        let read = reading.await.unwrap_or_else(|error| Err(error.into()));
        read.map_err(SessionError::Transcript)
    }
}

/// Starts the process that serves a session: a new conversation, or the earlier one if there is a
/// transcript. `open` is the message of a turn that had not ended.
pub async fn start(
    deps: &Deps,
    task: &Task,
    id: SessionId,
    purpose: &TurnPurpose,
    open: Option<MessageId>,
) -> Result<Started, SessionError> {
    let is_onlooker = matches!(purpose, TurnPurpose::Verification { .. });
    let endpoint = deps.models.endpoint(task).await?;
    let folders = deps.workspaces.agent(task.id, id).await?;
    let uuid = id.as_uuid();
    let known = task.checkpoint.filter(|latest| latest.session == id);
    let known = known.and_then(|latest| latest.place.message);
    let transcripts = &deps.transcripts;
    if transcripts.restore(task.id, id, &folders.config).await? {
        tracing::warn!(session.id = %id, "the agent's conversation was lost and is written again");
    }
    let Remembered {
        plan,
        mut said,
        lost,
        heard,
    } = Remembered::read(folders.config.clone(), task, id, open).await?;
    if plan == ResumePlan::Fresh {
        transcripts.discard(id, &folders.config).await?;
    }
    let own = (transcripts.clone(), folders.config.clone());
    let mirror = Mirror::begin(own.0, task.id, id, own.1, known).await?;
    // Known before there is an agent that could tell them.
    let handover = Handover::of(&deps.service, task).await?;
    let mut rules = prompts::rules(purpose).to_owned();
    if let Some(known) = handover.integrations.as_ref().filter(|_| !is_onlooker) {
        rules.push_str(&prompts::integrations(known));
    }
    let secrets = KnownSecrets::new(handover.secrets);
    let redactor = secrets.redactor();
    for text in &mut said {
        redactor.clean(text);
    }
    let (access, calls) = deps.mcp.register(secrets.clone());
    let Endpoint {
        base_url,
        credential,
        model,
    } = endpoint;
    // The agent never has it; an answer of the API may tell it all the same.
    credential.add_to(&secrets);
    let upstream = Upstream::new(base_url.as_deref(), credential.value())?;
    let (door, api) = deps.api.register(upstream);
    let (base_url, credential) = match credential {
        Credential::ApiKey(_) => (Some(door.base_url), Credential::ApiKey(door.api_key)),
        // The CLI has to hold it itself: it goes by its own way, unmetered.
        login @ (Credential::LoginToken(_) | Credential::Login(_)) => (base_url, login),
    };
    let spec = AgentSpec {
        program: deps.options.program.clone(),
        workspace: folders.workspace,
        config_dir: folders.config,
        tmp_dir: folders.tmp,
        session: plan.session_start(uuid),
        model,
        base_url,
        credential,
        mcp: access,
        secrets: secrets.clone(),
        environment: handover.variables,
        files: handover.files,
        append_system_prompt: Some(rules),
        rerun_interrupted: plan.is_rerun(),
        read_only: Vec::new(),
        is_onlooker,
        answer_schema: is_onlooker.then(verdict::schema),
        patience: deps.options.patience,
    };
    let workspace = spec.inner_workspace(deps.launcher.sandbox());
    let (home, files) = (spec.home(), spec.inner_files(deps.launcher.sandbox()));
    let agent = deps.launcher.start(spec).await?;
    let session = Session {
        id,
        agent,
        calls,
        api,
        api_recorded: ApiUsage::default(),
        meter: UsageMeter::default(),
        mail: Mail::default(),
        secrets,
        handed: Handed::of(task),
        home,
        files,
        workspace,
        approved: HashSet::new(),
        is_onlooker,
        mirror,
    };
    Ok(Started {
        session,
        plan,
        said,
        lost,
        heard,
    })
}

/// The CLI's own file is still there: what could not be mirrored is mirrored later.
pub(super) fn kept(mirrored: Result<(), TranscriptError>) {
    if let Err(error) = mirrored {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "a conversation is not mirrored"
        );
    }
}

impl Session {
    /// What the agent is doing while its turn runs.
    pub fn at_work(&self) -> AgentState {
        if self.is_onlooker {
            AgentState::Verifying
        } else {
            AgentState::Running
        }
    }

    /// What it has asked of the API since this was asked last; nothing if there were no requests.
    pub fn api_use(&mut self) -> Option<ApiUse> {
        let now = self.api.usage();
        let before = std::mem::replace(&mut self.api_recorded, now.clone());
        let (tokens, known) = (now.tokens, before.tokens);
        let requests = now.requests - before.requests;
        (requests > 0).then(|| ApiUse {
            requests,
            failures: now.failures - before.failures,
            tokens: Tokens {
                input: tokens.input - known.input,
                output: tokens.output - known.output,
                cache_read: tokens.cache_read - known.cache_read,
                cache_write: tokens.cache_write - known.cache_write,
            },
            limits: now.limits,
        })
    }

    /// Ends the process and everything it has started. Says where the conversation stands then.
    pub async fn stop(mut self) -> Left {
        if let Some(exit) = self.agent.stop(GRACE).await {
            tracing::debug!(cause = %exit.cause, "the agent has ended");
        }
        kept(self.mirror.catch_up().await);
        Left {
            session: self.id,
            place: self.mirror.place(),
            is_onlooker: self.is_onlooker,
        }
    }

    /// The same for one that goes on, once its turn has ended.
    pub async fn rest(&mut self) -> Left {
        kept(self.mirror.catch_up_with_end(WRITTEN).await);
        Left {
            session: self.id,
            place: self.mirror.place(),
            is_onlooker: self.is_onlooker,
        }
    }
}
