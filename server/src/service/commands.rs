//! What people do.

use app::api::{CreateTask, GivenAnswer, QuestionView, ReviewView, TaskView};
use app::domain::id::{FeedbackId, QuestionId, ReviewId, TaskId};
use app::domain::task::{Actor, ChangeRequest, Comment, PauseAt, Task, TaskCommand, TaskEdit};
use app::domain::text::Note;
use chrono::Utc;
use uuid::Uuid;

use super::Service;
use super::dependencies::Beside;
use super::new_task::{MAX_ANSWER_AFTER, plain_line};
use super::seed::{Given, Seed, is_repetition};
use crate::error::Error;
use crate::store::StoreError;

const MAX_PATH: usize = 1_000;

impl Service {
    pub async fn create_task(&self, new: CreateTask) -> Result<TaskView, Error> {
        let id = match self.new_task_id().await? {
            Given::Before(task) => return Ok(task),
            Given::New(id) => TaskId::from_uuid(id),
        };
        let new = self.parse_new(new).await?;
        self.act(id, TaskCommand::Create(Box::new(new))).await
    }

    pub async fn edit_task(&self, id: TaskId, edit: TaskEdit) -> Result<TaskView, Error> {
        if edit.answer_after > Some(MAX_ANSWER_AFTER) {
            let message = format!("must be at most {MAX_ANSWER_AFTER}");
            return Err(Error::field("answer_after_minutes", message));
        }
        if let Some(others) = &edit.depends_on {
            let faults = self.check_prerequisites(others).await?;
            if !faults.is_empty() {
                return Err(Error::Invalid { fields: faults });
            }
        }
        match self.act(id, TaskCommand::Edit(edit)).await {
            Err(Error::Store(StoreError::Circular(circle))) => {
                let message = self.tell_circle(&circle).await?;
                Err(Error::field("depends_on", message))
            }
            edited => edited,
        }
    }

    /// Puts the task away, and removes the values that it was given.
    pub async fn delete_task(&self, id: TaskId) -> Result<(), Error> {
        let archive = TaskCommand::Archive;
        self.append(id, Actor::Person, archive, None, &Beside::Forget)
            .await
            .map(drop)
    }

    pub async fn start_task(&self, id: TaskId) -> Result<TaskView, Error> {
        self.act(id, TaskCommand::Execute).await
    }

    pub async fn cancel_task(&self, id: TaskId) -> Result<TaskView, Error> {
        self.act(id, TaskCommand::Cancel).await
    }

    pub async fn retry_task(&self, id: TaskId) -> Result<TaskView, Error> {
        let is_limited = self.load(id).await?.limit().is_some();
        let task = self.act(id, TaskCommand::Retry).await?;
        if is_limited {
            // A person may know better than what was told of the limit.
            self.parts.store.try_account(id).await?;
        }
        Ok(task)
    }

    /// Holds the task up.
    pub async fn pause_task(&self, id: TaskId, at: PauseAt) -> Result<TaskView, Error> {
        self.act(id, TaskCommand::Pause { at }).await
    }

    /// Lets a paused task go on, or does not hold it up after all.
    pub async fn resume_task(&self, id: TaskId) -> Result<TaskView, Error> {
        self.act(id, TaskCommand::Resume).await
    }

    /// The task goes on once nothing is open that its agent has asked for.
    pub async fn answer_question(
        &self,
        question: QuestionId,
        given: GivenAnswer,
    ) -> Result<QuestionView, Error> {
        let unknown = || Error::NotFound { what: "question" };
        let task = self.parts.store.task_of_question(question).await?;
        let command = TaskCommand::AnswerQuestion {
            question,
            answer: given.answer,
            reason: given.reason,
        };
        let appended = self
            .execute(task.ok_or_else(unknown)?, Actor::Person, command)
            .await?;
        let task = appended.task;
        let mut all = task.questions.iter();
        let known = all.find(|known| known.id == question);
        known
            .map(|known| QuestionView::of(task.id, known))
            .ok_or_else(unknown)
    }

    /// Asks for a gate at the next end of a turn.
    pub async fn request_review(&self, id: TaskId) -> Result<TaskView, Error> {
        self.act(id, TaskCommand::RequestReview).await
    }

    pub async fn approve_review(
        &self,
        review: ReviewId,
        comment: Option<Note>,
    ) -> Result<ReviewView, Error> {
        self.decide_review(review, TaskCommand::Approve { review, comment })
            .await
    }

    pub async fn send_back(
        &self,
        review: ReviewId,
        request: ChangeRequest,
    ) -> Result<ReviewView, Error> {
        for (index, comment) in request.comments.iter().enumerate() {
            check_place(comment, &format!("comments[{index}]."))?;
        }
        let comments = request
            .comments
            .into_iter()
            .map(|comment| (new_feedback(), comment));
        let comments = comments.collect();
        let feedback = request.feedback;
        let command = TaskCommand::RequestChanges {
            review,
            feedback,
            comments,
        };
        self.decide_review(review, command).await
    }

