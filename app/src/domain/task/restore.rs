//! How a task goes back to one of its checkpoints.
//!
//! What was done since is undone: how far phases and steps have come, the conversation, the files. What
//! happened stays in the history, and what was used stays used. A person decides first; then a run, which
//! alone may touch the files, brings them back; then the task stands where it stood.

use serde::{Deserialize, Serialize};

use super::decide::Decision;
use super::fork::held;
use super::{
    Action, DependencyStatus, LatestCheckpoint, Phase, Point, QuestionStatus, Refusal,
    ReviewStatus, Run, RunEnd, Status, Task, TaskEvent, Turn, Waiting, Work,
};
use crate::domain::id::{CheckpointId, SessionId};

/// How far a task had come at a checkpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// What they have used is not among it.
    pub phases: Vec<Phase>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<SessionId>,
    #[serde(default)]
    pub prompted: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn: Option<Turn>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parked: Option<Turn>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub interrupted: Vec<Turn>,
    /// One for each review that there was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reviews: Vec<IsOpen>,
    /// One for each question that there was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub questions: Vec<Told>,
    /// One for each dependency that there was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<Told>,
}

/// Whether something waited for a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IsOpen {
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub open: bool,
}

/// Whether something waited for a person, and whether the agent knew what became of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub open: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub told: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub taken: bool,
}

/// A task on its way back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restoring {
    pub checkpoint: CheckpointId,
    /// The commit that its files are brought back from.
    pub commit: String,
}

/// What is needed to go back to a checkpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct Restore {
    /// The checkpoint that is gone back to.
    pub to: Point,
    /// The task's version then.
    pub version: u64,
    /// The conversation that goes on, up to where it stood, in the place of the checkpoint's.
    pub session: SessionId,
    pub standing: Standing,
    /// What is left behind, so that it can be gone back to as well.
    pub left: Option<Point>,
}

impl Standing {
    /// Where a task stands.
    pub fn of(task: &Task) -> Self {
        let told = |open, told, taken| Told { open, told, taken };
        let reviews = task.reviews.iter().map(|review| IsOpen {
            open: review.status == ReviewStatus::Open,
        });
        let questions = task.questions.iter().map(|known| {
            let is_open = known.status == QuestionStatus::Open;
            told(is_open, known.told, known.taken)
        });
        let dependencies = task.dependencies.iter().map(|known| {
            let is_open = known.status == DependencyStatus::Open;
            told(is_open, known.told, known.taken)
        });
        Self {
            phases: task.phases.clone(),
            conversation: task.conversation,
            prompted: task.prompted,
            turn: task.turn.clone(),
            parked: task.parked.clone(),
            interrupted: task.interrupted.clone(),
            reviews: reviews.collect(),
            questions: questions.collect(),
            dependencies: dependencies.collect(),
        }
    }

    /// The same with another conversation in the place of one.
    fn renamed(mut self, from: SessionId, to: SessionId) -> Self {
        let rename = |session: &mut SessionId| {
            if *session == from {
                *session = to;
            }
        };
        for phase in &mut self.phases {
            phase.session.as_mut().map(rename);
        }
        self.conversation.as_mut().map(rename);
        let turns = self.turn.iter_mut().chain(&mut self.parked);
        for turn in turns.chain(&mut self.interrupted) {
            rename(&mut turn.session);
        }
        self
    }
}

impl Task {
    /// Ends the run that may still hold the task, and asks the next one for the files.
    pub(super) fn restore(&self, restore: Restore) -> Decision {
        self.allow(Action::Restore)?;
        let Restore {
            to,
            version,
            session,
            standing,
            left,
        } = restore;
        let mut events = self.settled([]);
        events.extend(left.map(|left| self.checkpoint_created(left)));
        events.push(TaskEvent::TaskRestored {
            checkpoint: to.checkpoint,
            version,
            commit: to.commit,
            session,
            place: to.place,
            standing: Box::new(standing.renamed(to.session, session)),
        });
        Ok(events)
    }

