//! One run: from the claim of a task to the point where it waits, is done or has failed.
//!
//! A run asks the task what comes next, does it, and asks again. After a crash the next run does
//! the same: nothing that decides is held in memory.

use std::ops::ControlFlow;

use app::api::AgentState;
use app::domain::id::{CheckpointId, MessageId, ReviewId, RunId, SessionId, TaskId};
use app::domain::task::{CheckpointKind, Limit, RunCommand, RunEnd, Task, TurnPurpose, Work};
use chrono::Utc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Deps;
use super::asked;
use super::model::NoModel;
use super::outcome;
use super::session::{self, Left, Session, SessionError};
use super::turn::Turn;
use crate::agent::driver::StartError;
use crate::agent::resume::ResumePlan;
use crate::error::{Error, chain};
use crate::prompts;
use crate::verification;
use crate::workspace::WorkspaceError;

/// How often in a row a run may find that somebody else was faster.
const MAX_SURPRISES: u32 = 20;

/// What a step of a run leads to: the task as it is then, or the end of the run.
pub(super) type Next = ControlFlow<Ending, Task>;

/// A task that this process holds.
pub struct Run {
    pub deps: Deps,
    pub task: TaskId,
    pub id: RunId,
    pub epoch: u64,
    /// The server is shutting down.
    pub stop: CancellationToken,
    /// The lease is lost: somebody else may hold the task.
    pub lost: CancellationToken,
    pub session: Option<Session>,
    /// Where the agent that was there last has left its conversation.
    pub left: Option<Left>,
    /// The account could not be used lately, or nobody has seen since that it can.
    pub is_trying: bool,
}

/// How a run came to its end.
#[derive(Debug)]
pub enum Ending {
    /// The task waits, is done, or was called off, and its events say so already.
    Settled,
    /// The server is shutting down.
    Shutdown,
    /// A person holds the task up.
    Paused,
    /// The model can't be used at present.
    Limited { limit: Limit },
    /// There are no credentials that work.
    Refused { message: String },
    /// The agent failed.
    Failed { message: String },
    /// The task can't be done as it is, however often it is tried.
    Impossible { reason: String },
}

