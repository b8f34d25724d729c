//! Going back: another task that begins at a checkpoint of one, or the task itself taken back to it.

use app::api::{ForkTask, RestoreTask, TaskView};
use app::domain::id::{CheckpointId, SessionId, TaskId};
use app::domain::task::{
    Action, CheckpointKind, ConversationPlace, EventRecord, Forked, Given as GivenAs, NewFork,
    Point, Refusal, Restore, Standing, Task, TaskCommand, forked,
};
use app::domain::text::Title;
use chrono::{SubsecRound as _, Utc};
use sea_orm::DatabaseTransaction;
use secrecy::ExposeSecret as _;
use uuid::Uuid;

use super::dependencies::place;
use super::seed::Given;
use super::{Service, refused};
use crate::error::Error;
use crate::projections::checkpoint::Model;
use crate::store::{StoreError, counted};
use crate::transcripts::Transcripts;
use crate::vault::{Scope, Secret, SecretName};

/// So many events of a history are read at once.
const PAGE: u32 = 1_000;

/// What the title of a fork ends with unless it has one of its own.
const FORK: &str = " (fork)";

impl Service {
    /// Makes a task that begins where another one stood at a checkpoint: with its history until then, its
    /// files, its conversation and what it was given. What waits for a person there waits here; else the
    /// task is paused, unless it is to start at once.
    pub async fn fork_task(&self, id: TaskId, wanted: ForkTask) -> Result<TaskView, Error> {
        let origin = self.load(id).await?;
        if !origin.actions().contains(&Action::Fork) {
            let refusal = Refusal::NotAllowed {
                state: "without a checkpoint",
                action: Action::Fork,
                allowed: origin.actions(),
            };
            return Err(refused(refusal, Some(&origin)));
        }
        let row = self.named_or_newest(id, wanted.checkpoint_id).await?;
        let new = match self.new_task_id().await? {
            Given::Before(task) => return Ok(task),
            Given::New(new) => TaskId::from_uuid(new),
        };
        let new = NewFork {
            id: new,
            title: wanted.title.unwrap_or_else(|| title_of_fork(&origin.title)),
            at: Utc::now().trunc_subsecs(3),
            start: wanted.start,
        };
        let history = self.history(id, counted(row.version)).await?;
        let made = forked(&history, &new, new_id)?;
        let begun = Task::replay(&made.records).ok_or(StoreError::NotCreated)?;
        let made = self.make_fork(&origin, &row, &made, &begun).await;
        if made.is_err() {
            // Nothing refers to them. What can't be removed now, the next try removes.
            self.parts.workspaces.discard(new.id).await.ok();
        }
        made.map(|task| TaskView::from(&task))
    }

    async fn make_fork(
        &self,
        origin: &Task,
        row: &Model,
        made: &Forked,
        begun: &Task,
    ) -> Result<Task, Error> {
        let checkpoint = CheckpointId::from_uuid(row.id);
        let workspaces = &self.parts.workspaces;
        workspaces
            .fork(
                (origin.id, checkpoint),
                (begun.id, made.checkpoint),
                &row.commit_id,
            )
            .await?;
        self.copy_conversation(origin.id, row, (begun.id, made.session))
            .await?;
        let inherited = self.inherited(origin.id, begun).await?;
        let store = &self.parts.store;
        let tx = store.begin().await.map_err(StoreError::from)?;
        let written = async {
            let task = store
                .adopt_within(&tx, &made.records, self.cause.as_deref())
                .await?;
            self.give_inherited(&tx, &task, &inherited).await?;
            Ok::<_, Error>(task)
        };
        match written.await {
            Ok(task) => {
                tx.commit().await.map_err(StoreError::from)?;
                store.announce_adopted(&task);
                Ok(task)
            }
            Err(error) => {
                // Dropped, it would be rolled back as well, but later.
                tx.rollback().await.ok();
                Err(error)
            }
        }
    }

    /// Takes a task back to one of its checkpoints. What is left behind is a checkpoint itself. A run brings
    /// the files back as soon as there is a place for one; then the task stands where it stood.
    pub async fn restore_task(&self, id: TaskId, wanted: RestoreTask) -> Result<TaskView, Error> {
        let task = self.load(id).await?;
        let row = self.checkpoint(id, wanted.checkpoint_id).await?;
        if !task.actions().contains(&Action::Restore) {
            let refusal = Refusal::NotAllowed {
                state: task.status.phrase(),
                action: Action::Restore,
                allowed: task.actions(),
            };
            return Err(refused(refusal, Some(&task)));
        }
        let then = self.load_version(id, counted(row.version)).await?;
        let session = SessionId::from_uuid(Uuid::new_v4());
        self.copy_conversation(id, &row, (id, session)).await?;
        let left = self.leave_behind(&task).await?;
        let restore = Restore {
            to: point(&row),
            version: counted(row.version),
            session,
            standing: Standing::of(&then),
            left,
        };
        self.act(id, TaskCommand::Restore(Box::new(restore))).await
    }

