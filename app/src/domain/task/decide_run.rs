//! Judging what a run has to say of the task that it holds.

use chrono::{DateTime, Utc};

use super::decide::{Decision, queued};
use super::{
    Answerable, BudgetScope, MAX_FAILURES, Refusal, Run, RunCommand, RunEnd, Status, StepStatus,
    Task, TaskEvent, TurnOutcome, TurnPurpose, UsageDelta, Waiting, Work,
};
use crate::domain::id::{MessageId, ReviewId, RunId};

impl Task {
    pub(super) fn start_run(&self, run: RunId, epoch: u64) -> Decision {
        let mut events = Vec::new();
        match &self.status {
            Status::Queued { .. } => {}
            Status::Waiting(Waiting::RateLimit(_)) => events.extend(self.lifted()),
            Status::Waiting(Waiting::Budget(used)) if used.scope == BudgetScope::Day => {}
            Status::Running(held) if held.epoch < epoch => {
                events.push(TaskEvent::RunEnded {
                    run: held.id,
                    end: RunEnd::Lost,
                });
            }
            // The process that stood still is gone; the task stays paused.
            Status::Paused { .. } => {
                let held = self.run().filter(|held| held.epoch < epoch);
                let held = held.ok_or(Refusal::OutOfTurn("a run"))?;
                return Ok(vec![TaskEvent::RunEnded {
                    run: held.id,
                    end: RunEnd::Lost,
                }]);
            }
            _ => return Err(Refusal::OutOfTurn("a run")),
        }
        if self.started_at.is_none() {
            events.push(TaskEvent::TaskStarted {});
        }
        events.push(TaskEvent::RunStarted { run, epoch });
        Ok(events)
    }

    pub(super) fn held_by(&self, run: RunId) -> Result<Run, Refusal> {
        self.run()
            .filter(|held| held.id == run)
            .ok_or(Refusal::StaleRun)
    }

