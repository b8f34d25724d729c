//! Judging commands: state and command in, events or a refusal out.

use chrono::{DateTime, Utc};

use super::{
    Action, Answerable, Comment, FeedbackStatus, MAX_FAILURES, MAX_FEEDBACK, MAX_PENDING_MESSAGES,
    MAX_REWORKS, NewTask, Refusal, Review, ReviewStatus, Run, RunCommand, RunEnd, Status,
    StepStatus, Task, TaskCommand, TaskEdit, TaskEvent, TurnOutcome, TurnPurpose, Waiting, Work,
};
use crate::domain::id::{FeedbackId, MessageId, ReviewId, RunId};
use crate::domain::text::Note;

/// What a decision comes to.
type Decision = Result<Vec<TaskEvent>, Refusal>;

impl Task {
    /// Judges a command against the present state. Pure: no clock, no I/O, no randomness. An
    /// empty list means that what was asked is already so.
    pub fn decide(task: Option<&Self>, command: TaskCommand) -> Decision {
        match (task, command) {
            (None, TaskCommand::Create(new)) => Ok(create(*new)),
            (Some(_), TaskCommand::Create(_)) => Err(Refusal::AlreadyCreated),
            (None, _) => Err(Refusal::UnknownTask),
            (Some(task), _) if task.archived => Err(Refusal::UnknownTask),
            (Some(task), command) => task.judge(command),
        }
    }

    fn judge(&self, command: TaskCommand) -> Decision {
        match command {
            TaskCommand::Create(_) => Err(Refusal::AlreadyCreated),
            TaskCommand::Edit(edit) => self.change_details(edit),
            TaskCommand::Execute => self.execute(),
            TaskCommand::Cancel => self.cancel(),
            TaskCommand::Retry => self.retry(),
            TaskCommand::Archive => self.archive(),
            TaskCommand::SendMessage { message, text } => self.send_message(message, text),
            TaskCommand::RequestReview => self.request_review(),
            TaskCommand::AddFeedback {
                review,
                feedback,
                comment,
            } => {
                self.open_for_decision(review)?;
                self.add_feedback(review, vec![(feedback, comment)])
            }
            TaskCommand::ResolveFeedback { feedback } => self.resolve(feedback),
            TaskCommand::Approve { review, comment } => self.approve(review, comment),
            TaskCommand::RequestChanges {
                review,
                feedback,
                comments,
            } => self.request_changes(review, feedback, comments),
            TaskCommand::StartRun { run, epoch } => self.start_run(run, epoch),
            TaskCommand::Run { run, command } => {
                let run = self.held_by(run)?;
                self.judge_run(run, command)
            }
        }
    }

    fn allow(&self, action: Action) -> Result<(), Refusal> {
        let allowed = self.actions();
        if allowed.contains(&action) {
            return Ok(());
        }
        Err(Refusal::NotAllowed {
            state: self.status.describe(),
            action,
            allowed,
        })
    }

    fn change_details(&self, edit: TaskEdit) -> Decision {
        self.allow(Action::Edit)?;
        if edit.description.is_some() && self.status != Status::Draft {
            return Err(Refusal::DescriptionFixed);
        }
        let unchanged = edit.title.as_ref().is_none_or(|title| *title == self.title)
            && edit
                .description
                .as_ref()
                .is_none_or(|text| *text == self.description)
            && edit
                .priority
                .is_none_or(|priority| priority == self.priority)
            && edit
                .auto_approve
                .is_none_or(|auto| auto == self.auto_approve)
            && edit
                .permission_mode
                .is_none_or(|mode| mode == self.permission_mode)
            && edit
                .model
                .as_ref()
                .is_none_or(|model| Some(model) == self.model.as_ref());
        if unchanged {
            return Ok(Vec::new());
        }
        Ok(vec![TaskEvent::TaskUpdated { edit }])
    }

