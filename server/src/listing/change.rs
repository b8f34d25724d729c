//! The changes to a file, one below the other or side by side.

use std::fmt::Write as _;

use app::api::{DiffLine, DiffLineKind, FileDiff, Hunk, OPEN_LINK, Piece};

use super::gap::{self, Gap, Part};
use super::{AT_MOST, Look, note, number_cell};
use crate::highlight::escape;

/// A change of more lines is shown on demand.
const LARGE: usize = 1_000;

/// The lines of both versions as HTML; none if a version can't be had as text.
#[derive(Clone, Debug, Default)]
pub struct Texts {
    pub old: Option<Vec<String>>,
    pub new: Option<Vec<String>>,
    /// Says, as HTML, that the lines are only the beginning of the new version.
    pub cut: Option<String>,
}

impl Texts {
    fn html(&self, line: &DiffLine) -> String {
        let of = |lines: &Option<Vec<String>>, number: Option<u32>| {
            let place = (number? as usize).checked_sub(1)?;
            lines.as_ref()?.get(place).cloned()
        };
        let known = match line.kind {
            DiffLineKind::Removed => of(&self.old, line.old),
            DiffLineKind::Added | DiffLineKind::Context => of(&self.new, line.new),
        };
        known.unwrap_or_else(|| escape(&line.text))
    }

    fn total(&self) -> Option<u32> {
        u32::try_from(self.new.as_ref()?.len()).ok()
    }
}

/// The rows of a change.
pub fn change(file: &FileDiff, texts: &Texts, look: Look<'_>) -> Vec<Piece> {
    let mut sheet = Sheet {
        texts,
        look,
        pieces: Vec::new(),
        removed: Vec::new(),
        added: Vec::new(),
        room: u32::try_from(AT_MOST).unwrap_or(u32::MAX),
    };
    let count: usize = file.hunks.iter().map(|hunk| hunk.lines.len()).sum();
    if count > LARGE && !look.opened.all {
        let most = count.min(AT_MOST);
        if !look.has_links {
            let words = format!("A large change of {most} lines: the patch has them.");
            return vec![note(sheet.columns(), &words)];
        }
        let words = format!(
            "A large change. <a href=\"{OPEN_LINK}all\" data-noscroll>Show its {most} lines</a>"
        );
        return vec![note(sheet.columns(), &words)];
    }
    // The next line of each version, and whether the change is known to its end.
    let (mut old, mut new) = (1, 1);
    for (place, hunk) in file.hunks.iter().enumerate() {
        let Some(count) = distance(hunk, old, new) else {
            continue;
        };
        sheet.gap(&Gap {
            old,
            new,
            count,
            context: context_of(&hunk.header),
            above: place > 0,
            below: true,
        });
        (old, new) = (old + count, new + count);
        for line in &hunk.lines {
            sheet.line(line);
            old += u32::from(line.old.is_some());
            new += u32::from(line.new.is_some());
        }
        sheet.flush();
    }
    if !is_whole(file) {
        let words = "Only the beginning of this change is shown.";
        sheet.pieces.push(note(sheet.columns(), words));
    } else if let Some(total) = texts.total() {
        sheet.gap(&Gap {
            old,
            new,
            count: (total + 1).saturating_sub(new),
            context: "",
            above: true,
            below: false,
        });
        if let Some(words) = &texts.cut {
            sheet.pieces.push(note(sheet.columns(), words));
        }
    }
    sheet.pieces
}

/// How many lines lie between the given ones and the hunk; nothing if it has no lines or lies
/// before them.
fn distance(hunk: &Hunk, old: u32, new: u32) -> Option<u32> {
    let first = hunk.lines.first()?;
    match (first.new, first.old) {
        (Some(number), _) => number.checked_sub(new),
        (None, Some(number)) => number.checked_sub(old),
        (None, None) => None,
    }
}

/// `fn main()` of `@@ -3,7 +4,8 @@ fn main()`.
fn context_of(header: &str) -> &str {
    let mut parts = header.splitn(3, "@@");
    parts.nth(2).unwrap_or_default().trim()
}

/// Rows in the making.
struct Sheet<'a> {
    texts: &'a Texts,
    look: Look<'a>,
    pieces: Vec<Piece>,
    /// Lines that wait for their other side.
    removed: Vec<&'a DiffLine>,
    added: Vec<&'a DiffLine>,
    /// How many hidden lines may still be opened.
    room: u32,
}

impl<'a> Sheet<'a> {
    const fn columns(&self) -> u32 {
        if self.look.is_split { 4 } else { 3 }
    }

    fn gap(&mut self, gap: &Gap<'_>) {
        let texts = self.texts;
        let Some(lines) = texts.new.as_ref() else {
            if gap.count > 0 && !gap.context.is_empty() {
                let context = format!("<code>{}</code>", escape(gap.context));
                self.pieces.push(note(self.columns(), &context));
            }
            return;
        };
        // Of a file that is cut, what comes later can't be opened.
        let known = u32::try_from(lines.len()).unwrap_or(u32::MAX);
        let known = (known + 1).saturating_sub(gap.new).min(gap.count);
        let within = Gap {
            count: known,
            ..*gap
        };
        let (opened, columns) = (self.look.opened, self.columns());
        for part in gap::parts(&within, opened, &mut self.room) {
            match part {
                Part::Line(old, new) => {
                    if let Some(html) = lines.get(new as usize - 1) {
                        self.pieces.push(self.context(old, new, html));
                    }
                }
                Part::Hidden(from, to) => {
                    let row = gap::hidden(&within, (from, to), opened, self.room, columns);
                    self.pieces.push(row);
                }
            }
        }
        if known < gap.count {
            let (from, to) = (gap.new + known, gap.new + gap.count - 1);
            let words = format!("Lines {from}–{to} are not shown: the file is too large.");
            self.pieces.push(note(columns, &words));
        }
    }