    pub(super) fn judge_run(&self, run: Run, command: RunCommand) -> Decision {
        if let (Some(what), Some(_)) = (between_turns(&command), &self.turn) {
            return Err(Refusal::OutOfTurn(what));
        }
        match command {
            RunCommand::StartConversation { session } => match self.next_work() {
                Work::StartConversation => Ok(vec![TaskEvent::ConversationStarted { session }]),
                _ => Err(Refusal::OutOfTurn("a conversation")),
            },
            RunCommand::Estimate { phases } => Ok(self.estimated(phases)),
            RunCommand::StartPhase { session, base } => match self.next_work() {
                Work::StartPhase { phase } => Ok(vec![TaskEvent::PhaseStarted {
                    phase,
                    session,
                    base,
                }]),
                _ => Err(Refusal::OutOfTurn("a phase")),
            },
            RunCommand::StartTurn { message, purpose } => self.start_turn(message, purpose),
            RunCommand::DeliverMessage { message, revision } => {
                Ok(self.deliver_message(message, revision))
            }
            RunCommand::LoseMessage { message } => Ok(self.lose_message(message)),
            RunCommand::AwaitMessage => self.await_message(),
            RunCommand::Pause => self.begin_pause(),
            RunCommand::Checkpoint { point, then } => {
                self.checkpointed(run, *point, then.map(|then| *then))
            }
            RunCommand::DeliverAnswers {
                questions,
                dependencies,
            } => Ok(self.deliver_answers(&questions, &dependencies)),
            RunCommand::ReportStep {
                step,
                completed,
                note,
            } => self.report_step(&step, completed, note),
            RunCommand::ReportPhase {
                phase,
                summary,
                files,
            } => self.report_phase(phase, summary, files),
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
                events.extend(self.used(usage));
                Ok(self.asking(events, asked))
            }
            RunCommand::Verify {
                checks,
                review,
                checkpoint,
                head,
                verifier,
            } => self.verify(checks, review, checkpoint, head, verifier),
            RunCommand::ConcludeVerification {
                message,
                usage,
                verdict,
                review,
            } => self.conclude_verification(message, usage, verdict, review),
            RunCommand::OpenReview { review, head } => match self.next_work() {
                Work::OpenReview { phase } => {
                    let opened = self.review_created(phase, review, head, true);
                    Ok(self.settled([opened]))
                }
                _ => Err(Refusal::OutOfTurn("a review")),
            },
            RunCommand::RestoreFiles => self.files_restored(run),
            RunCommand::Complete => self.complete(),
            RunCommand::FallSilent(silence) => self.fall_silent(silence),
            RunCommand::Stir => Ok(self.stir()),
            RunCommand::Limit(limit) => Ok(self.settled([TaskEvent::RateLimited { limit }])),
            RunCommand::AwaitBudget => self.await_budget(),
            RunCommand::AwaitDay(used) => Ok(self.settled([TaskEvent::BudgetExceeded { used }])),
            RunCommand::WarnOfDay(used) => Ok(vec![TaskEvent::BudgetWarned { used }]),
            RunCommand::RefuseCredentials { message } => {
                Ok(self.settled([TaskEvent::CredentialsRefused { message }]))
            }
            RunCommand::GiveUp { reason } => Ok(self.settled([TaskEvent::TaskFailed {
                reason,
                last_lines: Vec::new(),
            }])),
            RunCommand::End { end, retry_at } => Ok(self.end_run(run, end, retry_at)),
        }
    }

    /// The end, with that of a phase that was approved and had a message to answer first.
    fn complete(&self) -> Decision {
        if self.next_work() != Work::Complete {
            return Err(Refusal::OutOfTurn("the end of the task"));
        }
        let approved = self.active_phase().map(|phase| phase.number);
        let completed = approved.map(|phase| TaskEvent::PhaseCompleted { phase });
        Ok(self.settled(completed.into_iter().chain([TaskEvent::TaskCompleted {}])))
    }

    fn start_turn(&self, message: MessageId, purpose: TurnPurpose) -> Decision {
        let session = self.session_for(&purpose);
        let session = session.ok_or(Refusal::OutOfTurn("a turn"))?;
        if self.next_work() != Work::Turn(purpose.clone()) {
            return Err(Refusal::OutOfTurn("this turn"));
        }
        let delivered = match &purpose {
            // Of a turn that goes on they were delivered before.
            TurnPurpose::Messages { messages } => {
                let is_pending = |message: &&MessageId| {
                    let mut pending = self.pending_messages();
                    pending.any(|known| known.id == **message)
                };
                messages.iter().filter(is_pending).copied().collect()
            }
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

    /// What the turn that is open has used.
    fn used(&self, usage: Option<UsageDelta>) -> Vec<TaskEvent> {
        let turn = self.turn.as_ref();
        turn.map_or_else(Vec::new, |turn| self.used_events(turn.session, usage))
    }

    /// With what the agent asks, if it does: then the run ends.
    fn asking(&self, mut events: Vec<TaskEvent>, asked: Vec<Answerable>) -> Vec<TaskEvent> {
        if asked.is_empty() {
            return events;
        }
        events.extend(asked.into_iter().map(ask));
        self.settled(events)
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

    fn report_phase(&self, phase: u32, summary: String, files: Vec<String>) -> Decision {
        match self.active_phase() {
            Some(active) if active.number == phase => Ok(vec![TaskEvent::PhaseReported {
                phase,
                summary,
                files,
            }]),
            _ => Err(Refusal::OutOfTurn("the end of that phase")),
        }
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
        if matches!(turn.purpose, TurnPurpose::Verification { .. }) {
            // An answer is recorded together with what it says; a verifying agent asks nobody.
            if matches!(outcome, TurnOutcome::Completed | TurnOutcome::Deferred) {
                return Err(Refusal::OutOfTurn("the end of this turn"));
            }
        } else if let Some(phase) = self.active_phase() {
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

    pub(super) fn review_created(
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
            RunEnd::Failed {
                message,
                last_lines,
            } if self.failures + 1 >= MAX_FAILURES => Some(TaskEvent::TaskFailed {
                reason: message.clone(),
                last_lines: last_lines.clone(),
            }),
            // It is queued once a person lets it go on.
            _ if self.status.is_paused() => None,
            RunEnd::Failed { .. } => Some(TaskEvent::TaskQueued {
                not_before: Some(retry_at),
            }),
            RunEnd::Settled | RunEnd::Shutdown | RunEnd::Lost => Some(queued()),
        };
        let ended = TaskEvent::RunEnded { run: run.id, end };
        [ended].into_iter().chain(next).collect()
    }
}

/// What the command begins or ends, if it is for the time in which no turn is open.
const fn between_turns(command: &RunCommand) -> Option<&'static str> {
    match command {
        RunCommand::StartConversation { .. } => Some("a conversation"),
        RunCommand::StartPhase { .. } => Some("a phase"),
        RunCommand::StartTurn { .. } => Some("this turn"),
        RunCommand::Verify { .. } => Some("a verification"),
        RunCommand::OpenReview { .. } => Some("a review"),
        RunCommand::Complete => Some("the end of the task"),
        RunCommand::AwaitMessage => Some("a message"),
        RunCommand::AwaitBudget | RunCommand::AwaitDay(_) => Some("a budget"),
        RunCommand::Pause => Some("a pause"),
        RunCommand::FallSilent(_)
        | RunCommand::Stir
        | RunCommand::DeliverMessage { .. }
        | RunCommand::LoseMessage { .. }
        | RunCommand::DeliverAnswers { .. }
        // It is refused once a phase has begun.
        | RunCommand::Estimate { .. }
        | RunCommand::ReportStep { .. }
        | RunCommand::ReportPhase { .. }
        | RunCommand::ReportError { .. }
        | RunCommand::EndTurn { .. }
        | RunCommand::ConcludeVerification { .. }
        // What is said with it is judged by itself.
        | RunCommand::Checkpoint { .. }
        // The turn that is open then is the one that is gone back to.
        | RunCommand::RestoreFiles
        | RunCommand::Limit(_)
        | RunCommand::WarnOfDay(_)
        | RunCommand::RefuseCredentials { .. }
        | RunCommand::GiveUp { .. }
        | RunCommand::End { .. } => None,
    }
}

fn ask(asked: Answerable) -> TaskEvent {
    match asked {
        Answerable::Question(id, asked) => TaskEvent::QuestionAsked { id, asked },
        Answerable::Dependency(id, needed) => TaskEvent::DependencyRequested { id, needed },
    }
}
