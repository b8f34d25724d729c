//! Checkpoints: where work tree and conversation stood when something ended, or a long turn went on.

use std::ops::ControlFlow;
use std::time::Duration;

use app::domain::id::CheckpointId;
use app::domain::task::{CheckpointKind, Point, RunCommand, Task};
use tokio::time::Instant;
use uuid::Uuid;

use super::outcome::Verdict;
use super::run::{Next, Run, RunError};
use super::session::{Left, Session, kept};
use super::turn::Turn;
use crate::error::Error;
use crate::prompts;

/// How often a conversation is mirrored while its turn goes on.
const MIRRORED_EVERY: Duration = Duration::from_secs(5);

/// How often a turn that goes on has a checkpoint.
const MADE_EVERY: Duration = Duration::from_mins(10);

/// What is due in a turn that goes on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// When the conversation is mirrored next.
    pub(super) mirrored_at: Instant,
    made_at: Instant,
}

impl Pace {
    pub(super) fn from_now() -> Self {
        let now = Instant::now();
        Self {
            mirrored_at: now + MIRRORED_EVERY,
            made_at: now + MADE_EVERY,
        }
    }
}

/// What the end of a turn is worth a checkpoint as.
pub(super) fn kind(verdict: &Verdict, has_asked: bool) -> CheckpointKind {
    match verdict {
        Verdict::GoOn if !has_asked => CheckpointKind::Turn,
        Verdict::GoOn | Verdict::Deferred => CheckpointKind::Question,
        Verdict::Interrupted => CheckpointKind::Pause,
        Verdict::Limited { .. } => CheckpointKind::Limit,
        Verdict::Refused { .. } | Verdict::Failed { .. } => CheckpointKind::Error,
    }
}

impl Run {
    /// Ends the agent, or lets it rest until its next turn. Says where it has left its conversation.
    pub(super) async fn leave(&mut self, is_last: bool) -> Option<Left> {
        if is_last {
            return Some(self.session.take()?.stop().await);
        }
        Some(self.session.as_mut()?.rest().await)
    }

    /// Mirrors the conversation of a turn that goes on, and makes a checkpoint if it is time for one.
    pub(super) async fn keep_pace(
        &self,
        session: &mut Session,
        turn: &mut Turn,
    ) -> Result<(), RunError> {
        kept(session.mirror.catch_up().await);
        turn.pace.mirrored_at = Instant::now() + MIRRORED_EVERY;
        if turn.pace.made_at > Instant::now() || session.is_onlooker {
            return Ok(());
        }
        turn.pace = Pace::from_now();
        let Some(task) = self.load().await? else {
            return Ok(());
        };
        let left = Left {
            session: session.id,
            place: session.mirror.place(),
            is_onlooker: false,
        };
        let label = prompts::heading(&task, &turn.purpose);
        if let Some(point) = self.point(left, CheckpointKind::Interval, label).await {
            let point = Box::new(point);
            self.say(RunCommand::Checkpoint { point, then: None })
                .await?;
            self.prune_checkpoints().await;
        }
        Ok(())
    }

    /// Says something together with the checkpoint that it is worth.
    pub(super) async fn say_at(
        &self,
        left: Option<Left>,
        kind: CheckpointKind,
        label: String,
        command: RunCommand,
    ) -> Result<Task, RunError> {
        let point = match left {
            Some(left) => self.point(left, kind, label).await,
            None => None,
        };
        let Some(point) = point else {
            return self.say(command).await;
        };
        let task = self
            .say(RunCommand::Checkpoint {
                point: Box::new(point),
                then: Some(Box::new(command)),
            })
            .await?;
        self.prune_checkpoints().await;
        Ok(task)
    }

    /// Brings the files of a checkpoint back. No agent is there that could be writing.
    pub(super) async fn restore_files(&self, commit: &str) -> Result<Next, RunError> {
        self.deps.workspaces.restore(self.task, commit).await?;
        self.note("The task went back: its files and its conversation are as they were at the checkpoint.")
            .await?;
        let task = self.say(RunCommand::RestoreFiles).await?;
        self.prune_checkpoints().await;
        Ok(ControlFlow::Continue(task))
    }

    /// Records the work tree. That this fails is no reason not to go on.
    async fn point(&self, left: Left, kind: CheckpointKind, label: String) -> Option<Point> {
        if left.is_onlooker {
            return None;
        }
        let checkpoint = CheckpointId::from_uuid(Uuid::now_v7());
        let workspaces = &self.deps.workspaces;
        match workspaces.checkpoint(self.task, checkpoint, &label).await {
            Ok(commit) => Some(Point {
                checkpoint,
                kind,
                commit,
                session: left.session,
                place: left.place,
                label,
            }),
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "no checkpoint can be made"
                );
                None
            }
        }
    }

    /// Lets go of the commits of checkpoints that are not kept any more.
    pub(super) async fn prune_checkpoints(&self) {
        let pruned = async {
            let kept = self.deps.store.checkpoints(self.task).await;
            let kept = kept.map_err(Error::from)?;
            let kept: Vec<_> = kept.iter().map(|row| row.id).collect();
            let workspaces = &self.deps.workspaces;
            workspaces.prune_checkpoints(self.task, &kept).await?;
            Ok::<_, RunError>(())
        };
        if let Err(error) = pruned.await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "old checkpoints are not removed"
            );
        }
    }
}
