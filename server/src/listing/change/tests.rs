use app::api::{DiffLine, DiffLineKind, FileChange, FileDiff, Hunk, Piece};
use proptest::prelude::*;

use super::super::{Look, Opened, change_table};
use super::{Texts, change, moved};

/// A change made of `=` (kept), `-` and `+`, as git would tell it with three lines around; and the
/// texts before and after.
fn told(signs: &str) -> (FileDiff, Vec<String>, Vec<String>) {
    let (mut old, mut new) = (Vec::new(), Vec::new());
    let mut lines = Vec::new();
    for (place, sign) in signs.chars().enumerate() {
        let text = format!("{sign}{place}");
        let kind = match sign {
            '-' => DiffLineKind::Removed,
            '+' => DiffLineKind::Added,
            _ => DiffLineKind::Context,
        };
        let number = |side: &mut Vec<String>| {
            side.push(text.clone());
            u32::try_from(side.len()).unwrap()
        };
        lines.push(DiffLine {
            kind,
            old: (sign != '+').then(|| number(&mut old)),
            new: (sign != '-').then(|| number(&mut new)),
            text,
        });
    }
    let count =
        |kind| u32::try_from(lines.iter().filter(|line| line.kind == kind).count()).unwrap();
    let (additions, deletions) = (count(DiffLineKind::Added), count(DiffLineKind::Removed));
    let is_near = |place: usize| {
        let around = lines.iter().take(place + 4).skip(place.saturating_sub(3));
        around
            .clone()
            .any(|line| line.kind != DiffLineKind::Context)
    };
    let mut hunks: Vec<Hunk> = Vec::new();
    let mut is_inside = false;
    for (place, line) in lines.iter().enumerate() {
        if is_near(place) {
            if !is_inside {
                hunks.push(Hunk {
                    header: "@@ -1 +1 @@ fn main()".to_owned(),
                    lines: Vec::new(),
                });
            }
            hunks.last_mut().unwrap().lines.push(line.clone());
        }
        is_inside = is_near(place);
    }
    let file = FileDiff {
        path: "a".to_owned(),
        old_path: None,
        change: FileChange::Modified,
        mode: None,
        binary: false,
        additions,
        deletions,
        hunks,
    };
    (file, old, new)
}

fn rows(signs: &str, is_split: bool, opened: &str) -> Vec<Piece> {
    let (file, old, new) = told(signs);
    let texts = Texts {
        old: Some(old),
        new: Some(new),
        cut: None,
    };
    let Ok(opened) = opened.parse::<Opened>();
    let look = Look {
        is_split,
        has_links: true,
        opened: &opened,
    };
    change(&file, &texts, look)
}

/// The texts of the cells of a column, counted from the back, without empty ones.
fn column(pieces: &[Piece], from_back: usize) -> Vec<String> {
    let cell = |piece: &Piece| {
        let mut cells = piece.html.rsplit("<td class=\"code-text\"");
        let cell = cells.nth(from_back)?;
        let text = cell.split('>').nth(1)?.split('<').next()?;
        Some(text.to_owned()).filter(|text| !text.is_empty())
    };
    let lines = pieces
        .iter()
        .filter(|piece| !piece.html.contains("code-gap"));
    lines.filter_map(cell).collect()
}

#[test]
fn changes_stand_one_below_the_other_or_side_by_side() {
    let unified = rows("==--+==", false, "");
    assert_eq!(
        column(&unified, 0),
        ["=0", "=1", "-2", "-3", "+4", "=5", "=6"]
    );
    let numbers: Vec<u32> = unified.iter().map(|piece| piece.from).collect();
    assert_eq!(numbers, [1, 2, 0, 0, 3, 4, 5]);
    let split = rows("==--+==", true, "");
    assert_eq!(column(&split, 1), ["=0", "=1", "-2", "-3", "=5", "=6"]);
    assert_eq!(column(&split, 0), ["=0", "=1", "+4", "=5", "=6"]);
    let expected = "<tr id=\"L3\"><td class=\"code-number\">3</td>\
                    <td class=\"code-text\" data-kind=\"removed\">-2</td>\
                    <td class=\"code-number\"><a href=\"\u{1}3#comment-line\" data-noscroll \
                    draggable=\"false\" aria-label=\"Comment on line 3\">3</a></td>\
                    <td class=\"code-text\" data-kind=\"added\">+4</td></tr>";
    assert_eq!(split[2].html, expected);
}

#[test]
fn hidden_lines_are_opened_by_steps_or_all_at_once() {
    let signs = format!("{}+{}+{}", "=".repeat(5), "=".repeat(100), "=".repeat(4));
    let shown = rows(&signs, false, "");
    let gaps: Vec<&str> = shown
        .iter()
        .filter(|piece| piece.html.contains("code-gap"))
        .map(|piece| piece.html.as_str())
        .collect();
    assert_eq!(gaps.len(), 2);
    assert!(
        gaps[0].contains("Show lines 1–2\"") && gaps[0].contains("fn main()"),
        "{}",
        gaps[0]
    );
    for link in ["10-29", "84-103", "10-103"] {
        assert!(
            gaps[1].contains(&format!("\u{2}{link}\"")),
            "{link}: {}",
            gaps[1]
        );
    }
    let more = rows(&signs, false, "10-29");
    assert_eq!(more.len(), shown.len() + 20);
    assert!(
        more.iter()
            .any(|piece| piece.html.contains("\u{2}10-29,30-49\""))
    );
    assert_eq!(rows(&signs, false, "1-200").len(), signs.len());
}

