//! Folding events into the state. Total: a fact can't be refused.

use super::{
    DependencyStatus, EventRecord, Feedback, FeedbackStatus, LatestCheckpoint, Phase, PhaseStatus,
    Review, ReviewStatus, Run, Status, StepStatus, Task, TaskEdit, TaskEvent, Tokens, Turn,
    TurnOutcome, TurnPurpose, UsageDelta, Waiting,
};
use crate::domain::id::{FeedbackId, ReviewId, SessionId};
use crate::domain::money::Usd;
use crate::domain::permission::GrantedRule;

impl Task {
    /// The state after one more event. An event before the creation changes nothing.
    pub fn apply(task: Option<Self>, record: &EventRecord) -> Option<Self> {
        let mut task = match (&record.event, task) {
            (TaskEvent::TaskCreated { .. }, None) => Self::created(record)?,
            (_, Some(task)) => task,
            (_, None) => return None,
        };
        let before = task.at_work();
        let last = task.updated_at;
        task.version = record.version;
        task.updated_at = record.at;
        task.change(record);
        task.change_silence(&record.event);
        task.count_time(before, last, record);
        Some(task)
    }

    fn created(record: &EventRecord) -> Option<Self> {
        let TaskEvent::TaskCreated {
            title,
            task_type,
            description,
            priority,
            phases,
            permission_mode,
            model,
            repository,
            depends_on,
            auto_approve,
            budget_usd,
            budget_tokens,
            answer_after,
            auto_resume,
            schedule,
        } = record.event.clone()
        else {
            return None;
        };
        Some(Self {
            id: record.task_id,
            version: record.version,
            title,
            task_type,
            description,
            priority,
            permission_mode,
            model,
            repository,
            depends_on,
            auto_approve,
            budget_usd,
            budget_tokens,
            budget_warned: None,
            answer_after,
            auto_resume,
            schedule,
            status: Status::Draft,
            place: None,
            archived: false,
            phases: (1..)
                .zip(phases)
                .map(|(number, plan)| Phase::new(number, plan))
                .collect(),
            conversation: None,
            prompted: false,
            turn: None,
            parked: None,
            messages: Vec::new(),
            interrupt_requested: false,
            interrupted: Vec::new(),
            reviews: Vec::new(),
            questions: Vec::new(),
            rules: Vec::new(),
            dependencies: Vec::new(),
            checkpoint: None,
            origin: None,
            restoring: None,
            review_requested: false,
            pause_requested: false,
            silence: None,
            last_lines: Vec::new(),
            failures: 0,
            limits: 0,
            tokens: Tokens::default(),
            cost: Usd::ZERO,
            estimated: false,
            at_work_since: None,
            created_at: record.at,
            started_at: None,
            updated_at: record.at,
        })
    }