    /// A checkpoint of the task as it is now.
    async fn leave_behind(&self, task: &Task) -> Result<Option<Point>, Error> {
        let Some(latest) = task.checkpoint else {
            return Ok(None);
        };
        let session = task.session().unwrap_or(latest.session);
        let mirrored = self.transcripts().length(session).await;
        let transcript = mirrored?;
        let message = latest.place.message.filter(|_| latest.session == session);
        let checkpoint = CheckpointId::from_uuid(Uuid::now_v7());
        let label = "Before going back".to_owned();
        let workspaces = &self.parts.workspaces;
        let commit = workspaces.checkpoint(task.id, checkpoint, &label).await?;
        Ok(Some(Point {
            checkpoint,
            kind: CheckpointKind::Restore,
            commit,
            session,
            place: ConversationPlace {
                message,
                transcript,
            },
            label,
        }))
    }

    async fn named_or_newest(
        &self,
        task: TaskId,
        named: Option<CheckpointId>,
    ) -> Result<Model, Error> {
        if let Some(id) = named {
            return self.checkpoint(task, id).await;
        }
        let all = self.parts.store.checkpoints(task).await?;
        let newest = all.into_iter().next();
        newest.ok_or(Error::NotFound { what: "checkpoint" })
    }

    async fn history(&self, task: TaskId, until: u64) -> Result<Vec<EventRecord>, Error> {
        let mut history = Vec::new();
        while (history.len() as u64) < until {
            let after = history.len() as u64;
            let page = self.parts.store.events_after(task, after, PAGE).await?;
            if page.is_empty() {
                break;
            }
            history.extend(page);
        }
        history.retain(|record| record.version <= until);
        Ok(history)
    }

    fn transcripts(&self) -> Transcripts {
        Transcripts::new(self.parts.store.clone(), self.parts.vault.clone())
    }

    /// Gives a new session the conversation up to where it stood at a checkpoint.
    async fn copy_conversation(
        &self,
        task: TaskId,
        row: &Model,
        to: (TaskId, SessionId),
    ) -> Result<(), Error> {
        let from = (task, SessionId::from_uuid(row.session_id));
        let until = counted(row.transcript_bytes);
        Ok(self.transcripts().copy(from, until, to).await?)
    }

    /// The values that a fork has from its origin.
    async fn inherited(&self, origin: TaskId, fork: &Task) -> Result<Inherited, Error> {
        let mut inherited = Inherited::default();
        for known in &fork.dependencies {
            match known.given() {
                Some(GivenAs::Secret { name }) => {
                    let name: Result<SecretName, _> = name.parse();
                    inherited.granted.extend(name);
                }
                Some(given) if given.has_value() => {
                    let (name, _) = place(&known.needed)?;
                    let secret = self.vault().get(Scope::Task(origin), &name).await?;
                    inherited.own.extend(secret);
                }
                _ => {}
            }
        }
        Ok(inherited)
    }

    async fn give_inherited(
        &self,
        tx: &DatabaseTransaction,
        task: &Task,
        inherited: &Inherited,
    ) -> Result<(), Error> {
        let vault = self.vault();
        for secret in &inherited.own {
            let (scope, value) = (Scope::Task(task.id), secret.value.expose_secret());
            vault
                .put_within(tx, scope, &secret.name, secret.kind, value)
                .await?;
        }
        for name in &inherited.granted {
            match vault.grant_within(tx, task.id, name).await {
                // It was removed from the settings since: the agent has to ask again.
                Ok(()) | Err(crate::vault::VaultError::Unknown { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

#[derive(Default)]
struct Inherited {
    own: Vec<Secret>,
    granted: Vec<SecretName>,
}

/// Of the same version, and later than all others.
fn new_id(id: Uuid) -> Uuid {
    match id.get_version_num() {
        7 => Uuid::now_v7(),
        _ => Uuid::new_v4(),
    }
}

fn point(row: &Model) -> Point {
    Point {
        checkpoint: CheckpointId::from_uuid(row.id),
        kind: row.kind.parse().unwrap_or_default(),
        commit: row.commit_id.clone(),
        session: SessionId::from_uuid(row.session_id),
        place: ConversationPlace {
            message: row.message_id,
            transcript: counted(row.transcript_bytes),
        },
        label: row.label.clone(),
    }
}

/// The origin's, marked as what it is if there is room for that.
fn title_of_fork(title: &Title) -> Title {
    let marked = format!("{}{FORK}", title.as_str().trim_end_matches(FORK));
    marked.parse().unwrap_or_else(|_| title.clone())
}
