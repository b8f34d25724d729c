use app::api::{DiffLineKind, FileChange, FileDiff};
use proptest::prelude::*;

use super::*;
use crate::vault::SecretName;

/// Put together here, so that nobody's scanner takes this file for a leak.
fn key(lines: usize) -> Vec<String> {
    let body = "Zk3vQ9xT7bLm2RwYc8Jn5HdPs4GfUa6EoK1iBtXeZk3vQ9xT7bLm2RwYc8Jn5HdP";
    let title = |word: &str| format!("-----{word} RSA {} KEY-----", "PRIVATE");
    let mut key = vec![title("BEGIN")];
    key.extend(vec![body.to_owned(); lines]);
    key.push(title("END"));
    key
}

fn knowing(value: &str) -> Redactor {
    let name: SecretName = "DB".parse().unwrap();
    Redactor::new([(&name, value.as_bytes())])
}

/// A change of lines that begin with their sign.
fn hunk(lines: &[String]) -> Hunk {
    let (mut old, mut new) = (0, 0);
    let lines = lines.iter().map(|line| {
        let (kind, has_old, has_new) = match line.as_bytes().first() {
            Some(b'-') => (DiffLineKind::Removed, true, false),
            Some(b'+') => (DiffLineKind::Added, false, true),
            _ => (DiffLineKind::Context, true, true),
        };
        old += u32::from(has_old);
        new += u32::from(has_new);
        DiffLine {
            kind,
            old: has_old.then_some(old),
            new: has_new.then_some(new),
            text: line[1..].to_owned(),
        }
    });
    Hunk {
        header: "@@ -1,9 +1,9 @@ fn main()".to_owned(),
        lines: lines.collect(),
    }
}

fn shown(redactor: &Redactor, hunk: Hunk) -> (String, Vec<String>) {
    let file = FileDiff {
        path: "a".to_owned(),
        old_path: None,
        change: FileChange::Modified,
        mode: None,
        binary: false,
        additions: 0,
        deletions: 0,
        hunks: vec![hunk],
    };
    let mut diff = Diff {
        files: vec![file],
        ..Diff::default()
    };
    redactor.redact_diff(&mut diff);
    let hunk = diff.files.remove(0).hunks.remove(0);
    (
        hunk.header,
        hunk.lines.into_iter().map(|line| line.text).collect(),
    )
}

fn signed(sign: char, lines: &[String]) -> Vec<String> {
    lines.iter().map(|line| format!("{sign}{line}")).collect()
}

fn content(text: &str, truncated: bool) -> FileContent {
    FileContent {
        size: text.len() as u64,
        text: Some(text.to_owned()),
        truncated,
        sha256: None,
    }
}

#[test]
fn a_key_over_several_lines_is_hidden_in_either_version_of_a_change() {
    let redactor = Redactor::default();
    let mut lines = vec![" before".to_owned()];
    // Both keys of a change, with lines of the other version between theirs.
    for (old, new) in key(3).iter().zip(key(3)) {
        lines.extend([format!("-{old}"), format!("+{new}")]);
    }
    lines.push(" after".to_owned());
    let (_, texts) = shown(&redactor, hunk(&lines));
    assert_eq!(texts.len(), lines.len());
    assert_eq!((texts[0].as_str(), texts[11].as_str()), ("before", "after"));
    assert!(
        texts[1..11].iter().all(|text| text == "[redacted]"),
        "{texts:#?}"
    );
}

#[test]
fn a_key_that_begins_before_a_hunk_or_ends_after_it_is_hidden() {
    let redactor = Redactor::default();
    let key = key(6);
    let mut lines = signed(' ', &key[5..]);
    lines.extend(["+after".to_owned(), " more".to_owned()]);
    let (_, texts) = shown(&redactor, hunk(&lines));
    assert_eq!(
        texts,
        ["[redacted]", "[redacted]", "[redacted]", "after", "more"]
    );
    let mut lines = vec!["+before".to_owned()];
    lines.extend(signed(' ', &key[..3]));
    let (_, texts) = shown(&redactor, hunk(&lines));
    assert_eq!(texts, ["before", "[redacted]", "[redacted]", "[redacted]"]);
    // Words about a key are none.
    let words = [" no key: -----END RSA PRIVATE KEY-----".to_owned()];
    let (_, texts) = shown(&redactor, hunk(&words));
    assert_eq!(texts, [&words[0][1..]]);
}

