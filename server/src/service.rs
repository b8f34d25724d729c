//! The use cases. Pages, REST, the orchestrator and timers all end here; nothing else writes.

mod account;
mod backend;
mod budgets;
mod checkpoints;
mod commands;
mod dependencies;
mod estimates;
mod forks;
mod guides;
mod history;
mod messages;
mod new_task;
mod notifications;
pub(crate) mod permissions;
mod prerequisites;
mod queries;
mod queue;
mod reminders;
mod reviewing;
mod schedules;
mod secrets;
mod seed;
mod settings;
mod shown;
mod targets;

pub use account::AccountTrial;
pub use reviewing::{ImageKind, Version};
pub use seed::Seed;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use app::domain::id::{RunId, TaskId};
use app::domain::task::{Actor, Refusal, RunCommand, Task, TaskCommand};
use rand::Rng as _;

use dependencies::Beside;

use crate::error::Error;
use crate::guides::Guides;
use crate::notifier::Notifier;
use crate::orchestrator::Live;
use crate::redaction::{KnownSecrets, Redactor};
use crate::settings::Settings;
use crate::store::{Append, Appended, Fence, Store, StoreError};
use crate::vault::{TaskSecrets, Vault};
use crate::workflows::Workflows;
use crate::workspace::Workspaces;

/// How often an append is tried against others that append to the same task.
const ATTEMPTS: u32 = 20;

/// All use cases over one store. Cheap to clone; each clone notes its own cause.
#[derive(Clone)]
pub struct Service {
    parts: Arc<Parts>,
    cause: Option<Arc<str>>,
    seed: Option<Seed>,
}

/// What the use cases need.
pub struct Parts {
    pub store: Store,
    pub vault: Vault,
    pub notifier: Notifier,
    pub settings: Settings,
    /// Absent while there is no CLI that could be asked.
    pub account_trial: Option<AccountTrial>,
    pub workspaces: Workspaces,
    pub workflows: Workflows,
    pub guides: Guides,
    pub live: Live,
    pub installation: Installation,
}

/// What is known of the installation since its start.
#[derive(Clone, Debug)]
pub struct Installation {
    /// Whether the whole server runs on the scripted model.
    pub only_scripted: bool,
    /// What keeps agents from working, in sentences.
    pub problems: Vec<String>,
    /// How agents are contained: `bwrap` or `none`.
    pub sandbox: String,
    /// A repository that the scripted model knows how to change; only in the demo.
    pub sample_repository: Option<PathBuf>,
}

impl Service {
    pub fn new(parts: Parts) -> Self {
        Self {
            parts: Arc::new(parts),
            cause: None,
            seed: None,
        }
    }

    /// The same use cases, noting `cause` (a request's id) in every event they lead to.
    #[must_use]
    pub fn caused_by(&self, cause: &str) -> Self {
        Self {
            parts: self.parts.clone(),
            cause: Some(cause.into()),
            seed: self.seed,
        }
    }

    /// The same use cases for a request that may come again: the ids it gives follow from the seed.
    #[must_use]
    pub fn seeded(&self, seed: Seed) -> Self {
        Self {
            seed: Some(seed),
            ..self.clone()
        }
    }

    /// The store, for those who read forward from a cursor.
    pub fn store(&self) -> &Store {
        &self.parts.store
    }

    /// The secrets of tasks and of the platform.
    pub fn vault(&self) -> &Vault {
        &self.parts.vault
    }

    /// Finds the secrets of a task in what its agents have written.
    pub async fn redactor(&self, task: TaskId) -> Result<Redactor, Error> {
        let TaskSecrets { own, granted } = self.vault().secrets_of(task).await?;
        let secrets = own.into_iter().chain(granted);
        // Its automaton grows with the secrets, and they may have 64 KiB each.
        shown::off_thread(move || KnownSecrets::new(secrets).redactor()).await
    }

    /// Loads the task, lets the domain judge, appends; again if somebody else was faster.
    pub async fn execute(
        &self,
        task: TaskId,
        actor: Actor,
        command: TaskCommand,
    ) -> Result<Appended, Error> {
        self.append(task, actor, command, None, &Beside::Nothing)
            .await
    }

    /// What the run that holds the task has to say. Refused once another run holds it.
    pub async fn run_command(
        &self,
        task: TaskId,
        run: RunId,
        epoch: u64,
        command: RunCommand,
    ) -> Result<Task, Error> {
        let actor = match command {
            RunCommand::ReportStep { .. }
            | RunCommand::ReportPhase { .. }
            | RunCommand::ReportError { .. } => Actor::Agent,
            _ => Actor::Platform,
        };
        let command = TaskCommand::Run { run, command };
        let appended = self
            .of_run(run)
            .append(
                task,
                actor,
                command,
                Some(Fence { epoch }),
                &Beside::Nothing,
            )
            .await?;
        Ok(appended.task)
    }

