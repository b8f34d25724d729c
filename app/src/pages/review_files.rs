//! The files of a review: their list with marks for those that were seen, and one of them with
//! its comments.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;

use super::review_comments::{
    CommentForm, FileComments, Remark, remark_view, remarks, rounds_until,
};
use super::review_place::Place;
use super::review_viewed::Viewed;
use crate::api::{ChangedFile, Shape, ShownFile};
use crate::components::changes::change_mark;
use crate::components::faults::FaultPanel;
use crate::components::icon::{Glyph, Icon};
use crate::components::pieces::{Below, Pieces, show_chosen, shows};
use crate::fault::Fault;
use crate::reactive::{Memo, effect, list, memo, part, suspend};
use crate::resource::Resource;
use crate::visible;

/// Where a link leads; nowhere, if there is nothing to go to.
type Address = Box<dyn Fn() -> Option<String> + Send + Sync>;

/// The files to look at, deliverables first.
#[component]
pub fn FileNames(
    place: Place,
    deliverables: Vec<String>,
    others: Vec<String>,
    path: Memo<Option<String>>,
) -> impl IntoView {
    let links = Links {
        place,
        path,
        viewed: Viewed::of(place.review),
        counts: comment_counts(place),
    };
    let all: Arc<[String]> = deliverables.iter().chain(&others).cloned().collect();
    let more = (!others.is_empty()).then(|| {
        let heading = if deliverables.is_empty() {
            "Changed files"
        } else {
            "Other changed files"
        };
        let links = others.into_iter().map(|name| links.link(name));
        view! { <h2 class="file-group">{heading}</h2> <ul>{list(links)}</ul> }
    });
    let due = deliverables.into_iter().map(|name| links.link(name));
    view! {
        <nav class="file-list" aria-label="Files under review">
            {steps(place, &all, path)}
            <ul>{list(due)}</ul>
            {more}
        </nav>
    }
    .into_any()
}

/// How many comments each file has, in this round and those before.
fn comment_counts(place: Place) -> Memo<BTreeMap<String, usize>> {
    memo(move || {
        let mut counts = BTreeMap::<String, usize>::new();
        let rounds = place.review.get().map(|shown| rounds_until(place, &shown));
        let feedback = rounds
            .into_iter()
            .flatten()
            .flat_map(|review| review.feedback);
        for file in feedback.filter_map(|comment| comment.file) {
            *counts.entry(file).or_default() += 1;
        }
        counts
    })
}

/// What the links to the files tell.
#[derive(Clone, Copy)]
struct Links {
    place: Place,
    /// The file that is read.
    path: Memo<Option<String>>,
    viewed: Viewed,
    counts: Memo<BTreeMap<String, usize>>,
}

impl Links {
    fn link(self, name: String) -> AnyView {
        let Self {
            place,
            path,
            viewed,
            counts,
        } = self;
        let href = place.href(&name, None);
        let shown = visible::name(&name);
        let (own, counted, marked) = (name.clone(), name.clone(), name);
        let current = move || {
            path.with(|path| path.as_ref() == Some(&own))
                .then_some("true")
        };
        let comments = move || {
            let count = counts.with(|counts| counts.get(&counted).copied());
            count.map(|count| view! { <span class="rail-count">{count}</span> })
        };
        let is_viewed = move || viewed.has(&marked).then_some("");
        view! {
            <li>
                <a class="file-link" href=href data-noscroll="" aria-current=current data-viewed=is_viewed>
                    <Glyph icon=Icon::File /> <span class="file-path">{shown}</span> {comments}
                </a>
            </li>
        }
        .into_any()
    }
}

/// The ways from file to file and from comment to comment. The files are shared, not stored with
/// this part of the page: a link may be asked once more when the review changes and this part is
/// about to be drawn anew.
fn steps(place: Place, all: &Arc<[String]>, path: Memo<Option<String>>) -> AnyView {
    let neighbour = |by: isize| -> Address {
        let all = Arc::clone(all);
        Box::new(move || {
            let at = path.with(|path| all.iter().position(|name| Some(name) == path.as_ref()))?;
            let next = at.checked_add_signed(by).and_then(|next| all.get(next))?;
            Some(place.href(next, None))
        })
    };
    let comment = |by: isize| -> Address {
        let all = Arc::clone(all);
        Box::new(move || next_comment(place, &all, by))
    };
    let step = |key: &'static str, label: &'static str, sign: &'static str, href: Address| {
        view! { <a class="btn btn-sm" data-noscroll="" data-key=key href=href aria-label=label title=format!("{label} ({key})")>{sign}</a> }
            .into_any()
    };
    view! {
        <div class="file-steps">
            {step("[", "Previous file", "←", neighbour(-1))}
            {step("]", "Next file", "→", neighbour(1))}
            <span class="file-steps-comments">
                {step("p", "Previous comment", "↑", comment(-1))}
                <Glyph icon=Icon::Message />
                {step("n", "Next comment", "↓", comment(1))}
            </span>
        </div>
    }
    .into_any()
}

