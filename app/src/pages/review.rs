//! The gate after a phase: what was made, what the checks found, and the decision.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use leptos_router::location::Url;

use super::files::{load_review_diff, load_review_file};
use super::review_files::{ContentResource, FileNames, ReviewedFile, comment_view};
use super::review_verdict::{Decision, Verdict};
use super::task_state::TaskState;
use crate::api::{Diff, ReviewView, VerificationView};
use crate::components::clock::Time;
use crate::components::faults::FaultPanel;
use crate::components::icon::{Glyph, Icon};
use crate::domain::id::ReviewId;
use crate::domain::task::{Check, ReviewState};
use crate::fault::Fault;
use crate::reactive::{memo, part};
use crate::resource::{Resource, resource};

/// The id of the form for a comment on a line, of which there is one at most.
pub const LINE_FORM: &str = "comment-line";

/// How a file is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Document,
    Source,
    Changes,
}

impl Shape {
    /// The word in the address.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Document => "document",
            Self::Source => "source",
            Self::Changes => "changes",
        }
    }

    fn of_word(word: &str) -> Option<Self> {
        [Self::Document, Self::Source, Self::Changes]
            .into_iter()
            .find(|shape| shape.word() == word)
    }
}

/// Which review, which file, and how: all of it is in the address.
#[derive(Clone, Copy)]
pub struct Place {
    pub review: Memo<Option<ReviewView>>,
    pub file: Memo<Option<String>>,
    pub shape: Memo<Option<Shape>>,
    pub line: Memo<Option<u32>>,
    state: TaskState,
}

impl Place {
    fn of_address(state: TaskState) -> Self {
        let address = use_query_map();
        let value = move |name: &'static str| address.with(|address| address.get(name));
        let round = memo(move || value("round").and_then(|id| id.parse::<ReviewId>().ok()));
        let review = memo(move || {
            let round = round.get();
            state.reviews.with(|reviews| {
                let named = reviews.iter().find(|review| Some(review.id) == round);
                named.or(reviews.first()).cloned()
            })
        });
        Self {
            review,
            file: memo(move || value("file")),
            shape: memo(move || Shape::of_word(&value("view")?)),
            line: memo(move || value("line")?.parse().ok()),
            state,
        }
    }

    /// The address of a file of this review.
    pub fn href(self, file: &str, shape: Option<Shape>, line: Option<u32>) -> String {
        let review = self
            .review
            .with_untracked(|review| review.as_ref().map(|review| review.id));
        let parts = [
            Some(format!(
                "/tasks/{}/review?file={}",
                self.state.id,
                Url::escape(file)
            )),
            review.map(|review| format!("&round={review}")),
            shape.map(|shape| format!("&view={}", shape.word())),
            line.map(|line| format!("&line={line}#{LINE_FORM}")),
        ];
        parts.into_iter().flatten().collect()
    }
}

/// The task's reviews; the newest is shown unless the address names another.
#[component]
pub fn ReviewPanel(state: TaskState) -> impl IntoView {
    let place = Place::of_address(state);
    // Resources are made once, outside of whatever is rendered more than once. A review's files
    // are those of its commits, so that an old round shows what was decided on.
    let shown = memo(move || {
        place
            .review
            .with(|review| review.as_ref().map(|review| review.id))
    });
    let diff = resource(
        move || shown.get(),
        async |review| match review {
            Some(review) => load_review_diff(review).await,
            None => Ok(Diff::default()),
        },
    );
    let wanted = move || {
        let due = place.review.with(|review| {
            let review = review.as_ref()?;
            review.deliverables.first().cloned()
        });
        (shown.get(), place.file.get().or(due))
    };
    let content = resource(wanted, move |(review, path)| async move {
        let Some(review) = review else {
            return Ok(None);
        };
        let path = match path {
            Some(path) => Some(path),
            // A phase that owes no document begins with what it has changed.
            None => diff.await?.files.into_iter().next().map(|file| file.path),
        };
        match path {
            Some(path) => load_review_file(review, path).await.map(Some),
            None => Ok(None),
        }
    });
    let panel = move || {
        if shown.get().is_none() {
            return view! { <p class="empty">"There is no review yet. One opens when a phase is complete."</p> }.into_any();
        }
        view! {
            <Rounds state place />
            <Found place />
            <Work state place diff content />
            <Verdict state review=place.review />
        }
        .into_any()
    };
    view! { <div class="review">{part(panel)}</div> }.into_any()
}

/// Every round so far, newest first.
#[component]
fn Rounds(state: TaskState, place: Place) -> impl IntoView {
    let several = move || state.reviews.with(|reviews| reviews.len() > 1);
    let chip = move |review: ReviewView| {
        let id = review.id;
        let current = move || {
            (place
                .review
                .with(|shown| shown.as_ref().map(|shown| shown.id))
                == Some(id))
            .then_some("true")
        };
        let word = match review.status {
            ReviewState::Open => "open",
            ReviewState::Approved => "approved",
            ReviewState::ChangesRequested => "sent back",
        };
        let href = format!("/tasks/{}/review?round={id}", state.id);
        view! {
            <li>
                <a class="chip" href=href data-noscroll="" aria-current=current>{review.phase_name} " round " {review.round} " · " {word}</a>
            </li>
        }
    };
    let chips = move || state.reviews.get().into_iter().map(chip).collect_view();
    view! {
        <Show when=several><nav class="filters" aria-label="Rounds"><ul>{part(chips)}</ul></nav></Show>
    }
    .into_any()
}