    /// A run takes hold of the task.
    pub async fn start_run(&self, task: TaskId, run: RunId, epoch: u64) -> Result<Task, Error> {
        let command = TaskCommand::StartRun { run, epoch };
        let fence = Some(Fence { epoch });
        let appended = self
            .of_run(run)
            .append(task, Actor::Platform, command, fence, &Beside::Nothing)
            .await?;
        Ok(appended.task)
    }

    fn of_run(&self, run: RunId) -> Self {
        self.caused_by(&run.to_string())
    }

    async fn append(
        &self,
        id: TaskId,
        actor: Actor,
        command: TaskCommand,
        fence: Option<Fence>,
        beside: &Beside<'_>,
    ) -> Result<Appended, Error> {
        for attempt in 0..ATTEMPTS {
            let before = self.parts.store.load(id).await?;
            let events = Task::decide(before.as_ref(), command.clone())
                .map_err(|refusal| refused(refusal, before.as_ref()))?;
            if let (true, Some(task)) = (events.is_empty(), &before) {
                return Ok(Appended {
                    records: Vec::new(),
                    task: task.clone(),
                });
            }
            let append = Append {
                task: id,
                before,
                events,
                actor,
                cause: self.cause.as_deref().map(str::to_owned),
                fence,
            };
            match self.write(append, beside).await {
                Err(Error::Conflict) => pause(attempt).await,
                written => return written,
            }
        }
        Err(Error::Conflict)
    }

    /// Writes events, and in the same transaction what belongs to them.
    async fn write(&self, append: Append, beside: &Beside<'_>) -> Result<Appended, Error> {
        let store = &self.parts.store;
        if matches!(beside, Beside::Nothing) {
            return Ok(store.append(append).await?);
        }
        let tx = store.begin().await.map_err(StoreError::from)?;
        let written = async {
            let appended = store.append_within(&tx, &append).await?;
            beside.write(&self.parts.vault, &tx, &appended.task).await?;
            Ok(appended)
        };
        let written: Result<Appended, Error> = written.await;
        match written {
            Ok(appended) => {
                tx.commit().await.map_err(StoreError::from)?;
                store.announce(&append, &appended);
                Ok(appended)
            }
            Err(error) => {
                // Dropped, it would be rolled back as well, but later.
                tx.rollback().await.ok();
                Err(error)
            }
        }
    }
}

/// Those who met at the same version should not meet again: up to 2 ms at first, 64 ms later.
async fn pause(attempt: u32) {
    let most = 2_000 << attempt.min(5);
    let micros = rand::rng().random_range(0..most);
    tokio::time::sleep(Duration::from_micros(micros)).await;
}

fn refused(refusal: Refusal, task: Option<&Task>) -> Error {
    match (refusal, task) {
        (Refusal::UnknownTask, _) | (_, None) => Error::NotFound { what: "task" },
        (Refusal::UnknownMessage, _) => Error::NotFound { what: "message" },
        (Refusal::UnknownReview, _) => Error::NotFound { what: "review" },
        (Refusal::UnknownQuestion, _) => Error::NotFound { what: "question" },
        (Refusal::UnknownDependency, _) => Error::NotFound { what: "dependency" },
        (Refusal::DoesNotFit(_), _) => Error::field("value", "is not what the agent needs"),
        (Refusal::AnswerMissing, _) => Error::field("answer", "must not be empty"),
        (Refusal::OneAnswer, _) => Error::field("answer", "must be one answer"),
        (Refusal::NoConsent, _) => Error::field("answer", "must be once, task or deny"),
        (Refusal::NotForTask, _) => Error::field(
            "answer",
            "must be once or deny: no rule can allow this call",
        ),
        (Refusal::NoReason, _) => Error::field("reason", "is for decisions on calls only"),
        (Refusal::UnknownRule, _) => Error::NotFound { what: "rule" },
        (Refusal::UnknownFeedback, _) => Error::NotFound { what: "comment" },
        (Refusal::StaleRun, _) => Error::StaleRun,
        (Refusal::OutOfTurn(what), _) => Error::OutOfTurn(what),
        (refusal, Some(task)) => Error::Refused {
            refusal,
            state: task.status.describe(),
            allowed: task.actions(),
        },
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict => Self::Conflict,
            StoreError::Fenced => Self::StaleRun,
            error => Self::Store(error),
        }
    }
}
