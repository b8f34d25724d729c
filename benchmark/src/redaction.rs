//! How fast an agent's output is searched for secrets.

use std::hint::black_box;
use std::time::{Duration, Instant};

use server::redaction::Redactor;
use server::vault::SecretName;

use crate::report::Report;

const DURATION: Duration = Duration::from_secs(2);
const SECRETS: u32 = 50;

/// Text without secrets, as nearly all of it is, in lines of a kilobyte; whole and by pieces.
pub fn measure(report: &Report) {
    report.heading("Searching output for 50 secrets", &["how", "MB/s"]);
    let redactor = redactor();
    let line = "Compiled 14 files; the tests of `parser` and `writer` pass. ".repeat(17);
    let whole = rate(line.len(), || {
        drop(black_box(redactor.redact(black_box(&line))));
    });
    report.row(&["by lines".to_owned(), format!("{whole:.0}")]);
    let mut stream = redactor.stream();
    let pieces: Vec<_> = line
        .as_bytes()
        .chunks(20)
        .map(String::from_utf8_lossy)
        .collect();
    let streamed = rate(line.len(), || {
        for piece in &pieces {
            black_box(stream.push(black_box(piece)));
        }
    });
    report.row(&["by words".to_owned(), format!("{streamed:.0}")]);
}

fn redactor() -> Redactor {
    let name: SecretName = "TOKEN".parse().expect("letters");
    let values: Vec<_> = (0..SECRETS)
        .map(|number| {
            format!(
                "{:032x}",
                u128::from(number + 1).pow(9) * 0x9E37_79B9_7F4A_7C15
            )
        })
        .collect();
    Redactor::new(values.iter().map(|value| (&name, value.as_bytes())))
}

/// Megabytes a second, for pieces of this many bytes.
fn rate(bytes: usize, mut work: impl FnMut()) -> f64 {
    let started = Instant::now();
    let mut times = 0;
    while started.elapsed() < DURATION {
        work();
        times += 1;
    }
    f64::from(times) * f64::from(u32::try_from(bytes).unwrap_or(u32::MAX))
        / started.elapsed().as_secs_f64()
        / 1e6
}
