//! A file as the server has rendered it, with what a page puts between its lines.

use std::collections::BTreeSet;
use std::sync::Arc;

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::Element;

use crate::api::{LINE_LINK, OPEN_LINK, Piece};
use crate::reactive::{Memo, list, rows};

/// What stands below the pieces that show a line.
#[derive(Clone)]
pub struct Below {
    /// The lines that have something below them.
    pub lines: Memo<BTreeSet<u32>>,
    pub view: Arc<dyn Fn(u32) -> AnyView + Send + Sync>,
}

/// Pieces that nothing stands between, by their places, and the lines that something stands below
/// them for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Section {
    from: usize,
    to: usize,
    lines: Vec<u32>,
}

fn sections(pieces: &[Piece], lines: &BTreeSet<u32>) -> Vec<Section> {
    let mut sections = Vec::new();
    let mut from = 0;
    for (place, piece) in pieces.iter().enumerate() {
        let own: Vec<u32> = if piece.from == 0 {
            Vec::new()
        } else {
            lines.range(piece.from..=piece.to).copied().collect()
        };
        if !own.is_empty() || place + 1 == pieces.len() {
            sections.push(Section {
                from,
                to: place + 1,
                lines: own,
            });
            from = place + 1;
        }
    }
    sections
}

/// Whether one of the pieces shows the line.
pub fn shows(pieces: &[Piece], line: u32) -> bool {
    pieces
        .iter()
        .any(|piece| piece.from > 0 && (piece.from..=piece.to).contains(&line))
}

/// The pieces with what belongs between them. What is typed there stays while other parts change.
#[component]
pub fn Pieces(
    pieces: Vec<Piece>,
    /// Whether they are rows of a table.
    is_table: bool,
    /// Whether two versions stand side by side.
    is_split: bool,
    /// Addresses that what the server wrote is put behind.
    line_link: String,
    open_link: String,
    below: Below,
    /// What happens when a range of lines is chosen with the pointer or Shift.
    choose: Callback<(u32, u32)>,
    /// The lines that are chosen.
    chosen: Memo<Option<(u32, u32)>>,
) -> impl IntoView {
    // Whatever stands in the page's address must stay within the attribute.
    let attribute = |link: String| {
        let link = link.replace('&', "&amp;").replace('"', "&quot;");
        link.replace('<', "&lt;").replace('>', "&gt;")
    };
    let (line_link, open_link) = (attribute(line_link), attribute(open_link));
    let pieces = StoredValue::new(pieces);
    let lines = below.lines;
    let each = move || pieces.with_value(|pieces| lines.with(|lines| sections(pieces, lines)));
    let section = move |section: Section| {
        let html: String = pieces.with_value(|pieces| {
            let own = pieces.get(section.from..section.to).unwrap_or_default();
            own.iter().map(|piece| piece.html.as_str()).collect()
        });
        let html = html
            .replace(LINE_LINK, &line_link)
            .replace(OPEN_LINK, &open_link);
        let below = list(section.lines.iter().map(|line| (below.view)(*line)));
        let is_empty = section.lines.is_empty();
        if is_table {
            let columns = if is_split { "4" } else { "3" };
            let below = (!is_empty)
                .then(|| view! { <tbody class="code-below"><tr><td colspan=columns>{below}</td></tr></tbody> });
            view! { <tbody inner_html=html></tbody> {below} }.into_any()
        } else {
            let below = (!is_empty).then(|| view! { <div class="document-below">{below}</div> });
            view! { <div class="document-part" inner_html=html></div> {below} }.into_any()
        }
    };
    let sections = rows(each, |section| format!("{section:?}"), section);
    if !is_table {
        return view! { <article class="document">{sections}</article> }.into_any();
    }
    let begun = StoredValue::new(None::<u32>);
    // Else the first row would say how wide they are, and it may be one of a single cell.
    let columns = is_split.then(|| {
        view! { <colgroup><col class="code-number" /><col /><col class="code-number" /><col /></colgroup> }
    });
    view! {
        <div
            class="code-box"
            on:pointerdown=move |event| begun.set_value(number_of(&event))
            on:pointerover=move |event| {
                if let (Some(from), Some(to), 1) = (begun.get_value(), row_of(&event), event.buttons()) {
                    show_chosen(Some((from.min(to), from.max(to))));
                }
            }
            on:pointerup=move |event| {
                let from = begun.get_value();
                begun.set_value(None);
                if let (Some(from), Some(to)) = (from, row_of(&event)) && from != to {
                    choose.run((from, to));
                }
            }
            on:pointercancel=move |_| {
                // The finger went on to scroll: nothing is chosen.
                if begun.get_value().is_some() {
                    begun.set_value(None);
                    show_chosen(chosen.get_untracked());
                }
            }
            on:click=move |event| {
                if let Some(line) = number_of(&event).filter(|_| event.shift_key()) {
                    event.prevent_default();
                    choose.run((line, line));
                }
            }
        >
            <table class="code" data-split=is_split.then_some("")>{columns} {sections}</table>
        </div>
    }
    .into_any()
}

/// The element that an event is about, or one around it.
fn around(event: &web_sys::Event, selector: &str) -> Option<Element> {
    let element = event.target()?.dyn_into::<Element>().ok()?;
    element.closest(selector).ok()?
}

/// The number whose link an event is about.
fn number_of(event: &web_sys::Event) -> Option<u32> {
    around(event, ".code-number a")?
        .text_content()?
        .parse()
        .ok()
}

/// The line whose row an event is about.
fn row_of(event: &web_sys::Event) -> Option<u32> {
    around(event, "tr[id]")?
        .id()
        .strip_prefix('L')?
        .parse()
        .ok()
}

/// So many rows are marked at most.
const MOST_CHOSEN: u32 = 2_000;

/// Marks the rows of these lines and no others.
pub fn show_chosen(lines: Option<(u32, u32)>) {
    let marked = document().query_selector_all("tr[data-chosen]");
    if let Ok(marked) = marked {
        for place in 0..marked.length() {
            if let Some(row) = marked
                .get(place)
                .and_then(|row| row.dyn_into::<Element>().ok())
            {
                row.remove_attribute("data-chosen").ok();
            }
        }
    }
    let Some((from, to)) = lines else { return };
    for line in from..=to.min(from.saturating_add(MOST_CHOSEN)) {
        if let Some(row) = document().get_element_by_id(&format!("L{line}")) {
            row.set_attribute("data-chosen", "").ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Piece, Section, sections, shows};

    #[test]
    fn pieces_are_parted_where_something_stands_between() {
        let piece = |(from, to)| Piece {
            from,
            to,
            html: String::new(),
        };
        let pieces: Vec<Piece> = [(1, 2), (0, 0), (5, 9), (10, 10)].map(piece).into();
        let section = |from, to, lines: &[u32]| Section {
            from,
            to,
            lines: lines.to_vec(),
        };
        assert_eq!(
            sections(&pieces, &BTreeSet::from([2, 6, 8, 20])),
            [
                section(0, 1, &[2]),
                section(1, 3, &[6, 8]),
                section(3, 4, &[])
            ]
        );
        assert_eq!(sections(&pieces, &BTreeSet::new()), [section(0, 4, &[])]);
        assert_eq!(sections(&[], &BTreeSet::from([1])), []);
        assert!(shows(&pieces, 7) && !shows(&pieces, 3) && !shows(&pieces, 0));
    }
}