#[test]
fn the_value_of_several_short_lines_is_hidden_in_a_change() {
    let redactor = knowing("first\nsecond\nthird");
    let lines = ["+first", " between", "+second"].map(str::to_owned);
    assert_eq!(
        shown(&redactor, hunk(&lines)).1,
        ["first", "between", "second"]
    );
    let lines = ["+a first", "-old", "+second", "+third b"].map(str::to_owned);
    assert_eq!(
        shown(&redactor, hunk(&lines)).1,
        ["a [secret DB]", "old", "[secret DB]", "[secret DB] b"]
    );
}

#[test]
fn a_line_and_a_header_that_are_cut_tell_no_beginning_of_a_secret() {
    let redactor = knowing("a-very-long-secret");
    let cut = format!("+{}a-very-long-sec…", "x".repeat(1_985));
    let (_, texts) = shown(&redactor, hunk(&[cut]));
    assert_eq!(texts[0], format!("{}…", "x".repeat(1_985)));
    let header = |context: &str| {
        let mut hunk = hunk(&[]);
        hunk.header = format!("@@ -1,9 +1,9 @@ {context}");
        shown(&redactor, hunk).0
    };
    let long = format!("let a = {};", "b".repeat(58));
    assert_eq!(
        header(&format!("{long}a-very-long-s")),
        format!("@@ -1,9 +1,9 @@ {long}")
    );
    assert_eq!(header("let a"), "@@ -1,9 +1,9 @@ let a");
    assert_eq!(header(&key(1)[1]), "@@ -1,9 +1,9 @@");
    assert_eq!(
        header("of a-very-long-secret"),
        "@@ -1,9 +1,9 @@ of [secret DB]"
    );
}

#[test]
fn a_file_keeps_its_lines() {
    let redactor = Redactor::default();
    let text = format!("one\n{}\nlast\n", key(4).join("\r\n"));
    let mut file = content(&text, false);
    redactor.redact_file(&mut file);
    let clean = file.text.unwrap();
    assert_eq!(clean, format!("one\n{}last\n", "[redacted]\n".repeat(6)));
}

#[test]
fn a_file_that_is_cut_tells_no_beginning_of_a_secret() {
    let redactor = knowing("a-very-long-secret");
    let mut file = content("a-very-long-secret\nrest a-very", true);
    redactor.redact_file(&mut file);
    assert_eq!(file.text.unwrap(), "[secret DB]\nrest ");
}

proptest! {
    #[test]
    fn lines_stay_lines_and_the_secret_goes(
        lines in prop::collection::vec("[ +-](abc|first|first second|second|third|)", 1..12),
    ) {
        let secret = "first second\nthird";
        let redactor = knowing(secret);
        let before = hunk(&lines);
        let numbers: Vec<_> = before.lines.iter().map(|line| (line.kind, line.old, line.new)).collect();
        let (_, texts) = shown(&redactor, before);
        prop_assert_eq!(texts.len(), lines.len());
        for old in [true, false] {
            let side = numbers.iter().zip(&texts).filter(|((_, is_old, is_new), _)| if old { is_old } else { is_new }.is_some());
            let side: Vec<&str> = side.map(|(_, text)| text.as_str()).collect();
            prop_assert!(!side.join("\n").contains(secret), "{:?}", side);
        }
        let whole: Vec<&str> = lines.iter().map(|line| &line[1..]).collect();
        let mut file = content(&whole.join("\n"), false);
        redactor.redact_file(&mut file);
        prop_assert_eq!(file.text.unwrap().split('\n').count(), lines.len());
    }
}
