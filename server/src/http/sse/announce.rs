//! A domain event as clients get it: a name, and the objects that it changed, as of its version.

use app::api::{
    DependencyView, MessageView, PhaseView, QuestionView, ReviewView, TaskView, UsageView,
};
use app::domain::id::{DependencyId, QuestionId, ReviewId};
use app::domain::task::{EventRecord, Task, TaskEvent};
use axum::response::sse::Event;

use super::event;
use super::tail::Cursor;
use crate::error::Error;
use crate::service::permissions;

/// What clients are told of one domain event: the objects that it changed by the way, then the
/// event itself. Only that one carries the position: a client that is cut off before it is told
/// all of them again, and each is the whole object.
pub(super) fn announce(
    record: &EventRecord,
    before: Option<&Task>,
    task: &Task,
    cursor: Cursor,
) -> Result<Vec<Event>, Error> {
    let own = Own::of(&record.event, task)?;
    let mut events = changed(before, task, &own)?;
    events.push(own.event.id(cursor.to_string()));
    Ok(events)
}

/// The objects that are not as they were before. With the task's creation everything begins.
fn changed(before: Option<&Task>, task: &Task, own: &Own) -> Result<Vec<Event>, Error> {
    let mut events = Vec::new();
    let Some(before) = before else {
        return Ok(events);
    };
    for review in &task.reviews {
        let known = before.reviews.iter().find(|known| known.id == review.id);
        if known != Some(review) && own.review != Some(review.id) {
            events.push(event("review_required", &ReviewView::of(task, review))?);
        }
    }
    for phase in &task.phases {
        let view = PhaseView::from(phase);
        let known = before.phase(phase.number).map(PhaseView::from);
        if known != Some(view.clone()) && own.phase != Some(phase.number) {
            events.push(event("phase_update", &view)?);
        }
    }
    for (index, message) in task.messages.iter().enumerate() {
        // Messages are added at the end; none goes away.
        if before.messages.get(index) != Some(message) {
            events.push(event("message_update", &MessageView::from(message))?);
        }
    }
    for (index, question) in task.questions.iter().enumerate() {
        let known = before.questions.get(index);
        if known == Some(question) || own.question == Some(question.id) {
            continue;
        }
        let view = QuestionView::of(task.id, question);
        if known.map(|known| QuestionView::of(task.id, known)).as_ref() != Some(&view) {
            events.push(event("user_question", &view)?);
        }
    }
    if before.rules != task.rules || before.permission_mode != task.permission_mode {
        events.push(event("permissions", &permissions::view(task))?);
    }
    for (index, needed) in task.dependencies.iter().enumerate() {
        let known = before.dependencies.get(index);
        if known == Some(needed) || own.dependency == Some(needed.id) {
            continue;
        }
        let view = DependencyView::of(task.id, needed);
        if known
            .map(|known| DependencyView::of(task.id, known))
            .as_ref()
            != Some(&view)
        {
            events.push(event("dependency_request", &view)?);
        }
    }
    Ok(events)
}

/// The event itself, and the object that it tells of.
struct Own {
    event: Event,
    phase: Option<u32>,
    review: Option<ReviewId>,
    question: Option<QuestionId>,
    dependency: Option<DependencyId>,
}

const fn used(task: &Task) -> UsageView {
    UsageView {
        cost_usd: task.cost,
        tokens: task.tokens,
    }
}

