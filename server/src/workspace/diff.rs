//! Reading what `git diff` prints. Pure.
//!
//! Names, counts and kinds of change come from the NUL-separated lists, which need no unquoting;
//! the patch only adds the lines, section by section in the same order.

use app::api::{Diff, DiffLine, DiffLineKind, FileChange, FileDiff, Hunk};

/// The most files that are listed.
const MAX_FILES: usize = 1_000;
/// The most lines that are shown, of one file and of all.
const MAX_FILE_LINES: usize = 5_000;
const MAX_LINES: usize = 30_000;
/// The most characters of a line that are shown.
const MAX_LINE_CHARS: usize = 2_000;

/// `names` is the output of `--raw --numstat -z`, `patch` that of `--patch`.
pub fn parse(names: &[u8], patch: &str) -> Diff {
    let mut files = parse_names(names);
    let mut truncated = files.len() > MAX_FILES;
    files.truncate(MAX_FILES);
    let mut room = MAX_LINES;
    let mut sections = sections(patch);
    for (file, parts) in &mut files {
        for section in sections.by_ref().take(*parts) {
            truncated |= fill(file, section, &mut room);
        }
    }
    Diff {
        base: String::new(),
        head: String::new(),
        files: files.into_iter().map(|(file, _)| file).collect(),
        truncated,
    }
}

/// The files, each with the number of its sections in the patch.
fn parse_names(names: &[u8]) -> Vec<(FileDiff, usize)> {
    let mut fields = names.split(|byte| *byte == 0).map(String::from_utf8_lossy);
    let mut files: Vec<(FileDiff, usize)> = Vec::new();
    let mut counted = 0;
    while let Some(field) = fields.next() {
        if let Some(raw) = field.strip_prefix(':') {
            let letter = raw
                .rsplit(' ')
                .next()
                .and_then(|status| status.chars().next());
            let Some(first) = fields.next() else { break };
            let renamed = matches!(letter, Some('R' | 'C'));
            let second = if renamed { fields.next() } else { None };
            // A file that became a link, or the other way round, is shown as removed and added.
            let parts = if letter == Some('T') { 2 } else { 1 };
            let mut file = file(letter, &first, second.as_deref());
            file.mode = mode_of(raw);
            files.push((file, parts));
        } else if let Some((additions, rest)) = field.split_once('\t') {
            let Some((deletions, path)) = rest.split_once('\t') else {
                continue;
            };
            if path.is_empty() {
                // A rename: both names follow as fields of their own.
                fields.next();
                fields.next();
            }
            if let Some((file, _)) = files.get_mut(counted) {
                file.binary = additions == "-";
                file.additions = additions.parse().unwrap_or(0);
                file.deletions = deletions.parse().unwrap_or(0);
            }
            counted += 1;
        }
    }
    files
}

fn file(letter: Option<char>, first: &str, second: Option<&str>) -> FileDiff {
    let change = match letter {
        Some('A' | 'C') => FileChange::Added,
        Some('D') => FileChange::Deleted,
        Some('R') => FileChange::Renamed,
        _ => FileChange::Modified,
    };
    FileDiff {
        path: second.unwrap_or(first).to_owned(),
        old_path: second.map(|_| first.to_owned()),
        change,
        mode: None,
        binary: false,
        additions: 0,
        deletions: 0,
        hunks: Vec::new(),
    }
}

/// The modes of `100644 100755 1a2b 3c4d M`, if a file has another one now.
fn mode_of(raw: &str) -> Option<String> {
    let mut modes = raw.split(' ');
    let (before, after) = (modes.next()?, modes.next()?);
    let is_none = |mode: &str| mode.bytes().all(|digit| digit == b'0');
    let differs = before != after && !is_none(before) && !is_none(after);
    differs.then(|| format!("{before} {after}"))
}

/// The parts of a patch, one per file. Inside a hunk every line begins with ` `, `+`, `-` or `\`,
/// so that a line beginning with `diff --git` is always a header.
fn sections(patch: &str) -> impl Iterator<Item = &str> {
    let starts = std::iter::once(0).filter(|_| patch.starts_with("diff --git "));
    let rest = patch.match_indices("\ndiff --git ").map(|(at, _)| at + 1);
    let starts: Vec<usize> = starts.chain(rest).collect();
    let ends: Vec<usize> = starts
        .iter()
        .skip(1)
        .copied()
        .chain([patch.len()])
        .collect();
    starts
        .into_iter()
        .zip(ends)
        .map(|(start, end)| &patch[start..end])
}

