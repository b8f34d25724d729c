//! Files and changes as rows of HTML, with a link at each line and links to the lines that are not
//! shown. The page only puts them where they belong.
//!
//! Two signs that no text can contain stand for what only the page knows: [`LINE_LINK`] for the
//! address that chooses the line whose number follows, [`OPEN_LINK`] for the address that shows the
//! lines that follow.

mod change;
mod gap;

use std::fmt::{self, Write as _};
use std::str::FromStr;

use app::api::{FileDiff, LINE_LINK, OPEN_LINK, Piece};

pub use change::{Texts, change, moved};

/// So many lines of a file are shown at first.
const AT_FIRST: usize = 1_000;
/// The most lines that are shown at all.
const AT_MOST: usize = 10_000;
/// The most places of an address that are read.
const MOST_RANGES: usize = 100;

/// How a change is shown.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// Both versions side by side.
    pub is_split: bool,
    /// Whether the page has something at the addresses of lines and of what is hidden.
    pub has_links: bool,
    pub opened: &'a Opened,
}

/// What is shown beyond what is shown anyway.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// A file that is too large to be shown by itself.
    pub all: bool,
    /// Lines, first and last, by their new numbers.
    pub ranges: Vec<(u32, u32)>,
    /// Lines that are shown because they are talked about.
    pub seen: Vec<(u32, u32)>,
}

impl Opened {
    /// What is open of these lines, in order and without overlaps.
    fn within(&self, first: u32, last: u32) -> Vec<(u32, u32)> {
        let ranges = self.ranges.iter().chain(&self.seen);
        let mut within: Vec<(u32, u32)> = ranges
            .map(|(from, to)| ((*from).max(first), (*to).min(last)))
            .filter(|(from, to)| from <= to)
            .collect();
        within.sort_unstable();
        within.dedup_by(|later, earlier| {
            let overlaps = later.0 <= earlier.1;
            earlier.1 = if overlaps {
                earlier.1.max(later.1)
            } else {
                earlier.1
            };
            overlaps
        });
        within
    }

    /// The same with more lines.
    #[must_use]
    pub fn with(&self, from: u32, to: u32) -> Self {
        let mut more = self.clone();
        more.ranges.push((from, to));
        more
    }
}

/// `all`, or `10-40`, with commas between several.
impl FromStr for Opened {
    type Err = std::convert::Infallible;

    /// Whatever can't be read opens nothing.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut opened = Self::default();
        for part in text.split(',').take(MOST_RANGES) {
            let range = part
                .split_once('-')
                .and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
            opened.all |= part == "all";
            opened.ranges.extend(range);
        }
        Ok(opened)
    }
}

impl fmt::Display for Opened {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.all.then(|| "all".to_owned());
        let ranges = self.ranges.iter().map(|(from, to)| format!("{from}-{to}"));
        let parts: Vec<String> = all.into_iter().chain(ranges).collect();
        formatter.write_str(&parts.join(","))
    }
}

/// A file's lines, as [`crate::highlight`] gives them. `cut` says, as HTML, that they are only its
/// beginning.
pub fn source(lines: &[String], opened: &Opened, cut: Option<&str>) -> Vec<Piece> {
    let limit = if opened.all { AT_MOST } else { AT_FIRST };
    let row = |(number, html): (u32, &String)| {
        let mut row = String::with_capacity(html.len() + 120);
        write!(row, "<tr id=\"L{number}\">").expect("a string takes everything");
        number_cell(&mut row, Some(number), true);
        write!(row, "<td class=\"code-text\">{html}</td></tr>").expect("a string takes everything");
        Piece::line(number, row)
    };
    let mut pieces: Vec<Piece> = (1..).zip(lines).take(limit).map(row).collect();
    let total = lines.len();
    if total > AT_FIRST && !opened.all {
        let most = total.min(AT_MOST);
        let of = match cut {
            Some(_) => "lines".to_owned(),
            None => format!("of the {total} lines"),
        };
        let link = format!("<a href=\"{OPEN_LINK}all\" data-noscroll>Show {most} {of}</a>");
        pieces.push(note(2, &link));
    } else if total > AT_MOST {
        pieces.push(note(2, &only_first(total, cut)));
    } else if let Some(words) = cut {
        pieces.push(note(2, words));
    }
    pieces
}

fn only_first(total: usize, cut: Option<&str>) -> String {
    match cut {
        Some(_) => format!("Only the first {AT_MOST} lines are shown."),
        None => format!("Only the first {AT_MOST} of {total} lines are shown."),
    }
}

