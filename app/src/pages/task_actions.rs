//! What a person does with a task: the server functions behind the buttons.

use leptos::prelude::*;

use crate::api::{MessageView, TaskView};
use crate::domain::id::TaskId;
use crate::domain::task::Action;
#[cfg(feature = "ssr")]
use crate::domain::text::{Note, TextError};
use crate::fault::Fault;
use crate::wire::Json;

/// Starts, cancels or retries a task, or asks for a review.
#[server(prefix = "/sfn", endpoint = "tasks/act", output = Json)]
pub async fn act_on_task(id: TaskId, action: Action) -> Result<TaskView, Fault> {
    let backend = crate::backend::backend()?;
    let changed = match action {
        Action::Execute => backend.execute(id).await,
        Action::Cancel => backend.cancel(id).await,
        Action::Retry => backend.retry(id).await,
        Action::RequestReview => backend.request_review(id).await,
        Action::Edit
        | Action::Answer
        | Action::Provide
        | Action::Message
        | Action::Approve
        | Action::RequestChanges
        | Action::Delete => Err(Fault::field("action", "is not one of these")),
    }?;
    if action == Action::Cancel && crate::request::answers_a_plain_form() {
        crate::request::redirect(&format!("/tasks/{id}"));
    }
    Ok(changed)
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
pub async fn send_message(id: TaskId, text: String) -> Result<MessageView, Fault> {
    let text: Note = text
        .parse()
        .map_err(|error: TextError| Fault::field("text", error.to_string()))?;
    crate::backend::backend()?.send_message(id, text).await
}
