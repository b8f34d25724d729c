//! The lines between the changes: hidden until they are asked for.

use std::fmt::Write as _;

use app::api::{OPEN_LINK, Piece};

use super::{Opened, note};

/// So many lines are opened with one step.
const STEP: u32 = 20;

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
pub fn parts(gap: &Gap<'_>, opened: &Opened) -> Vec<Part> {
    let mut parts = Vec::new();
    for step in 0..gap.count {
        let (old, new) = (gap.old + step, gap.new + step);
        if opened.has(new) || gap.count == 1 {
            parts.push(Part::Line(old, new));
            continue;
        }
        match parts.last_mut() {
            Some(Part::Hidden(_, to)) => *to = new,
            _ => parts.push(Part::Hidden(new, new)),
        }
    }
    parts
}

/// Links to the hidden lines.
pub fn hidden(gap: &Gap<'_>, from: u32, to: u32, opened: &Opened, columns: u32) -> Piece {
    let (first, last) = (from == gap.new, to + 1 == gap.new + gap.count);
    let (above, below) = (!first || gap.above, !last || gap.below);
    let mut html = String::new();
    if to - from < STEP * 2 {
        link(&mut html, from, to, opened, "");
    } else {
        if above {
            link(&mut html, from, from + STEP - 1, opened, "↓ ");
        }
        if below {
            link(&mut html, to - STEP + 1, to, opened, "↑ ");
        }
        link(&mut html, from, to, opened, "All: ");
    }
    if last && !gap.context.is_empty() {
        let context = crate::highlight::escape(gap.context);
        let _ = write!(html, "<code>{context}</code>");
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
    let _ = write!(
        html,
        "<a href=\"{OPEN_LINK}{more}\" data-noscroll aria-label=\"Show {lines}\">{mark}{lines}</a>"
    );
}