/// A file as a table that nothing is put between, without links. `cut` as in [`source`].
pub fn table(lines: &[String], cut: Option<&str>) -> String {
    let mut html = "<table class=\"code\"><tbody>".to_owned();
    for (number, line) in (1..).zip(lines).take(AT_MOST) {
        html.push_str("<tr>");
        number_cell(&mut html, Some(number), false);
        write!(html, "<td class=\"code-text\">{line}</td></tr>")
            .expect("a string takes everything");
    }
    if lines.len() > AT_MOST {
        html.push_str(&note(2, &only_first(lines.len(), cut)).html);
    } else if let Some(words) = cut {
        html.push_str(&note(2, words).html);
    }
    html.push_str("</tbody></table>");
    html
}

/// A change as such a table.
pub fn change_table(file: &FileDiff) -> String {
    let look = Look {
        is_split: false,
        has_links: false,
        opened: &Opened::default(),
    };
    let pieces = change(file, &Texts::default(), look);
    let rows: String = pieces.into_iter().map(|piece| piece.html).collect();
    format!("<table class=\"code\"><tbody>{rows}</tbody></table>")
}

/// A cell with a line's number, which leads to a comment on it if that is possible.
fn number_cell(row: &mut String, number: Option<u32>, is_link: bool) {
    match number {
        None => write!(row, "<td class=\"code-number\"></td>"),
        Some(number) if is_link => write!(
            row,
            "<td class=\"code-number\"><a href=\"{LINE_LINK}{number}#comment-line\" \
             data-noscroll draggable=\"false\" aria-label=\"Comment on line {number}\">{number}</a></td>"
        ),
        Some(number) => write!(row, "<td class=\"code-number\">{number}</td>"),
    }
    .expect("a string takes everything");
}

fn note(columns: u32, html: &str) -> Piece {
    let row = format!("<tr class=\"code-gap\"><td colspan=\"{columns}\">{html}</td></tr>");
    Piece::aside(row)
}

#[cfg(test)]
mod tests {
    use super::{Opened, source, table};

    fn opened(text: &str) -> Opened {
        let Ok(opened) = text.parse();
        opened
    }

    #[test]
    fn what_is_opened_is_written_as_it_is_read() {
        for text in ["", "all", "10-40", "all,1-2,80-100"] {
            assert_eq!(opened(text).to_string(), text);
        }
        assert_eq!(opened("x,1-,3,-4,5-6").to_string(), "5-6");
    }

    #[test]
    fn a_long_file_is_shown_on_demand_and_a_very_long_one_in_part() {
        let lines = vec!["x".to_owned(); 1_200];
        assert_eq!(
            source(&lines[..1_000], &Opened::default(), None).len(),
            1_000
        );
        let first = source(&lines, &Opened::default(), None);
        assert_eq!(first.len(), 1_001);
        assert!(first[1_000].html.contains("Show 1200 of the 1200 lines"));
        assert_eq!(source(&lines, &opened("all"), None).len(), 1_200);
        let lines = vec!["x".to_owned(); 12_000];
        let all = source(&lines, &opened("all"), None);
        assert_eq!(all.len(), 10_001);
        assert!(all[10_000].html.contains("Only the first 10000 of 12000"));
        assert!(table(&lines, None).contains("Only the first 10000 of 12000"));
    }

    #[test]
    fn a_file_of_which_only_the_beginning_is_known_says_so() {
        let lines = vec!["x".to_owned(); 12_000];
        let of = |count: usize, open: &str| {
            let pieces = source(&lines[..count], &opened(open), Some("Only 512 KiB."));
            pieces.last().unwrap().html.clone()
        };
        assert!(of(900, "").contains("Only 512 KiB."));
        assert!(
            of(1_200, "").contains("Show 1200 lines</a>"),
            "not how many there are"
        );
        assert!(of(1_200, "all").contains("Only 512 KiB."));
        assert!(of(12_000, "all").contains("Only the first 10000 lines"));
        assert!(table(&lines[..9], Some("Only 512 KiB.")).contains("Only 512 KiB."));
    }

    #[test]
    fn what_is_opened_is_put_together() {
        let within = opened("5-9,1-2,8-12,30-40,7-3").within(2, 35);
        assert_eq!(within, [(2, 2), (5, 12), (30, 35)]);
    }
}
