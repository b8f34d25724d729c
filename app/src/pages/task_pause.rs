//! The buttons that hold a task up.

use leptos::prelude::*;

use super::task_actions::ActOnTask;
use super::task_state::TaskState;
use crate::components::form::{PostForm, Posting};
use crate::components::icon::{Glyph, Icon};
use crate::domain::task::{Action, PauseAt, StatusName};
use crate::reactive::part;

/// Holds up at once what is at work or about to be.
#[component]
pub fn PauseButton(state: TaskState, act: Posting<ActOnTask>) -> impl IntoView {
    let button = move || {
        (state.allows(Action::Pause) && is_under_way(state)).then(|| {
            view! {
                <PostForm action=act>
                    <input type="hidden" name="id" value=state.id.to_string() />
                    <button class="btn" name="action" value="pause" disabled=act.pending()><Glyph icon=Icon::Pause /> "Pause"</button>
                </PostForm>
            }
        })
    };
    part(button)
}

/// The same later, or for what waits anyway.
#[component]
pub fn PauseItem(state: TaskState, act: Posting<ActOnTask>) -> impl IntoView {
    let is_running = move || state.task.with(|task| task.status == StatusName::Running);
    let item = move || {
        let (action, at, word) = match (is_running(), state.allows(Action::Resume)) {
            (true, true) => (Action::Resume, None, "Don't pause at the end of the turn"),
            (true, false) => {
                let at = Some(PauseAt::TurnEnd);
                (Action::Pause, at, "Pause at the end of the turn")
            }
            _ if is_under_way(state) => return None,
            _ => (Action::Pause, None, "Pause the task"),
        };
        let at = at.map(|at| view! { <input type="hidden" name="at" value=at.to_string() /> });
        state.allows(action).then(|| {
            view! {
                <li>
                    <PostForm action=act>
                        <input type="hidden" name="id" value=state.id.to_string() />
                        {at}
                        <button name="action" value=action.to_string() disabled=act.pending()><Glyph icon=Icon::Pause /> {word}</button>
                    </PostForm>
                </li>
            }
        })
    };
    part(item)
}

fn is_under_way(state: TaskState) -> bool {
    let status = state.task.with(|task| task.status);
    matches!(status, StatusName::Running | StatusName::Queued)
}