/// Adds the section's lines to the file; tells whether some were left out.
fn fill(file: &mut FileDiff, section: &str, room: &mut usize) -> bool {
    let mut here = MAX_FILE_LINES.min(*room);
    let (mut old, mut new) = (0, 0);
    let header_ends = file.hunks.len();
    for line in section.split('\n') {
        if let Some(header) = line.strip_prefix("@@ ") {
            (old, new) = starts_of(header);
            file.hunks.push(Hunk {
                header: shorten(line),
                lines: Vec::new(),
            });
            continue;
        }
        let Some(hunk) = file.hunks.get_mut(header_ends..).and_then(<[_]>::last_mut) else {
            continue;
        };
        let Some((kind, text)) = classify(line) else {
            continue;
        };
        if here == 0 {
            return true;
        }
        here -= 1;
        *room -= 1;
        let (old_number, new_number) = match kind {
            DiffLineKind::Context => (Some(old), Some(new)),
            DiffLineKind::Added => (None, Some(new)),
            DiffLineKind::Removed => (Some(old), None),
        };
        old += u32::from(old_number.is_some());
        new += u32::from(new_number.is_some());
        hunk.lines.push(DiffLine {
            kind,
            old: old_number,
            new: new_number,
            text: shorten(text),
        });
    }
    false
}

fn classify(line: &str) -> Option<(DiffLineKind, &str)> {
    let kind = match line.bytes().next()? {
        b' ' => DiffLineKind::Context,
        b'+' => DiffLineKind::Added,
        b'-' => DiffLineKind::Removed,
        _ => return None,
    };
    Some((kind, &line[1..]))
}

/// The first line numbers of `-3,7 +4,8 @@ fn main()`.
fn starts_of(header: &str) -> (u32, u32) {
    let number = |part: Option<&str>| {
        let part = part?.trim_start_matches(['-', '+']);
        part.split(',').next()?.parse().ok()
    };
    let mut parts = header.split(' ');
    let old = number(parts.next()).unwrap_or(0);
    (old, number(parts.next()).unwrap_or(0))
}

fn shorten(line: &str) -> String {
    let line = line.strip_suffix('\r').unwrap_or(line);
    match line.char_indices().nth(MAX_LINE_CHARS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

/// Whether the end of a line is missing: it is longer than is shown.
pub fn is_cut(line: &str) -> bool {
    line.ends_with('…') && line.chars().nth(MAX_LINE_CHARS).is_some()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn renames_keep_their_old_name_and_counts_find_their_file() {
        let names = b":100644 100644 a b R090\0old name.md\0new\nname.md\0\
                      :000000 100644 0 c A\0b.txt\0\
                      1\t2\t\0old name.md\0new\nname.md\0\
                      3\t0\tb.txt\0";
        let patch = "diff --git a/x b/y\n@@ -1,2 +1 @@\n-a\n-b\n+c\n\
                     diff --git a/b.txt b/b.txt\n@@ -0,0 +1,3 @@\n+1\n+2\n+diff --git is no header\n";
        let diff = parse(names, patch);
        assert_eq!(diff.files[0].path, "new\nname.md");
        assert_eq!(diff.files[0].old_path.as_deref(), Some("old name.md"));
        assert_eq!((diff.files[0].additions, diff.files[0].deletions), (1, 2));
        assert_eq!(
            (diff.files[1].additions, diff.files[1].change),
            (3, FileChange::Added)
        );
        assert_eq!(diff.files[1].hunks[0].lines[2].new, Some(3));
    }

    #[test]
    fn a_file_that_became_a_link_leaves_the_others_their_lines() {
        let names = b":100644 120000 a b T\0a\0:100644 100644 a b M\0b\0\
                      1\t2\ta\0\
                      1\t1\tb\0";
        let patch = "diff --git a/a b/a\ndeleted file mode 100644\n--- a/a\n+++ /dev/null\n\
                     @@ -1,2 +0,0 @@\n-one\n-two\n\
                     diff --git a/a b/a\nnew file mode 120000\n--- /dev/null\n+++ b/a\n\
                     @@ -0,0 +1 @@\n+target\n\
                     diff --git a/b b/b\n@@ -1 +1 @@\n-before\n+after\n";
        let diff = parse(names, patch);
        let texts = |file: usize| -> Vec<_> {
            let lines = diff.files[file].hunks.iter().flat_map(|hunk| &hunk.lines);
            lines.map(|line| line.text.as_str()).collect()
        };
        assert_eq!(diff.files[0].mode.as_deref(), Some("100644 120000"));
        assert_eq!(diff.files[1].mode, None);
        assert_eq!(texts(0), ["one", "two", "target"]);
        assert_eq!(texts(1), ["before", "after"]);
    }

    proptest! {
        #[test]
        fn any_output_is_read_without_a_panic(names in any::<Vec<u8>>(), patch in any::<String>()) {
            parse(&names, &patch);
        }

        #[test]
        fn any_patch_like_text_is_read_without_a_panic(patch in "(diff --git a b\n|@@ -[0-9,]{0,6} [+][0-9]{0,9} @@\n|[ +-][a-zé]{0,3}\n){0,20}") {
            parse(b":1 1 a b M\0x\0", &patch);
        }
    }
}
