use chrono::DateTime;
use proptest::prelude::*;

use super::{CHUNK, Cache, MOST_BYTES, MOST_CHUNKS};
use crate::api::LogFilter;
use crate::domain::log::{LogKind, LogLine, LogStream};
use crate::transcript::index::Index;
use crate::transcript::line::LineContent;

fn line(seq: u64, kind: LogKind, text: &str) -> LogLine {
    LogLine {
        seq,
        at: DateTime::UNIX_EPOCH,
        stream: LogStream::Agent,
        kind,
        text: text.to_owned(),
    }
}

fn lines(from: u64, to: u64) -> Vec<LogLine> {
    (from..=to)
        .map(|seq| line(seq, LogKind::Text, "text"))
        .collect()
}

fn numbers(cache: &Cache, first: u64, last: u64) -> Vec<u64> {
    let rows = cache.rows(first, last).expect("held");
    rows.iter().map(|entry| entry.seq).collect()
}

#[test]
fn a_call_brings_its_result_and_the_result_has_no_row_of_its_own() {
    let mut cache = Cache::default();
    let call = r#"{"id":"a","tool":"Bash","verb":"Running","target":"ls","input":"{}"}"#;
    cache.insert([line(1, LogKind::ToolUse, call)]);
    let rows = cache.rows(1, 20).expect("held");
    let LineContent::Call(call) = &rows[0].content else {
        panic!("line 1 is a call");
    };
    assert!(cache.result(call).is_none());
    let result = r#"{"id":"a","ok":false,"output":"no"}"#;
    cache.insert([
        line(2, LogKind::ToolResult, result),
        line(3, LogKind::Note, "x"),
    ]);
    assert_eq!(numbers(&cache, 1, 20), [1, 3]);
    assert_eq!(cache.result(call).map(|entry| entry.seq), Some(2));
    assert_eq!(cache.shown_at(2), 1);
}

#[test]
fn lines_after_a_hole_are_fetched_when_they_are_looked_at() {
    let mut cache = Cache::default();
    cache.insert(lines(1, 50));
    cache.insert(lines(61, 120));
    assert_eq!(cache.newest(), 120);
    assert_eq!(cache.wanted(1, 120), [0]);
    assert_eq!(cache.query(0).as_deref(), Some("after=50&limit=50"));
    assert!(cache.rows(41, 60).is_none());
    assert_eq!(cache.insert(lines(51, 150)), 80);
    assert!(cache.wanted(1, 120).is_empty());
}

#[test]
fn a_filter_shows_its_lines_without_the_others() {
    let index = Index::new(LogFilter::Errors, vec![7, 300, 90_000], None, true);
    let mut cache = Cache::new(100_000, Some(index));
    assert_eq!((cache.count(), cache.newest()), (3, 100_000));
    assert_eq!(cache.wanted(1, 20), [0]);
    assert_eq!(
        cache.query(0).as_deref(),
        Some("after=6&limit=3&kind=errors")
    );
    cache.insert([line(7, LogKind::Error, "a"), line(300, LogKind::Error, "b")]);
    assert_eq!(
        cache.query(0).as_deref(),
        Some("after=89999&limit=1&kind=errors")
    );
    cache.insert([line(90_000, LogKind::Error, "c")]);
    cache.insert([
        line(100_001, LogKind::Text, "no error"),
        line(100_002, LogKind::Error, "d"),
    ]);
    assert_eq!(numbers(&cache, 1, 20), [7, 300, 90_000, 100_002]);
    assert_eq!(cache.position(300), Some(2));
    assert_eq!(cache.position(301), None);
}

#[test]
fn an_earlier_part_of_a_filtered_log_takes_no_new_lines() {
    let index = Index::new(LogFilter::Errors, vec![7, 8], Some(7), false);
    let mut cache = Cache::new(9, Some(index));
    cache.insert([line(10, LogKind::Error, "later")]);
    assert_eq!((cache.count(), cache.newest()), (2, 10));
    assert!(!cache.reaches_end());
}

proptest! {
    #[test]
    fn what_is_shown_is_never_dropped(total in 1_u64..20_000, at in 0_u64..20_000) {
        let mut cache = Cache::default();
        let at = at.min(total);
        for from in (1..=total).step_by(100) {
            cache.insert(lines(from, (from + 99).min(total)));
            cache.trim(1, 1);
        }
        let (first, last) = (at.saturating_sub(40).max(1), (at + 60).min(total));
        for chunk in cache.missing(first, last) {
            cache.insert(lines(chunk * 100 + 1, (chunk * 100 + 100).min(total)));
        }
        cache.trim(first, last);
        prop_assert!(cache.missing(first, last).is_empty());
        prop_assert!(cache.chunks.len() <= MOST_CHUNKS.max(3));
    }
}

/// Fetches as the page does until nothing is wanted, and answers how often that was.
fn fill(cache: &mut Cache, first: u64, last: u64, text: &str) -> usize {
    let mut fetched = 0;
    while let Some(chunk) = cache.wanted(first, last).first().copied() {
        fetched += 1;
        assert!(fetched < 20, "there is no end to what is fetched");
        let from = chunk * CHUNK + 1;
        let to = (from + CHUNK - 1).min(cache.newest());
        cache.insert((from..=to).map(|seq| line(seq, LogKind::Text, text)));
        cache.trim(first, last);
    }
    fetched
}

#[test]
fn long_lines_are_not_fetched_again_and_again() {
    for size in [100, 8 << 10, 24 << 10, 32 << 10, 64 << 10] {
        let text = "x".repeat(size);
        let mut cache = Cache::new(5_000, None);
        for (first, last) in [(2_321, 2_380), (2_361, 2_420), (4_941, 5_000), (1, 60)] {
            fill(&mut cache, first, last, &text);
            assert!(cache.rows(first, last).is_some(), "lines of {size} bytes");
            assert_eq!(fill(&mut cache, first, last, &text), 0);
            let own = (last - 1) / CHUNK - (first - 1) / CHUNK + 1;
            let own = usize::try_from(own * CHUNK).expect("small") * (size + 160);
            assert!(cache.bytes <= MOST_BYTES.max(own));
        }
    }
}