    fn change(&mut self, record: &EventRecord) {
        match &record.event {
            TaskEvent::TaskCreated { .. }
            | TaskEvent::ErrorReported { .. }
            // Beside what else an event says, and told by others as well.
            | TaskEvent::AgentSilent { .. }
            | TaskEvent::AgentStirred {} => {}
            TaskEvent::CheckpointCreated {
                checkpoint,
                session,
                place,
                ..
            } => {
                self.checkpoint = Some(LatestCheckpoint {
                    id: *checkpoint,
                    session: *session,
                    place: *place,
                });
            }
            TaskEvent::TaskForked { origin, title } => self.become_fork(*origin, title, record.at),
            TaskEvent::TaskRestored { .. } | TaskEvent::FilesRestored {} => {
                self.change_standing(&record.event);
            }
            TaskEvent::TaskUpdated { .. }
            | TaskEvent::PermissionGranted { .. }
            | TaskEvent::PermissionRevoked { .. }
            | TaskEvent::TaskQueued { .. }
            | TaskEvent::TaskRanked { .. }
            | TaskEvent::TaskStarted {}
            | TaskEvent::RunStarted { .. }
            | TaskEvent::RunEnded { .. }
            | TaskEvent::RateLimited { .. }
            | TaskEvent::LimitLifted {}
            | TaskEvent::CredentialsRefused { .. }
            | TaskEvent::TaskRetried {}
            | TaskEvent::TaskCompleted {}
            | TaskEvent::TaskFailed { .. }
            | TaskEvent::TaskCancelled {}
            | TaskEvent::TaskArchived {} => self.change_course(record),
            TaskEvent::BudgetWarned { .. }
            | TaskEvent::BudgetExceeded { .. }
            | TaskEvent::BudgetRaised { .. } => self.change_budgets(&record.event),
            TaskEvent::TaskEstimated { phases } => self.take_estimates(phases),
            TaskEvent::PhaseStarted { .. }
            | TaskEvent::StepStarted { .. }
            | TaskEvent::StepCompleted { .. }
            | TaskEvent::PhaseReported { .. }
            | TaskEvent::ReworkStarted { .. }
            | TaskEvent::PhaseCompleted { .. } => self.change_phases(record),
            TaskEvent::VerificationPassed { .. }
            | TaskEvent::VerificationFailed { .. }
            | TaskEvent::VerificationStarted { .. }
            | TaskEvent::VerificationUnreadable { .. } => self.change_verifications(record),
            TaskEvent::ReviewCreated { .. }
            | TaskEvent::ReviewRequested {}
            | TaskEvent::ReviewReminded { .. }
            | TaskEvent::FeedbackAdded { .. }
            | TaskEvent::FeedbackResolved { .. }
            | TaskEvent::ReviewApproved { .. }
            | TaskEvent::ChangesRequested { .. } => self.change_reviews(record),
            TaskEvent::ConversationStarted { .. }
            | TaskEvent::TurnStarted { .. }
            | TaskEvent::TurnEnded { .. }
            | TaskEvent::QuestionAsked { .. }
            | TaskEvent::QuestionAnswered { .. }
            | TaskEvent::AnswersDelivered { .. }
            | TaskEvent::DependencyRequested { .. }
            | TaskEvent::DependencyProvided { .. }
            | TaskEvent::DependencyDeclined { .. }
            | TaskEvent::UsageRecorded { .. } => self.change_conversation(record),
            TaskEvent::MessageSent { .. }
            | TaskEvent::MessageEdited { .. }
            | TaskEvent::MessageCancelled { .. }
            | TaskEvent::MessageDelivered { .. }
            | TaskEvent::MessageLost { .. }
            | TaskEvent::InterruptRequested {}
            | TaskEvent::MessageAwaited {} => self.change_messages(record),
            TaskEvent::PauseRequested {} | TaskEvent::TaskPaused {} | TaskEvent::TaskResumed {} => {
                self.change_pause(&record.event);
            }
        }
    }

    /// Where the task stands.
    fn change_course(&mut self, record: &EventRecord) {
        let at = record.at;
        match &record.event {
            TaskEvent::TaskUpdated { edit } => self.edit(edit),
            TaskEvent::PermissionGranted { id, rule } => self.rules.push(GrantedRule {
                id: *id,
                rule: rule.clone(),
            }),
            TaskEvent::PermissionRevoked { id } => self.rules.retain(|known| known.id != *id),
            TaskEvent::TaskQueued { not_before } => {
                self.stand(Status::Queued {
                    not_before: *not_before,
                });
            }
            TaskEvent::TaskRanked { place } => self.place = Some(*place),
            TaskEvent::TaskStarted {} => self.started_at = Some(at),
            TaskEvent::RunStarted { run, epoch } => {
                self.place = None;
                self.stand(Status::Running(Run {
                    id: *run,
                    epoch: *epoch,
                }));
            }
            TaskEvent::RunEnded { run, end } => {
                if matches!(end, super::RunEnd::Failed { .. }) {
                    self.failures += 1;
                }
                if self.run().is_some_and(|held| held.id == *run) {
                    self.stand(Status::Queued { not_before: None });
                }
            }
            TaskEvent::RateLimited { limit } => {
                self.limits += 1;
                self.stand(Status::Waiting(Waiting::RateLimit(limit.clone())));
            }
            TaskEvent::LimitLifted {} => self.stand(Status::Queued { not_before: None }),
            TaskEvent::CredentialsRefused { message } => {
                let message = message.clone();
                self.stand(Status::Waiting(Waiting::Credentials { message }));
            }
            TaskEvent::TaskRetried {} => {
                self.failures = 0;
                self.last_lines.clear();
                self.forget_interrupt();
            }
            TaskEvent::TaskCompleted {} => self.stand(Status::Completed),
            TaskEvent::TaskFailed { reason, last_lines } => {
                self.last_lines.clone_from(last_lines);
                self.stand(Status::Failed {
                    reason: reason.clone(),
                });
            }
            TaskEvent::TaskCancelled {} => {
                self.withdraw_questions();
                self.withdraw_dependencies();
                self.stand(Status::Cancelled);
            }
            TaskEvent::TaskArchived {} => self.archived = true,
            _ => {}
        }
    }

