//! Reads a pipe line by line, whatever comes out of it.

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::mpsc;

/// The longest line that is kept whole, in bytes.
pub const LINE_LIMIT: usize = 32 * 1024 * 1024;

/// How much is read at once, in bytes.
const CHUNK: usize = 64 * 1024;

/// One line, without its line break.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The text; invalid UTF-8 is replaced.
    pub text: String,
    /// How many bytes at its end are missing, if the line was too long.
    pub cut: usize,
}

/// Sends the lines in batches, as they arrive, until the pipe is closed or nobody listens.
pub async fn read(
    mut pipe: impl AsyncRead + Unpin,
    limit: usize,
    batches: mpsc::Sender<Vec<Line>>,
) {
    let mut chunk = vec![0; CHUNK];
    let mut split = Splitter::new(limit);
    loop {
        let batch = match pipe.read(&mut chunk).await {
            // A pipe that can't be read any more has nothing more to say.
            Ok(0) | Err(_) => break,
            Ok(length) => split.push(&chunk[..length]),
        };
        if !batch.is_empty() && batches.send(batch).await.is_err() {
            return;
        }
    }
    if !split.line.is_empty() {
        // If nobody listens any more, the last line is not missed either.
        batches.send(vec![split.finish()]).await.ok();
    }
}

/// Cuts a stream of bytes into lines.
#[derive(Debug)]
pub(super) struct Splitter {
    limit: usize,
    line: Vec<u8>,
    cut: usize,
}

impl Splitter {
    /// Lines are kept up to so many bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            line: Vec::new(),
            cut: 0,
        }
    }

    pub(super) fn push(&mut self, mut bytes: &[u8]) -> Vec<Line> {
        let mut lines = Vec::new();
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.append(&bytes[..end]);
            bytes = &bytes[end + 1..];
            lines.push(self.finish());
        }
        self.append(bytes);
        lines
    }

    fn append(&mut self, bytes: &[u8]) {
        let kept = bytes.len().min(self.limit - self.line.len());
        self.line.extend_from_slice(&bytes[..kept]);
        self.cut += bytes.len() - kept;
    }

    /// What is there of the last line.
    pub(super) fn finish(&mut self) -> Line {
        if self.line.last() == Some(&b'\r') {
            self.line.pop();
        }
        let bytes = std::mem::take(&mut self.line);
        let text = String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
        Line {
            text,
            cut: std::mem::take(&mut self.cut),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    async fn lines(bytes: &[u8], limit: usize) -> Vec<Line> {
        let (sender, mut batches) = mpsc::channel(1024);
        read(bytes, limit, sender).await;
        let mut lines = Vec::new();
        while let Some(batch) = batches.recv().await {
            lines.extend(batch);
        }
        lines
    }

    fn line(text: &str, cut: usize) -> Line {
        Line {
            text: text.to_owned(),
            cut,
        }
    }

    #[tokio::test]
    async fn lines_come_whole_and_the_last_needs_no_break() {
        assert_eq!(
            lines(b"one\r\n\ntwo\xff\nthree", 100).await,
            [
                line("one", 0),
                line("", 0),
                line("two\u{fffd}", 0),
                line("three", 0)
            ]
        );
    }

    #[tokio::test]
    async fn a_line_that_is_too_long_is_cut_and_the_next_is_fine() {
        let long = "x".repeat(200_000) + "\nnext\n";
        assert_eq!(
            lines(long.as_bytes(), 10).await,
            [line("xxxxxxxxxx", 199_990), line("next", 0)]
        );
    }

    proptest! {
        #[test]
        fn however_it_is_chopped_the_lines_are_the_same(
            text in "[a-c\n]{0,60}",
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..5),
        ) {
            let mut places: Vec<_> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
            places.extend([0, text.len()]);
            places.sort_unstable();
            let mut split = Splitter { limit: 1000, line: Vec::new(), cut: 0 };
            let mut found = Vec::new();
            for pair in places.windows(2) {
                found.extend(split.push(&text.as_bytes()[pair[0]..pair[1]]));
            }
            if !split.line.is_empty() {
                found.push(split.finish());
            }
            let found: Vec<_> = found.into_iter().map(|line| line.text).collect();
            prop_assert_eq!(found, text.lines().collect::<Vec<_>>());
        }
    }
}
