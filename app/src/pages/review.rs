//! The gate after a phase: what was made, what the checks found, and the decision.

use leptos::prelude::*;

use super::review_actions::{load_review_file, load_review_work};
use super::review_checks::Checks;
use super::review_comments::{Elsewhere, provide_resolving, remark_view, remarks};
use super::review_drafts::Unsent;
use super::review_files::{FileNames, FileResource, ReviewedFile};
use super::review_place::Place;
use super::review_verdict::{Decision, Verdict};
use super::task_state::TaskState;
use crate::api::{ChangeList, ReviewView, ReviewWork, ShowFile};
use crate::components::clock::{Time, span};
use crate::components::faults::FaultPanel;
use crate::components::icon::{Glyph, Icon};
use crate::domain::task::ReviewState;
use crate::fault::Fault;
use crate::number::counted;
use crate::reactive::{list, memo, part, suspend};
use crate::resource::{Resource, resource};

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
    let work = resource(
        move || (shown.get(), place.since.get()),
        async |(review, since)| match review {
            Some(review) => load_review_work(review, since).await,
            None => Ok(ReviewWork::default()),
        },
    );
    let wanted = move || {
        // Without a choice a review begins with what is due, and a round with what is new in it.
        let due = place.review.with(|review| {
            let review = review.as_ref().filter(|_| !place.since.get())?;
            review.deliverables.first().cloned()
        });
        let wanted = ShowFile {
            path: place.file.get().or(due).unwrap_or_default(),
            shape: place.shape.get(),
            since: place.since.get(),
            is_split: false,
            open: place.open.get(),
        };
        (shown.get(), wanted, place.split.get())
    };
    let file = resource(wanted, move |(review, mut wanted, split)| async move {
        let Some(review) = review else {
            return Ok(None);
        };
        if wanted.path.is_empty() {
            let first = work.await?.changes.files.into_iter().next();
            let Some(first) = first else {
                return Ok(None);
            };
            wanted.path = first.path;
        }
        load_review_file(review, wanted, split).await.map(Some)
    });
    provide_resolving(place);
    let panel = move || {
        if shown.get().is_none() {
            return view! { <p class="empty">"There is no review yet. One opens when a phase is complete."</p> }.into_any();
        }
        view! {
            <Rounds state place />
            <Found place work />
            <Unsent place />
            <Work place work file />
            <Verdict state review=place.review />
        }
        .into_any()
    };
    view! { <div class="review">{panel}</div> }.into_any()
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
            ReviewState::Superseded => "left behind",
        };
        let href = format!("/tasks/{}/review?round={id}", state.id);
        view! {
            <li>
                <a class="chip" href=href data-noscroll="" aria-current=current>{review.phase_name} " round " {review.round} " · " {word}</a>
            </li>
        }
    };
    let chips = move || list(state.reviews.get().into_iter().map(chip));
    view! {
        <Show when=several><nav class="filters" aria-label="Rounds"><ul>{chips}</ul></nav></Show>
    }
    .into_any()
}

/// What the agent says about its work, and what the checks have found.
#[component]
fn Found(place: Place, work: WorkResource) -> impl IntoView {
    let content = move || {
        place.review.get().map(|review| {
            let decision = (review.status != ReviewState::Open).then(|| view! { <Decision review=review.clone() /> });
            let general = (review.status == ReviewState::Open).then(|| {
                let general = remarks(place, None, &[]).into_iter();
                list(general.map(|remark| remark_view(place, remark)))
            });
            let interim = review.interim.then_some(" (asked for in the middle of the phase)");
            view! {
                <section class="panel review-found">
                    <h2>{review.phase_name} ", round " {review.round} {interim}</h2>
                    <p class="muted num">"Opened " <Time at=review.created_at /> " · this phase cost " {review.cost_usd.to_short()}</p>
                    {decision}
                    <p class="attention-text">{review.summary}</p>
                    <Conversation place work />
                    {general}
                    {review.verification.map(|found| view! { <Checks found /> })}
                </section>
            }
        })
    };
    view! { {content} }.into_any()
}

type WorkResource = Resource<Result<ReviewWork, Fault>>;

