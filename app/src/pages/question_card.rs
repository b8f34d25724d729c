//! Answering what an agent asks.

use leptos::prelude::*;

use super::asking::Asking;
use super::call_card::{Call, decided};
#[cfg(feature = "ssr")]
use crate::api::GivenAnswer;
use crate::api::QuestionView;
use crate::components::form::{PostForm, Posting};
use crate::components::icon::{Glyph, Icon};
use crate::components::toast::Toasts;
use crate::domain::id::QuestionId;
#[cfg(feature = "ssr")]
use crate::domain::task::Answer;
use crate::domain::task::{Choice, QuestionState};
#[cfg(feature = "ssr")]
use crate::domain::text::{Note, TextError};
use crate::fault::Fault;
use crate::reactive::{effect, list, rows};
use crate::wire::Json;

/// Answers a question: with the choices, or with a text, which goes before a single choice and beside
/// several; with neither, if it is skipped.
#[server(prefix = "/sfn", endpoint = "questions/answer", output = Json)]
pub async fn answer_question(
    id: QuestionId,
    #[server(default)] choices: Vec<String>,
    #[server(default)] is_multi: bool,
    #[server(default)] text: String,
    #[server(default)] skip: bool,
) -> Result<QuestionView, Fault> {
    let answer = answer(choices, is_multi, &text, skip)?;
    let given = GivenAnswer {
        answer,
        reason: None,
    };
    let question = crate::backend::backend()?
        .answer_question(id, given)
        .await?;
    if crate::request::answers_a_plain_form() {
        crate::request::redirect(&super::asking::place(question.task_id));
    }
    Ok(question)
}

#[cfg(feature = "ssr")]
fn answer(choices: Vec<String>, is_multi: bool, text: &str, skip: bool) -> Result<Answer, Fault> {
    let text = (!text.trim().is_empty()).then(|| text.to_owned());
    let parts = match text {
        _ if skip => Vec::new(),
        Some(text) if is_multi => choices.into_iter().chain([text]).collect(),
        Some(text) => vec![text],
        None => choices,
    };
    if parts.is_empty() && !skip {
        return Err(Fault::field("answer", "must not be empty"));
    }
    let parts: Result<Vec<Note>, TextError> = parts.iter().map(|part| part.parse()).collect();
    let parts = parts.map_err(|error| Fault::field("answer", error.to_string()))?;
    Answer::try_from(parts).map_err(|error| Fault::field("answer", error.to_string()))
}

/// The questions that keep the task waiting, each with its form.
#[component]
pub fn Questions(#[prop(into)] asking: Asking) -> impl IntoView {
    let asked = move || asking.questions.get();
    let key = |question: &QuestionView| format!("{} {:?}", question.id, question.status);
    view! {
        <ul class="attention-list">
            {rows(asked, key, move |question| view! { <li><Asked asking question /></li> })}
        </ul>
    }
    .into_any()
}

#[component]
pub fn Asked(asking: Asking, question: QuestionView) -> impl IntoView {
    let text = question.question.clone();
    let rest = match question.status {
        QuestionState::Open => match question.permission {
            Some(call) => view! { <Call asking id=question.id call=*call /> }.into_any(),
            None => view! { <AnswerForm asking question /> }.into_any(),
        },
        QuestionState::Answered => {
            let decided = decided(&question);
            let answer = question.answer.and_then(|answer| answer.text());
            let answer = decided.or(answer).unwrap_or_else(|| "Skipped".to_owned());
            view! { <p class="answer-given"><Glyph icon=Icon::Check /> {answer}</p> }.into_any()
        }
        QuestionState::Withdrawn => ().into_any(),
    };
    view! {
        <p class="attention-text">{text}</p>
        {rest}
    }
    .into_any()
}

#[component]
fn AnswerForm(asking: Asking, question: QuestionView) -> impl IntoView {
    let send = Posting::<AnswerQuestion>::new();
    keep_answered(asking, send);
    let refused = move || {
        let refusal = send.fault();
        refusal.map(|fault| fault.to_string())
    };
    let QuestionView {
        id,
        question,
        options,
        multi_select,
        default,
        required,
        ..
    } = question;
    let has_options = !options.is_empty();
    let hint = hint(default.as_deref(), has_options);
    let choices = list(
        options
            .into_iter()
            .map(|option| choice(option, multi_select, default.as_deref())),
    );
    let skip = (!required).then(|| {
        view! { <button class="btn" name="skip" value="true" disabled=send.pending()>"Go on without"</button> }
    });
    view! {
        <PostForm action=send class="answer-form">
            <input type="hidden" name="id" value=id.to_string() />
            <input type="hidden" name="is_multi" value=multi_select.to_string() />
            <fieldset class="answer-choices" hidden=!has_options>
                <legend class="visually-hidden">{question.clone()}</legend>
                {choices}
            </fieldset>
            <textarea
                class="textarea"
                name="text"
                rows="1"
                maxlength="20000"
                aria-label=format!("Answer in your own words: {question}")
                placeholder=hint
            ></textarea>
            <p class="field-fault" role="alert">{refused}</p>
            <div class="answer-actions">
                <button class="btn btn-accent" disabled=send.pending()><Glyph icon=Icon::Check /> "Answer"</button>
                {skip}
            </div>
        </PostForm>
    }
    .into_any()
}

fn keep_answered(asking: Asking, send: Posting<AnswerQuestion>) {
    let toasts = expect_context::<Toasts>();
    effect(move || match send.answer() {
        Some(Ok(question)) => {
            toasts.done("Answered");
            asking.update_question(question);
        }
        Some(Err(fault)) => toasts.failed(&fault),
        None => {}
    });
}

fn hint(default: Option<&str>, has_options: bool) -> String {
    match default {
        _ if has_options => "Or in your own words".to_owned(),
        Some(default) => format!("The agent would take: {default}"),
        None => "Your answer".to_owned(),
    }
}

/// One of the offered answers; the agent's own choice is chosen already.
fn choice(option: Choice, is_multi: bool, default: Option<&str>) -> AnyView {
    let Choice { label, description } = option;
    let is_default = default == Some(label.as_str());
    let (kind, class) = if is_multi {
        ("checkbox", "checkbox checkbox-sm")
    } else {
        ("radio", "radio radio-sm")
    };
    view! {
        <label class="choice">
            <input type=kind class=class name="choices[]" value=label.clone() checked=is_default />
            <span>{label} " " <small>{description}</small></span>
        </label>
    }
    .into_any()
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::answer;

    #[test]
    fn own_words_go_before_a_choice_and_beside_several() {
        let given = |choices: &[&str], is_multi, text, skip| {
            let choices = choices.iter().map(|choice| (*choice).to_owned()).collect();
            answer(choices, is_multi, text, skip).map(|answer| answer.text())
        };
        let text = |text: &str| Ok(Some(text.to_owned()));
        assert_eq!(given(&["Teal"], false, " ", false), text("Teal"));
        assert_eq!(given(&["Teal"], false, "Pink", false), text("Pink"));
        assert_eq!(given(&["Teal"], true, "Pink", false), text("Teal, Pink"));
        assert_eq!(given(&["Teal"], false, "Pink", true), Ok(None));
        assert!(given(&[], false, "", false).is_err());
        assert!(given(&["\u{0}"], false, "", false).is_err());
    }
}
