//! The files of a review: their list with marks for those that were seen, and one of them with
//! its comments.

use std::collections::BTreeMap;
use std::sync::Arc;

use leptos::form::ActionForm;
use leptos::prelude::*;

use super::review::{LINE_FORM, Place, Shape};
use super::review_actions::AddComment;
use super::review_viewed::Viewed;
use super::task_state::TaskState;
use crate::api::{DeliverableContent, FeedbackView, FileDiff, ReviewView};
use crate::components::changes::ChangedFile;
use crate::components::code::Margin;
use crate::components::document::Document;
use crate::components::faults::FaultPanel;
use crate::components::icon::{Glyph, Icon};
use crate::components::toast::Toasts;
use crate::domain::task::{FeedbackStatus, ReviewState};
use crate::fault::Fault;
use crate::reactive::{effect, memo, part};
use crate::resource::Resource;

/// The files to look at, deliverables first.
#[component]
pub fn FileNames(
    place: Place,
    deliverables: Vec<String>,
    others: Vec<String>,
    path: Memo<Option<String>>,
) -> impl IntoView {
    let viewed = Viewed::of(place.review);
    let all: Vec<String> = deliverables.iter().chain(&others).cloned().collect();
    let neighbour = move |by: isize| {
        let at = path.with(|path| all.iter().position(|name| Some(name) == path.as_ref()))?;
        let next = at.checked_add_signed(by).and_then(|next| all.get(next))?;
        Some(place.href(next, None, None))
    };
    let (before, after) = (neighbour.clone(), neighbour);
    let link = move |name: String| {
        let href = place.href(&name, None, None);
        let (own, counted, marked) = (name.clone(), name.clone(), name.clone());
        let current = move || {
            path.with(|path| path.as_ref() == Some(&own))
                .then_some("true")
        };
        let comments = move || open_comments(place, &counted);
        let is_viewed = move || viewed.has(&marked).then_some("");
        view! {
            <li>
                <a class="file-link" href=href data-noscroll="" aria-current=current data-viewed=is_viewed>
                    <Glyph icon=Icon::File /> <span class="file-path">{name}</span> {part(comments)}
                </a>
            </li>
        }
    };
    let more = (!others.is_empty()).then(|| {
        let heading = if deliverables.is_empty() { "Changed files" } else { "Other changed files" };
        view! { <h2 class="file-group">{heading}</h2> <ul>{others.into_iter().map(link).collect_view()}</ul> }
    });
    view! {
        <nav class="file-list" aria-label="Files under review">
            <div class="file-steps">
                <a class="btn btn-sm" data-noscroll="" data-key="[" href=move || before(-1) aria-label="Previous file">"←"</a>
                <a class="btn btn-sm" data-noscroll="" data-key="]" href=move || after(1) aria-label="Next file">"→"</a>
            </div>
            <ul>{deliverables.into_iter().map(link).collect_view()}</ul>
            {more}
        </nav>
    }
    .into_any()
}

fn open_comments(place: Place, file: &str) -> Option<AnyView> {
    let count = place.review.with(|review| {
        let feedback = &review.as_ref()?.feedback;
        let own = feedback
            .iter()
            .filter(|comment| comment.file.as_deref() == Some(file));
        Some(own.count()).filter(|count| *count > 0)
    })?;
    Some(view! { <span class="rail-count">{count}</span> }.into_any())
}

