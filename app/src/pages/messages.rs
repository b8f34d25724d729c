//! What people write to the agent: what is queued, what it has got, and the way to write more.

use leptos::prelude::*;

use super::task_actions::{CancelMessage, EditMessage, SendMessage};
use super::task_state::TaskState;
use crate::api::{MessageView, TaskView};
use crate::components::clock::Time;
use crate::components::form::{PostForm, Posting};
use crate::components::icon::{Glyph, Icon};
use crate::components::toast::Toasts;
use crate::domain::task::{Action, DeliverAt, MessageStatus, StatusName, WaitingReason};
use crate::number::counted;
use crate::reactive::{effect, list, memo, part, rows};

/// When the agent gets what is queued.
fn delivery(task: &TaskView) -> &'static str {
    match task.status {
        StatusName::Running => "The agent has not read this yet.",
        StatusName::Queued => "The agent gets it as soon as it starts.",
        StatusName::Waiting => match task.waiting_reason {
            Some(WaitingReason::Review) => "The agent gets it once the review is decided.",
            Some(WaitingReason::RateLimit) => {
                "The agent gets it once the account's limit has ended."
            }
            Some(WaitingReason::Budget) => "The agent gets it once the budget is larger.",
            Some(WaitingReason::Credentials) => "The agent gets it once the task is tried again.",
            Some(WaitingReason::Question | WaitingReason::Dependency | WaitingReason::Message)
            | None => "The agent gets it once the task goes on.",
        },
        StatusName::Paused => "The agent gets it once the task is resumed.",
        StatusName::Completed => "The conversation goes on with it.",
        StatusName::Draft | StatusName::Failed | StatusName::Cancelled => {
            "The agent has not got it."
        }
    }
}

const fn moment(deliver_at: DeliverAt) -> &'static str {
    match deliver_at {
        DeliverAt::ToolResult => "With the next result of a tool",
        DeliverAt::OwnTurn => "After this turn, as one of its own",
    }
}

/// Writes to the agent, if that is possible now.
#[component]
pub fn MessageForm(state: TaskState, placeholder: &'static str) -> impl IntoView {
    let toasts = expect_context::<Toasts>();
    let send = Posting::<SendMessage>::new();
    let text = RwSignal::new(String::new());
    effect(move || match send.answer() {
        Some(Ok(message)) => {
            // What was typed since is the next message.
            if text.with_untracked(|text| text.trim() == message.text) {
                text.set(String::new());
            }
            state.update_message(message);
        }
        Some(Err(fault)) => toasts.failed(&fault),
        None => {}
    });
    let is_at_work = memo(move || state.task.with(|task| task.status == StatusName::Running));
    let choice = move || {
        is_at_work
            .get()
            .then(|| deliver_at_choice(DeliverAt::default()))
    };
    let outcome = move || matches!(send.answer(), Some(Ok(_))).then_some("Sent");
    view! {
        <Show when=move || state.allows(Action::Message)>
            <PostForm action=send class="message-form" id="message">
                <input type="hidden" name="id" value=state.id.to_string() />
                <textarea
                    class="textarea"
                    name="text"
                    rows="1"
                    required
                    maxlength="20000"
                    aria-label="Message to the agent"
                    placeholder=placeholder
                    prop:value=text
                    on:input:target=move |event| text.set(event.target().value())
                ></textarea>
                {part(choice)}
                <button class="btn" disabled=send.pending()><Glyph icon=Icon::Message /> "Send"</button>
                // The message is seen in the queue; a toast would lie on the way to the next one.
                <span class="visually-hidden" role="status">{outcome}</span>
            </PostForm>
        </Show>
    }
    .into_any()
}

fn deliver_at_choice(chosen: DeliverAt) -> AnyView {
    let option = move |each: DeliverAt| {
        view! { <option value=each.to_string() selected=each == chosen>{moment(each)}</option> }
    };
    view! {
        <select class="select" name="deliver_at" aria-label="When the agent gets it">
            {list(DeliverAt::ALL.map(option))}
        </select>
    }
    .into_any()
}

/// Messages that the agent has not got yet, each to be changed and cancelled.
#[component]
pub fn Queue(state: TaskState) -> impl IntoView {
    let toasts = expect_context::<Toasts>();
    let edit = Posting::<EditMessage>::new();
    let cancel = Posting::<CancelMessage>::new();
    let take = move |done: &'static str, answer: Option<Result<MessageView, _>>| match answer {
        Some(Ok(message)) => {
            toasts.done(done);
            state.update_message(message);
        }
        Some(Err(fault)) => toasts.failed(&fault),
        None => {}
    };
    effect(move || take("The message is changed", edit.answer()));
    effect(move || take("The message is cancelled", cancel.answer()));
    let of_status = move |is_queued: bool| {
        let mut messages = state.messages.get();
        messages.retain(|message| (message.status == MessageStatus::Queued) == is_queued);
        messages
    };
    let has_queue = memo(move || !of_status(true).is_empty());
    let row = move |message: MessageView| queued_row(state, message, edit, cancel);
    // A message that was changed is drawn anew.
    let key = |message: &MessageView| format!("{} {:?}", message.id, message.edited_at);
    view! {
        <Show when=move || has_queue.get()>
            <section class="undelivered" aria-label="Queued messages">
                <p>{move || state.task.with(delivery)}</p>
                <ul>{rows(move || of_status(true), key, row)}</ul>
            </section>
        </Show>
        {part(move || delivered(&of_status(false)))}
    }
    .into_any()
}

fn queued_row(
    state: TaskState,
    message: MessageView,
    edit: Posting<EditMessage>,
    cancel: Posting<CancelMessage>,
) -> AnyView {
    let ids = move || {
        view! {
            <input type="hidden" name="id" value=state.id.to_string() />
            <input type="hidden" name="message" value=message.id.to_string() />
        }
    };
    let changed = message
        .edited_at
        .map(|at| view! { ", changed " <Time at /> });
    view! {
        <li>
            <p class="queued-text">{message.text.clone()}</p>
            <p class="queued-note">{moment(message.deliver_at)} " · sent " <Time at=message.sent_at /> {changed}</p>
            <details>
                <summary class="btn btn-sm">"Edit"</summary>
                <PostForm action=edit class="message-form">
                    {ids()}
                    <textarea class="textarea" name="text" rows="2" required maxlength="20000" aria-label="Text of the message">{message.text}</textarea>
                    {deliver_at_choice(message.deliver_at)}
                    <button class="btn">"Save"</button>
                </PostForm>
            </details>
            <PostForm action=cancel>
                {ids()}
                <button class="btn btn-sm">"Cancel"<span class="visually-hidden">" this message"</span></button>
            </PostForm>
        </li>
    }
    .into_any()
}

/// What the agent has got and when, and what was cancelled.
fn delivered(messages: &[MessageView]) -> Option<AnyView> {
    if messages.is_empty() {
        return None;
    }
    let row = |message: &MessageView| {
        let when = match message.delivered_at {
            Some(at) => view! { "Delivered " <Time at /> }.into_any(),
            None => "Cancelled".into_any(),
        };
        view! { <li><p class="queued-note">{when}</p><p class="queued-text">{message.text.clone()}</p></li> }
    };
    let title = counted(messages.len(), "earlier message");
    Some(
        view! {
            <details class="delivered">
                <summary>{title}</summary>
                <ol>{list(messages.iter().rev().map(row))}</ol>
            </details>
        }
        .into_any(),
    )
}
