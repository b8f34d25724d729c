//! The transcript itself.

use std::time::Duration;

use leptos::ev;
use leptos::prelude::*;
use wasm_bindgen::JsCast;

use super::row::{Results, row_view};
use super::store::Store;
use super::text::rendered;
use super::toolbar::{LivePill, Toolbar};
use crate::components::toast::Toasts;
use crate::domain::id::TaskId;
use crate::domain::log::LogLine;
use crate::live::{Live, LiveEvent};
use crate::reactive::{effect, memo, part, rows};

/// New lines are shown at most this often, however fast they come.
const PACE: Duration = Duration::from_millis(80);

/// A task's log: the lines it was rendered with, then as far as the reader scrolls.
#[component]
pub fn Transcript(
    task: TaskId,
    /// The newest line's number.
    total: u64,
    /// From the start of a chunk on.
    lines: Vec<LogLine>,
    #[prop(into)] is_running: Signal<bool>,
) -> impl IntoView {
    let store = Store::new(task, total, lines);
    let toasts = expect_context::<Toasts>();
    effect(move || start(store));
    let (above, below) = (store.above, store.below);
    let blocks = move || {
        let (first, last) = store.window.get();
        let count = store.count().div_ceil(super::layout::BLOCK);
        let last = last.min(
            usize::try_from(count)
                .unwrap_or(usize::MAX)
                .saturating_sub(1),
        );
        (first..=last).collect::<Vec<_>>()
    };
    let is_empty = move || store.count() == 0;
    let nothing = move || match store.filter.get() {
        None => "The agent has not said anything yet.",
        Some(_) => "There are no such lines.",
    };
    let has_earlier = move || store.earlier().is_some();
    view! {
        <section class="transcript" aria-label="Transcript">
            <Toolbar store />
            <div
                node_ref=store.panel
                class="log-panel"
                role="region"
                aria-label="Log of the agent"
                tabindex="0"
                on:scroll=move |_| store.scrolled()
                on:click=move |event| copy_line(store, toasts, &event)
            >
                <Show when=has_earlier>
                    <p class="log-earlier"><button type="button" class="btn btn-sm" on:click=move |_| store.show_earlier()>"Show earlier lines"</button></p>
                </Show>
                <div node_ref=above class="log-spacer"></div>
                <Show when=move || !is_empty() fallback=move || view! { <p class="log-empty">{part(nothing)}</p> }>
                    {rows(blocks, usize::to_string, move |block| view! { <Block store block /> })}
                </Show>
                <div node_ref=below class="log-spacer"></div>
                <Show when=move || store.shows_writing()>
                    <div class="log-writing" data-busy="">
                        <span class="dot" aria-hidden="true"></span>
                        <div class="log-said">{move || store.writing.with(|text| rendered(text))}</div>
                    </div>
                </Show>
            </div>
            <LivePill store is_running />
        </section>
    }
    .into_any()
}

#[component]
fn Block(store: Store, block: usize) -> impl IntoView {
    let entries = memo(move || store.rows(block));
    let is_loading = move || entries.with(Option::is_none).then_some("");
    let each = move || entries.get().unwrap_or_default();
    view! {
        <div class="log-block" data-block=block.to_string() data-loading=is_loading>
            {rows(each, |entry| entry.seq.to_string(), move |entry| row_view(&entry, Results::Live(&store)))}
        </div>
    }
    .into_any()
}

/// What happens as soon as the page is live.
fn start(store: Store) {
    let live = expect_context::<Live>();
    let waiting = StoredValue::new(Vec::new());
    let is_due = StoredValue::new(false);
    live.subscribe(move |event| {
        match event {
            LiveEvent::Log(lines) => {
                waiting.update_value(|waiting| waiting.extend(lines.iter().cloned()));
            }
            LiveEvent::Writing(_) => {}
            _ => return,
        }
        if !is_due.get_value() {
            is_due.set_value(true);
            set_timeout(move || show_waiting(store, live, waiting, is_due), PACE);
        }
    });
    store.writing.set(live.writing());
    let resized = window_event_listener(ev::resize, move |_| store.remeasure());
    let opened = window_event_listener(ev::hashchange, move |_| {
        jump_to_address(store);
    });
    on_cleanup(move || {
        resized.remove();
        opened.remove();
    });
    request_animation_frame(move || {
        if !store.is_gone() && !jump_to_address(store) {
            store.follow();
        }
    });
}

/// Shows what has come: lines, and at the same moment that what was being written is one of them.
fn show_waiting(
    store: Store,
    live: Live,
    waiting: StoredValue<Vec<LogLine>>,
    is_due: StoredValue<bool>,
) {
    let lines = waiting.try_update_value(std::mem::take).unwrap_or_default();
    is_due.try_update_value(|is_due| *is_due = false);
    if store.is_gone() {
        return;
    }
    let has_grown = !lines.is_empty();
    if has_grown {
        store.take(lines);
    }
    let text = live.writing();
    if store.writing.with_untracked(|shown| *shown != text) {
        store.writing.set(text);
    }
    if has_grown && store.is_following.get_untracked() {
        store.follow();
    } else {
        store.measure_soon();
    }
}

/// Goes to the line that the address names, as in `#L123`.
fn jump_to_address(store: Store) -> bool {
    let hash = window().location().hash().unwrap_or_default();
    let line = hash.strip_prefix("#L").and_then(|text| text.parse().ok());
    if let Some(seq) = line {
        store.jump(seq);
    }
    line.is_some()
}

/// Copies the line whose button was pressed.
fn copy_line(store: Store, toasts: Toasts, event: &web_sys::MouseEvent) {
    let target = event
        .target()
        .and_then(|target| target.dyn_into::<web_sys::Element>().ok());
    let Some(target) = target else { return };
    if target.closest("summary").ok().flatten().is_some() {
        // It opens or closes after this, which changes its block's height.
        set_timeout(move || store.measure_soon(), Duration::from_millis(20));
    }
    let seq = target
        .get_attribute("data-copy")
        .and_then(|seq| seq.parse().ok());
    let entry = seq.and_then(|seq| {
        store
            .buffer
            .with_value(|buffer| buffer.cache.entry(seq).cloned())
    });
    if let Some(entry) = entry {
        // The browser may refuse; there is nothing else to try.
        let _promise = window().navigator().clipboard().write_text(&entry.text());
        toasts.done("The line is copied");
    }
}