    fn execute(&self) -> Decision {
        self.allow(Action::Execute)?;
        Ok(vec![queued()])
    }

    fn cancel(&self) -> Decision {
        // A second click is harmless.
        if self.status == Status::Cancelled {
            return Ok(Vec::new());
        }
        self.allow(Action::Cancel)?;
        Ok(self.settled([TaskEvent::TaskCancelled {}]))
    }

    fn retry(&self) -> Decision {
        self.allow(Action::Retry)?;
        Ok(vec![TaskEvent::TaskRetried {}, queued()])
    }

    fn archive(&self) -> Decision {
        self.allow(Action::Delete)?;
        Ok(vec![TaskEvent::TaskArchived {}])
    }

    fn send_message(&self, message: MessageId, text: Note) -> Decision {
        if self.messages.iter().any(|known| known.id == message) {
            return Ok(Vec::new());
        }
        self.allow(Action::Message)?;
        if self.pending_messages().count() >= MAX_PENDING_MESSAGES {
            let what = "undelivered messages";
            return Err(Refusal::TooMany {
                limit: MAX_PENDING_MESSAGES,
                what,
            });
        }
        let mut events = vec![TaskEvent::MessageSent { message, text }];
        // A finished conversation is taken up again.
        if self.status == Status::Completed {
            events.push(queued());
        }
        Ok(events)
    }

    fn request_review(&self) -> Decision {
        if self.review_requested {
            return Ok(Vec::new());
        }
        self.allow(Action::RequestReview)?;
        Ok(vec![TaskEvent::ReviewRequested {}])
    }

    fn review(&self, id: ReviewId) -> Result<&Review, Refusal> {
        let found = self.reviews.iter().find(|review| review.id == id);
        found.ok_or(Refusal::UnknownReview)
    }

    fn open_for_decision(&self, id: ReviewId) -> Result<&Review, Refusal> {
        let review = self.review(id)?;
        match &review.status {
            ReviewStatus::Open => {}
            ReviewStatus::Approved { .. } => {
                return Err(Refusal::AlreadyDecided {
                    decision: "approved",
                });
            }
            ReviewStatus::ChangesRequested { .. } => {
                return Err(Refusal::AlreadyDecided {
                    decision: "sent back",
                });
            }
        }
        self.allow(Action::Approve)?;
        Ok(review)
    }

    fn add_feedback(&self, review: ReviewId, comments: Vec<(FeedbackId, Comment)>) -> Decision {
        if self.review(review)?.feedback.len() + comments.len() > MAX_FEEDBACK {
            return Err(Refusal::TooMany {
                limit: MAX_FEEDBACK,
                what: "comments on a review",
            });
        }
        let added = comments
            .into_iter()
            .map(|(feedback, comment)| TaskEvent::FeedbackAdded {
                review,
                feedback,
                file: comment.file,
                line: comment.line,
                text: comment.text,
            });
        Ok(added.collect())
    }

    fn resolve(&self, id: FeedbackId) -> Decision {
        let mut all = self.reviews.iter().flat_map(|review| &review.feedback);
        let feedback = all
            .find(|known| known.id == id)
            .ok_or(Refusal::UnknownFeedback)?;
        match feedback.status {
            FeedbackStatus::Resolved => Ok(Vec::new()),
            FeedbackStatus::Open => Ok(vec![TaskEvent::FeedbackResolved { feedback: id }]),
        }
    }

    fn approve(&self, id: ReviewId, comment: Option<Note>) -> Decision {
        let review = self.review(id)?;
        // A second click is harmless.
        if matches!(review.status, ReviewStatus::Approved { .. }) {
            return Ok(Vec::new());
        }
        let review = self.open_for_decision(id)?;
        let mut events = vec![TaskEvent::ReviewApproved {
            review: id,
            comment,
        }];
        if review.interim {
            events.push(queued());
            return Ok(events);
        }
        events.push(TaskEvent::PhaseCompleted {
            phase: review.phase,
        });
        let last = self
            .phases
            .last()
            .is_none_or(|phase| phase.number == review.phase);
        events.push(if last {
            TaskEvent::TaskCompleted {}
        } else {
            queued()
        });
        Ok(events)
    }

