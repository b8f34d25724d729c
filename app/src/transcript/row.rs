//! One line of a log.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use leptos::prelude::*;

use super::line::{Entry, LineContent};
use super::store::Store;
use super::text::rendered;
use crate::components::clock::{exact_time, machine_time, span, time_of_day};
use crate::components::icon::{Glyph, Icon};
use crate::domain::action::Verb;
use crate::domain::id::TaskId;
use crate::domain::log::{LogKind, LogLine, ToolUse};
use crate::reactive::{Memo, list, memo, part};

/// How many characters of an input or an output the page shows; the rest is in the raw log.
const SHOWN: usize = 6_000;

/// Where the results of calls come from.
#[derive(Clone, Copy)]
pub enum Results<'a> {
    /// They may come later.
    Live(&'a Store),
    /// These are all, by the id of their call.
    Known {
        task: TaskId,
        results: &'a HashMap<String, Arc<Entry>>,
    },
}

impl Results<'_> {
    const fn task(self) -> TaskId {
        match self {
            Self::Live(store) => store.task,
            Self::Known { task, .. } => task,
        }
    }

    fn of_call(self, call: &ToolUse) -> Memo<Option<Arc<Entry>>> {
        match self {
            Self::Live(store) => {
                let (store, call) = (*store, call.clone());
                memo(move || store.result(&call))
            }
            Self::Known { results, .. } => {
                let result = results.get(&call.id).cloned();
                memo(move || result.clone())
            }
        }
    }
}

/// Rows without anything live, for pages without script and for lists of matches.
pub fn rows_of(task: TaskId, lines: Vec<LogLine>) -> AnyView {
    let entries: Vec<_> = lines
        .into_iter()
        .map(|line| Arc::new(Entry::from(line)))
        .collect();
    let of_call = |entry: &Arc<Entry>| match &entry.content {
        LineContent::Result(result) => Some((result.id.clone(), Arc::clone(entry))),
        LineContent::Call(_) | LineContent::Plain(_) => None,
    };
    let results: HashMap<_, _> = entries.iter().filter_map(of_call).collect();
    let shown_calls: HashSet<_> = entries
        .iter()
        .filter_map(|entry| match &entry.content {
            LineContent::Call(call) => Some(call.id.clone()),
            LineContent::Result(_) | LineContent::Plain(_) => None,
        })
        .collect();
    let has_row = |entry: &&Arc<Entry>| match &entry.content {
        LineContent::Result(result) => !shown_calls.contains(&result.id),
        LineContent::Call(_) | LineContent::Plain(_) => true,
    };
    let results = Results::Known {
        task,
        results: &results,
    };
    let row = |entry: &Arc<Entry>| row_view(entry, results);
    list(entries.iter().filter(has_row).map(row))
}

/// A row with its number, which is its address, and a button that copies it.
pub fn row_view(entry: &Arc<Entry>, results: Results<'_>) -> AnyView {
    let seq = entry.seq;
    let task = results.task();
    let content = match (&entry.content, entry.kind) {
        (LineContent::Call(call), _) => call_view(call, entry, results),
        (LineContent::Result(result), _) => view! {
            <details class="log-call" data-state=if result.ok { "ok" } else { "failed" }>
                <summary>
                    <Glyph icon=if result.ok { Icon::Check } else { Icon::Cross } />
                    <b>{if result.ok { "Result" } else { "Failed" }}</b>
                    <span class="log-target">{first_line(&result.output)}</span>
                </summary>
                {code_view(&result.output, task, seq)}
            </details>
        }
        .into_any(),
        (LineContent::Plain(text), kind) => plain_view(kind, text, entry, task),
    };
    let store = match results {
        Results::Live(store) => Some(*store),
        Results::Known { .. } => None,
    };
    let is_current = move || store.is_some_and(|store| store.current.get() == Some(seq));
    let kind = entry.kind.to_string();
    view! {
        <div class="log-row" id=format!("L{seq}") data-kind=kind data-current=move || is_current().then_some("")>
            <a class="log-seq" href=format!("#L{seq}") aria-label=format!("Line {seq}") title=exact_time(entry.at)>{seq}</a>
            <div class="log-said">{content}</div>
            <button type="button" class="log-copy" data-copy=seq.to_string() aria-label=format!("Copy line {seq}") title="Copy"></button>
        </div>
    }
    .into_any()
}

