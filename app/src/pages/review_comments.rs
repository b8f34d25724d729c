//! Comments on a file: those of this round and of the rounds before, and the forms for new ones.

use leptos::prelude::*;

use super::review_actions::{AddComment, ResolveComment};
use super::review_place::{LINE_FORM, Place};
use crate::api::{FeedbackView, MovedComment, ReviewView};
use crate::components::form::{PostForm, Posting};
use crate::components::icon::{Glyph, Icon};
use crate::components::toast::Toasts;
use crate::domain::id::ReviewId;
use crate::domain::task::FeedbackStatus;
use crate::reactive::{Memo, effect, list};
use crate::visible;

/// A comment where it belongs now.
#[derive(Clone, Debug, PartialEq)]
pub struct Remark {
    pub comment: FeedbackView,
    review: ReviewId,
    /// Its round, if that is over.
    round: Option<u32>,
    /// The lines that it is about, first and last.
    lines: Option<(u32, u32)>,
    /// Whether those lines have changed since.
    is_outdated: bool,
    quote: Option<String>,
}

impl Remark {
    /// The line that it stands below.
    pub fn line(&self) -> Option<u32> {
        self.lines.map(|(_, to)| to)
    }
}

/// All comments on a file, or on no file, oldest first. `moved` says where those of earlier rounds belong.
pub fn remarks(place: Place, path: Option<&str>, moved: &[MovedComment]) -> Vec<Remark> {
    remarks_where(place, moved, |file| file == path)
}

fn remarks_where(
    place: Place,
    moved: &[MovedComment],
    is_wanted: impl Fn(Option<&str>) -> bool,
) -> Vec<Remark> {
    let Some(shown) = place.review.get() else {
        return Vec::new();
    };
    let rounds = rounds_until(place, &shown);
    let on_file = rounds.iter().flat_map(|review| {
        let own = review.feedback.iter();
        let own = own.filter(|comment| is_wanted(comment.file.as_deref()));
        own.map(move |comment| (review, comment))
    });
    let remark = |(review, comment): (&ReviewView, &FeedbackView)| {
        let is_own = review.id == shown.id;
        let said = comment
            .line
            .map(|line| (line, comment.end_line.unwrap_or(line)));
        let known = moved.iter().find(|moved| moved.id == comment.id);
        let lines = if is_own {
            said
        } else {
            known.and_then(|known| known.lines)
        };
        Remark {
            comment: comment.clone(),
            review: review.id,
            round: (!is_own).then_some(review.round),
            lines,
            is_outdated: said.is_some() && lines.is_none(),
            quote: known.and_then(|known| known.quote.clone()),
        }
    };
    on_file.map(remark).collect()
}

/// The rounds of the phase up to this one, oldest first.
pub fn rounds_until(place: Place, shown: &ReviewView) -> Vec<ReviewView> {
    place.state().reviews.with(|reviews| {
        let rounds = reviews.iter().rev();
        let rounds = rounds.filter(|each| each.phase == shown.phase && each.round <= shown.round);
        rounds.cloned().collect()
    })
}

/// A comment that stands by itself.
pub fn comment_view(comment: &FeedbackView) -> AnyView {
    let lines = comment
        .line
        .map(|line| (line, comment.end_line.unwrap_or(line)));
    body(comment, lines, None, None, None)
}

/// A comment in a file under review, with a way to settle it.
pub fn remark_view(place: Place, remark: Remark) -> AnyView {
    let is_open = remark.comment.status == FeedbackStatus::Open;
    let lines = remark.lines.or_else(|| {
        let line = remark.comment.line?;
        Some((line, remark.comment.end_line.unwrap_or(line)))
    });
    let origin = remark.round.map(|round| {
        let outdated = if remark.is_outdated { ", outdated" } else { "" };
        format!("round {round}{outdated}")
    });
    let (review, feedback) = (remark.review, remark.comment.id);
    let resolve = (is_open && untrack(move || place.is_open())).then(|| {
        let action = expect_context::<Posting<ResolveComment>>();
        view! {
            <PostForm action class="comment-resolve">
                <input type="hidden" name="id" value=review.to_string() />
                <input type="hidden" name="feedback" value=feedback.to_string() />
                <button class="btn btn-sm btn-ghost"><Glyph icon=Icon::Check /> "Resolve"</button>
            </PostForm>
        }
        .into_any()
    });
    body(&remark.comment, lines, origin, remark.quote, resolve)
}

