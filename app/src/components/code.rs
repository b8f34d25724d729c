//! Lines of text with their numbers: a source, or the changes to one.

use std::sync::Arc;

use leptos::prelude::*;

use crate::api::{DiffLineKind, FileDiff};

/// A line of a source or of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeLine {
    pub kind: DiffLineKind,
    pub old: Option<u32>,
    pub new: Option<u32>,
    pub text: String,
}

/// Lines that belong together, and what they are headed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodePart {
    pub header: Option<String>,
    pub lines: Vec<CodeLine>,
}

impl CodePart {
    /// A whole text.
    pub fn of_text(text: &str) -> Self {
        let line = |(number, text): (u32, &str)| CodeLine {
            kind: DiffLineKind::Context,
            old: None,
            new: Some(number),
            text: text.to_owned(),
        };
        Self {
            header: None,
            lines: (1..).zip(text.lines()).map(line).collect(),
        }
    }

    /// The changes to a file.
    pub fn of_diff(file: FileDiff) -> Vec<Self> {
        let parts = file.hunks.into_iter().map(|hunk| Self {
            header: Some(hunk.header),
            lines: hunk
                .lines
                .into_iter()
                .map(|line| CodeLine {
                    kind: line.kind,
                    old: line.old,
                    new: line.new,
                    text: line.text,
                })
                .collect(),
        });
        parts.collect()
    }
}

/// What a page adds to lines: where a line's number leads, and what stands below the line.
#[derive(Clone)]
pub struct Margin {
    pub href: Arc<dyn Fn(u32) -> String + Send + Sync>,
    pub below: Arc<dyn Fn(u32) -> AnyView + Send + Sync>,
}

/// The lines, numbered.
#[component]
pub fn Code(
    parts: Vec<CodePart>,
    /// Whether the numbers before the change have a column.
    is_diff: bool,
    #[prop(optional_no_strip)] margin: Option<Margin>,
) -> impl IntoView {
    let columns = if is_diff { "3" } else { "2" };
    let part = move |part: CodePart| {
        let header = part.header.map(|header| {
            view! { <tr class="code-header"><td colspan=columns><code>{header}</code></td></tr> }
        });
        let rows = part
            .lines
            .into_iter()
            .map(|line| code_row(line, is_diff, margin.clone()));
        view! { <tbody>{header} {rows.collect_view()}</tbody> }
    };
    view! {
        <div class="code-box">
            <table class="code">{parts.into_iter().map(part).collect_view()}</table>
        </div>
    }
    .into_any()
}

fn code_row(line: CodeLine, is_diff: bool, margin: Option<Margin>) -> AnyView {
    let columns = if is_diff { "3" } else { "2" };
    let kind = line.kind.to_string();
    let old = is_diff.then(|| view! { <td class="code-number">{line.old}</td> });
    let number = match (&margin, line.new) {
        (Some(margin), Some(number)) => view! {
            <a href=(margin.href)(number) aria-label=format!("Comment on line {number}")>{number}</a>
        }
        .into_any(),
        (_, number) => number.into_any(),
    };
    let below = margin.zip(line.new).map(|(margin, number)| {
        let content = move || (margin.below)(number);
        view! { <tr class="code-below"><td colspan=columns>{content}</td></tr> }
    });
    view! {
        <tr data-kind=kind>
            {old}
            <td class="code-number">{number}</td>
            <td class="code-text">{line.text}</td>
        </tr>
        {below}
    }
    .into_any()
}