impl Own {
    fn of(happened: &TaskEvent, task: &Task) -> Result<Self, Error> {
        let (mut of_phase, mut of_review) = (None, None);
        let (mut of_question, mut of_dependency) = (None, None);
        let event = match happened {
            TaskEvent::PhaseStarted { phase, .. }
            | TaskEvent::PhaseCompleted { phase }
            | TaskEvent::PhaseReported { phase, .. }
            | TaskEvent::VerificationPassed { phase, .. }
            | TaskEvent::VerificationFailed { phase, .. }
            | TaskEvent::VerificationStarted { phase, .. }
            | TaskEvent::VerificationUnreadable { phase, .. }
            | TaskEvent::ReworkStarted { phase, .. } => {
                of_phase = Some(*phase);
                event("phase_update", &task.phase(*phase).map(PhaseView::from))
            }
            TaskEvent::StepStarted { phase, .. } | TaskEvent::StepCompleted { phase, .. } => {
                of_phase = Some(*phase);
                event("step_update", &task.phase(*phase).map(PhaseView::from))
            }
            TaskEvent::DependencyRequested { id, .. }
            | TaskEvent::DependencyProvided { id, .. }
            | TaskEvent::DependencyDeclined { id, .. } => {
                of_dependency = Some(*id);
                let views = task.dependency_views();
                let view = views.iter().find(|view| view.id == *id);
                event("dependency_request", &view)
            }
            TaskEvent::QuestionAsked { id, .. } | TaskEvent::QuestionAnswered { id, .. } => {
                of_question = Some(*id);
                let views = task.question_views();
                let view = views.iter().find(|view| view.id == *id);
                event("user_question", &view)
            }
            TaskEvent::ReviewCreated { review, .. } => {
                of_review = Some(*review);
                let review = task.reviews.iter().find(|known| known.id == *review);
                let view = review.map(|review| ReviewView::of(task, review));
                event("review_required", &view)
            }
            TaskEvent::UsageRecorded { .. } => event("usage", &used(task)),
            TaskEvent::TaskCompleted {} => event("complete", &TaskView::slim(task)),
            TaskEvent::TaskFailed { .. } | TaskEvent::CredentialsRefused { .. } => {
                event("error", &TaskView::slim(task))
            }
            TaskEvent::TaskCreated { .. }
            | TaskEvent::TaskUpdated { .. }
            | TaskEvent::TaskQueued { .. }
            | TaskEvent::TaskRanked { .. }
            | TaskEvent::TaskStarted {}
            | TaskEvent::TaskEstimated { .. }
            | TaskEvent::RunStarted { .. }
            | TaskEvent::RunEnded { .. }
            | TaskEvent::ConversationStarted { .. }
            | TaskEvent::TurnStarted { .. }
            | TaskEvent::TurnEnded { .. }
            | TaskEvent::ReviewRequested {}
            | TaskEvent::ReviewReminded { .. }
            | TaskEvent::FeedbackAdded { .. }
            | TaskEvent::FeedbackResolved { .. }
            | TaskEvent::ReviewApproved { .. }
            | TaskEvent::ChangesRequested { .. }
            | TaskEvent::ErrorReported { .. }
            | TaskEvent::CheckpointCreated { .. }
            | TaskEvent::MessageSent { .. }
            | TaskEvent::MessageEdited { .. }
            | TaskEvent::MessageCancelled { .. }
            | TaskEvent::MessageDelivered { .. }
            | TaskEvent::MessageLost { .. }
            | TaskEvent::InterruptRequested {}
            | TaskEvent::MessageAwaited {}
            | TaskEvent::PauseRequested {}
            | TaskEvent::TaskPaused {}
            | TaskEvent::TaskResumed {}
            | TaskEvent::AnswersDelivered { .. }
            | TaskEvent::PermissionGranted { .. }
            | TaskEvent::PermissionRevoked { .. }
            | TaskEvent::AgentSilent { .. }
            | TaskEvent::AgentStirred {}
            | TaskEvent::RateLimited { .. }
            | TaskEvent::LimitLifted {}
            | TaskEvent::BudgetWarned { .. }
            | TaskEvent::BudgetExceeded { .. }
            | TaskEvent::BudgetRaised { .. }
            | TaskEvent::TaskForked { .. }
            | TaskEvent::TaskRestored { .. }
            | TaskEvent::FilesRestored {}
            | TaskEvent::TaskRetried {}
            | TaskEvent::TaskCancelled {}
            | TaskEvent::TaskArchived {} => event("status", &TaskView::slim(task)),
        };
        Ok(Self {
            event: event?,
            phase: of_phase,
            review: of_review,
            question: of_question,
            dependency: of_dependency,
        })
    }
}