fn plain_view(kind: LogKind, text: &str, entry: &Entry, task: TaskId) -> AnyView {
    match kind {
        LogKind::Text => rendered(text),
        LogKind::Thinking => {
            let first = first_line(text);
            view! {
                <details class="log-thinking">
                    <summary>"Thinking " <span>{first}</span></summary>
                    <p class="log-prose">{text.to_owned()}</p>
                </details>
            }
            .into_any()
        }
        LogKind::Turn => view! {
            <h2 class="log-turn">
                {text.to_owned()}
                <time class="num" datetime=machine_time(entry.at)>{time_of_day(entry.at)}</time>
            </h2>
        }
        .into_any(),
        LogKind::Message => view! {
            <div class="log-message"><strong>"You"</strong> {rendered(text)}</div>
        }
        .into_any(),
        LogKind::Error => view! {
            <div class="log-error"><Glyph icon=Icon::Alert /> <p class="log-prose">{text.to_owned()}</p></div>
        }
        .into_any(),
        LogKind::Note | LogKind::Raw | LogKind::ToolUse | LogKind::ToolResult => {
            let (text, rest) = shown(text, task, entry.seq);
            view! { <p class="log-note">{text} {rest}</p> }.into_any()
        }
    }
}

/// A call in one line, which opens to what went in and what came out.
fn call_view(call: &ToolUse, entry: &Entry, results: Results<'_>) -> AnyView {
    let result = results.of_call(call);
    let (begun, task) = (entry.at, results.task());
    let outcome = move || {
        result.with(|result| match &result.as_ref()?.content {
            LineContent::Result(result) => Some(result.ok),
            LineContent::Call(_) | LineContent::Plain(_) => None,
        })
    };
    let state = move || match outcome() {
        None => "open",
        Some(true) => "ok",
        Some(false) => "failed",
    };
    let word = move || match outcome() {
        None => "no result yet",
        Some(true) => "worked",
        Some(false) => "failed",
    };
    let mark = move || match outcome() {
        None => "…",
        Some(true) => "✓",
        Some(false) => "✗",
    };
    let took = move || {
        let seconds = result.with(|result| Some((result.as_ref()?.at - begun).num_seconds()))?;
        (seconds > 0).then(|| span(seconds))
    };
    let output = move || {
        result.with(
            |result| match result.as_ref().map(|entry| (&entry.content, entry.seq)) {
                Some((LineContent::Result(result), seq)) => {
                    Some(code_view(&result.output, task, seq))
                }
                _ => None,
            },
        )
    };
    view! {
        <details class="log-call" data-state=state>
            <summary>
                <Glyph icon=icon_of(call) />
                <b>{call.verb.clone()}</b>
                <span class="log-target">{call.target.clone()}</span>
                <span class="log-took num">{part(took)}</span>
                <span class="log-mark" title=word>{part(mark)}</span>
            </summary>
            {code_view(&call.input, task, entry.seq)}
            {part(output)}
        </details>
    }
    .into_any()
}

/// The verb is stored as the word that people read.
fn icon_of(call: &ToolUse) -> Icon {
    Icon::of_verb(call.verb.parse().unwrap_or(Verb::Using))
}

fn first_line(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().take(120).collect()
}

fn code_view(text: &str, task: TaskId, seq: u64) -> AnyView {
    let (text, rest) = shown(text, task, seq);
    view! { <pre class="log-code">{text} {rest}</pre> }.into_any()
}

/// As much of a text as a row shows, and a link to the whole line if that is not all.
fn shown(text: &str, task: TaskId, seq: u64) -> (String, Option<AnyView>) {
    let Some((end, _)) = text.char_indices().nth(SHOWN) else {
        return (text.to_owned(), None);
    };
    let href = format!(
        "/api/tasks/{task}/logs?after={}&limit=1",
        seq.saturating_sub(1)
    );
    let rest = view! { "\n… " <a class="link" href=href rel="external">"the whole line"</a> };
    (text[..end].to_owned(), Some(rest.into_any()))
}