/// One file with its shapes, its comments, and a way to leave one.
#[component]
pub fn ReviewedFile(
    state: TaskState,
    place: Place,
    path: String,
    change: Option<FileDiff>,
    content: ContentResource,
) -> impl IntoView {
    let has_document = std::path::Path::new(&path)
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("md"));
    let is_changed = change.is_some();
    let shape = memo(move || {
        place
            .shape
            .get()
            .unwrap_or(match (has_document, is_changed) {
                (true, _) => Shape::Document,
                (false, true) => Shape::Changes,
                (false, false) => Shape::Source,
            })
    });
    let shapes = [
        (Shape::Document, "Document", has_document),
        (Shape::Source, "Source", true),
        (Shape::Changes, "Changes", is_changed),
    ];
    let named = StoredValue::new(path.clone());
    let tab = move |(each, word, exists): (Shape, &'static str, bool)| {
        let current = move || (shape.get() == each).then_some("true");
        let href = named.with_value(|path| place.href(path, Some(each), None));
        exists.then(|| view! { <li><a class="chip" href=href data-noscroll="" aria-current=current>{word}</a></li> })
    };
    let change = StoredValue::new(change);
    let body = move || match (shape.get(), change.get_value()) {
        (Shape::Changes, Some(file)) => {
            let margin = margin(state, place, named.get_value(), Shape::Changes);
            view! { <ChangedFile file margin=Some(margin) /> }.into_any()
        }
        (shape, _) => {
            view! { <Content state place path=named.get_value() shape content /> }.into_any()
        }
    };
    let head = NodeRef::<leptos::html::Header>::new();
    effect(move || {
        if let Some(head) = head.get() {
            show_head(&head);
        }
    });
    view! {
        <header node_ref=head class="file-head">
            <h2 class="file-path">{path.clone()}</h2>
            <ul class="file-shapes">{shapes.map(tab).into_iter().collect_view()}</ul>
            <ViewedMark path=path.clone() />
        </header>
        {part(body)}
        <FileComments state place path />
    }
    .into_any()
}

/// Brings the head of another file into view, if the reader has scrolled past it.
fn show_head(head: &web_sys::HtmlElement) {
    if head.get_bounding_client_rect().top() < 0.0 {
        head.scroll_into_view();
    }
}

#[component]
fn ViewedMark(path: String) -> impl IntoView {
    let viewed = expect_context::<Viewed>();
    let marked = path.clone();
    view! {
        <label class="viewed-mark">
            <input
                type="checkbox"
                class="checkbox checkbox-sm"
                prop:checked=move || viewed.has(&marked)
                on:change:target=move |event| viewed.mark(&path, event.target().checked())
            />
            "Viewed"
        </label>
    }
    .into_any()
}

/// A document as it is loaded; nothing if no file is under review.
pub type ContentResource = Resource<Result<Option<DeliverableContent>, Fault>>;

#[component]
fn Content(
    state: TaskState,
    place: Place,
    path: String,
    shape: Shape,
    content: ContentResource,
) -> impl IntoView {
    let document = move || {
        let named = path.clone();
        Suspend::new(async move {
            match content.await {
                // Another file is on its way as long as this is the one before.
                Ok(Some(content)) if content.path == named => {
                    let margin = (shape == Shape::Source)
                        .then(|| margin(state, place, named, Shape::Source));
                    view! { <Document content is_source=shape == Shape::Source margin /> }
                        .into_any()
                }
                Ok(_) => view! { <div class="skeleton document-skeleton" aria-busy="true"></div> }
                    .into_any(),
                // The rest of the review is there all the same.
                Err(Fault::NotFound { .. }) => {
                    view! { <p class="empty">"This file is not written."</p> }.into_any()
                }
                Err(fault) => view! { <FaultPanel fault /> }.into_any(),
            }
        })
    };
    view! { <Transition fallback=|| view! { <div class="skeleton document-skeleton" aria-busy="true"></div> }>{part(document)}</Transition> }.into_any()
}

/// Lines lead to a form for a comment, and show the comments they have.
fn margin(state: TaskState, place: Place, path: String, shape: Shape) -> Margin {
    let named = path.clone();
    let listed = path.clone();
    let comments = memo(move || {
        let mut by_line = BTreeMap::<u32, Vec<FeedbackView>>::new();
        for comment in comments_of(place, &listed) {
            if let Some(line) = comment.line {
                by_line.entry(line).or_default().push(comment);
            }
        }
        by_line
    });
    let asked = memo(move || place.line.get().filter(|_| is_open(place)));
    let marked = memo(move || {
        let commented = comments.with(|comments| comments.keys().copied().collect::<Vec<_>>());
        commented.into_iter().chain(asked.get()).collect()
    });
    let below = move |line: u32| {
        let own = move || {
            let own = comments.with(|comments| comments.get(&line).cloned());
            own.unwrap_or_default()
                .into_iter()
                .map(comment_view)
                .collect_view()
        };
        let is_asked = move || asked.get() == Some(line);
        let path = StoredValue::new(path.clone());
        view! {
            <div class="comments">
                {part(own)}
                <Show when=is_asked><CommentForm state place path=path.get_value() line=Some(line) /></Show>
            </div>
        }
        .into_any()
    };
    Margin {
        href: Arc::new(move |line| place.href(&named, Some(shape), Some(line))),
        marked,
        below: Arc::new(below),
    }
}

