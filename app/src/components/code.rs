//! Lines of text with their numbers: a source, or the changes to one.

use std::collections::BTreeSet;
use std::sync::Arc;

use leptos::prelude::*;

use crate::api::{DiffLineKind, FileDiff};
use crate::reactive::memo;

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

/// What a page adds to lines: where a line's number leads, and what stands below some of them.
#[derive(Clone)]
pub struct Margin {
    pub href: Arc<dyn Fn(u32) -> String + Send + Sync>,
    /// The lines that have something below them.
    pub marked: Memo<BTreeSet<u32>>,
    pub below: Arc<dyn Fn(u32) -> AnyView + Send + Sync>,
}

/// So many lines are shown at first, and more on demand.
const AT_FIRST: usize = 1_000;

/// A row of the table; lines and parts by their place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum TableRow {
    Header(usize),
    Line(usize, usize),
    /// What stands below a line of this number.
    Below(u32),
}

/// The rows of the first `limit` lines.
fn table_rows(parts: &[CodePart], limit: usize, marked: &BTreeSet<u32>) -> Vec<TableRow> {
    let mut rows = Vec::new();
    let mut lines = 0;
    for (place, part) in parts.iter().enumerate() {
        if lines >= limit {
            break;
        }
        rows.extend(part.header.as_ref().map(|_| TableRow::Header(place)));
        for (number, line) in part.lines.iter().enumerate().take(limit - lines) {
            rows.push(TableRow::Line(place, number));
            let below = line.new.filter(|number| marked.contains(number));
            rows.extend(below.map(TableRow::Below));
        }
        lines += part.lines.len();
    }
    rows
}

/// How many lines there are up to the last marked one.
fn reach(parts: &[CodePart], marked: &BTreeSet<u32>) -> usize {
    let lines = parts.iter().flat_map(|part| &part.lines);
    let is_marked = |line: &CodeLine| line.new.is_some_and(|number| marked.contains(&number));
    let last = lines.enumerate().filter(|(_, line)| is_marked(line)).last();
    last.map_or(0, |(place, _)| place + 1)
}

/// The lines, numbered.
#[component]
pub fn Code(
    parts: Vec<CodePart>,
    /// Whether the numbers before the change have a column.
    is_diff: bool,
    #[prop(optional_no_strip)] margin: Option<Margin>,
) -> impl IntoView {
    let total: usize = parts.iter().map(|part| part.lines.len()).sum();
    let marked = margin.as_ref().map(|margin| margin.marked);
    let first = marked.map_or(0, |marked| {
        marked.with_untracked(|marked| reach(&parts, marked))
    });
    let limit = RwSignal::new(first.max(AT_FIRST));
    let parts = StoredValue::new(parts);
    let rows = memo(move || {
        let marked = marked.map(|marked| marked.get()).unwrap_or_default();
        parts.with_value(|parts| table_rows(parts, limit.get(), &marked))
    });
    let margin = StoredValue::new(margin);
    let row = move |row: TableRow| row_view(row, parts, is_diff, margin);
    let has_more = move || limit.get() < total;
    let more = move || {
        let shown = limit.get().min(total);
        view! {
            <p class="code-more">
                {format!("The first {shown} of {total} lines. ")}
                <button type="button" class="btn btn-sm" on:click=move |_| limit.update(|limit| *limit += AT_FIRST)>"Show more"</button>
            </p>
        }
    };
    view! {
        <div class="code-box">
            <table class="code"><tbody><For each=move || rows.get() key=|row| *row children=row /></tbody></table>
            <Show when=has_more>{more}</Show>
        </div>
    }
    .into_any()
}

fn row_view(
    row: TableRow,
    parts: StoredValue<Vec<CodePart>>,
    is_diff: bool,
    margin: StoredValue<Option<Margin>>,
) -> AnyView {
    let columns = if is_diff { "3" } else { "2" };
    match row {
        TableRow::Header(place) => {
            let header = parts.with_value(|parts| parts.get(place)?.header.clone());
            view! { <tr class="code-header"><td colspan=columns><code>{header}</code></td></tr> }
                .into_any()
        }
        TableRow::Line(place, number) => {
            let line = parts.with_value(|parts| parts.get(place)?.lines.get(number).cloned());
            let href = margin.with_value(|margin| margin.as_ref().map(|it| Arc::clone(&it.href)));
            line.map(|line| line_view(line, is_diff, href)).into_any()
        }
        TableRow::Below(number) => {
            let below = margin.with_value(|margin| Some((margin.as_ref()?.below)(number)));
            view! { <tr class="code-below"><td colspan=columns>{below}</td></tr> }.into_any()
        }
    }
}

fn line_view(
    line: CodeLine,
    is_diff: bool,
    href: Option<Arc<dyn Fn(u32) -> String + Send + Sync>>,
) -> AnyView {
    let kind = line.kind.to_string();
    let old = is_diff.then(|| view! { <td class="code-number">{line.old}</td> });
    let number = match (href, line.new) {
        (Some(href), Some(number)) => view! {
            <a href=href(number) data-noscroll="" aria-label=format!("Comment on line {number}")>{number}</a>
        }
        .into_any(),
        (_, number) => number.into_any(),
    };
    view! {
        <tr data-kind=kind>
            {old}
            <td class="code-number">{number}</td>
            <td class="code-text">{line.text}</td>
        </tr>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{CodePart, TableRow, reach, table_rows};

    #[test]
    fn only_marked_lines_have_a_row_below_and_long_files_are_cut() {
        let text = "line\n".repeat(30);
        let parts = [CodePart::of_text(&text), CodePart::of_text(&text)];
        let rows = table_rows(&parts[..1], 3, &BTreeSet::from([2, 9]));
        assert_eq!(
            rows,
            [
                TableRow::Line(0, 0),
                TableRow::Line(0, 1),
                TableRow::Below(2),
                TableRow::Line(0, 2),
            ]
        );
        assert_eq!(table_rows(&parts, 50, &BTreeSet::new()).len(), 50);
        assert_eq!(reach(&parts[..1], &BTreeSet::from([2, 9])), 9);
        assert_eq!(reach(&parts[..1], &BTreeSet::from([31])), 0);
    }
}