    fn request_changes(
        &self,
        id: ReviewId,
        feedback: Note,
        comments: Vec<(FeedbackId, Comment)>,
    ) -> Decision {
        self.open_for_decision(id)?;
        let mut events = self.add_feedback(id, comments)?;
        events.push(TaskEvent::ChangesRequested {
            review: id,
            feedback,
        });
        events.push(queued());
        Ok(events)
    }

    fn start_run(&self, run: RunId, epoch: u64) -> Decision {
        let mut events = Vec::new();
        match &self.status {
            Status::Queued { .. } | Status::Waiting(Waiting::RateLimit { .. }) => {}
            Status::Running(held) if held.epoch < epoch => {
                events.push(TaskEvent::RunEnded {
                    run: held.id,
                    end: RunEnd::Lost,
                });
            }
            _ => return Err(Refusal::OutOfTurn("a run")),
        }
        if self.started_at.is_none() {
            events.push(TaskEvent::TaskStarted {});
        }
        events.push(TaskEvent::RunStarted { run, epoch });
        Ok(events)
    }

    fn held_by(&self, run: RunId) -> Result<Run, Refusal> {
        self.run()
            .filter(|held| held.id == run)
            .ok_or(Refusal::StaleRun)
    }

    fn judge_run(&self, run: Run, command: RunCommand) -> Decision {
        match command {
            RunCommand::StartConversation { session } => match self.next_work() {
                Work::StartConversation => Ok(vec![TaskEvent::ConversationStarted { session }]),
                _ => Err(Refusal::OutOfTurn("a conversation")),
            },
            RunCommand::StartPhase { session, base } => match self.next_work() {
                Work::StartPhase { phase } => Ok(vec![TaskEvent::PhaseStarted {
                    phase,
                    session,
                    base,
                }]),
                _ => Err(Refusal::OutOfTurn("a phase")),
            },
            RunCommand::StartTurn { message, purpose } => self.start_turn(message, purpose),
            RunCommand::DeliverMessage { message } => {
                let pending = self.pending_messages().any(|pending| pending.id == message);
                Ok(if pending {
                    vec![TaskEvent::MessageDelivered { message }]
                } else {
                    Vec::new()
                })
            }
            RunCommand::ReportStep {
                step,
                completed,
                note,
            } => self.report_step(&step, completed, note),
            RunCommand::ReportPhase {
                phase,
                summary,
                files,
            } => {
                let active = self
                    .active_phase()
                    .is_some_and(|active| active.number == phase);
                if !active {
                    return Err(Refusal::OutOfTurn("the end of that phase"));
                }
                Ok(vec![TaskEvent::PhaseReported {
                    phase,
                    summary,
                    files,
                }])
            }
            RunCommand::ReportError {
                kind,
                message,
                details,
            } => Ok(vec![TaskEvent::ErrorReported {
                kind,
                message,
                details,
            }]),
            RunCommand::EndTurn {
                message,
                outcome,
                usage,
                present,
                asked,
            } => {
                let mut events = self.end_turn_events(message, outcome, &present)?;
                if let (Some(usage), Some(turn)) = (usage, &self.turn) {
                    events.push(TaskEvent::UsageRecorded {
                        session: turn.session,
                        usage,
                    });
                }
                if asked.is_empty() {
                    return Ok(events);
                }
                events.extend(asked.into_iter().map(ask));
                Ok(self.settled(events))
            }
            RunCommand::Verify {
                checks,
                review,
                checkpoint,
                head,
            } => self.verify(checks, review, checkpoint, head),
            RunCommand::OpenReview { review, head } => match self.next_work() {
                Work::OpenReview { phase } => {
                    let opened = self.review_created(phase, review, head, true);
                    Ok(self.settled([opened]))
                }
                _ => Err(Refusal::OutOfTurn("a review")),
            },
            RunCommand::Complete => match self.next_work() {
                Work::Complete => Ok(self.settled([TaskEvent::TaskCompleted {}])),
                _ => Err(Refusal::OutOfTurn("the end of the task")),
            },
            RunCommand::Limit { until } => Ok(self.settled([TaskEvent::RateLimited { until }])),
            RunCommand::RefuseCredentials { message } => {
                Ok(self.settled([TaskEvent::CredentialsRefused { message }]))
            }
            RunCommand::End { end, retry_at } => Ok(self.end_run(run, end, retry_at)),
        }
    }

