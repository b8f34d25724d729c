//! Starts an agent and holds the two ends of the conversation with it.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;
use uuid::Uuid;

use super::conversation::{Command, Conversation};
use super::event::AgentEvent;
use super::exit::Exit;
use super::hearing::Hearing;
use super::process::AgentSpec;
use super::process_tree::{ProcessTree, kill_marked};
use super::stdin::{self, HookAnswer, PermissionAnswer, Priority};
use super::version::{UnusableCli, judge};
use crate::login;
use crate::sandbox::Sandbox;

/// How long the CLI may take until it is ready.
const READY_LIMIT: Duration = Duration::from_mins(1);

/// How long the CLI may take to answer a request.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// How many events wait for a session that is behind before the agent's output is held up.
const EVENTS: usize = 16;

/// How many events there may be before the agent is ready. It has nothing to say yet.
const EARLY: usize = 256;

/// Tools whose calls the platform looks at before the CLI judges them: all. Only then can it put them
/// off until a person has answered, instead of holding a process.
const DEFERRABLE_TOOLS: &str = "";

/// Starts agents.
#[derive(Clone, Debug)]
pub struct Launcher {
    sandbox: Sandbox,
    owner: String,
    /// One task per agent of the server.
    all: TaskTracker,
    /// One task per agent of this launcher.
    own: TaskTracker,
    /// Ends starts that are under way.
    stop: CancellationToken,
}

/// A running agent: the end that listens.
#[derive(Debug)]
pub struct Agent {
    events: mpsc::Receiver<AgentEvent>,
    early: VecDeque<AgentEvent>,
    control: AgentControl,
}

/// A running agent: the end that speaks. Once the process has ended, what is said is lost; the
/// event [`AgentEvent::Exited`] tells.
#[derive(Clone, Debug)]
pub struct AgentControl {
    commands: mpsc::Sender<Command>,
    stop: watch::Sender<Option<Duration>>,
    hold: watch::Sender<bool>,
}

/// Why an agent could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The CLI is missing or too old.
    #[error("the Claude CLI can't be used")]
    Cli(#[source] UnusableCli),
    /// Its directories could not be made.
    #[error("the directories of the agent could not be prepared")]
    Preparation(#[source] io::Error),
    /// The system refused.
    #[error("the agent could not be started")]
    Spawn(#[source] io::Error),
    /// There is a conversation with this id already.
    #[error("the conversation exists already")]
    SessionExists,
    /// There is no conversation with this id.
    #[error("the conversation does not exist")]
    SessionMissing,
    /// It ended before it was ready.
    #[error("the agent ended with {} before it was ready", exit.cause)]
    Ended {
        /// How it ended.
        exit: Exit,
    },
    /// It did not accept the platform's hooks.
    #[error("the agent refused to start: {reason}")]
    Refused {
        /// Its words.
        reason: String,
    },
    /// It was not ready in time.
    #[error("the agent was not ready within {} s", READY_LIMIT.as_secs())]
    TimedOut,
    /// It said more than fits before it was ready.
    #[error("the agent did not stop talking before it was ready")]
    Talkative,
    /// It is not wanted any more.
    #[error("the start was given up")]
    GivenUp,
}

/// Why a request to a running agent failed.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The process has ended.
    #[error("the agent has ended")]
    Ended,
    /// The agent refused.
    #[error("the agent refused: {reason}")]
    Refused {
        /// Its words.
        reason: String,
    },
    /// No answer came in time.
    #[error("the agent did not answer in time")]
    TimedOut,
}

/// What the marks of all processes begin with that the server with this data directory starts.
pub fn owner(data_dir: &Path) -> String {
    let digest = Sha256::digest(data_dir.as_os_str().as_encoded_bytes());
    BASE64_URL_SAFE_NO_PAD.encode(&digest[..9])
}

impl Launcher {
    /// A launcher for agents in this sandbox. `data_dir` tells the processes of this server from
    /// those of another on the same machine.
    pub fn new(sandbox: Sandbox, data_dir: &Path) -> Self {
        let owner = owner(data_dir);
        let all = TaskTracker::new();
        Self {
            sandbox,
            owner,
            own: all.clone(),
            all,
            stop: CancellationToken::new(),
        }
    }

    /// The same for one run: starts are given up when `stop` is cancelled, and [`Self::finish`]
    /// waits for the agents of this run alone.
    #[must_use]
    pub fn for_run(&self, stop: CancellationToken) -> Self {
        Self {
            own: TaskTracker::new(),
            stop,
            ..self.clone()
        }
    }

    /// What agents run in.
    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// Kills what an earlier run of this server has left behind; only without a sandbox can there
    /// be any. Returns how many processes there were. To be called before the first agent starts.
    pub async fn kill_leftovers(&self) -> usize {
        kill_marked(&format!("{}.", self.owner)).await
    }

    /// Waits until every agent is gone, whoever has stopped or dropped it; to be called when no
    /// more are started.
    pub async fn finish(&self) {
        self.own.close();
        self.own.wait().await;
    }

    /// Starts a process and waits until it is ready for messages.
    pub async fn start(&self, spec: AgentSpec) -> Result<Agent, StartError> {
        let system_prompt = spec.append_system_prompt.clone();
        let mut agent = self.spawn(spec).await?;
        let ready = tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(StartError::GivenUp),
            ready = agent.initialize(system_prompt.as_deref()) => ready,
        };
        match ready.and_then(|answer| judged(&answer)) {
            Ok(()) => Ok(agent),
            Err(error) => {
                agent.stop(Duration::ZERO).await;
                Err(error)
            }
        }
    }

    async fn spawn(&self, spec: AgentSpec) -> Result<Agent, StartError> {
        let mark = format!("{}.{}", self.owner, Uuid::new_v4());
        let workspace = spec.inner_workspace(&self.sandbox);
        let (tmp, config) = (spec.tmp_dir.clone(), spec.config_dir.clone());
        let hearing = Hearing::new(workspace, spec.known_secrets());
        let (sandbox, marked) = (self.sandbox.clone(), mark.clone());
        let preparing = spawn_blocking(move || {
            if !spec.program.is_file() {
                let path = spec.program.display().to_string();
                return Err(StartError::Cli(UnusableCli::Missing { path }));
            }
            let command = spec.prepare(&sandbox, &marked);
            command.map_err(StartError::Preparation)
        });
        let prepared = preparing.await;
        let command = prepared.map_err(|error| StartError::Preparation(error.into()))??;
        let child = self.sandbox.spawner().spawn(command).await;
        let child = child.map_err(StartError::Spawn)?;
        // A child that nobody has waited for has a number.
        let root = child.id().unwrap_or_default();
        let tree = ProcessTree::new(root, mark).map_err(StartError::Spawn)?;
        let folders = Folders { tmp, config };
        Ok(self.converse(child, tree, folders, hearing))
    }

    fn converse(
        &self,
        child: tokio::process::Child,
        tree: ProcessTree,
        folders: Folders,
        hearing: Hearing,
    ) -> Agent {
        let (sender, events) = mpsc::channel(EVENTS);
        let (commands, inbox) = mpsc::channel(16);
        let (stop, stopped) = watch::channel(None);
        let (hold, wanted) = watch::channel(false);
        let sandboxed = self.sandbox.is_sandboxed();
        let conversation = Conversation::new(
            child,
            tree,
            sandboxed,
            hearing,
            (sender, inbox),
            (stopped, wanted),
        );
        let work = async move {
            let farewell = conversation.run().await;
            // Whoever hears of the end may start the next process in the same folders.
            folders.clear().await;
            farewell.deliver().await;
        };
        self.own
            .spawn(self.all.track_future(work.in_current_span()));
        Agent {
            events,
            early: VecDeque::new(),
            control: AgentControl {
                commands,
                stop,
                hold,
            },
        }
    }
}

