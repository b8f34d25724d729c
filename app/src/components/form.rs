//! Forms that call a server function: sent by the browser itself without script, and as what the person
//! sees stays where it is with it.
//!
//! One form for all functions: what the framework brings reads and writes the fields of each one anew.

use std::marker::PhantomData;

use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use serde::de::DeserializeOwned;

use crate::fault::Fault;
use crate::wire::from_json;

/// The calls of a server function by forms, and what it answered last.
pub struct Posting<F> {
    post: Post,
    function: PhantomData<fn() -> F>,
}

impl<F> Clone for Posting<F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F> Copy for Posting<F> {}

impl<F> From<Posting<F>> for Post {
    fn from(posting: Posting<F>) -> Self {
        posting.post
    }
}

impl<F> Posting<F>
where
    F: ServerFn<Error = Fault>,
    F::Output: DeserializeOwned,
{
    /// Nothing is sent yet.
    pub fn new() -> Self {
        Self {
            post: Post {
                address: F::url(),
                unanswered: RwSignal::new(Vec::new()),
                chosen: RwSignal::new(None),
                answer: RwSignal::new(None),
            },
            function: PhantomData,
        }
    }

    /// The last answer.
    pub fn answer(self) -> Option<Result<F::Output, Fault>> {
        let answer = self.post.answer.get()?;
        Some(answer.and_then(|text| {
            from_json(&text).map_err(|error| Fault::Transport {
                message: error.to_string(),
            })
        }))
    }
}

impl<F> Posting<F> {
    /// Why the last call failed, if it did.
    pub fn fault(self) -> Option<Fault> {
        self.post.answer.get().and_then(Result::err)
    }

    /// Whether there is an answer, good or bad.
    pub fn is_answered(self) -> bool {
        self.post.answer.with(Option::is_some)
    }

    /// Whether an answer is still to come.
    pub fn pending(self) -> Signal<bool> {
        let unanswered = self.post.unanswered;
        Signal::derive(move || !unanswered.with(Vec::is_empty))
    }

    /// The value of the button that was pressed last.
    pub fn chosen(self) -> RwSignal<Option<String>> {
        self.post.chosen
    }
}

/// The same for every function.
#[derive(Clone, Copy)]
pub struct Post {
    address: &'static str,
    /// The fields of each call that is under way.
    unanswered: RwSignal<Vec<String>>,
    chosen: RwSignal<Option<String>>,
    /// As JSON.
    answer: RwSignal<Option<Result<String, Fault>>>,
}

/// A form whose fields are the parameters of a server function. They stay as they are after it is sent.
#[component]
pub fn PostForm(
    #[prop(into)] action: Post,
    #[prop(optional)] class: Option<&'static str>,
    #[prop(optional)] id: Option<&'static str>,
    /// Whether the server alone checks the fields.
    #[prop(optional)]
    novalidate: bool,
    children: Children,
) -> impl IntoView {
    let submit = move |event: SubmitEvent| {
        if !event.default_prevented() {
            event.prevent_default();
            action.submit(&event);
        }
    };
    view! {
        <form action=action.address method="post" class=class id=id novalidate=novalidate on:submit=submit>
            {children()}
        </form>
    }
    .into_any()
}

#[cfg(not(feature = "hydrate"))]
impl Post {
    /// Nothing is submitted on the server.
    #[expect(clippy::unused_self, reason = "in the browser it is used")]
    fn submit(self, _event: &SubmitEvent) {}
}

#[cfg(feature = "hydrate")]
mod in_browser {
    use gloo_net::http::Request;
    use leptos::ev::SubmitEvent;
    use leptos::prelude::{Set, Update, WithUntracked};
    use leptos::server_fn::redirect::{REDIRECT_HEADER, call_redirect_hook};
    use leptos::task::spawn_local;
    use wasm_bindgen::{JsCast, JsValue};
    use web_sys::{FormData, HtmlButtonElement, HtmlFormElement, UrlSearchParams};

    use super::Post;
    use crate::fault::Fault;
    use crate::wire::from_json;

    /// What the server said, and where it sends the person.
    struct Answer {
        result: Result<String, Fault>,
        redirect: Option<String>,
    }

    impl Post {
        /// Sends the form's fields and the pressed button's. The same again only once there is an answer.
        pub(super) fn submit(self, event: &SubmitEvent) {
            let button = event
                .submitter()
                .and_then(|submitter| submitter.dyn_into::<HtmlButtonElement>().ok());
            let Ok(fields) = fields(event, button.as_ref()) else {
                self.answer.set(Some(Err(Fault::Internal)));
                return;
            };
            if self.unanswered.with_untracked(|all| all.contains(&fields)) {
                return;
            }
            self.unanswered.update(|all| all.push(fields.clone()));
            self.chosen.set(button.map(|button| button.value()));
            spawn_local(async move {
                let answer = send(self.address, &fields).await;
                self.receive(&fields, answer);
            });
        }

        /// The page may be another one by now: then only the way to the next one is of use.
        fn receive(self, fields: &str, answer: Answer) {
            self.unanswered
                .try_update(|all| all.retain(|each| each != fields));
            self.answer.try_set(Some(answer.result));
            if let Some(address) = answer.redirect {
                call_redirect_hook(&address);
            }
        }
    }

    fn fields(event: &SubmitEvent, button: Option<&HtmlButtonElement>) -> Result<String, JsValue> {
        let form = event.target().ok_or(JsValue::NULL)?;
        let fields = FormData::new_with_form(&form.dyn_into::<HtmlFormElement>()?)?;
        if let Some(button) = button.filter(|button| !button.name().is_empty()) {
            fields.append_with_str(&button.name(), &button.value())?;
        }
        let query = UrlSearchParams::new_with_str_sequence_sequence(&fields)?;
        Ok(query.to_string().into())
    }

    async fn send(address: &str, fields: &str) -> Answer {
        match exchange(address, fields).await {
            Ok(answer) => answer,
            Err(error) => Answer {
                result: Err(Fault::Transport {
                    message: error.to_string(),
                }),
                redirect: None,
            },
        }
    }

    /// As the framework's own calls: the server answers others with a page.
    async fn exchange(address: &str, fields: &str) -> Result<Answer, gloo_net::Error> {
        let request = Request::post(address)
            .header("Content-Type", "application/x-www-form-urlencoded")
            .header("Accept", "application/json")
            .body(fields)?;
        let response = request.send().await?;
        let headers = response.headers();
        let redirect = headers
            .get(REDIRECT_HEADER)
            .and_then(|_| headers.get("Location"));
        let text = response.text().await?;
        let result = if response.status() < 400 {
            Ok(text)
        } else {
            Err(from_json(&text).unwrap_or_else(|error| Fault::Transport {
                message: error.to_string(),
            }))
        };
        Ok(Answer { result, redirect })
    }
}
