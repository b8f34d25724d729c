//! Judging commands: state and command in, events or a refusal out.

use super::{
    Action, Comment, FeedbackStatus, MAX_FEEDBACK, NewTask, Phase, Refusal, Review, ReviewStatus,
    RunEnd, Status, Task, TaskCommand, TaskEdit, TaskEvent,
};
use crate::domain::id::{FeedbackId, ReviewId};
use crate::domain::text::Note;

/// What goes back with comments alone.
const SEE_COMMENTS: &str = "Please see the comments.";

/// What a decision comes to.
pub(super) type Decision = Result<Vec<TaskEvent>, Refusal>;

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
            TaskCommand::Rank { place } => self.rank(place),
            TaskCommand::Cancel => self.cancel(),
            TaskCommand::Retry => self.retry(),
            TaskCommand::Restore(restore) => self.restore(*restore),
            TaskCommand::Archive => self.archive(),
            TaskCommand::SendMessage {
                message,
                text,
                deliver_at,
            } => self.send_message(message, text, deliver_at),
            TaskCommand::EditMessage {
                message,
                text,
                deliver_at,
            } => self.edit_message(message, text, deliver_at),
            TaskCommand::CancelMessage { message } => self.cancel_message(message),
            TaskCommand::Interrupt => self.interrupt(),
            TaskCommand::Pause { at } => self.pause(at),
            TaskCommand::Resume => self.resume(),
            TaskCommand::AnswerQuestion {
                question,
                answer,
                reason,
            } => self.answer(question, answer, reason),
            TaskCommand::GrantPermission { id, rule } => self.grant(id, &rule),
            TaskCommand::RevokePermission { id } => self.revoke(id),
            TaskCommand::Provide { dependency, given } => self.provide(dependency, given),
            TaskCommand::Decline { dependency, reason } => self.decline(dependency, reason),
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
            TaskCommand::RemindReview { review, level } => self.remind(review, level),
            TaskCommand::ApproveByItself { review, hours } => self.approve_by_itself(review, hours),
            TaskCommand::AnswerByItself => Ok(self.answer_by_itself()),
            TaskCommand::StartRun { run, epoch } => self.start_run(run, epoch),
            TaskCommand::Run { run, command } => {
                let run = self.held_by(run)?;
                let events = self.judge_run(run, command)?;
                Ok(self.with_pause(events))
            }
        }
    }

    pub(super) fn allow(&self, action: Action) -> Result<(), Refusal> {
        let allowed = self.actions();
        if allowed.contains(&action) {
            return Ok(());
        }
        Err(Refusal::NotAllowed {
            state: self.status.phrase(),
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
                .answer_after
                .is_none_or(|minutes| minutes == self.answer_after)
            && edit.auto_resume.is_none_or(|auto| auto == self.auto_resume)
            && edit
                .depends_on
                .as_ref()
                .is_none_or(|others| *others == self.depends_on)
            && edit
                .model
                .as_ref()
                .is_none_or(|model| Some(model) == self.model.as_ref());
        let raised = self.change_budget(&edit);
        let edit = TaskEdit {
            budget_usd: None,
            budget_tokens: None,
            ..edit
        };
        let updated = (!unchanged).then_some(TaskEvent::TaskUpdated { edit });
        Ok(updated.into_iter().chain(raised).collect())
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
        let mut events = vec![TaskEvent::TaskRetried {}];
        events.extend(self.failed_phase().map(|phase| TaskEvent::ReworkStarted {
            phase: phase.number,
            rework: 1,
        }));
        events.push(queued());
        Ok(events)
    }

    /// The phase that the task has failed in because its work did not pass. Checking the same work
    /// again would not help: it goes back to the agent.
    fn failed_phase(&self) -> Option<&Phase> {
        let phase = self.active_phase()?;
        let is_failed = matches!(self.status, Status::Failed { .. });
        let verification = phase.verification.as_ref()?;
        (is_failed && phase.closed && verification.is_mendable()).then_some(phase)
    }

    fn archive(&self) -> Decision {
        self.allow(Action::Delete)?;
        Ok(vec![TaskEvent::TaskArchived {}])
    }

    fn request_review(&self) -> Decision {
        if self.review_requested {
            return Ok(Vec::new());
        }
        self.allow(Action::RequestReview)?;
        Ok(vec![TaskEvent::ReviewRequested {}])
    }

    pub(super) fn review(&self, id: ReviewId) -> Result<&Review, Refusal> {
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
            ReviewStatus::Superseded => {
                return Err(Refusal::AlreadyDecided {
                    decision: "left behind",
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
                end_line: comment.end_line,
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

    pub(super) fn approve(&self, id: ReviewId, comment: Option<Note>) -> Decision {
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
        let last = self.is_last(review.phase);
        // What was written and not yet read comes before the end.
        if review.interim || last && self.pending_messages().next().is_some() {
            events.push(queued());
            return Ok(events);
        }
        events.push(TaskEvent::PhaseCompleted {
            phase: review.phase,
        });
        events.push(if last {
            TaskEvent::TaskCompleted {}
        } else {
            queued()
        });
        Ok(events)
    }

    pub(super) fn is_last(&self, phase: u32) -> bool {
        let last = self.phases.last();
        last.is_none_or(|last| last.number == phase)
    }

    fn request_changes(
        &self,
        id: ReviewId,
        feedback: Option<Note>,
        comments: Vec<(FeedbackId, Comment)>,
    ) -> Decision {
        let review = self.open_for_decision(id)?;
        let mut known = self.feedback_until(review.phase, review.round);
        let has_comments = !comments.is_empty() || known.any(|(_, comment)| comment.is_open());
        let feedback = match feedback {
            Some(feedback) => feedback,
            None if has_comments => SEE_COMMENTS.parse().expect("it is short and printable"),
            None => return Err(Refusal::NothingToChange),
        };
        let mut events = self.add_feedback(id, comments)?;
        events.push(TaskEvent::ChangesRequested {
            review: id,
            feedback,
        });
        events.push(queued());
        Ok(events)
    }

    /// The events, with the end of the run that they bring about behind them: a task that is not
    /// running is held by no run.
    pub(super) fn settled(&self, events: impl IntoIterator<Item = TaskEvent>) -> Vec<TaskEvent> {
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
        answer_after: new.answer_after,
        auto_resume: new.auto_resume,
        schedule: new.schedule,
    }];
    if new.start {
        events.push(queued());
    }
    events
}

pub(super) const fn queued() -> TaskEvent {
    TaskEvent::TaskQueued { not_before: None }
}
