//! What a person does with a task: the server functions behind the buttons.

use leptos::prelude::*;

#[cfg(feature = "ssr")]
use crate::api::MessageText;
use crate::api::{MessageView, TaskView};
use crate::domain::id::{MessageId, TaskId};
#[cfg(feature = "ssr")]
use crate::domain::task::TaskEdit;
use crate::domain::task::{Action, DeliverAt, PauseAt};
#[cfg(feature = "ssr")]
use crate::domain::text::{Note, TextError};
use crate::fault::Fault;
use crate::wire::Json;

/// Starts, pauses, resumes, cancels, retries or interrupts a task, or asks for a review.
#[server(prefix = "/sfn", endpoint = "tasks/act", output = Json)]
pub async fn act_on_task(
    id: TaskId,
    action: Action,
    #[server(default)] at: PauseAt,
) -> Result<TaskView, Fault> {
    let backend = crate::backend::backend()?;
    let changed = match action {
        Action::Execute => backend.execute(id).await,
        Action::Cancel => backend.cancel(id).await,
        Action::Retry => backend.retry(id).await,
        Action::RequestReview => backend.request_review(id).await,
        Action::Interrupt => backend.interrupt(id).await,
        Action::Pause => backend.pause(id, at).await,
        Action::Resume => backend.resume(id).await,
        Action::Edit
        | Action::Answer
        | Action::Provide
        | Action::Message
        | Action::Approve
        | Action::RequestChanges
        | Action::Fork
        | Action::Restore
        | Action::Delete => Err(Fault::field("action", "is not one of these")),
    }?;
    if action == Action::Cancel && crate::request::answers_a_plain_form() {
        crate::request::redirect(&format!("/tasks/{id}"));
    }
    Ok(changed)
}

/// Lets a task go on by itself when a limit has ended, or not.
#[server(prefix = "/sfn", endpoint = "tasks/auto_resume", output = Json)]
pub async fn set_auto_resume(id: TaskId, auto_resume: bool) -> Result<TaskView, Fault> {
    let edit = TaskEdit {
        auto_resume: Some(auto_resume),
        ..TaskEdit::default()
    };
    crate::backend::backend()?.edit_task(id, edit).await
}

/// Gives a task another budget; one that waits for it goes on.
#[server(prefix = "/sfn", endpoint = "tasks/budget", output = Json)]
pub async fn raise_budget(
    id: TaskId,
    #[server(default)] budget_usd: String,
    #[server(default)] budget_tokens: String,
) -> Result<TaskView, Fault> {
    let edit = TaskEdit {
        budget_usd: amount("budget_usd", &budget_usd)?,
        budget_tokens: amount("budget_tokens", &budget_tokens)?,
        ..TaskEdit::default()
    };
    crate::backend::backend()?.edit_task(id, edit).await
}

/// A number that was typed; nothing stays as it is.
#[cfg(feature = "ssr")]
fn amount<T: std::str::FromStr>(field: &str, text: &str) -> Result<Option<T>, Fault> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let read = text.trim_start_matches('$').parse();
    read.map(Some)
        .map_err(|_| Fault::field(field, "must be a number"))
}

/// Puts a task away for good, then shows the list.
#[server(prefix = "/sfn", endpoint = "tasks/delete", output = Json)]
pub async fn delete_task(id: TaskId) -> Result<(), Fault> {
    crate::backend::backend()?.delete_task(id).await?;
    crate::request::redirect("/");
    Ok(())
}

/// Writes to the agent.
#[server(prefix = "/sfn", endpoint = "tasks/message", output = Json)]
pub async fn send_message(
    id: TaskId,
    text: String,
    #[server(default)] deliver_at: DeliverAt,
) -> Result<MessageView, Fault> {
    let message = MessageText {
        text: note(&text)?,
        deliver_at,
    };
    crate::backend::backend()?.send_message(id, message).await
}

/// Changes a message that the agent has not got yet.
#[server(prefix = "/sfn", endpoint = "tasks/message/edit", output = Json)]
pub async fn edit_message(
    id: TaskId,
    message: MessageId,
    text: String,
    deliver_at: DeliverAt,
) -> Result<MessageView, Fault> {
    let edit = crate::api::EditMessage {
        text: Some(note(&text)?),
        deliver_at: Some(deliver_at),
    };
    let backend = crate::backend::backend()?;
    backend.edit_message(id, message, edit).await
}

/// Takes a message back that the agent has not got yet.
#[server(prefix = "/sfn", endpoint = "tasks/message/cancel", output = Json)]
pub async fn cancel_message(id: TaskId, message: MessageId) -> Result<MessageView, Fault> {
    crate::backend::backend()?.cancel_message(id, message).await
}

#[cfg(feature = "ssr")]
fn note(text: &str) -> Result<Note, Fault> {
    text.parse()
        .map_err(|error: TextError| Fault::field("text", error.to_string()))
}
