//! The server functions of a review.

use leptos::prelude::*;

use crate::api::{Decided, ReviewView, ReviewWork, ShowFile, ShownFile};
use crate::domain::id::{FeedbackId, ReviewId};
#[cfg(feature = "ssr")]
use crate::domain::task::{ChangeRequest, Comment};
#[cfg(feature = "ssr")]
use crate::domain::text::{Note, TextError};
use crate::fault::Fault;
use crate::wire::Json;

/// The files that a review is about, and what the agent did for it.
#[server(prefix = "/sfn", endpoint = "reviews/work", input = Json, output = Json)]
pub async fn load_review_work(id: ReviewId, since: bool) -> Result<ReviewWork, Fault> {
    crate::backend::backend()?.review_work(id, since).await
}

/// A file of a review as it is shown. Whether versions stand side by side is remembered, unless it
/// is not said.
#[server(prefix = "/sfn", endpoint = "reviews/file", input = Json, output = Json)]
pub async fn load_review_file(
    id: ReviewId,
    wanted: ShowFile,
    split: Option<bool>,
) -> Result<ShownFile, Fault> {
    const COOKIE: &str = "diff";
    if let Some(is_split) = split {
        crate::request::set_cookie(COOKIE, if is_split { "split" } else { "unified" });
    }
    let is_split =
        split.unwrap_or_else(|| crate::request::cookie(COOKIE).as_deref() == Some("split"));
    let wanted = ShowFile { is_split, ..wanted };
    crate::backend::backend()?.review_file(id, wanted).await
}

/// Decides on a review.
#[server(prefix = "/sfn", endpoint = "reviews/decide", output = Json)]
pub async fn decide_review(
    id: ReviewId,
    verdict: Decided,
    text: String,
) -> Result<ReviewView, Fault> {
    let text = optional_note("text", &text)?;
    let backend = crate::backend::backend()?;
    let review = match verdict {
        Decided::Approve => backend.approve(id, text).await?,
        Decided::RequestChanges => {
            let request = ChangeRequest {
                feedback: text,
                comments: Vec::new(),
            };
            backend.request_changes(id, request).await?
        }
    };
    crate::request::redirect(&format!("/tasks/{}", review.task_id));
    Ok(review)
}

/// Leaves a comment; it stays open until somebody resolves it.
#[server(prefix = "/sfn", endpoint = "reviews/comment", output = Json)]
pub async fn add_comment(
    id: ReviewId,
    file: String,
    line: String,
    end_line: String,
    text: String,
) -> Result<ReviewView, Fault> {
    let text =
        optional_note("text", &text)?.ok_or_else(|| Fault::field("text", "must not be empty"))?;
    let line = optional_number("line", &line)?;
    let end_line = optional_number("end_line", &end_line)?;
    let comment = Comment {
        file: Some(file.trim().to_owned()).filter(|file| !file.is_empty()),
        line: line.or(end_line),
        end_line: end_line.filter(|_| line.is_some() && line != end_line),
        text,
    };
    crate::backend::backend()?.add_feedback(id, comment).await
}

/// Settles a comment.
#[server(prefix = "/sfn", endpoint = "reviews/resolve", output = Json)]
pub async fn resolve_comment(id: ReviewId, feedback: FeedbackId) -> Result<ReviewView, Fault> {
    crate::backend::backend()?
        .resolve_feedback(id, feedback)
        .await
}

#[cfg(feature = "ssr")]
fn optional_note(field: &str, text: &str) -> Result<Option<Note>, Fault> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    text.parse()
        .map(Some)
        .map_err(|error: TextError| Fault::field(field, error.to_string()))
}

#[cfg(feature = "ssr")]
fn optional_number(field: &str, text: &str) -> Result<Option<u32>, Fault> {
    match text.trim() {
        "" => Ok(None),
        number => number
            .parse()
            .map(Some)
            .map_err(|_| Fault::field(field, "must be a number")),
    }
}
