//! The server functions of a review.

use leptos::prelude::*;

use crate::api::ReviewView;
use crate::domain::id::ReviewId;
#[cfg(feature = "ssr")]
use crate::domain::task::{ChangeRequest, Comment};
#[cfg(feature = "ssr")]
use crate::domain::text::{Note, TextError};
use crate::fault::Fault;

/// Says yes; the next phase begins.
#[server(prefix = "/sfn", endpoint = "reviews/approve")]
pub async fn approve_review(id: ReviewId, comment: String) -> Result<ReviewView, Fault> {
    let comment = optional_note("comment", &comment)?;
    let review = crate::backend::backend()?.approve(id, comment).await?;
    crate::request::redirect(&format!("/tasks/{}", review.task_id));
    Ok(review)
}

/// Sends the phase back, with the comments that were left so far and one more, if it is given.
#[server(prefix = "/sfn", endpoint = "reviews/request-changes")]
pub async fn request_changes(
    id: ReviewId,
    feedback: String,
    file: String,
    line: String,
    text: String,
) -> Result<ReviewView, Fault> {
    let comments: Vec<Comment> = comment(&file, &line, &text)?.into_iter().collect();
    let feedback = optional_note("feedback", &feedback)?;
    let request = ChangeRequest { feedback, comments };
    let review = crate::backend::backend()?
        .request_changes(id, request)
        .await?;
    crate::request::redirect(&format!("/tasks/{}", review.task_id));
    Ok(review)
}

/// Leaves a comment; it stays open until the phase has been reworked.
#[server(prefix = "/sfn", endpoint = "reviews/comment")]
pub async fn add_comment(
    id: ReviewId,
    file: String,
    line: String,
    text: String,
) -> Result<ReviewView, Fault> {
    let comment =
        comment(&file, &line, &text)?.ok_or_else(|| Fault::field("text", "must not be empty"))?;
    crate::backend::backend()?.add_feedback(id, comment).await
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

/// A comment as the form sends it; nothing if its text is empty.
#[cfg(feature = "ssr")]
fn comment(file: &str, line: &str, text: &str) -> Result<Option<Comment>, Fault> {
    let Some(text) = optional_note("text", text)? else {
        return Ok(None);
    };
    let line = match line.trim() {
        "" => None,
        line => Some(
            line.parse()
                .map_err(|_| Fault::field("line", "must be a number"))?,
        ),
    };
    let file = Some(file.trim().to_owned()).filter(|file| !file.is_empty());
    Ok(Some(Comment { file, line, text }))
}