    fn start_turn(&self, message: MessageId, purpose: TurnPurpose) -> Decision {
        let session = self.session().ok_or(Refusal::OutOfTurn("a turn"))?;
        if self.turn.is_some() || self.next_work() != Work::Turn(purpose.clone()) {
            return Err(Refusal::OutOfTurn("this turn"));
        }
        let delivered = match &purpose {
            TurnPurpose::Messages { messages } => messages.clone(),
            _ => Vec::new(),
        };
        let mut events = vec![TaskEvent::TurnStarted {
            message,
            session,
            purpose,
        }];
        let delivered = delivered.into_iter();
        events.extend(delivered.map(|message| TaskEvent::MessageDelivered { message }));
        Ok(events)
    }

    fn report_step(&self, id: &str, completed: bool, note: Option<String>) -> Decision {
        let phase = self.active_phase().ok_or(Refusal::OutOfTurn("a step"))?;
        let known = phase.steps.iter().find(|step| step.plan.id == id);
        let step = known.ok_or(Refusal::OutOfTurn("that step"))?;
        let (phase, step_id) = (phase.number, id.to_owned());
        Ok(match (step.status, completed) {
            (StepStatus::Completed, _) | (StepStatus::Active, false) => Vec::new(),
            (StepStatus::Pending, false) => vec![TaskEvent::StepStarted {
                phase,
                step: step_id,
            }],
            (_, true) => vec![TaskEvent::StepCompleted {
                phase,
                step: step_id,
                note,
            }],
        })
    }

    fn end_turn_events(
        &self,
        message: MessageId,
        outcome: TurnOutcome,
        present: &[String],
    ) -> Decision {
        let Some(turn) = self.turn.as_ref().filter(|turn| turn.message == message) else {
            return Err(Refusal::OutOfTurn("the end of this turn"));
        };
        let mut events = Vec::new();
        if let Some(phase) = self.active_phase() {
            for step in phase
                .steps
                .iter()
                .filter(|step| step.status != StepStatus::Completed)
            {
                let own_turn = matches!(&turn.purpose,
                    TurnPurpose::Step { step: id, .. } if *id == step.plan.id);
                let done = match &step.plan.deliverable {
                    Some(due) => present.contains(&due.path),
                    None => own_turn && outcome == TurnOutcome::Completed,
                };
                if done {
                    let step = step.plan.id.clone();
                    let phase = phase.number;
                    events.push(TaskEvent::StepCompleted {
                        phase,
                        step,
                        note: None,
                    });
                }
            }
        }
        events.push(TaskEvent::TurnEnded { message, outcome });
        Ok(events)
    }