fn is_open(place: Place) -> bool {
    place.review.with(|review| {
        review
            .as_ref()
            .is_some_and(|review| review.status == ReviewState::Open)
    })
}

fn comments_of(place: Place, path: &str) -> Vec<FeedbackView> {
    let own = |review: &ReviewView| {
        let feedback = review.feedback.iter();
        feedback
            .filter(|comment| comment.file.as_deref() == Some(path))
            .cloned()
            .collect()
    };
    place
        .review
        .with(|review| review.as_ref().map(own).unwrap_or_default())
}

/// A comment with its state.
pub fn comment_view(comment: FeedbackView) -> AnyView {
    let (tone, word) = match comment.status {
        FeedbackStatus::Open => ("waiting", "Open"),
        FeedbackStatus::Resolved => ("completed", "Resolved"),
    };
    let target = match (&comment.file, comment.line) {
        (Some(file), Some(line)) => Some(format!("{file}, line {line}")),
        (Some(file), None) => Some(file.clone()),
        _ => None,
    };
    view! {
        <div class="comment" data-tone=tone>
            <p class="comment-head"><span class="comment-state">{word}</span> <code>{target}</code></p>
            <p class="log-prose">{comment.text}</p>
        </div>
    }
    .into_any()
}

/// All comments on the file, and a form for one on the file as a whole.
#[component]
fn FileComments(state: TaskState, place: Place, path: String) -> impl IntoView {
    let listed = path.clone();
    let comments = move || {
        comments_of(place, &listed)
            .into_iter()
            .map(comment_view)
            .collect_view()
    };
    view! {
        <section class="comments" aria-label="Comments on this file">
            {part(comments)}
            <Show when=move || is_open(place)>
                <details class="step-list">
                    <summary><Glyph icon=Icon::Message /> "Comment on this file"</summary>
                    <CommentForm state place path=path.clone() line=None />
                </details>
            </Show>
        </section>
    }
    .into_any()
}

#[component]
fn CommentForm(state: TaskState, place: Place, path: String, line: Option<u32>) -> impl IntoView {
    let toasts = expect_context::<Toasts>();
    let add = ServerAction::<AddComment>::new();
    let text = RwSignal::new(String::new());
    effect(move || match add.value().get() {
        Some(Ok(review)) => {
            text.set(String::new());
            toasts.done("The comment is kept until you decide");
            state.update_review(review);
        }
        Some(Err(fault)) => toasts.failed(&fault),
        None => {}
    });
    let field = NodeRef::<leptos::html::Textarea>::new();
    effect(move || {
        // Whoever has chosen a line wants to write.
        if let Some(field) = field.get().filter(|_| line.is_some()) {
            field.focus().ok();
        }
    });
    let place_id = line.map_or("comment-file", |_| LINE_FORM);
    let id = place
        .review
        .with_untracked(|review| review.as_ref().map(|review| review.id.to_string()));
    let label = line.map_or_else(
        || format!("Comment on {path}"),
        |line| format!("Comment on line {line}"),
    );
    let is_line = line.is_some();
    let line = line.map(|line| line.to_string()).unwrap_or_default();
    view! {
        <ActionForm action=add attr:class="comment-form" attr:id=place_id>
            <input type="hidden" name="id" value=id />
            <input type="hidden" name="file" value=path />
            <input type="hidden" name="line" value=line />
            <textarea
                node_ref=field
                class="textarea"
                name="text"
                rows="2"
                required
                autofocus=is_line
                maxlength="20000"
                aria-label=label.clone()
                placeholder=label
                prop:value=text
                on:input:target=move |event| text.set(event.target().value())
            ></textarea>
            <button class="btn btn-sm" disabled=add.pending()>"Add comment"</button>
        </ActionForm>
    }
    .into_any()
}