/// What the agent says about its work, and what the checks have found.
#[component]
fn Found(place: Place) -> impl IntoView {
    let content = move || {
        place.review.get().map(|review| {
            let decision = (review.status != ReviewState::Open).then(|| view! { <Decision review=review.clone() /> });
            let general = (review.status == ReviewState::Open).then(|| {
                let feedback = review.feedback.iter().filter(|comment| comment.file.is_none());
                feedback.cloned().map(comment_view).collect_view()
            });
            let interim = review.interim.then_some(" (asked for in the middle of the phase)");
            view! {
                <section class="panel review-found">
                    <h2>{review.phase_name} ", round " {review.round} {interim}</h2>
                    <p class="muted num">"Opened " <Time at=review.created_at /> " · this phase cost " {review.cost_usd.to_short()}</p>
                    {decision}
                    <p class="attention-text">{review.summary}</p>
                    {general}
                    {review.verification.map(|found| view! { <Checks found /> })}
                </section>
            }
        })
    };
    view! { {part(content)} }.into_any()
}

#[component]
fn Checks(found: VerificationView) -> impl IntoView {
    let (passed, failed): (Vec<Check>, Vec<Check>) =
        found.checks.into_iter().partition(|check| check.passed);
    let row = |check: Check| {
        let (icon, tone, word) = if check.passed {
            (Icon::Check, "completed", "passed")
        } else {
            (Icon::Cross, "failed", "did not pass")
        };
        let subject =
            (!check.subject.is_empty()).then(|| view! { <code>{check.subject.clone()}</code> });
        // The first one is the subject.
        let others = check
            .documents
            .into_iter()
            .filter(|path| *path != check.subject);
        let others: Vec<_> = others
            .map(|path| view! { " " <code>{path}</code> })
            .collect();
        let others =
            (!others.is_empty()).then(|| view! { <p class="check-note">"Also:" {others}</p> });
        let suggestion = check
            .suggestion
            .map(|text| view! { <p class="check-note">"To settle it: " {text}</p> });
        view! {
            <li class="check-row" data-tone=tone>
                <Glyph icon=icon />
                <span class="visually-hidden">{word}</span>
                {subject}
                <div class="check-found">
                    <p>{check.id.replace('_', " ")} ": " {check.evidence}</p>
                    {suggestion}
                    {others}
                </div>
            </li>
        }
    };
    let count = passed.len();
    let open = failed.is_empty() && count <= 3;
    view! {
        <ul class="check-list">{failed.into_iter().map(row).collect_view()}</ul>
        <details class="step-list" open=open>
            <summary><Glyph icon=Icon::Chevron /> {crate::components::number::counted(count, "check")} " passed"</summary>
            <ul class="check-list">{passed.into_iter().map(row).collect_view()}</ul>
        </details>
    }
    .into_any()
}

type DiffResource = Resource<Result<Diff, Fault>>;

/// The files and the one that is being read.
#[component]
fn Work(
    state: TaskState,
    place: Place,
    diff: DiffResource,
    content: ContentResource,
) -> impl IntoView {
    let files = move || {
        Suspend::new(async move {
            match diff.await {
                Ok(diff) => view! { <FilesUnderReview state place diff content /> }.into_any(),
                Err(fault) => view! { <FaultPanel fault /> }.into_any(),
            }
        })
    };
    view! { <Transition fallback=|| view! { <div class="skeleton form-skeleton" aria-busy="true"></div> }>{part(files)}</Transition> }.into_any()
}

#[component]
fn FilesUnderReview(
    state: TaskState,
    place: Place,
    diff: Diff,
    content: ContentResource,
) -> impl IntoView {
    let deliverables = place.review.with_untracked(|review| {
        review
            .as_ref()
            .map(|review| review.deliverables.clone())
            .unwrap_or_default()
    });
    let changed = diff.files.iter().map(|file| file.path.clone());
    let others: Vec<String> = changed
        .filter(|path| !deliverables.contains(path))
        .collect();
    let first = deliverables.first().or(others.first()).cloned();
    let path = memo(move || place.file.get().or_else(|| first.clone()));
    let diff = StoredValue::new(diff);
    let shown = move || {
        path.get().map(|path| {
            let change =
                diff.with_value(|diff| diff.files.iter().find(|file| file.path == path).cloned());
            view! { <ReviewedFile state place path change content /> }
        })
    };
    if deliverables.is_empty() && others.is_empty() {
        return view! { <p class="empty">"This phase has changed no file."</p> }.into_any();
    }
    view! {
        <div class="split">
            <FileNames place deliverables others path />
            <div class="split-main">{part(shown)}</div>
        </div>
    }
    .into_any()
}
