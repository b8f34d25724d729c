//! What a review shows: its files as rows and blocks, and what the agent did for it.

mod image;
mod shown;

use app::api::{ConversationView, DeliverableContent, Diff, ReviewWork};
use app::domain::id::ReviewId;
use app::domain::task::{Feedback, Review, Task};

use super::Service;
use super::queries::rendered;
use super::shown::off_thread;
use crate::error::Error;
use crate::markdown;

pub use image::{ImageKind, Version};

/// The most characters of the agent's last words that are shown.
const LAST_SAID: usize = 4_000;

/// A review with what it is compared to.
struct Reviewed {
    task: Task,
    review: Review,
    /// The round before.
    previous: Option<Review>,
}

impl Reviewed {
    /// The commit that changes are counted from.
    fn base(&self, since: bool) -> &str {
        match &self.previous {
            Some(previous) if since => &previous.head,
            _ => &self.review.base,
        }
    }

    fn commit(&self, version: Version) -> &str {
        match version {
            Version::Base => self.base(false),
            Version::Previous => self.base(true),
            Version::Head => &self.review.head,
        }
    }

    /// The comments of earlier rounds on a file, with their rounds.
    fn earlier<'a>(&'a self, path: &'a str) -> impl Iterator<Item = (&'a Review, &'a Feedback)> {
        let (phase, round) = (self.review.phase, self.review.round);
        let earlier = self.task.reviews.iter();
        let earlier = earlier.filter(move |each| each.phase == phase && each.round < round);
        earlier.flat_map(move |each| {
            let own = each.feedback.iter();
            let own = own.filter(move |comment| comment.file.as_deref() == Some(path));
            own.map(move |comment| (each, comment))
        })
    }
}

impl Service {
    async fn reviewed(&self, id: ReviewId) -> Result<Reviewed, Error> {
        let unknown = || Error::NotFound { what: "review" };
        let task = self.parts.store.task_of_review(id).await?;
        let task = self.load(task.ok_or_else(unknown)?).await?;
        let review = task.reviews.iter().find(|review| review.id == id);
        let review = review.cloned().ok_or_else(unknown)?;
        let rounds = task.reviews.iter();
        let before = rounds.filter(|each| each.phase == review.phase && each.round < review.round);
        let previous = before.max_by_key(|each| each.round).cloned();
        Ok(Reviewed {
            task,
            review,
            previous,
        })
    }

    /// What a review is about: the changes between its commits, or those since the round before.
    pub async fn review_changes(&self, id: ReviewId, since: bool) -> Result<Diff, Error> {
        let it = self.reviewed(id).await?;
        let (base, head) = (it.base(since), &it.review.head);
        let workspaces = &self.parts.workspaces;
        let mut diff = workspaces.changes(it.task.id, base, head).await?;
        let redactor = self.redactor(it.task.id).await?;
        off_thread(move || {
            redactor.redact_diff(&mut diff);
            diff
        })
        .await
    }

    /// The files that a review is about, and what the agent did for it.
    pub async fn review_work(&self, id: ReviewId, since: bool) -> Result<ReviewWork, Error> {
        let it = self.reviewed(id).await?;
        let (base, head) = (it.base(since), &it.review.head);
        let diff = self
            .parts
            .workspaces
            .changed_files(it.task.id, base, head)
            .await?;
        Ok(ReviewWork {
            changes: diff.into(),
            conversation: self.conversation(&it).await?,
        })
    }

    /// What the agent did between the beginning of the phase and the review.
    pub async fn review_conversation(&self, id: ReviewId) -> Result<ConversationView, Error> {
        self.conversation(&self.reviewed(id).await?).await
    }

    async fn conversation(&self, it: &Reviewed) -> Result<ConversationView, Error> {
        let phase = it.task.phase(it.review.phase);
        let begun = phase.and_then(|phase| phase.started_at);
        let begun = begun.unwrap_or(it.task.created_at);
        let until = it.review.created_at;
        let store = &self.parts.store;
        let tally = store.log_tally(it.task.id, begun, until).await?;
        let last_said = match tally.last_said {
            Some(text) => {
                let beginning: String = text.chars().take(LAST_SAID).collect();
                Some(off_thread(move || markdown::to_html(&beginning)).await?)
            }
            None => None,
        };
        Ok(ConversationView {
            turns: tally.turns,
            tool_calls: tally.tool_calls,
            tool_failures: tally.tool_failures,
            messages: tally.messages,
            last_said,
            first_line: tally.first_line,
            seconds: u64::try_from((until - begun).num_seconds()).unwrap_or(0),
            truncated: tally.truncated,
        })
    }

    /// A file as it was when a review opened, rendered if it is Markdown.
    pub async fn read_reviewed(
        &self,
        id: ReviewId,
        path: &str,
    ) -> Result<DeliverableContent, Error> {
        let it = self.reviewed(id).await?;
        let workspaces = &self.parts.workspaces;
        let file = workspaces.review_file(it.task.id, &it.review, path).await?;
        rendered(self.redactor(it.task.id).await?, path, file).await
    }

    /// A whole file of a review's commits, and what kind of image it is, if it is one.
    pub async fn reviewed_bytes(
        &self,
        id: ReviewId,
        path: &str,
        version: Version,
    ) -> Result<(Vec<u8>, Option<ImageKind>), Error> {
        let it = self.reviewed(id).await?;
        let workspaces = &self.parts.workspaces;
        let bytes = workspaces.recorded_bytes(it.task.id, it.commit(version), path);
        let bytes = bytes.await?.and_then(|(_, bytes)| bytes);
        let bytes = bytes.ok_or(Error::NotFound { what: "file" })?;
        let kind = ImageKind::of(&bytes);
        Ok((bytes, kind))
    }
}