/// Why a run could not go on, beyond what the agent did.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Service(#[from] Error),
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    #[error("the log can't be written")]
    Log(#[from] crate::logs::LogError),
    #[error("the guide for this step can't be read")]
    Guide(#[from] crate::guides::GuideError),
}

impl RunError {
    /// Whether the task is simply no longer this run's: called off, or taken over by another.
    fn is_stale(&self) -> bool {
        matches!(
            self,
            Self::Service(Error::StaleRun | Error::NotFound { .. })
                | Self::Log(crate::logs::LogError::Fenced)
        )
    }
}

impl Run {
    /// Drives the task until it settles, and records how the run ended.
    pub async fn drive(mut self) {
        let _shown = self.deps.live.show(self.task);
        let lost = self.lost.clone();
        let driven = tokio::select! {
            biased;
            // Whatever the run waits for, it has no business there any more.
            () = lost.cancelled() => Ok(Ending::Settled),
            driven = self.work() => driven,
        };
        self.deps.live.rest(self.task);
        if let Some(session) = self.session.take() {
            self.left = Some(session.stop().await);
        }
        // Also those that were dropped in the middle of something: the task may be somebody else's
        // as soon as the end is recorded.
        self.deps.launcher.finish().await;
        let ending = match driven {
            Ok(ending) => ending,
            Err(error) if error.is_stale() => Ending::Settled,
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "the run failed");
                Ending::Failed {
                    message: error.to_string(),
                }
            }
        };
        let recorded = tokio::select! {
            biased;
            () = lost.cancelled() => return,
            recorded = self.record(ending) => recorded,
        };
        if let Err(error) = recorded
            && !error.is_stale()
        {
            // The lease runs out, and the next run takes the task up from its events.
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the end is not recorded"
            );
        }
    }

    async fn record(&mut self, ending: Ending) -> Result<(), RunError> {
        let now = Utc::now();
        let kind = match ending {
            Ending::Paused => Some(CheckpointKind::Pause),
            Ending::Shutdown => Some(CheckpointKind::Shutdown),
            Ending::Failed { .. } => Some(CheckpointKind::Error),
            _ => None,
        };
        let command = match ending {
            Ending::Settled => return Ok(()),
            Ending::Limited { limit } => RunCommand::Limit(limit),
            Ending::Refused { message } => RunCommand::RefuseCredentials { message },
            Ending::Impossible { reason } => RunCommand::GiveUp { reason },
            Ending::Paused => RunCommand::End {
                end: RunEnd::Settled,
                retry_at: now,
            },
            Ending::Shutdown => RunCommand::End {
                end: RunEnd::Shutdown,
                retry_at: now,
            },
            Ending::Failed { message } => {
                let failures = self.load().await?.map_or(0, |task| task.failures);
                let mut message = message;
                match self.deps.service.redactor(self.task).await {
                    Ok(redactor) => redactor.clean(&mut message),
                    // It may tell of what an agent has named.
                    Err(error) => message = error.to_string(),
                }
                let retry_at = outcome::retry_at(now, failures);
                let last_lines = self.last_lines().await?;
                RunCommand::End {
                    end: RunEnd::Failed {
                        message,
                        last_lines,
                    },
                    retry_at,
                }
            }
        };
        self.say_last(kind, command).await
    }

    /// Says the last of the run. Of a turn that stays open it is told where it stands.
    async fn say_last(
        &self,
        kind: Option<CheckpointKind>,
        command: RunCommand,
    ) -> Result<(), RunError> {
        let Some(kind) = kind else {
            return self.say(command).await.map(drop);
        };
        let task = self.load().await?;
        let label = task.and_then(|task| {
            let turn = task.turn.as_ref()?;
            Some(prompts::heading(&task, &turn.purpose))
        });
        let left = self.left.filter(|_| label.is_some());
        let said = self.say_at(left, kind, label.unwrap_or_default(), command);
        said.await.map(drop)
    }

    async fn work(&mut self) -> Result<Ending, RunError> {
        let mut task = self.begin().await?;
        let repository = task.repository.as_deref();
        let prepared = tokio::select! {
            biased;
            () = self.stop.cancelled() => return Ok(Ending::Shutdown),
            prepared = self.deps.workspaces.prepare(self.task, repository) => prepared,
        };
        match prepared {
            Ok(()) => {}
            // Allowed when the task was made, and not any more.
            Err(error @ WorkspaceError::Source(_)) => {
                let reason = error.to_string();
                return Ok(Ending::Impossible { reason });
            }
            Err(error) => return Err(error.into()),
        }
        if task.is_to_be_estimated() {
            let phases = self.deps.service.estimate(&task).await?;
            task = self.say(RunCommand::Estimate { phases }).await?;
        }
        let mut surprises = 0;
        loop {
            if self.stop.is_cancelled() {
                return Ok(Ending::Shutdown);
            }
            match Box::pin(self.step(&task)).await {
                Ok(ControlFlow::Continue(now)) => {
                    task = now;
                    surprises = 0;
                }
                Ok(ControlFlow::Break(ending)) => return Ok(ending),
                // A person was faster, with a message for example: something else comes next.
                Err(RunError::Service(Error::OutOfTurn(_))) if surprises < MAX_SURPRISES => {
                    surprises += 1;
                    match self.load().await? {
                        Some(now) => task = now,
                        None => return Ok(Ending::Settled),
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes hold of the task. Where that fails for a reason that will pass, the claim goes back.
    async fn begin(&self) -> Result<Task, RunError> {
        let service = &self.deps.service;
        let started = service.start_run(self.task, self.id, self.epoch).await;
        if let Err(Error::Store(_) | Error::Conflict) = started {
            // If it can't be given back, it runs out.
            self.deps.store.release(self.task, self.epoch).await.ok();
        }
        Ok(started?)
    }

    async fn step(&mut self, task: &Task) -> Result<Next, RunError> {
        if task.run().is_none_or(|run| run.id != self.id) {
            return Ok(ControlFlow::Break(Ending::Settled));
        }
        if task.status.is_paused() {
            return Ok(ControlFlow::Break(Ending::Paused));
        }
        let work = task.next_work();
        if let (Work::RestoreFiles, Some(restoring)) = (&work, &task.restoring) {
            let commit = restoring.commit.clone();
            return self.restore_files(&commit).await;
        }
        let needs_model = task.turn.is_some() || matches!(work, Work::Turn(_));
        if needs_model
            && !task.interrupt_requested
            && let Some(limit) = self.limit_in_force().await?
        {
            return Ok(ControlFlow::Break(Ending::Limited { limit }));
        }
        // A turn that has begun is seen to its end.
        let begins = task.turn.is_none() && matches!(work, Work::Turn(_));
        if begins && let Some(used) = self.day_budget_used_up().await? {
            let task = self.say(RunCommand::AwaitDay(used)).await?;
            return Ok(ControlFlow::Continue(task));
        }
        match (&task.turn, work) {
            (Some(turn), _) if task.interrupt_requested => {
                self.end_interrupted(task, turn.message).await
            }
            (Some(turn), _) => {
                let (message, purpose) = (turn.message, turn.purpose.clone());
                Box::pin(self.take_up_turn(task, message, purpose)).await
            }
            (None, Work::Turn(purpose)) => Box::pin(self.begin_turn(task, purpose)).await,
            (None, work) => self.between_turns(task, work).await,
        }
    }

    /// What the platform does by itself. The agent's process has ended before: what it left behind
    /// must not change while it is looked at.
    async fn between_turns(&mut self, task: &Task, work: Work) -> Result<Next, RunError> {
        if let Some(session) = self.session.take() {
            session.stop().await;
        }
        let session = SessionId::from_uuid(Uuid::new_v4());
        let review = ReviewId::from_uuid(Uuid::now_v7());
        let command = match work {
            Work::StartConversation => RunCommand::StartConversation { session },
            Work::StartPhase { phase } => {
                let base = self
                    .commit(task, phase, &format!("phase-{phase}/start"))
                    .await?;
                RunCommand::StartPhase { session, base }
            }
            Work::Verify { phase } => {
                self.deps.live.set(self.task, AgentState::Verifying);
                let head = self.commit_round(task, phase).await?;
                self.deps.workspaces.publish(task).await?;
                let mut checks =
                    verification::verify(&self.deps.workspaces, task, phase, &head).await?;
                // Agents name files.
                let redactor = self.deps.service.redactor(self.task).await?;
                for check in &mut checks {
                    redactor.clean(&mut check.subject);
                    redactor.clean(&mut check.evidence);
                }
                let checkpoint = CheckpointId::from_uuid(Uuid::now_v7());
                let workspaces = &self.deps.workspaces;
                workspaces.keep_commit(self.task, checkpoint, &head).await?;
                RunCommand::Verify {
                    checks,
                    review,
                    checkpoint,
                    head,
                    verifier: session,
                }
            }
            Work::OpenReview { phase } => {
                let head = self.commit_round(task, phase).await?;
                RunCommand::OpenReview { review, head }
            }
            Work::Complete => {
                self.deps.workspaces.publish(task).await?;
                RunCommand::Complete
            }
            Work::AwaitMessage => RunCommand::AwaitMessage,
            Work::AwaitBudget => RunCommand::AwaitBudget,
            Work::Pause => RunCommand::Pause,
            Work::Turn(_) | Work::RestoreFiles | Work::Nothing => {
                return Ok(ControlFlow::Break(Ending::Settled));
            }
        };
        let is_checkpoint = matches!(command, RunCommand::Verify { .. });
        let task = self.say(command).await?;
        if is_checkpoint {
            self.prune_checkpoints().await;
        }
        Ok(ControlFlow::Continue(task))
    }

    async fn commit_round(&self, task: &Task, phase: u32) -> Result<String, RunError> {
        let rounds = task.phase(phase).map_or(0, |phase| phase.rounds);
        self.commit(task, phase, &format!("phase-{phase}/round-{}", rounds + 1))
            .await
    }

    async fn commit(&self, task: &Task, phase: u32, name: &str) -> Result<String, RunError> {
        let title = task
            .phase(phase)
            .map_or("", |phase| phase.plan.name.as_str());
        let message = format!("{title}: {name}");
        Ok(self
            .deps
            .workspaces
            .commit(self.task, name, &message)
            .await?)
    }

    /// Begins a turn, or goes on with the one that was parked until a person has answered.
    async fn begin_turn(&mut self, task: &Task, purpose: TurnPurpose) -> Result<Next, RunError> {
        let parked = task.parked.as_ref().map(|turn| turn.message);
        let Ensured { plan, lost, .. } = match self.ensure_session(task, &purpose, parked).await {
            Ok(ensured) => ensured,
            Err(error) => return Ok(ControlFlow::Break(ending_of(&error))),
        };
        let message = parked.unwrap_or_else(|| MessageId::from_uuid(Uuid::new_v4()));
        let command = RunCommand::StartTurn {
            message,
            purpose: purpose.clone(),
        };
        let mut task = self.say(command).await?;
        if parked.is_some() {
            task = Box::pin(self.lose(task, lost)).await?;
            self.note("The person has answered; the agent goes on where it was.")
                .await?;
            let turn = Turn::new(message, purpose);
            return self.go_on(&task, turn, plan).await;
        }
        debug_assert_ne!(plan, ResumePlan::RunsByItself, "no turn was open");
        let turn = Turn::new(message, purpose);
        Box::pin(self.deliver_turn(&task, turn, true)).await
    }

    /// Goes on with a turn that an earlier run has left open.
    async fn take_up_turn(
        &mut self,
        task: &Task,
        message: MessageId,
        purpose: TurnPurpose,
    ) -> Result<Next, RunError> {
        let ensured = self.ensure_session(task, &purpose, Some(message)).await;
        let Ensured {
            plan,
            said,
            lost,
            heard,
        } = match ensured {
            Ok(ensured) => ensured,
            Err(error) => return Ok(ControlFlow::Break(ending_of(&error))),
        };
        self.note("The work was interrupted; the agent goes on where it was.")
            .await?;
        let task = Box::pin(self.lose(task.clone(), lost)).await?;
        let task = &Box::pin(self.recall(task, heard)).await?;
        let mut turn = Turn::new(message, purpose);
        if !matches!(turn.purpose, TurnPurpose::Verification { .. }) {
            // Heard by a process that is gone, and not recorded.
            turn.asked = asked::in_texts(task, &said);
        }
        self.go_on(task, turn, plan).await
    }

    /// Sends what the agent's transcript lacks of an open turn.
    async fn go_on(&mut self, task: &Task, turn: Turn, plan: ResumePlan) -> Result<Next, RunError> {
        match plan {
            ResumePlan::AlreadyDone => self.end_unseen(task, turn).await,
            ResumePlan::RunsByItself | ResumePlan::Deferred { .. } => {
                Box::pin(self.deliver_turn(task, turn, false)).await
            }
            ResumePlan::Fresh | ResumePlan::SendAgain => {
                Box::pin(self.deliver_turn(task, turn, true)).await
            }
        }
    }

    /// Records what an agent that was killed had taken up and not kept: it is given again.
    async fn lose(&self, mut task: Task, lost: Vec<MessageId>) -> Result<Task, RunError> {
        for message in lost {
            task = self.say(RunCommand::LoseMessage { message }).await?;
        }
        Ok(task)
    }

    /// Makes sure that an agent serves the session that a turn belongs to.
    async fn ensure_session(
        &mut self,
        task: &Task,
        purpose: &TurnPurpose,
        open: Option<MessageId>,
    ) -> Result<Ensured, SessionError> {
        let wanted = task.session_for(purpose);
        if let Some(session) = self.session.take() {
            if Some(session.id) == wanted && open.is_none() {
                self.session = Some(session);
                return Ok(Ensured::of(ResumePlan::SendAgain));
            }
            session.stop().await;
        }
        let Some(id) = wanted else {
            return Ok(Ensured::of(ResumePlan::Fresh));
        };
        self.deps.live.set(self.task, AgentState::Starting);
        let started = session::start(&self.deps, task, id, purpose, open).await?;
        self.deps.live.set(self.task, started.session.at_work());
        self.session = Some(started.session);
        Ok(Ensured {
            plan: started.plan,
            said: started.said,
            lost: started.lost,
            heard: started.heard,
        })
    }

    pub(super) async fn say(&self, command: RunCommand) -> Result<Task, RunError> {
        let service = &self.deps.service;
        Ok(service
            .run_command(self.task, self.id, self.epoch, command)
            .await?)
    }

    pub(super) async fn load(&self) -> Result<Option<Task>, RunError> {
        Ok(self.deps.store.load(self.task).await.map_err(Error::from)?)
    }

    /// The due files of the present phase that are there.
    pub(super) async fn present(&self, task: &Task) -> Result<Vec<String>, RunError> {
        let Some(phase) = task.active_phase() else {
            return Ok(Vec::new());
        };
        let due = phase.plan.due().map(|due| due.path.clone()).collect();
        Ok(self.deps.workspaces.present(self.task, due).await?)
    }
}

/// An agent is there, and what is to be done about the turn that was open.
struct Ensured {
    plan: ResumePlan,
    /// What an earlier process has said in that turn.
    said: Vec<String>,
    /// What it had taken up of a person's messages, and did not live to keep.
    lost: Vec<MessageId>,
    /// What it had taken up of them, and nobody lived to record.
    heard: Vec<MessageId>,
}

impl Ensured {
    fn of(plan: ResumePlan) -> Self {
        Self {
            plan,
            said: Vec::new(),
            lost: Vec::new(),
            heard: Vec::new(),
        }
    }
}

fn ending_of(error: &SessionError) -> Ending {
    match error {
        SessionError::Start(StartError::GivenUp) => return Ending::Shutdown,
        SessionError::Model(NoModel::NoCredentials) => {
            return Ending::Refused {
                message: error.to_string(),
            };
        }
        _ => {}
    }
    tracing::warn!(
        error = error as &dyn std::error::Error,
        "the agent did not start"
    );
    // With its causes, for people who can mend the installation.
    Ending::Failed {
        message: chain(error).chars().take(2_000).collect(),
    }
}