fn body(
    comment: &FeedbackView,
    lines: Option<(u32, u32)>,
    origin: Option<String>,
    quote: Option<String>,
    resolve: Option<AnyView>,
) -> AnyView {
    let (tone, word) = match comment.status {
        FeedbackStatus::Open => ("waiting", "Open"),
        FeedbackStatus::Resolved => ("completed", "Resolved"),
    };
    let file = comment.file.as_deref().map(visible::name);
    let target = file.map(|file| match lines {
        Some((from, to)) if from != to => format!("{file}, lines {from}–{to}"),
        Some((line, _)) => format!("{file}, line {line}"),
        None => file,
    });
    let quote = quote.map(|quote| view! { <pre class="comment-quote">{quote}</pre> });
    view! {
        <div class="comment" data-tone=tone id=format!("comment-{}", comment.id) tabindex="-1">
            <div class="comment-head">
                <span class="comment-state">{word}</span> <code>{target}</code> <span>{origin}</span> {resolve}
            </div>
            {quote}
            <p class="log-prose">{comment.text.clone()}</p>
        </div>
    }
    .into_any()
}

/// Provides what resolves comments, once for all of them.
pub fn provide_resolving(place: Place) {
    let toasts = expect_context::<Toasts>();
    let resolve = Posting::<ResolveComment>::new();
    effect(move || match resolve.answer() {
        Some(Ok(review)) => place.state().update_review(review),
        Some(Err(fault)) => toasts.failed(&fault),
        None => {}
    });
    provide_context(resolve);
}

/// The comments that have no place in the file as it is shown, and a form for one on the file.
#[component]
pub fn FileComments(place: Place, path: String, rest: Memo<Vec<Remark>>) -> impl IntoView {
    let comments = move || {
        let rest = rest.get().into_iter();
        list(rest.map(|remark| remark_view(place, remark)))
    };
    view! {
        <section class="comments" aria-label="Comments on this file">
            {comments}
            <Show when=move || place.is_open()>
                <details class="step-list">
                    <summary><Glyph icon=Icon::Message /> "Comment on this file"</summary>
                    <CommentForm place path=path.clone() lines=None />
                </details>
            </Show>
        </section>
    }
    .into_any()
}

/// The comments on files that are not listed: they are sent all the same.
#[component]
pub fn Elsewhere(place: Place, listed: Vec<String>) -> impl IntoView {
    let comments = move || {
        let is_elsewhere =
            |file: Option<&str>| file.is_some_and(|file| listed.iter().all(|known| known != file));
        let remarks = remarks_where(place, &[], is_elsewhere);
        (!remarks.is_empty()).then(|| {
            let remarks = remarks.into_iter();
            view! {
                <section class="panel elsewhere" aria-label="Comments on other files">
                    <h2>"Comments on files that are not listed"</h2>
                    <p class="field-hint">"These files have no changes here. Open comments are sent along all the same."</p>
                    {list(remarks.map(|remark| remark_view(place, remark)))}
                </section>
            }
            .into_any()
        })
    };
    view! { {comments} }.into_any()
}

/// A new comment on the file, or on some of its lines. What is typed stays when the lines that it
/// is about are chosen anew.
#[component]
pub fn CommentForm(place: Place, path: String, lines: Option<(u32, u32)>) -> impl IntoView {
    let add = Posting::<AddComment>::new();
    let is_line = lines.is_some();
    let text = place.draft(&path, is_line);
    keep_added(place, add, text.clone());
    let field = NodeRef::<leptos::html::Textarea>::new();
    effect(move || {
        // Whoever has chosen a line wants to write.
        if let Some(field) = field.get().filter(|_| is_line) {
            field.focus().ok();
        }
    });
    let id = place
        .review
        .with_untracked(|review| review.as_ref().map(|review| review.id.to_string()));
    let label = label_of(&path, lines);
    let typed = text.clone();
    view! {
        <PostForm action=add class="comment-form" id=if is_line { LINE_FORM } else { "comment-file" }>
            <input type="hidden" name="id" value=id />
            <input type="hidden" name="file" value=path />
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
                prop:value=move || text.get()
                on:input:target=move |event| typed.set(event.target().value())
            ></textarea>
            <p class="comment-lines">
                "Lines " {line_field("line", "First line", lines.map(|(from, _)| from))}
                " to " {line_field("end_line", "Last line", lines.map(|(_, to)| to))}
                <button class="btn btn-sm" disabled=add.pending()>"Add comment"</button>
            </p>
        </PostForm>
    }
    .into_any()
}

/// Takes up a comment that was added, and clears what was typed.
fn keep_added(place: Place, add: Posting<AddComment>, text: ArcRwSignal<String>) {
    let toasts = expect_context::<Toasts>();
    effect(move || match add.answer() {
        Some(Ok(review)) => {
            text.set(String::new());
            toasts.done("The comment is kept until you decide");
            place.state().update_review(review);
        }
        Some(Err(fault)) => toasts.failed(&fault),
        None => {}
    });
}

fn label_of(path: &str, lines: Option<(u32, u32)>) -> String {
    match lines {
        None => format!("Comment on {}", visible::name(path)),
        Some((from, to)) if from == to => format!("Comment on line {from}"),
        Some((from, to)) => format!("Comment on lines {from} to {to}"),
    }
}

fn line_field(name: &'static str, label: &'static str, line: Option<u32>) -> AnyView {
    view! { <input class="input input-sm" type="number" min="1" name=name value=line aria-label=label /> }
        .into_any()
}
