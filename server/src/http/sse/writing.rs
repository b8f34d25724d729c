//! What an agent is writing, as one client is told of it. Nothing of it is stored: a client that
//! comes in the middle is told the text so far, and one that is slow misses steps of its growth.

use std::future::pending;
use std::time::Duration;

use app::api::WritingView;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::orchestrator::Writing;

/// How long a client is left in peace after it was told something.
const TICK: Duration = Duration::from_millis(100);

/// How long a finished text stands while its line of the log is on the way.
const HOLD: Duration = Duration::from_secs(2);

/// What the client shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    /// It may be left from a connection that broke.
    Unknown,
    Nothing,
    /// So much of a text.
    Text {
        number: u64,
        forgotten: usize,
        bytes: usize,
    },
}

/// A client's place in what an agent is writing.
pub(super) struct WritingTail {
    channel: watch::Receiver<Writing>,
    shown: Shown,
    /// There may be something to tell since the latest look, but not before this moment.
    is_due: bool,
    not_before: Instant,
    /// Since when the text that is shown stands in for a line.
    held_since: Option<Instant>,
}

impl WritingTail {
    pub(super) fn new(channel: watch::Receiver<Writing>) -> Self {
        Self {
            channel,
            shown: Shown::Unknown,
            is_due: true,
            not_before: Instant::now(),
            held_since: None,
        }
    }

    /// Waits until there may be something to tell. Safe to be dropped at any point.
    pub(super) async fn due(&mut self) {
        if !self.is_due {
            if self.channel.changed().await.is_err() {
                // Nobody is left who could write.
                pending::<()>().await;
            }
            self.is_due = true;
        }
        sleep_until(self.not_before).await;
    }

    /// The client is told a line with an agent's text, which takes the place of what it shows.
    pub(super) fn replaced(&mut self, now: Instant) {
        if self.shown != Shown::Unknown {
            self.shown = Shown::Nothing;
        }
        self.is_due = true;
        if self.held_since.take().is_some() {
            self.not_before = now;
        }
    }

    /// What the client is told now, if anything.
    pub(super) fn news(&mut self, now: Instant) -> Option<WritingView> {
        let is_due = self.is_due || self.channel.has_changed().unwrap_or(false);
        if !is_due || now < self.not_before {
            return None;
        }
        self.is_due = false;
        let writing = self.channel.borrow_and_update();
        let is_ended =
            matches!(self.shown, Shown::Text { number, .. } if number != writing.number());
        if is_ended && writing.is_logged() {
            let until = *self.held_since.get_or_insert(now) + HOLD;
            if now < until {
                (self.is_due, self.not_before) = (true, until);
                return None;
            }
        }
        self.held_since = None;
        let view = told(self.shown, &writing)?;
        self.shown = if writing.text().is_empty() {
            Shown::Nothing
        } else {
            Shown::Text {
                number: writing.number(),
                forgotten: writing.forgotten(),
                bytes: writing.text().len(),
            }
        };
        self.not_before = now + TICK;
        Some(view)
    }
}

/// What is missing from what is shown, or what takes its place.
fn told(shown: Shown, writing: &Writing) -> Option<WritingView> {
    match shown {
        Shown::Nothing if writing.text().is_empty() => None,
        Shown::Text {
            number,
            forgotten,
            bytes,
        } if (number, forgotten) == (writing.number(), writing.forgotten()) => {
            let more = writing.text().get(bytes..).unwrap_or_default();
            (!more.is_empty()).then(|| WritingView {
                text: more.to_owned(),
                append: true,
            })
        }
        _ => {
            let mark = if writing.forgotten() > 0 { "…" } else { "" };
            Some(WritingView {
                text: format!("{mark}{}", writing.text()),
                append: false,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use app::domain::id::TaskId;
    use uuid::Uuid;

    use super::*;
    use crate::orchestrator::Live;

    /// An agent, a client that watches it, and the time of both.
    struct Watched {
        live: Live,
        task: TaskId,
        tail: WritingTail,
        now: Instant,
    }

    impl Watched {
        fn begin() -> Self {
            let task = TaskId::from_uuid(Uuid::from_u128(1));
            let live = Live::default();
            let mut tail = WritingTail::new(live.writing(task));
            let now = Instant::now();
            let told = tail.news(now).expect("whoever comes is told how it is");
            assert_eq!((told.text.as_str(), told.append), ("", false));
            Self {
                live,
                task,
                tail,
                now,
            }
        }

        fn write(&self, words: &str) {
            self.live.write(self.task, words);
        }

        fn end(&self, is_logged: bool) {
            self.live.end_text(self.task, is_logged);
        }

        /// What is told next, whether it is added, and after how many milliseconds.
        fn next(&mut self, patience_ms: u64) -> Option<(String, bool, u64)> {
            (0..=patience_ms).find_map(|ms| {
                let now = self.now + Duration::from_millis(ms);
                let view = self.tail.news(now)?;
                self.now = now;
                Some((view.text, view.append, ms))
            })
        }

        fn expect(&mut self, text: &str, append: bool, after_ms: u64) {
            assert_eq!(self.next(9_000), Some((text.to_owned(), append, after_ms)));
        }
    }

    #[test]
    fn a_fast_agent_is_told_of_ten_times_a_second_and_every_word_once() {
        let mut it = Watched::begin();
        it.write("a");
        it.expect("a", false, 100);
        for _ in 0..5_000 {
            it.write("b");
        }
        it.expect(&"b".repeat(5_000), true, 100);
        assert_eq!(it.next(9_000), None);
    }

    #[test]
    fn a_finished_text_stands_until_its_line_is_told() {
        let mut it = Watched::begin();
        it.write("first");
        it.expect("first", false, 100);
        it.end(true);
        it.write("second");
        assert_eq!(it.next(1_000), None);
        it.tail.replaced(it.now);
        it.expect("second", false, 0);
        it.end(true);
        it.tail.replaced(it.now);
        assert_eq!(it.next(9_000), None, "the line says it all");
    }

    #[test]
    fn a_line_that_does_not_come_is_not_waited_for() {
        let mut it = Watched::begin();
        it.write("lost");
        it.expect("lost", false, 100);
        it.end(true);
        it.expect("", false, 2_100);
    }

    #[test]
    fn a_text_that_is_given_up_goes_at_once() {
        let mut it = Watched::begin();
        it.write("cut off");
        it.expect("cut off", false, 100);
        it.end(false);
        it.expect("", false, 100);
        it.write("again");
        it.expect("again", false, 100);
    }

    #[test]
    fn a_text_that_is_too_long_is_told_without_its_beginning() {
        let mut it = Watched::begin();
        it.write("begin");
        it.expect("begin", false, 100);
        it.write(&"x".repeat(100_000));
        let (text, append, _) = it.next(100).unwrap();
        assert!(!append && text.starts_with("…x") && text.len() < 70_000);
        it.write("y");
        it.expect("y", true, 100);
    }

    #[tokio::test]
    async fn a_client_waits_for_words_without_looking() {
        let mut it = Watched::begin();
        let idle = Duration::from_millis(300);
        assert!(tokio::time::timeout(idle, it.tail.due()).await.is_err());
        it.write("a");
        tokio::time::timeout(idle, it.tail.due()).await.unwrap();
        assert!(it.tail.news(Instant::now()).is_some());
    }
}