    pub async fn comment_on(
        &self,
        review: ReviewId,
        comment: Comment,
    ) -> Result<ReviewView, Error> {
        check_place(&comment, "")?;
        let known = match self.seed {
            Some(_) => self.known_review(review).await?,
            None => None,
        };
        let made = |feedback: Uuid| {
            let view = known.as_ref()?;
            let feedback = FeedbackId::from_uuid(feedback);
            // However old: the same comment twice on one review says nothing new.
            let is_known = view.feedback.iter().any(|comment| comment.id == feedback);
            is_known.then(|| (view.clone(), Utc::now()))
        };
        let feedback = match self.give_id(made) {
            Given::Before(view) => return Ok(view),
            Given::New(id) => FeedbackId::from_uuid(id),
        };
        self.decide_review(
            review,
            TaskCommand::AddFeedback {
                review,
                feedback,
                comment,
            },
        )
        .await
    }

    /// Settles a comment on a review.
    pub async fn resolve_comment(
        &self,
        review: ReviewId,
        feedback: FeedbackId,
    ) -> Result<ReviewView, Error> {
        let known = self.review(review).await?;
        if !known.feedback.iter().any(|comment| comment.id == feedback) {
            return Err(Error::NotFound { what: "comment" });
        }
        self.decide_review(review, TaskCommand::ResolveFeedback { feedback })
            .await
    }

    /// The id of a task that is to be made, or the task that this request has made before.
    pub(super) async fn new_task_id(&self) -> Result<Given<TaskView>, Error> {
        for id in self.seed.into_iter().flat_map(Seed::ids) {
            match self.parts.store.load(TaskId::from_uuid(id)).await? {
                None => return Ok(Given::New(id)),
                Some(task) if is_repetition(task.created_at) => {
                    return Ok(Given::Before(TaskView::from(&task)));
                }
                Some(_) => {}
            }
        }
        Ok(Given::New(Uuid::now_v7()))
    }

    async fn known_review(&self, id: ReviewId) -> Result<Option<ReviewView>, Error> {
        let store = &self.parts.store;
        let task = match store.task_of_review(id).await? {
            Some(task) => store.load(task).await?,
            None => None,
        };
        Ok(task.and_then(|task| review_view(&task, id)))
    }

    pub(super) async fn act(&self, id: TaskId, command: TaskCommand) -> Result<TaskView, Error> {
        let appended = self.execute(id, Actor::Person, command).await?;
        Ok(TaskView::from(&appended.task))
    }

    async fn decide_review(&self, id: ReviewId, command: TaskCommand) -> Result<ReviewView, Error> {
        let unknown = || Error::NotFound { what: "review" };
        let task = self
            .parts
            .store
            .task_of_review(id)
            .await?
            .ok_or_else(unknown)?;
        let appended =
            self.execute(task, Actor::Person, command)
                .await
                .map_err(|error| match error {
                    Error::NotFound { .. } => unknown(),
                    error => error,
                })?;
        review_view(&appended.task, id).ok_or_else(unknown)
    }
}

/// One review of the task.
pub(super) fn review_view(task: &Task, id: ReviewId) -> Option<ReviewView> {
    let review = task.reviews.iter().find(|review| review.id == id)?;
    Some(ReviewView::of(task, review))
}

fn new_feedback() -> FeedbackId {
    FeedbackId::from_uuid(Uuid::now_v7())
}

/// A comment's place is data for the agent, not a path that is opened; it only has to be readable.
fn check_place(comment: &Comment, prefix: &str) -> Result<(), Error> {
    if let Some(file) = &comment.file {
        let inside =
            !file.is_empty() && !file.starts_with('/') && !file.split('/').any(|part| part == "..");
        if !inside {
            return Err(Error::field(
                &format!("{prefix}file"),
                "must be a path inside the workspace",
            ));
        }
        plain_line(file, MAX_PATH)
            .map_err(|message| Error::field(&format!("{prefix}file"), message))?;
    }
    match (comment.line, &comment.file) {
        (Some(0), _) => Err(Error::field(&format!("{prefix}line"), "counts from 1")),
        (Some(_), None) => Err(Error::field(&format!("{prefix}line"), "needs a file")),
        _ => Ok(()),
    }?;
    match (comment.line, comment.end_line) {
        (None, Some(_)) => Err(Error::field(&format!("{prefix}end_line"), "needs a line")),
        (Some(line), Some(end)) if end < line => Err(Error::field(
            &format!("{prefix}end_line"),
            "must not lie before the line",
        )),
        _ => Ok(()),
    }
}
