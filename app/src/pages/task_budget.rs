//! A task that has used up its budget.

use leptos::prelude::*;

use super::task_actions::RaiseBudget;
use super::task_attention::Card;
use super::task_state::TaskState;
use crate::api::TaskView;
use crate::components::clock::Countdown;
use crate::components::form::{PostForm, Posting};
use crate::components::icon::Icon;
use crate::components::toast::Toasts;
use crate::domain::money::Usd;
use crate::domain::task::BudgetScope;
use crate::reactive::{effect, memo, part};

/// The budget that is used up, and the way to a larger one.
#[component]
pub fn OutOfBudget(state: TaskState) -> impl IntoView {
    let toasts = expect_context::<Toasts>();
    let raise = Posting::<RaiseBudget>::new();
    effect(move || match raise.answer() {
        Some(Ok(task)) => {
            toasts.done("The budget is raised; the task goes on");
            state.update_task(task);
        }
        Some(Err(fault)) => toasts.failed(&fault),
        None => {}
    });
    let known = memo(move || state.task.with(|task: &TaskView| task.budget));
    let card = move || {
        let used = known.get()?;
        Some(match used.until {
            Some(at) if used.scope == BudgetScope::Day => view! {
                <Card tone="waiting" icon=Icon::Alert title="The budget of the day is used up">
                    <p class="attention-text">{used.figures()} ". The task goes on by itself when a new day begins, " <Countdown at /> ", or when the "<a class="link" href="/settings">"budget of the day"</a>" is larger."</p>
                </Card>
            }
            .into_any(),
            _ => view! {
                <Card tone="waiting" icon=Icon::Alert title="The task's budget is used up">
                    <p class="attention-text">"It has used " {used.figures()} ". Its work is kept; with a larger budget it goes on where it was."</p>
                    <PostForm action=raise class="budget-form">
                        <input type="hidden" name="id" value=state.id.to_string() />
                        {used.budget.usd.map(|most| field("budget_usd", "Budget in dollars", doubled(most)))}
                        {used.budget.tokens.map(|most| field("budget_tokens", "Budget in tokens", most.saturating_mul(2).to_string()))}
                        <button class="btn btn-sm btn-accent">"Raise and go on"</button>
                    </PostForm>
                </Card>
            }
            .into_any(),
        })
    };
    part(card)
}

/// Twice as much, as people write it.
fn doubled(most: Usd) -> String {
    let twice = (most + most).to_short();
    twice.trim_start_matches('$').to_owned()
}

fn field(name: &'static str, label: &'static str, value: String) -> AnyView {
    view! {
        <label class="budget-field">
            <span>{label}</span>
            <input class="input" type="text" inputmode="decimal" name=name value=value />
        </label>
    }
    .into_any()
}