    /// What people are asked to decide, and what they said.
    fn change_reviews(&mut self, record: &EventRecord) {
        let at = record.at;
        match &record.event {
            TaskEvent::ReviewCreated { review, .. } => self.open_gate(*review, record),
            TaskEvent::ReviewRequested {} => self.review_requested = true,
            TaskEvent::FeedbackAdded {
                review,
                feedback,
                file,
                line,
                end_line,
                text,
            } => {
                let feedback = Feedback {
                    id: *feedback,
                    file: file.clone(),
                    line: *line,
                    end_line: *end_line,
                    text: text.clone(),
                    status: FeedbackStatus::Open,
                };
                self.with_review(*review, |review| review.feedback.push(feedback));
            }
            TaskEvent::ReviewReminded { review, level } => {
                self.with_review(*review, |review| review.reminded = Some(*level));
            }
            TaskEvent::FeedbackResolved { feedback } => self.resolve_feedback(*feedback),
            TaskEvent::ReviewApproved { review, comment } => {
                let approved = ReviewStatus::Approved {
                    at,
                    comment: comment.clone(),
                };
                let interim = self
                    .reviews
                    .iter()
                    .any(|known| known.id == *review && known.interim);
                let phase = self.decide_review(*review, approved);
                self.with_phase(phase, |phase| {
                    phase.status = PhaseStatus::Active;
                    phase.reworks = 0;
                    phase.approved |= !interim;
                });
            }
            TaskEvent::ChangesRequested { review, feedback } => {
                let sent_back = ReviewStatus::ChangesRequested {
                    at,
                    feedback: feedback.clone(),
                };
                let phase = self.decide_review(*review, sent_back);
                self.with_phase(phase, |phase| {
                    phase.status = PhaseStatus::Active;
                    phase.rework_due = true;
                    phase.reworks = 0;
                    phase.approved = false;
                });
            }
            _ => {}
        }
    }

    /// What agent and people say to each other.
    fn change_conversation(&mut self, record: &EventRecord) {
        let at = record.at;
        match &record.event {
            TaskEvent::ConversationStarted { session } => self.conversation = Some(*session),
            TaskEvent::TurnStarted {
                message,
                session,
                purpose,
            } => {
                self.begin_turn(Turn {
                    message: *message,
                    session: *session,
                    purpose: purpose.clone(),
                    delivered: Vec::new(),
                });
            }
            TaskEvent::TurnEnded { outcome, .. } => self.end_turn(outcome),
            TaskEvent::QuestionAsked { id, asked } => self.ask(*id, asked.clone(), at),
            TaskEvent::QuestionAnswered { id, answer, reason } => {
                self.take_answer(*id, answer, reason.as_ref(), at);
            }
            TaskEvent::AnswersDelivered {
                questions,
                dependencies,
            } => self.take_answers(questions, dependencies),
            TaskEvent::DependencyRequested { id, needed } => self.need(*id, needed.clone(), at),
            TaskEvent::DependencyProvided { id, given } => {
                let (by, given) = (record.actor, given.clone());
                self.settle_dependency(*id, DependencyStatus::Provided { at, by, given });
            }
            TaskEvent::DependencyDeclined { id, reason } => {
                let (by, reason) = (record.actor, reason.clone());
                self.settle_dependency(*id, DependencyStatus::Declined { at, by, reason });
            }
            TaskEvent::UsageRecorded { session, usage } => self.add_usage(*session, usage),
            _ => {}
        }
    }

    fn edit(&mut self, edit: &TaskEdit) {
        let TaskEdit {
            title,
            description,
            priority,
            auto_approve,
            permission_mode,
            model,
            answer_after,
            auto_resume,
            budget_usd: _,
            budget_tokens: _,
            depends_on,
        } = edit;
        if let Some(title) = title {
            self.title = title.clone();
        }
        if let Some(description) = description {
            self.description = description.clone();
        }
        if let Some(model) = model {
            self.model = Some(model.clone());
        }
        if let Some(depends_on) = depends_on {
            self.depends_on.clone_from(depends_on);
        }
        self.answer_after = answer_after.unwrap_or(self.answer_after);
        self.auto_resume = auto_resume.unwrap_or(self.auto_resume);
        self.priority = priority.unwrap_or(self.priority);
        self.auto_approve = auto_approve.unwrap_or(self.auto_approve);
        self.permission_mode = permission_mode.unwrap_or(self.permission_mode);
    }

    fn with_review(&mut self, id: ReviewId, change: impl FnOnce(&mut Review)) {
        if let Some(review) = self.reviews.iter_mut().find(|review| review.id == id) {
            change(review);
        }
    }