#[test]
fn no_more_lines_are_opened_than_fit_and_large_gaps_have_no_link_to_all() {
    let signs = format!("+{}+", "=".repeat(30_000));
    let closed = rows(&signs, false, "");
    let gap = closed.iter().find(|piece| piece.html.contains("code-gap"));
    let gap = &gap.unwrap().html;
    assert!(
        gap.contains("↓ lines 5–24") && gap.contains("↑ lines"),
        "{gap}"
    );
    assert!(!gap.contains("All: "), "{gap}");
    let opened = rows(&signs, false, "1-4000000000");
    assert_eq!(opened.len(), 1 + 3 + 10_000 + 1 + 3 + 1);
    let hidden = opened.iter().find(|piece| piece.html.contains("code-gap"));
    assert!(
        hidden
            .unwrap()
            .html
            .contains("Lines 10005–29998 stay hidden"),
        "{hidden:?}"
    );
}

#[test]
fn lines_of_which_nothing_is_known_are_not_made_up() {
    let (file, old, new) = told(&format!("+{}+{}", "=".repeat(50), "=".repeat(50)));
    let Ok(opened) = "1-200".parse::<Opened>();
    for is_split in [false, true] {
        let texts = Texts {
            old: Some(old.clone()),
            new: Some(new[..20].to_vec()),
            cut: Some("Only the beginning.".to_owned()),
        };
        let look = Look {
            is_split,
            has_links: true,
            opened: &opened,
        };
        let pieces = change(&file, &texts, look);
        let words: Vec<&str> = pieces
            .iter()
            .filter(|piece| piece.html.contains("code-gap"))
            .map(|piece| piece.html.as_str())
            .collect();
        assert_eq!(words.len(), 2, "{words:#?}");
        assert!(
            words[0].contains("Lines 21–48 are not shown"),
            "{}",
            words[0]
        );
        assert!(words[1].contains("Only the beginning."), "{}", words[1]);
        assert_eq!(column(&pieces, 0).len(), 20 + 7);
    }
}

#[test]
fn a_change_without_links_has_none_and_says_what_its_lines_belong_to() {
    let (file, ..) = told("=====-=======");
    let table = change_table(&file);
    assert!(
        table.contains("-5") && table.contains("<code>fn main()</code>"),
        "{table}"
    );
    assert!(
        !table.contains(['\u{1}', '\u{2}']) && !table.contains("<a "),
        "{table}"
    );
    let (large, ..) = told(&"+".repeat(2_000));
    assert!(change_table(&large).contains("A large change of 2000 lines"));
}

#[test]
fn a_large_change_waits_until_it_is_wanted() {
    let signs = "+".repeat(1_500);
    let closed = rows(&signs, false, "");
    assert_eq!(closed.len(), 1);
    assert!(closed[0].html.contains("\u{2}all\""), "{}", closed[0].html);
    assert_eq!(rows(&signs, false, "all").len(), 1_500);
}

#[test]
fn lines_are_found_again_unless_they_were_touched() {
    let (file, ..) = told("==+==-==");
    let at = |from, to| moved(Some(&file), from, to);
    assert_eq!(at(1, 2), Some((1, 2)));
    assert_eq!(at(3, 4), Some((4, 5)));
    assert_eq!(at(2, 3), None, "something was put in between");
    assert_eq!(at(5, 5), None, "it is gone");
    assert_eq!(at(6, 7), Some((6, 7)));
    assert_eq!(moved(None, 3, 4), Some((3, 4)));
}

#[test]
fn what_lies_behind_the_known_part_of_a_change_is_not_found_again() {
    let (mut file, ..) = told("===+==-==========+=====");
    file.hunks.pop();
    let at = |line| moved(Some(&file), line, line);
    assert_eq!(at(3), Some((3, 3)));
    assert_eq!(at(8), Some((8, 8)));
    assert_eq!(at(10), None, "lines may have been put before it");
}

proptest! {
    #[test]
    fn all_lines_of_both_versions_are_there_once_everything_is_opened(signs in "(={0,9}[-+=]{0,6}){0,6}") {
        let (_, old, new) = told(&signs);
        let split = rows(&signs, true, "1-9999");
        prop_assert_eq!(column(&split, 1), old.clone());
        prop_assert_eq!(column(&split, 0), new.clone());
        let unified = rows(&signs, false, "1-9999");
        let both: Vec<String> = signs.chars().enumerate().map(|(place, sign)| format!("{sign}{place}")).collect();
        let mut shown = column(&unified, 0);
        shown.sort();
        let mut expected = both;
        expected.sort();
        prop_assert_eq!(shown, expected);
        let numbered: Vec<u32> = unified.iter().map(|piece| piece.from).filter(|line| *line > 0).collect();
        prop_assert_eq!(numbered, (1..=u32::try_from(new.len()).unwrap()).collect::<Vec<_>>());
    }

    #[test]
    fn a_line_that_is_found_again_says_the_same(signs in "(={0,9}[-+=]{0,6}){0,6}", line in 1_u32..40) {
        let (file, old, new) = told(&signs);
        prop_assume!(old.len() >= line as usize);
        let file = (!file.hunks.is_empty()).then_some(&file);
        let kept = old[line as usize - 1].starts_with('=');
        let found = moved(file, line, line);
        prop_assert_eq!(found.is_some(), kept);
        if let Some((now, _)) = found {
            prop_assert_eq!(&new[now as usize - 1], &old[line as usize - 1]);
        }
    }
}
