//! The agents' output: every line, once, in order.

use std::time::Duration;

use app::api::LogFilter;
use app::domain::id::{RunId, TaskId};
use app::domain::log::{LogKind, LogLine, LogStream, NewLine};
use chrono::{DateTime, Utc};
use server::logs::{LogError, LogWriter, MAX_TEXT_BYTES, Wanted};
use server::store::Store;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::support::database::{TestDatabase, on_both_databases};
use crate::support::task::{Hand, create_queued};

const TASKS: usize = 20;
const LINES: usize = 1_000;

/// A writer that is stopped and waited for with [`Self::stop`].
struct Running {
    writer: LogWriter,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Running {
    fn start(store: &Store) -> Self {
        let stop = CancellationToken::new();
        let (writer, work) = LogWriter::start(store.clone(), stop.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn(work);
        Self {
            writer,
            stop,
            tasks,
        }
    }

    async fn stop(self) {
        self.stop.cancel();
        self.tasks.join_all().await;
    }
}

fn line(text: String) -> NewLine {
    NewLine {
        at: DateTime::from_timestamp_millis(1_700_000_000_123).unwrap(),
        stream: LogStream::Agent,
        kind: LogKind::Text,
        text,
    }
}

fn text(text: &str) -> Wanted {
    Wanted::new(Some(text), None)
}

async fn run(store: &Store) -> (TaskId, RunId, u64) {
    create_queued(store, "One").await;
    let hand = Hand::take(store).await;
    (hand.task, hand.run, hand.epoch)
}

fn numbers(lines: &[LogLine]) -> Vec<u64> {
    lines.iter().map(|line| line.seq).collect()
}

async fn chunks(database: &TestDatabase) -> i64 {
    database.number("SELECT COUNT(*) FROM log_chunks").await
}

/// The whole log, read in pages of an odd size.
async fn read(store: &Store, task: TaskId) -> Vec<LogLine> {
    let mut lines: Vec<LogLine> = Vec::new();
    loop {
        let after = lines.last().map_or(0, |line| line.seq);
        let page = store.log_after(task, after, 333).await.unwrap();
        lines.extend(page.lines);
        if !page.more {
            return lines;
        }
    }
}

/// Writes the lines of one session in pieces, as they would come from an agent.
async fn write(writer: LogWriter, (task, run, epoch): (TaskId, RunId, u64), count: usize) {
    let lines: Vec<_> = (1..=count)
        .map(|number| line(format!("{task} line {number}")))
        .collect();
    for piece in lines.chunks(7) {
        writer
            .append(task, run, epoch, piece.to_vec())
            .await
            .unwrap();
    }
}

async fn assert_complete(store: &Store, task: TaskId, count: usize) {
    let lines = read(store, task).await;
    assert_eq!(numbers(&lines), (1..=count as u64).collect::<Vec<_>>());
    for line in &lines {
        assert_eq!(line.text, format!("{task} line {}", line.seq));
    }
    assert_eq!(store.log_head(task).await.unwrap(), count as u64);
}

on_both_databases! {
    async fn the_log_is_known_as_far_as_it_was_at_a_time(database) {
        let store = &database.store;
        let (task, run, epoch) = run(store).await;
        let running = Running::start(store);
        let second = |seconds: i64| DateTime::from_timestamp(1_700_000_000 + seconds, 0).unwrap();
        // In several chunks.
        for from in [0, 40, 80] {
            for number in from..from + 40 {
                let line = NewLine { at: second(number / 2), ..line("x".repeat(8_000)) };
                running.writer.append(task, run, epoch, vec![line]).await.unwrap();
            }
            running.writer.flush(task, epoch).await.unwrap();
        }
        for (at, seq) in [(-1, 0), (0, 2), (7, 16), (19, 40), (20, 42), (59, 120), (1_000, 120)] {
            assert_eq!(store.log_at(task, second(at)).await.unwrap(), seq, "at {at}");
        }
        let unknown = TaskId::from_uuid(uuid::Uuid::nil());
        assert_eq!(store.log_at(unknown, second(0)).await.unwrap(), 0);
        running.stop().await;
    }

    async fn twenty_sessions_lose_and_double_nothing(database) {
        let store = &database.store;
        let running = Running::start(store);
        let (mut sessions, mut tasks) = (JoinSet::new(), Vec::new());
        for _ in 0..TASKS {
            let holder = run(store).await;
            tasks.push((holder.0, holder.2));
            sessions.spawn(write(running.writer.clone(), holder, LINES));
        }
        sessions.join_all().await;
        for (task, epoch) in &tasks {
            assert_eq!(running.writer.flush(*task, *epoch).await.unwrap(), LINES as u64);
        }
        for (task, _) in &tasks {
            assert_complete(store, *task, LINES).await;
        }
        running.stop().await;
    }

    async fn what_was_handed_over_is_stored_before_the_writer_ends(database) {
        let store = &database.store;
        let running = Running::start(store);
        let holder = run(store).await;
        write(running.writer.clone(), holder, 500).await;
        let writer = running.writer.clone();
        running.stop().await;
        assert_complete(store, holder.0, 500).await;
        let late = writer.append(holder.0, holder.1, holder.2, vec![line("late".to_owned())]).await;
        assert!(matches!(late, Err(LogError::Stopped)), "{late:?}");
        assert!(matches!(writer.flush(holder.0, holder.2).await, Err(LogError::Stopped)));
    }

    async fn a_restart_goes_on_counting(database) {
        let (task, run, epoch) = run(&database.store).await;
        for round in 1..=3_u64 {
            let store = database.another().await;
            let running = Running::start(&store);
            let lines = vec![line(format!("round {round}")), line(String::new())];
            running.writer.append(task, run, epoch, lines).await.unwrap();
            assert_eq!(running.writer.flush(task, epoch).await.unwrap(), round * 2);
            running.stop().await;
        }
        assert_eq!(numbers(&read(&database.store, task).await), [1, 2, 3, 4, 5, 6]);
    }

    async fn lines_of_a_run_that_lost_its_task_are_refused_alone(database) {
        let store = &database.store;
        let running = Running::start(store);
        let old = run(store).await;
        let other = run(store).await;
        running.writer.append(old.0, old.1, old.2, vec![line("in time".to_owned())]).await.unwrap();
        running.writer.flush(old.0, old.2).await.unwrap();
        database.execute("UPDATE jobs SET lease_epoch = lease_epoch + 1 WHERE lease_owner = 'test'").await;

        // The other run is put back in its place: only the first one lost its task.
        let (task, run, epoch) = (other.0, other.1, other.2 + 1);
        let late = running.writer.append(old.0, old.1, old.2, vec![line("late".to_owned())]).await;
        running.writer.append(task, run, epoch, vec![line("kept".to_owned())]).await.unwrap();
        assert_eq!(running.writer.flush(task, epoch).await.unwrap(), 1);
        assert!(late.is_ok());
        assert!(matches!(running.writer.flush(old.0, old.2).await, Err(LogError::Fenced)));
        let later = running.writer.append(old.0, old.1, old.2, vec![line("later".to_owned())]).await;
        assert!(matches!(later, Err(LogError::Fenced)), "{later:?}");
        assert_eq!(read(store, old.0).await.len(), 1);

        // The run that holds the task now is not held back by it, not even before it has written.
        assert_eq!(running.writer.flush(old.0, old.2 + 1).await.unwrap(), 1);
        let next = RunId::from_uuid(uuid::Uuid::now_v7());
        running.writer.append(old.0, next, old.2 + 1, vec![line("next".to_owned())]).await.unwrap();
        assert_eq!(running.writer.flush(old.0, old.2 + 1).await.unwrap(), 2);
        running.stop().await;
    }

    async fn the_last_words_of_a_run_that_was_ended_are_kept(database) {
        let store = &database.store;
        let running = Running::start(store);
        let (task, run, epoch) = run(store).await;
        let cancel = app::domain::task::TaskCommand::Cancel;
        crate::support::task::act(store, task, cancel, None).await.unwrap();
        running.writer.append(task, run, epoch, vec![line("stopped".to_owned())]).await.unwrap();
        assert_eq!(running.writer.flush(task, epoch).await.unwrap(), 1);
        running.stop().await;
    }

    async fn a_reader_misses_nothing_while_chunks_are_merged(database) {
        let store = &database.store;
        let running = Running::start(store);
        let (task, run, epoch) = run(store).await;
        let writer = running.writer.clone();
        let mut writing = JoinSet::new();
        writing.spawn(async move {
            for _ in 0..60 {
                // A little, which is merged with much that follows.
                for lines in [1, 30] {
                    let lines = vec![line("x".repeat(4_000)); lines];
                    writer.append(task, run, epoch, lines).await.unwrap();
                    writer.flush(task, epoch).await.unwrap();
                }
            }
        });
        let mut seen = 0;
        while seen < 60 * 31 {
            for number in numbers(&store.log_after(task, seen, 2_000).await.unwrap().lines) {
                assert_eq!(number, seen + 1);
                seen = number;
            }
        }
        writing.join_all().await;
        running.stop().await;
    }

    async fn lines_that_trickle_do_not_leave_a_row_each(database) {
        let store = &database.store;
        let running = Running::start(store);
        let (task, run, epoch) = run(store).await;
        let text = "x".repeat(4_000);
        for _ in 0..100 {
            running.writer.append(task, run, epoch, vec![line(text.clone())]).await.unwrap();
            running.writer.flush(task, epoch).await.unwrap();
        }
        // 400 KB are seven chunks of 64 KiB and some that are still growing.
        assert!(chunks(&database).await < 7 + 17, "{}", chunks(&database).await);
        let lines = read(store, task).await;
        assert_eq!(numbers(&lines), (1..=100).collect::<Vec<_>>());
        assert!(lines.iter().all(|line| line.text == text));
        assert_eq!(lines[0].at, line(String::new()).at);
        running.stop().await;
    }

    async fn a_line_that_is_too_long_is_cut_with_a_note(database) {
        let store = &database.store;
        let running = Running::start(store);
        let (task, run, epoch) = run(store).await;
        let long = format!("x{}", "ä".repeat(MAX_TEXT_BYTES));
        let lines = vec![line("before".to_owned()), line(long), line("\0\u{1b}[0m \" \\".to_owned())];
        running.writer.append(task, run, epoch, lines).await.unwrap();
        running.writer.flush(task, epoch).await.unwrap();
        let lines = read(store, task).await;
        assert_eq!(lines.len(), 3);
        let kept = lines[1].text.strip_suffix("\n[262146 more bytes were left out]");
        assert_eq!(kept.map(str::len), Some(MAX_TEXT_BYTES - 1));
        assert_eq!(lines[2].text, "\0\u{1b}[0m \" \\");
        running.stop().await;
    }

    async fn a_page_of_long_lines_is_bounded_by_their_bytes(database) {
        let store = &database.store;
        let running = Running::start(store);
        let (task, run, epoch) = run(store).await;
        let lines = (0..40).map(|_| line("x".repeat(MAX_TEXT_BYTES))).collect();
        running.writer.append(task, run, epoch, lines).await.unwrap();
        running.writer.flush(task, epoch).await.unwrap();
        let (mut seen, mut pages) = (0, 0);
        loop {
            let page = store.log_after(task, seen, 2_000).await.unwrap();
            let bytes: usize = page.lines.iter().map(|line| line.text.len()).sum();
            assert!(bytes <= 1024 * 1024, "{bytes}");
            assert_eq!(page.lines[0].seq, seen + 1);
            seen = page.lines.last().unwrap().seq;
            pages += 1;
            if !page.more {
                break;
            }
        }
        assert_eq!((seen, pages), (40, 10));
        running.stop().await;
    }

    async fn a_damaged_chunk_takes_no_other_lines_with_it(database) {
        let store = &database.store;
        let running = Running::start(store);
        let (task, run, epoch) = run(store).await;
        for number in 1..=3 {
            running.writer.append(task, run, epoch, vec![line(format!("line {number}"))]).await.unwrap();
            running.writer.flush(task, epoch).await.unwrap();
        }
        running.stop().await;
        database.execute("UPDATE log_chunks SET bytes = sha256 WHERE first_seq = 2").await;
        let page = store.log_after(task, 0, 10).await.unwrap();
        assert_eq!(numbers(&page.lines), [1, 2, 3]);
        let texts: Vec<_> = page.lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(texts[0], "line 1");
        assert_eq!(
            texts[1],
            "Line 2 is lost: the record that it was stored in is damaged (the checksum does not match)."
        );
        assert_eq!(page.lines[1].kind, LogKind::Error);
        assert_eq!(texts[2], "line 3");
        let (found, upto) = store.log_search(task, 0, 10, &text("line")).await.unwrap();
        assert_eq!((numbers(&found), upto), (vec![1, 2, 3], 3));
    }

    async fn a_search_goes_through_the_whole_log(database) {
        let store = &database.store;
        let running = Running::start(store);
        let (task, run, epoch) = run(store).await;
        let lines = (1..=5_000).map(|number| match number % 1_000 {
            0 => line(format!("A Straße of GOLD {number}")),
            _ => line(format!("nothing here {number} {}", "-".repeat(50))),
        });
        running.writer.append(task, run, epoch, lines.collect()).await.unwrap();
        running.writer.flush(task, epoch).await.unwrap();
        let (found, upto) = store.log_search(task, 0, 10, &text("straßE of gold")).await.unwrap();
        assert_eq!(numbers(&found), [1_000, 2_000, 3_000, 4_000, 5_000]);
        assert_eq!(upto, 5_000);
        let (found, upto) = store.log_search(task, 1_000, 2, &text("GOLD")).await.unwrap();
        assert_eq!((numbers(&found), upto), (vec![2_000, 3_000], 3_000));
        let (found, upto) = store.log_search(task, 0, 10, &text("silver")).await.unwrap();
        assert_eq!((found.len(), upto), (0, 5_000));
        let (found, from) = store.log_matches(task, u64::MAX, 2, &text("GOLD")).await.unwrap();
        assert_eq!((found, from), (vec![4_000, 5_000], 4_000));
        let (found, from) = store.log_matches(task, from, 10, &text("GOLD")).await.unwrap();
        assert_eq!((found, from), (vec![1_000, 2_000, 3_000], 0));
        let (found, from) = store.log_matches(task, 1_000, 10, &text("gold")).await.unwrap();
        assert_eq!((found, from), (vec![], 0));
        running.stop().await;
    }

    async fn a_filter_finds_the_lines_of_its_kind(database) {
        let store = &database.store;
        let running = Running::start(store);
        let (task, run, epoch) = run(store).await;
        let of_kind = |kind, text: &str| NewLine { kind, ..line(text.to_owned()) };
        let lines = vec![
            of_kind(LogKind::Turn, "Idea"),
            of_kind(LogKind::Text, "a failure is described"),
            of_kind(LogKind::ToolUse, "{}"),
            of_kind(LogKind::ToolResult, r#"{"id":"a","ok":true,"output":"fine"}"#),
            of_kind(LogKind::ToolResult, r#"{"id":"b","ok":false,"output":"a failure"}"#),
            of_kind(LogKind::Error, "a failure of the platform"),
            of_kind(LogKind::Raw, "noise"),
        ];
        running.writer.append(task, run, epoch, lines).await.unwrap();
        running.writer.flush(task, epoch).await.unwrap();
        for (kind, expected) in [
            (LogFilter::Conversation, vec![1, 2, 6]),
            (LogFilter::Tools, vec![1, 3, 4, 5]),
            (LogFilter::Errors, vec![5, 6]),
        ] {
            let wanted = Wanted::new(None, Some(kind));
            assert_eq!(store.log_matches(task, u64::MAX, 10, &wanted).await.unwrap().0, expected);
            let (lines, upto) = store.log_search(task, 0, 10, &wanted).await.unwrap();
            assert_eq!((numbers(&lines), upto), (expected, 7));
        }
        let both = Wanted::new(Some("a failure"), Some(LogFilter::Conversation));
        assert_eq!(store.log_matches(task, u64::MAX, 10, &both).await.unwrap().0, [2, 6]);
        running.stop().await;
    }

    async fn a_reader_is_woken_after_the_lines_are_stored(database) {
        let store = &database.store;
        let running = Running::start(store);
        let (task, run, epoch) = run(store).await;
        let mut head = store.heads().task(task);
        let mut all = store.heads().all();
        all.mark_unchanged();
        for number in 1..=20 {
            head.mark_unchanged();
            running.writer.append(task, run, epoch, vec![line(format!("line {number}"))]).await.unwrap();
            let woken = tokio::time::timeout(Duration::from_secs(10), head.changed()).await;
            woken.unwrap().unwrap();
            assert_eq!(store.log_head(task).await.unwrap(), number);
        }
        assert!(!all.has_changed().unwrap());
        running.stop().await;
    }
}

/// Whether a cut connection took its commit with it or not can't be seen from outside: the writer
/// has to find out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cut_connections_lose_and_double_nothing() {
    let database = TestDatabase::postgres().await;
    let running = Running::start(&database.store);
    let mut sessions = JoinSet::new();
    let mut tasks = Vec::new();
    for _ in 0..4 {
        let holder = run(&database.store).await;
        tasks.push((holder.0, holder.2));
        let writer = running.writer.clone();
        sessions.spawn(async move {
            let (task, run, epoch) = holder;
            for number in 1..=400 {
                let lines = vec![line(format!("{task} line {number}"))];
                writer.append(task, run, epoch, lines).await.unwrap();
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        });
    }
    let started = Utc::now();
    while !sessions.is_empty() && Utc::now() - started < chrono::TimeDelta::seconds(30) {
        database
            .execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                 WHERE datname = current_database() AND pid <> pg_backend_pid()",
            )
            .await;
        tokio::time::sleep(Duration::from_millis(90)).await;
        while sessions.try_join_next().is_some() {}
    }
    sessions.join_all().await;
    for (task, epoch) in tasks {
        running.writer.flush(task, epoch).await.ok();
        assert_complete(&database.store, task, 400).await;
    }
    running.stop().await;
}