/// The address of the comment before or behind the one that the address names; without one, of the
/// last or the first.
fn next_comment(place: Place, files: &[String], by: isize) -> Option<String> {
    let shown = place.review.get()?;
    let mut all = Vec::new();
    for review in rounds_until(place, &shown) {
        for comment in review.feedback {
            let file = comment.file.unwrap_or_default();
            if let Some(at) = files.iter().position(|known| *known == file) {
                all.push((at, comment.line, comment.id));
            }
        }
    }
    all.sort();
    let present = place.comment.get();
    let at = all.iter().position(|(_, _, id)| Some(*id) == present);
    let next = match (at, by) {
        (Some(at), by) => at.checked_add_signed(by)?,
        (None, 1) => 0,
        (None, _) => all.len().checked_sub(1)?,
    };
    let (file, _, id) = all.get(next)?;
    let href = place.href(files.get(*file)?, None);
    Some(format!("{href}&comment={id}#comment-{id}"))
}

/// A file as the server has rendered it; nothing if no file is under review.
pub type FileResource = Resource<Result<Option<ShownFile>, Fault>>;

/// One file with its shapes, its comments, and a way to leave one.
#[component]
pub fn ReviewedFile(
    place: Place,
    path: String,
    change: Option<ChangedFile>,
    file: FileResource,
) -> impl IntoView {
    let head = NodeRef::<leptos::html::Header>::new();
    effect(move || {
        if let Some(head) = head.get() {
            show_head(&head);
        }
    });
    let named = StoredValue::new(path.clone());
    let body = move || {
        suspend(async move {
            match file.await {
                // Another file is on its way as long as this is the one before.
                Ok(Some(file)) if file.path == named.get_value() => {
                    view! { <Rendered place file /> }.into_any()
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
    view! {
        <header node_ref=head class="file-head">
            <h2 class="file-path">{visible::name(&path)}</h2>
            {change.map(change_facts)}
            <ViewedMark path />
        </header>
        <Transition fallback=|| view! { <div class="skeleton document-skeleton" aria-busy="true"></div> }>{part(body)}</Transition>
    }
    .into_any()
}

/// What happened to the file, in short.
fn change_facts(file: ChangedFile) -> AnyView {
    let (mark, word) = change_mark(file.change);
    let moved = file
        .old_path
        .map(|old| view! { <span class="file-old">"was " {visible::name(&old)}</span> });
    let mode = file.mode.map(|mode| {
        let words = if mode.ends_with("755") {
            "now executable".to_owned()
        } else if mode.ends_with("644") {
            "no longer executable".to_owned()
        } else {
            format!("mode {}", mode.replace(' ', " → "))
        };
        view! { <span class="file-old">{words}</span> }
    });
    let counts = (!file.binary).then(|| {
        view! { <span class="file-count num"><ins>"+" {file.additions}</ins> " " <del>"−" {file.deletions}</del></span> }
    });
    view! {
        <p class="file-facts">
            <span class="file-mark" data-change=mark>{word}</span> {moved} {mode} {counts}
        </p>
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

/// The file's shapes and the one that is shown, with its comments.
#[component]
fn Rendered(place: Place, file: ShownFile) -> impl IntoView {
    let ShownFile {
        path,
        shape,
        shapes,
        is_table,
        is_split,
        pieces,
        moved,
    } = file;
    let open_link = format!("{}&open=", place.href(&path, Some(shape)));
    let line_link = place.line_link(&path);
    let named = StoredValue::new(path.clone());
    let all = memo(move || named.with_value(|path| remarks(place, Some(path), &moved)));
    let shown = pieces.clone();
    let rest = memo(move || {
        let all = all.get().into_iter();
        let has_place = |remark: &Remark| remark.line().is_some_and(|line| shows(&shown, line));
        all.filter(|remark| !has_place(remark)).collect::<Vec<_>>()
    });
    let navigate = use_navigate();
    let address = line_link.clone();
    let choose = Callback::new(move |(from, to): (u32, u32)| {
        let begun = place.lines.get_untracked().filter(|_| from == to);
        let begun = begun.map_or(from, |(begun, _)| begun);
        let (from, to) = (begun.min(to), begun.max(to));
        let options = NavigateOptions {
            scroll: false,
            ..NavigateOptions::default()
        };
        navigate(&format!("{address}{from}-{to}"), options);
    });
    effect(move || {
        let lines = place.lines.get();
        let comment = place.comment.get();
        request_animation_frame(move || {
            show_chosen(lines);
            if let Some(id) = comment {
                go_to(&format!("comment-{id}"));
            }
        });
    });
    view! {
        <ul class="file-shapes">
            <ShapeLinks place path=path.clone() shape shapes is_split=is_table.then_some(is_split) />
        </ul>
        <Pieces pieces is_table is_split line_link open_link below=below(place, named, all) choose chosen=place.lines />
        <FileComments place path rest />
    }
    .into_any()
}

/// Shows a comment and lets the keyboard go on from it.
fn go_to(id: &str) {
    if let Some(comment) = document().get_element_by_id(id) {
        let options = web_sys::ScrollIntoViewOptions::new();
        options.set_block(web_sys::ScrollLogicalPosition::Center);
        comment.scroll_into_view_with_scroll_into_view_options(&options);
        let comment = wasm_bindgen::JsCast::dyn_into::<web_sys::HtmlElement>(comment);
        if let Ok(comment) = comment {
            comment.focus().ok();
        }
    }
}

#[component]
fn ShapeLinks(
    place: Place,
    path: String,
    shape: Shape,
    shapes: Vec<Shape>,
    /// Absent unless there is something to stand side by side.
    is_split: Option<bool>,
) -> impl IntoView {
    let chip = |href: String, is_current: bool, word: &'static str| {
        view! { <li><a class="chip" href=href data-noscroll="" aria-current=is_current.then_some("true")>{word}</a></li> }
            .into_any()
    };
    let named = path.clone();
    let has_choice = shapes.len() > 1;
    let shapes = shapes.into_iter().filter(|_| has_choice).map(|each| {
        let word = match each {
            Shape::Document => "Document",
            Shape::Source => "Source",
            Shape::Changes => "Changes",
        };
        chip(place.href(&named, Some(each)), each == shape, word)
    });
    let layouts = is_split
        .filter(|_| shape == Shape::Changes)
        .map(|is_split| {
            let href = |split: &str| format!("{}&split={split}", place.href(&path, Some(shape)));
            view! {
                <li class="file-layouts" aria-hidden="true"></li>
                {chip(href("0"), !is_split, "Unified")}
                {chip(href("1"), is_split, "Split")}
            }
        });
    view! { {list(shapes)} {layouts} }.into_any()
}

/// Comments stand below their last line, and the form below the lines that are chosen.
fn below(place: Place, path: StoredValue<String>, all: Memo<Vec<Remark>>) -> Below {
    let by_line = memo(move || {
        let mut by_line = BTreeMap::<u32, Vec<Remark>>::new();
        for remark in all.get() {
            if let Some(line) = remark.line() {
                by_line.entry(line).or_default().push(remark);
            }
        }
        by_line
    });
    let asked = memo(move || place.lines.get().filter(|_| place.is_open()));
    let lines = memo(move || {
        let commented: BTreeSet<u32> = by_line.with(|by_line| by_line.keys().copied().collect());
        let asked = asked.get().map(|(_, to)| to);
        commented.into_iter().chain(asked).collect()
    });
    let view = move |line: u32| {
        let own = move || {
            let own = by_line.with(|by_line| by_line.get(&line).cloned());
            let own = own.unwrap_or_default().into_iter();
            list(own.map(|remark| remark_view(place, remark)))
        };
        let form = move || {
            let lines = asked.get().filter(|(_, to)| *to == line)?;
            let path = path.get_value();
            Some(view! { <CommentForm place path lines=Some(lines) /> })
        };
        view! { <div class="comments">{own} {form}</div> }.into_any()
    };
    Below {
        lines,
        view: Arc::new(view),
    }
}
