//! One line of a log.

use leptos::prelude::*;

use super::cache::{Entry, Row, Said};
use super::store::Store;
use super::text::rendered;
use crate::components::clock::{exact_time, machine_time, span, time_of_day};
use crate::components::icon::{Glyph, Icon};
use crate::domain::action::Verb;
use crate::domain::log::{LogKind, LogLine, ToolUse};

/// How much of an input or an output the page shows; the rest is in the raw log.
const SHOWN: usize = 6_000;

/// Rows without anything live, for pages without script and for lists of matches.
pub fn rows_of(lines: Vec<LogLine>) -> AnyView {
    let row = |line: LogLine| {
        let entry = std::sync::Arc::new(line.into());
        row_view(
            &Row {
                entry,
                result: None,
            },
            None,
        )
    };
    lines.into_iter().map(row).collect_view().into_any()
}

/// A row with its number, which is its address, and a button that copies it.
pub fn row_view(row: &Row, store: Option<Store>) -> AnyView {
    let entry = &row.entry;
    let seq = entry.seq;
    let content = match (&entry.said, entry.kind) {
        (Said::Call(call), _) => call_view(call, row),
        (Said::Result(result), _) => view! {
            <details class="log-call" data-failed=(!result.ok).then_some("")>
                <summary>
                    <Glyph icon=if result.ok { Icon::Check } else { Icon::Cross } />
                    <span class="log-target">"Result of an earlier call"</span>
                </summary>
                <pre class="log-code">{shown(&result.output)}</pre>
            </details>
        }
        .into_any(),
        (Said::Plain(text), kind) => plain_view(kind, text, entry),
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

fn plain_view(kind: LogKind, text: &str, entry: &Entry) -> AnyView {
    match kind {
        LogKind::Text => rendered(text),
        LogKind::Thinking => {
            let first: String = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(120).collect();
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
            view! { <p class="log-note">{shown(text)}</p> }.into_any()
        }
    }
}

/// A call in one line, which opens to what went in and what came out.
fn call_view(call: &ToolUse, row: &Row) -> AnyView {
    let outcome = row.result.as_ref().and_then(|entry| match &entry.said {
        Said::Result(result) => Some((result, (entry.at - row.entry.at).num_seconds())),
        _ => None,
    });
    let (state, word) = match &outcome {
        None => ("open", "no result yet"),
        Some((result, _)) if result.ok => ("ok", "worked"),
        Some(_) => ("failed", "failed"),
    };
    let mark = match state {
        "ok" => "✓",
        "failed" => "✗",
        _ => "…",
    };
    let took = outcome
        .as_ref()
        .filter(|(_, seconds)| *seconds > 0)
        .map(|(_, seconds)| span(*seconds));
    let output =
        outcome.map(|(result, _)| view! { <pre class="log-code">{shown(&result.output)}</pre> });
    view! {
        <details class="log-call" data-state=state>
            <summary>
                <Glyph icon=icon_of(call) />
                <b>{call.verb.clone()}</b>
                <span class="log-target">{call.target.clone()}</span>
                <span class="log-took num">{took}</span>
                <span class="log-mark" title=word>{mark}</span>
            </summary>
            <pre class="log-code">{shown(&call.input)}</pre>
            {output}
        </details>
    }
    .into_any()
}

/// The verb is stored as the word that people read.
fn icon_of(call: &ToolUse) -> Icon {
    let verb = [
        Verb::Editing,
        Verb::Writing,
        Verb::Reading,
        Verb::Running,
        Verb::Searching,
        Verb::Fetching,
        Verb::Delegating,
        Verb::Planning,
        Verb::Asking,
        Verb::Requesting,
        Verb::Reporting,
    ]
    .into_iter()
    .find(|verb| verb.to_string() == call.verb);
    Icon::of_verb(verb.unwrap_or(Verb::Using))
}

fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}\n… the rest is in the raw log", &text[..end]),
    }
}