    fn line(&mut self, line: &'a DiffLine) {
        match (line.kind, line.old, line.new) {
            (DiffLineKind::Removed, ..) => {
                // Lines that are removed after others were added belong to the next pair.
                if !self.added.is_empty() {
                    self.flush();
                }
                self.removed.push(line);
            }
            (DiffLineKind::Added, ..) => self.added.push(line),
            (DiffLineKind::Context, Some(old), Some(new)) => {
                self.flush();
                let html = self.texts.html(line);
                self.pieces.push(self.context(old, new, &html));
            }
            (DiffLineKind::Context, ..) => {}
        }
    }

    fn context(&self, old: u32, new: u32, html: &str) -> Piece {
        let mut row = format!("<tr id=\"L{new}\">");
        number_cell(&mut row, Some(old), false);
        if self.look.is_split {
            write!(row, "<td class=\"code-text\">{html}</td>").expect("a string takes everything");
        }
        number_cell(&mut row, Some(new), self.look.has_links);
        write!(row, "<td class=\"code-text\">{html}</td></tr>").expect("a string takes everything");
        Piece::line(new, row)
    }

    /// Writes the lines that were waiting.
    fn flush(&mut self) {
        let (removed, added) = (
            std::mem::take(&mut self.removed),
            std::mem::take(&mut self.added),
        );
        if self.look.is_split {
            let rows = removed.len().max(added.len());
            for place in 0..rows {
                let piece = self.pair(removed.get(place).copied(), added.get(place).copied());
                self.pieces.push(piece);
            }
        } else {
            for line in removed.into_iter().chain(added) {
                let piece = self.changed(line);
                self.pieces.push(piece);
            }
        }
    }

    fn changed(&self, line: &DiffLine) -> Piece {
        let mut row = format!("<tr data-kind=\"{}\"", line.kind);
        if let Some(new) = line.new {
            write!(row, " id=\"L{new}\"").expect("a string takes everything");
        }
        row.push('>');
        number_cell(&mut row, line.old, false);
        number_cell(&mut row, line.new, self.look.has_links);
        let html = self.texts.html(line);
        write!(row, "<td class=\"code-text\">{html}</td></tr>").expect("a string takes everything");
        piece_of(line.new, row)
    }

    fn pair(&self, removed: Option<&DiffLine>, added: Option<&DiffLine>) -> Piece {
        let new = added.and_then(|line| line.new);
        let mut row = "<tr".to_owned();
        if let Some(new) = new {
            write!(row, " id=\"L{new}\"").expect("a string takes everything");
        }
        row.push('>');
        for (line, is_new) in [(removed, false), (added, true)] {
            let number = line.and_then(|line| if is_new { line.new } else { line.old });
            number_cell(&mut row, number, is_new && self.look.has_links);
            match line {
                Some(line) => write!(
                    row,
                    "<td class=\"code-text\" data-kind=\"{}\">{}</td>",
                    line.kind,
                    self.texts.html(line)
                ),
                None => write!(row, "<td class=\"code-text\" data-kind=\"none\"></td>"),
            }
            .expect("a string takes everything");
        }
        row.push_str("</tr>");
        piece_of(new, row)
    }
}

fn piece_of(line: Option<u32>, row: String) -> Piece {
    match line {
        Some(line) => Piece::line(line, row),
        None => Piece::aside(row),
    }
}

/// Whether all lines of a change are known: of a very long one only the first are.
fn is_whole(file: &FileDiff) -> bool {
    let lines = file.hunks.iter().flat_map(|hunk| &hunk.lines);
    let changed = lines.filter(|line| line.kind != DiffLineKind::Context);
    changed.count() as u64 >= u64::from(file.additions) + u64::from(file.deletions)
}

/// Where lines of the old version are in the new one; nothing if any of them was changed, something
/// was put between them, or that is not known.
pub fn moved(file: Option<&FileDiff>, from: u32, to: u32) -> Option<(u32, u32)> {
    let Some(file) = file else {
        return Some((from, to));
    };
    if file.hunks.is_empty() && !file.binary && file.additions + file.deletions == 0 {
        // Only its name or its mode.
        return Some((from, to));
    }
    if file.binary || file.hunks.is_empty() {
        return None;
    }
    let (mut shift, mut end) = (0_i64, 1);
    for hunk in &file.hunks {
        // The old line that an added one stands before.
        let mut next = hunk.lines.iter().find_map(|line| line.old).unwrap_or(1);
        for line in &hunk.lines {
            match line.kind {
                DiffLineKind::Removed if line.old.is_some_and(|old| (from..=to).contains(&old)) => {
                    return None;
                }
                DiffLineKind::Added if next > from && next <= to => return None,
                DiffLineKind::Removed if next < from => shift -= 1,
                DiffLineKind::Added if next <= from => shift += 1,
                DiffLineKind::Context | DiffLineKind::Removed | DiffLineKind::Added => {}
            }
            if let Some(old) = line.old {
                next = old + 1;
            }
        }
        end = next;
    }
    if to >= end && !is_whole(file) {
        return None;
    }
    let shifted = |line: u32| u32::try_from(i64::from(line) + shift).ok();
    Some((shifted(from)?, shifted(to)?))
}

#[cfg(test)]
mod tests;