    fn verify(
        &self,
        checks: Vec<super::Check>,
        review: ReviewId,
        checkpoint: crate::domain::id::CheckpointId,
        head: String,
    ) -> Decision {
        let Work::Verify { phase: number } = self.next_work() else {
            return Err(Refusal::OutOfTurn("a verification"));
        };
        let phase = self
            .phase(number)
            .ok_or(Refusal::OutOfTurn("a verification"))?;
        let session = phase.session.ok_or(Refusal::OutOfTurn("a verification"))?;
        let passed = checks.iter().all(|check| check.passed);
        let mut events = vec![TaskEvent::CheckpointCreated {
            checkpoint,
            commit: head.clone(),
            session,
            phase: Some(number),
            label: format!("{} finished", phase.plan.name),
        }];
        if passed {
            events.push(TaskEvent::VerificationPassed {
                phase: number,
                checks,
            });
        } else {
            events.push(TaskEvent::VerificationFailed {
                phase: number,
                checks,
            });
            if phase.reworks < MAX_REWORKS {
                let rework = phase.reworks + 1;
                events.push(TaskEvent::ReworkStarted {
                    phase: number,
                    rework,
                });
                return Ok(events);
            }
        }
        if phase.plan.gate && !(self.auto_approve && passed) {
            events.push(self.review_created(number, review, head, false));
            return Ok(self.settled(events));
        }
        if !passed {
            let reason =
                format!("the checks of phase {number} still fail after {MAX_REWORKS} reworks");
            events.push(TaskEvent::TaskFailed { reason });
            return Ok(self.settled(events));
        }
        events.push(TaskEvent::PhaseCompleted { phase: number });
        Ok(events)
    }

    fn review_created(
        &self,
        number: u32,
        review: ReviewId,
        head: String,
        interim: bool,
    ) -> TaskEvent {
        let phase = self.phase(number);
        let report = phase.and_then(|phase| phase.report.as_ref());
        TaskEvent::ReviewCreated {
            review,
            phase: number,
            round: phase.map_or(0, |phase| phase.rounds) + 1,
            summary: report
                .map(|report| report.summary.clone())
                .unwrap_or_default(),
            base: phase
                .and_then(|phase| phase.base.clone())
                .unwrap_or_default(),
            head,
            interim,
        }
    }

    fn end_run(&self, run: Run, end: RunEnd, retry_at: DateTime<Utc>) -> Vec<TaskEvent> {
        let next = match &end {
            RunEnd::Failed { message } if self.failures + 1 >= MAX_FAILURES => {
                TaskEvent::TaskFailed {
                    reason: message.clone(),
                }
            }
            RunEnd::Failed { .. } => TaskEvent::TaskQueued {
                not_before: Some(retry_at),
            },
            RunEnd::Settled | RunEnd::Shutdown | RunEnd::Lost => queued(),
        };
        vec![TaskEvent::RunEnded { run: run.id, end }, next]
    }

    /// The events, with the end of the run that they bring about behind them: a task that is not
    /// running is held by no run.
    fn settled(&self, events: impl IntoIterator<Item = TaskEvent>) -> Vec<TaskEvent> {
        let mut events: Vec<_> = events.into_iter().collect();
        if let Some(run) = self.run() {
            events.push(TaskEvent::RunEnded {
                run: run.id,
                end: RunEnd::Settled,
            });
        }
        events
    }
}

fn create(new: NewTask) -> Vec<TaskEvent> {
    let mut events = vec![TaskEvent::TaskCreated {
        title: new.title,
        task_type: new.workflow.id,
        description: new.description,
        priority: new.priority,
        phases: new.workflow.phases,
        permission_mode: new.permission_mode,
        model: new.model,
        repository: new.repository,
        depends_on: new.depends_on,
        auto_approve: new.auto_approve,
        budget_usd: new.budget_usd,
        budget_tokens: new.budget_tokens,
    }];
    if new.start {
        events.push(queued());
    }
    events
}

const fn queued() -> TaskEvent {
    TaskEvent::TaskQueued { not_before: None }
}

fn ask(asked: Answerable) -> TaskEvent {
    match asked {
        Answerable::Question(id, asked) => TaskEvent::QuestionAsked { id, asked },
        Answerable::Dependency(id, needed) => TaskEvent::DependencyRequested { id, needed },
    }
}