    fn begin_turn(&mut self, mut turn: Turn) {
        if !matches!(turn.purpose, TurnPurpose::Verification { .. }) {
            // Whoever works on goes beyond what is being verified.
            for phase in &mut self.phases {
                phase.inspection = None;
            }
        }
        // Should it come to nothing, what was said before it was parked is said again as well.
        if let Some(parked) = self.parked.take_if(|parked| parked.message == turn.message) {
            turn.delivered = parked.delivered;
        }
        self.parked = None;
        self.interrupt_requested = false;
        self.mark_told(&turn.purpose, true);
        if let TurnPurpose::Step { phase, step } = &turn.purpose {
            self.with_step(*phase, step, |step| {
                if step.status == StepStatus::Pending {
                    step.status = StepStatus::Active;
                }
            });
        }
        self.turn = Some(turn);
    }

    fn end_turn(&mut self, outcome: &TurnOutcome) {
        let Some(turn) = self.turn.take() else { return };
        let is_wanted = self.interrupt_requested;
        self.interrupt_requested &= !self.ends_interrupt(outcome);
        match outcome {
            TurnOutcome::Completed => {
                self.failures = 0;
                self.limits = 0;
                self.settle_interrupted();
                self.settle_purpose(&turn.purpose, true);
            }
            TurnOutcome::Unseen => {
                self.settle_interrupted();
                self.settle_purpose(&turn.purpose, false);
            }
            TurnOutcome::Deferred => self.parked = Some(turn),
            // Whoever interrupts the agent knows what it was told, and says what comes next.
            TurnOutcome::Interrupted if is_wanted => self.keep_interrupted(turn),
            // What was written is said again: rather twice than never answered.
            TurnOutcome::Interrupted | TurnOutcome::Failed { .. } => self.take_back(turn),
        }
    }

    /// Marks what the turn was for as done. Of a turn that nobody saw the end of, a step counts
    /// only if it left its deliverable, a closing only if the agent reported the phase.
    pub(super) fn settle_purpose(&mut self, purpose: &TurnPurpose, seen: bool) {
        match purpose {
            TurnPurpose::Prompt => self.prompted = true,
            TurnPurpose::Messages { .. } | TurnPurpose::Answers { .. } => {}
            TurnPurpose::Opening { phase } => self.with_phase(*phase, |phase| phase.opened = true),
            TurnPurpose::Step { phase, step } => self.with_step(*phase, step, |step| {
                step.turned = seen || step.status == StepStatus::Completed;
            }),
            TurnPurpose::Closing { phase } => self.with_phase(*phase, |phase| {
                phase.closed = seen || phase.report.is_some();
            }),
            TurnPurpose::Rework { phase } => {
                self.with_phase(*phase, |phase| phase.rework_due = false);
            }
            TurnPurpose::Verification { phase } => {
                self.with_inspection(*phase, |inspection| inspection.asked = true);
            }
        }
    }

    fn open_gate(&mut self, id: ReviewId, record: &EventRecord) {
        let TaskEvent::ReviewCreated {
            phase,
            round,
            summary,
            base,
            head,
            interim,
            ..
        } = &record.event
        else {
            return;
        };
        let known = self.phase(*phase);
        self.reviews.push(Review {
            id,
            phase: *phase,
            round: *round,
            status: ReviewStatus::Open,
            summary: summary.clone(),
            base: base.clone(),
            head: head.clone(),
            interim: *interim,
            verification: known.and_then(|phase| phase.verification.clone()),
            feedback: Vec::new(),
            cost: known.map_or(Usd::ZERO, |phase| phase.cost),
            created_at: record.at,
            reminded: None,
        });
        self.review_requested = false;
        self.with_phase(*phase, |phase| {
            phase.status = PhaseStatus::InReview;
            phase.rounds = *round;
        });
        self.stand(Status::Waiting(Waiting::Review { review: id }));
    }

    fn decide_review(&mut self, id: ReviewId, decision: ReviewStatus) -> u32 {
        let mut of = 0;
        self.with_review(id, |review| {
            review.status = decision;
            of = review.phase;
        });
        of
    }

    fn resolve_feedback(&mut self, id: FeedbackId) {
        let all = self
            .reviews
            .iter_mut()
            .flat_map(|review| &mut review.feedback);
        for feedback in all.filter(|feedback| feedback.id == id) {
            feedback.status = FeedbackStatus::Resolved;
        }
    }

    fn add_usage(&mut self, session: SessionId, usage: &UsageDelta) {
        self.tokens += usage.tokens;
        self.cost += usage.cost;
        let served = |phase: &&mut Phase| phase.is_served_by(session);
        if let Some(phase) = self.phases.iter_mut().find(served) {
            phase.tokens += usage.tokens;
            phase.cost += usage.cost;
        }
    }
}