/// What a process has had to itself.
struct Folders {
    tmp: PathBuf,
    config: PathBuf,
}

impl Folders {
    /// Removes what the process has left, but for what the next one goes on from.
    async fn clear(self) {
        let clearing = spawn_blocking(move || {
            let emptied = match std::fs::remove_dir_all(&self.tmp) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            };
            login::remove_from(&self.config).and(emptied)
        });
        if let Err(error) = clearing.await.unwrap_or_else(|error| Err(error.into())) {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a process's folders were not emptied"
            );
        }
    }
}

/// Judges the version in the answer to `initialize`. Another program that speaks the protocol need
/// not tell one.
fn judged(answer: &Value) -> Result<(), StartError> {
    match answer
        .get("claude_code_version")
        .and_then(Value::as_str)
        .map(str::parse)
    {
        Some(Ok(version)) => judge(version).map(|_| ()).map_err(StartError::Cli),
        _ => Ok(()),
    }
}

impl Agent {
    /// The end that speaks.
    pub fn control(&self) -> &AgentControl {
        &self.control
    }

    /// The next piece of news; `None` after [`AgentEvent::Exited`].
    pub async fn next(&mut self) -> Option<AgentEvent> {
        match self.early.pop_front() {
            Some(event) => Some(event),
            None => self.events.recv().await,
        }
    }

    /// Ends the process as [`AgentControl::stop`] does, and drops whatever it still says.
    pub async fn stop(mut self, grace: Duration) -> Option<Exit> {
        self.control.stop(grace);
        while let Some(event) = self.next().await {
            if let AgentEvent::Exited(exit) = event {
                return Some(exit);
            }
        }
        None
    }

