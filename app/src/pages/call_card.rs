//! Deciding on a call that an agent wants to make.

use leptos::prelude::*;

use super::asking::Asking;
#[cfg(feature = "ssr")]
use crate::api::GivenAnswer;
use crate::api::QuestionView;
use crate::components::form::{PostForm, Posting};
use crate::components::icon::{Glyph, Icon};
use crate::components::toast::Toasts;
use crate::domain::id::QuestionId;
use crate::domain::permission::{AskedPermission, CallForm, Consent, GrantedRule};
#[cfg(feature = "ssr")]
use crate::domain::text::{Note, TextError};
use crate::fault::Fault;
use crate::reactive::{effect, list};
use crate::wire::Json;

/// Allows a call, once or for the task, or denies it.
#[server(prefix = "/sfn", endpoint = "questions/decide", output = Json)]
pub async fn decide_call(
    id: QuestionId,
    consent: Consent,
    #[server(default)] reason: String,
) -> Result<QuestionView, Fault> {
    let reason = match reason.trim() {
        "" => None,
        text => Some(text.parse::<Note>()),
    };
    let reason = reason
        .transpose()
        .map_err(|error: TextError| Fault::field("reason", error.to_string()))?;
    let given = GivenAnswer {
        answer: consent.into(),
        reason,
    };
    let backend = crate::backend::backend()?;
    let question = backend.answer_question(id, given).await?;
    if crate::request::answers_a_plain_form() {
        crate::request::redirect(&super::asking::place(question.task_id));
    }
    Ok(question)
}

/// How a call was decided, in words.
pub fn decided(question: &QuestionView) -> Option<String> {
    question.permission.as_ref()?;
    let word = match question.answer.as_ref()?.consent()? {
        Consent::Once => "Allowed once",
        Consent::Task => "Allowed for this task",
        Consent::Deny => "Denied",
    };
    Some(match &question.reason {
        Some(reason) => format!("{word}: {reason}"),
        None => word.to_owned(),
    })
}

/// What would be done, and the buttons to decide.
#[component]
pub fn Call(asking: Asking, id: QuestionId, call: AskedPermission) -> impl IntoView {
    let toasts = expect_context::<Toasts>();
    let send = Posting::<DecideCall>::new();
    effect(move || match send.answer() {
        Some(Ok(question)) => {
            toasts.done(decided(&question).unwrap_or_default());
            asking.update_question(question);
        }
        Some(Err(fault)) => toasts.failed(&fault),
        None => {}
    });
    let refused = move || send.fault().map(|fault| fault.to_string());
    let for_task = (!call.offered.is_empty()).then(|| {
        let offered = list(call.offered.iter().map(offered));
        view! {
            <button class="btn" name="consent" value=Consent::Task.to_string() disabled=send.pending()>"Allow for this task"</button>
            <div class="call-offered"><span>"For this task:"</span> <ul>{offered}</ul></div>
        }
    });
    let omitted = (call.omitted > 0).then(|| {
        view! { <p class="field-fault">{format!("{} more bytes are not shown.", call.omitted)}</p> }
    });
    view! {
        <p class="muted">{call.why.clone()}</p>
        {shown(call)}
        {omitted}
        <PostForm action=send class="answer-form">
            <input type="hidden" name="id" value=id.to_string() />
            <textarea class="textarea" name="reason" rows="1" maxlength="20000" aria-label="Reason" placeholder="A reason, if you say no"></textarea>
            <p class="field-fault" role="alert">{refused}</p>
            <div class="answer-actions">
                <button class="btn btn-accent" name="consent" value=Consent::Once.to_string() disabled=send.pending()><Glyph icon=Icon::Check /> "Allow once"</button>
                <button class="btn" name="consent" value=Consent::Deny.to_string() disabled=send.pending()><Glyph icon=Icon::Cross /> "Deny"</button>
                {for_task}
            </div>
        </PostForm>
    }
    .into_any()
}

fn offered(granted: &GrantedRule) -> AnyView {
    let subject = granted.rule.subject().to_owned();
    view! { <li>{granted.rule.kind().phrase()} " " <code>{subject}</code></li> }.into_any()
}

fn shown(call: AskedPermission) -> AnyView {
    let line = |line: &str| {
        let sign = line.chars().next().unwrap_or(' ').to_string();
        view! { <span class="call-line" data-sign=sign>{line.to_owned()} "\n"</span> }
    };
    let text = match call.form {
        CallForm::Change => list(call.text.lines().map(line)),
        CallForm::Command | CallForm::Text => call.text.into_any(),
    };
    view! { <pre class="call-shown" tabindex="0" data-form=call.form.to_string()>{text}</pre> }
        .into_any()
}