    /// The files are as they were; the task stands where it stood.
    pub(super) fn files_restored(&self, run: Run) -> Decision {
        if self.restoring.is_none() {
            return Err(Refusal::OutOfTurn("files of a checkpoint"));
        }
        let end = RunEnd::Settled;
        Ok(vec![
            TaskEvent::FilesRestored {},
            TaskEvent::RunEnded { run: run.id, end },
        ])
    }

    /// The files that a run has to bring back before anything else.
    pub(super) fn next_restored(&self) -> Option<Work> {
        self.restoring.as_ref().map(|_| Work::RestoreFiles)
    }

    /// What becomes of a task that goes back.
    pub(super) fn change_standing(&mut self, event: &TaskEvent) {
        match event {
            TaskEvent::TaskRestored {
                checkpoint,
                commit,
                session,
                place,
                standing,
                ..
            } => {
                self.take_standing(standing);
                self.checkpoint = Some(LatestCheckpoint {
                    id: *checkpoint,
                    session: *session,
                    place: *place,
                });
                self.restoring = Some(Restoring {
                    checkpoint: *checkpoint,
                    commit: commit.clone(),
                });
                self.status = Status::Queued { not_before: None };
            }
            TaskEvent::FilesRestored {} => {
                self.restoring = None;
                self.status = self.standing_status();
            }
            _ => {}
        }
    }

    fn take_standing(&mut self, standing: &Standing) {
        for (now, then) in self.phases.iter_mut().zip(&standing.phases) {
            *now = Phase {
                // Spent is spent, and the rounds' commits keep their names.
                rounds: now.rounds,
                tokens: now.tokens,
                cost: now.cost,
                active_ms: now.active_ms,
                estimate: now.estimate,
                verifiers: std::mem::take(&mut now.verifiers),
                earlier_sessions: now.sessions_before(then),
                ..then.clone()
            };
        }
        self.conversation = standing.conversation;
        self.prompted = standing.prompted;
        self.turn.clone_from(&standing.turn);
        self.parked.clone_from(&standing.parked);
        self.interrupted.clone_from(&standing.interrupted);
        for (index, review) in self.reviews.iter_mut().enumerate() {
            match standing.reviews.get(index) {
                Some(then) if then.open => review.status = ReviewStatus::Open,
                Some(_) => {}
                None => review.status = ReviewStatus::Superseded,
            }
        }
        for (index, question) in self.questions.iter_mut().enumerate() {
            let then = standing.questions.get(index).copied();
            if let Some(Told { told, taken, .. }) = then {
                (question.told, question.taken) = (told, taken);
            }
            match then {
                // It is asked again: another answer may be why somebody went back.
                Some(then) if then.open => question.status = QuestionStatus::Open,
                None if question.status == QuestionStatus::Open => {
                    question.status = QuestionStatus::Withdrawn;
                }
                _ => {}
            }
        }
        for (index, dependency) in self.dependencies.iter_mut().enumerate() {
            let then = standing.dependencies.get(index).copied();
            if let Some(Told { told, taken, .. }) = then {
                (dependency.told, dependency.taken) = (told, taken);
            }
            // What was given stays given.
            dependency.status = match (then.is_some_and(|then| then.open), &dependency.status) {
                (true, DependencyStatus::Withdrawn) => DependencyStatus::Open,
                (false, DependencyStatus::Open) => DependencyStatus::Withdrawn,
                (_, status) => status.clone(),
            };
        }
        self.failures = 0;
        self.limits = 0;
        self.review_requested = false;
        self.pause_requested = false;
        self.interrupt_requested = false;
        self.last_lines.clear();
    }

    /// Where the task stands once its files are back.
    fn standing_status(&self) -> Status {
        if self.open_questions().next().is_some() {
            return Status::Waiting(Waiting::Question);
        }
        if self.open_dependencies().next().is_some() {
            return Status::Waiting(Waiting::Dependency);
        }
        match self.open_review() {
            Some(review) => Status::Waiting(Waiting::Review { review: review.id }),
            None => held(&Status::Queued { not_before: None }),
        }
    }
}