/// What the agent did for the review, in numbers and in its last words.
#[component]
fn Conversation(place: Place, work: WorkResource) -> impl IntoView {
    let told = move || {
        suspend(async move {
            let told = work.await.ok()?.conversation;
            let task = place.state().id;
            let more = if told.truncated { "more than " } else { "" };
            let count = |count: u32, noun: &str| counted(count as usize, noun);
            let failed =
                (told.tool_failures > 0).then(|| format!(" ({} failed)", told.tool_failures));
            let messages = (told.messages > 0)
                .then(|| format!(" · {} of yours", count(told.messages, "message")));
            let log = told.first_line.map(|line| {
                let href = format!("/tasks/{task}?at={line}#L{line}");
                view! { " · " <a class="link" href=href>"Read its log from here"</a> }
            });
            let seconds = i64::try_from(told.seconds).unwrap_or(i64::MAX);
            let said = told.last_said.map(|html| {
                view! {
                    <details class="step-list">
                        <summary><Glyph icon=Icon::Chevron /> "What the agent said last"</summary>
                        <div class="document last-said" inner_html=html></div>
                    </details>
                }
            });
            Some(view! {
                <p class="review-told num">
                    {more} {count(told.turns, "turn")} " · " {count(told.tool_calls, "tool call")} {failed} {messages}
                    " · " {span(seconds)} {log}
                </p>
                {said}
            })
        })
    };
    view! { <Transition>{part(told)}</Transition> }.into_any()
}

/// The files and the one that is being read.
#[component]
fn Work(place: Place, work: WorkResource, file: FileResource) -> impl IntoView {
    let files = move || {
        suspend(async move {
            match work.await {
                Ok(work) => view! { <FilesUnderReview place diff=work.changes file /> }.into_any(),
                Err(fault) => view! { <FaultPanel fault /> }.into_any(),
            }
        })
    };
    view! {
        <Scope place />
        <Transition fallback=|| view! { <div class="skeleton form-skeleton" aria-busy="true"></div> }>{part(files)}</Transition>
    }
    .into_any()
}

/// All of the phase's work, or what is new since the round before.
#[component]
fn Scope(place: Place) -> impl IntoView {
    let chips = move || {
        let round = place
            .review
            .with(|review| review.as_ref().map_or(1, |review| review.round));
        (round > 1).then(|| {
            let since = place.since.get();
            let href = place.round_href();
            let chip = |href: String, is_current: bool, words: String| {
                view! { <li><a class="chip" href=href data-noscroll="" aria-current=is_current.then_some("true")>{words}</a></li> }
            };
            view! {
                <nav class="filters" aria-label="Which changes">
                    <ul>
                        {chip(href.clone(), !since, "The whole phase".to_owned())}
                        {chip(format!("{href}&since=1"), since, format!("New since round {}", round - 1))}
                    </ul>
                </nav>
            }
        })
    };
    view! { {chips} }.into_any()
}

#[component]
fn FilesUnderReview(place: Place, diff: ChangeList, file: FileResource) -> impl IntoView {
    let since = place.since.get_untracked();
    let mut deliverables = place.review.with_untracked(|review| {
        review
            .as_ref()
            .map(|review| review.deliverables.clone())
            .unwrap_or_default()
    });
    let is_changed = |path: &String| diff.files.iter().any(|file| file.path == *path);
    deliverables.retain(|path| !since || is_changed(path));
    let changed = diff.files.iter().map(|file| file.path.clone());
    let others: Vec<String> = changed
        .filter(|path| !deliverables.contains(path))
        .collect();
    let listed: Vec<String> = deliverables.iter().chain(&others).cloned().collect();
    let elsewhere = view! { <Elsewhere place listed /> }.into_any();
    if deliverables.is_empty() && others.is_empty() {
        let words = if since {
            "Nothing has changed since the round before."
        } else {
            "This phase has changed no file."
        };
        return view! { <p class="empty">{words}</p> {elsewhere} }.into_any();
    }
    // In the order of the resource: what is due first, but in a round what is new in it.
    let first = deliverables.first().filter(|_| !since);
    let first = first.or(diff.files.first().map(|file| &file.path)).cloned();
    let path = memo(move || place.file.get().or_else(|| first.clone()));
    let diff = StoredValue::new(diff);
    let shown = move || {
        path.get().map(|path| {
            let change =
                diff.with_value(|diff| diff.files.iter().find(|file| file.path == path).cloned());
            view! { <ReviewedFile place path change file /> }
        })
    };
    view! {
        <div class="split">
            <FileNames place deliverables others path />
            <div class="split-main">{shown}</div>
        </div>
        {elsewhere}
    }
    .into_any()
}
