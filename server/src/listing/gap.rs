//! The lines between the changes: hidden until they are asked for.

use std::fmt::Write as _;

use app::api::{OPEN_LINK, Piece};

use super::{AT_MOST, Opened, note};

/// So many lines are opened with one step, and at most at once.
const STEP: u32 = 20;
const AT_ONCE: u32 = 500;

/// Lines that are the same before and after, by both numbers of the first.
#[derive(Clone, Copy, Debug)]
pub struct Gap<'a> {
    pub old: u32,
    pub new: u32,
    pub count: u32,
    /// What git says the lines behind it belong to.
    pub context: &'a str,
    /// Whether something is shown above and below.
    pub above: bool,
    pub below: bool,
}

/// A part of a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A line that is shown, by its old and its new number.
    Line(u32, u32),
    /// Lines that are not, first and last, by their new numbers.
    Hidden(u32, u32),
}

/// What is shown of a gap and what is not. A single hidden line is shown: a link takes as much room.
/// `room` is how many lines may still be opened.
pub fn parts(gap: &Gap<'_>, opened: &Opened, room: &mut u32) -> Vec<Part> {
    if gap.count == 0 {
        return Vec::new();
    }
    let (first, last) = (gap.new, gap.new + (gap.count - 1));
    let open = match gap.count {
        1 => vec![(first, last)],
        _ => opened.within(first, last),
    };
    let mut parts = Vec::new();
    let mut next = first;
    for (from, to) in open {
        if *room == 0 {
            break;
        }
        if from > next {
            parts.push(Part::Hidden(next, from - 1));
        }
        let to = to.min(from + (*room - 1));
        *room -= to - from + 1;
        parts.extend((from..=to).map(|new| Part::Line(gap.old + (new - gap.new), new)));
        next = to + 1;
    }
    if next <= last {
        parts.push(Part::Hidden(next, last));
    }
    parts
}

/// Links to the hidden lines, if more may be opened.
pub fn hidden(
    gap: &Gap<'_>,
    (from, to): (u32, u32),
    opened: &Opened,
    room: u32,
    columns: u32,
) -> Piece {
    let (first, last) = (from == gap.new, to + 1 == gap.new + gap.count);
    let (above, below) = (!first || gap.above, !last || gap.below);
    let mut html = String::new();
    if room == 0 {
        write!(
            html,
            "Lines {from}–{to} stay hidden: {AT_MOST} opened lines are shown at most."
        )
        .expect("a string takes everything");
    } else if to - from < STEP * 2 {
        link(&mut html, from, to, opened, "");
    } else {
        if above {
            link(&mut html, from, from + STEP - 1, opened, "↓ ");
        }
        if below {
            link(&mut html, to - STEP + 1, to, opened, "↑ ");
        }
        if to - from < AT_ONCE {
            link(&mut html, from, to, opened, "All: ");
        }
    }
    if last && !gap.context.is_empty() {
        let context = crate::highlight::escape(gap.context);
        write!(html, "<code>{context}</code>").expect("a string takes everything");
    }
    note(columns, &html)
}

fn link(html: &mut String, from: u32, to: u32, opened: &Opened, mark: &str) {
    let more = opened.with(from, to);
    let lines = if from == to {
        format!("line {from}")
    } else {
        format!("lines {from}–{to}")
    };
    write!(
        html,
        "<a href=\"{OPEN_LINK}{more}\" data-noscroll aria-label=\"Show {lines}\">{mark}{lines}</a>"
    )
    .expect("a string takes everything");
}