    /// Registers the hooks. News that come before the answer are kept.
    async fn initialize(&mut self, system_prompt: Option<&str>) -> Result<Value, StartError> {
        let system_prompt = system_prompt.map(str::to_owned);
        let build =
            move |id: &str| stdin::initialize(id, DEFERRABLE_TOOLS, system_prompt.as_deref());
        let (reply, answer) = oneshot::channel();
        let request = Command::Request {
            build: Box::new(build),
            reply,
        };
        if self.control.commands.send(request).await.is_err() {
            return Err(self.ended().await);
        }
        let answered = async {
            let mut answer = answer;
            while self.early.len() < EARLY {
                tokio::select! {
                    biased;
                    answer = &mut answer => return Some(answer),
                    Some(event) = self.events.recv() => self.early.push_back(event),
                }
            }
            None
        };
        match timeout(READY_LIMIT, answered).await {
            Ok(Some(Ok(Ok(answer)))) => Ok(answer),
            Ok(Some(Ok(Err(ControlError::Refused { reason })))) => {
                Err(StartError::Refused { reason })
            }
            Ok(Some(Ok(Err(_)) | Err(_))) => Err(self.ended().await),
            Ok(None) => Err(StartError::Talkative),
            Err(_) => Err(StartError::TimedOut),
        }
    }

    /// Why the process has ended before it was ready.
    async fn ended(&mut self) -> StartError {
        let mut told = Vec::new();
        let exit = loop {
            match self.next().await {
                Some(AgentEvent::Exited(exit)) => break exit,
                Some(AgentEvent::TurnEnded(result)) => told.extend(result.errors),
                Some(_) => {}
                None => return StartError::TimedOut,
            }
        };
        told.extend(exit.stderr_tail.iter().cloned());
        let says = |words: &str| told.iter().any(|line| line.contains(words));
        if says("is already in use") {
            StartError::SessionExists
        } else if says("No conversation found with session ID") {
            StartError::SessionMissing
        } else {
            StartError::Ended { exit }
        }
    }
}

impl AgentControl {
    /// Gives the agent a message. The same uuid twice is one message, also over a resume.
    pub async fn send_user(
        &self,
        uuid: Uuid,
        text: &str,
        priority: Option<Priority>,
    ) -> Result<(), ControlError> {
        self.line(stdin::user(uuid, text, priority)).await
    }

    /// Answers [`AgentEvent::AskPermission`].
    pub async fn answer_permission(
        &self,
        request_id: &str,
        answer: &PermissionAnswer,
    ) -> Result<(), ControlError> {
        self.line(stdin::permission_answer(request_id, answer))
            .await
    }

    /// Answers [`AgentEvent::HookPreToolUse`] and [`AgentEvent::HookStop`].
    pub async fn answer_hook(
        &self,
        request_id: &str,
        answer: &HookAnswer,
    ) -> Result<(), ControlError> {
        self.line(stdin::hook_answer(request_id, answer)).await
    }

    /// Ends the running turn; its result comes as an event. Harmless when none is running.
    pub async fn interrupt(&self) -> Result<(), ControlError> {
        self.request(stdin::interrupt).await.map(|_| ())
    }

    /// The same without waiting for the answer: the turn's result tells. What the agent was given and
    /// has not taken up is dropped.
    pub async fn interrupt_all(&self) -> Result<(), ControlError> {
        self.line(stdin::interrupt_all("interrupt")).await
    }

    /// Takes a message back. [`AgentEvent::Lifecycle`] tells whether that was in time.
    pub async fn withdraw(&self, uuid: Uuid) -> Result<(), ControlError> {
        self.line(stdin::withdraw("withdraw", uuid)).await
    }

    /// Adds variables to the environment of the agent's commands, effective at once. They are gone
    /// after a resume.
    pub async fn apply_environment(
        &self,
        variables: BTreeMap<String, String>,
    ) -> Result<(), ControlError> {
        self.request(move |id| stdin::apply_environment(id, &variables))
            .await
            .map(|_| ())
    }

    /// Lets the process finish what it is doing and then end by itself.
    pub async fn close_stdin(&self) -> Result<(), ControlError> {
        self.commands
            .send(Command::CloseStdin)
            .await
            .map_err(|_| ControlError::Ended)
    }

    /// Has every process of the agent stand still where it is, or go on. One that stands still and is
    /// to end is killed.
    pub fn hold(&self, is_held: bool) {
        self.hold.send_replace(is_held);
    }

    /// Ends the process within `grace`: stdin is closed if no turn is under way, then SIGTERM and at last
    /// SIGKILL to everything that is left. A turn that is cut off can be gone on with. News go on to come until
    /// [`AgentEvent::Exited`].
    pub fn stop(&self, grace: Duration) {
        self.stop.send_replace(Some(grace));
    }

    async fn line(&self, line: String) -> Result<(), ControlError> {
        self.commands
            .send(Command::Line(line))
            .await
            .map_err(|_| ControlError::Ended)
    }

    async fn request(
        &self,
        build: impl FnOnce(&str) -> String + Send + 'static,
    ) -> Result<Value, ControlError> {
        let (reply, answer) = oneshot::channel();
        let request = Command::Request {
            build: Box::new(build),
            reply,
        };
        self.commands
            .send(request)
            .await
            .map_err(|_| ControlError::Ended)?;
        match timeout(ANSWER_LIMIT, answer).await {
            Ok(answer) => answer.map_err(|_| ControlError::Ended)?,
            Err(_) => Err(ControlError::TimedOut),
        }
    }
}
