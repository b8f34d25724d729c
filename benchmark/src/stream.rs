//! A client of a task's event stream. While it measures it only notes what came when; what was in
//! it is read afterwards.

use std::net::SocketAddr;

use anyhow::Context as _;
use memchr::memmem;
use serde_json::Value;
use tokio::io::AsyncReadExt as _;
use tokio::time::{Instant, timeout_at};

use crate::generator::{self, WRITTEN_AT, number_after};
use crate::http;

const READ: usize = 256 * 1024;

/// What came in, as it came in.
pub struct Recording {
    bytes: Vec<u8>,
    /// How many bytes there were, and since when.
    arrivals: Vec<(usize, u64)>,
    /// Why there are fewer lines than were wanted.
    pub cut_off: Option<&'static str>,
}

/// A line as a client got it; moments in nanoseconds since 1970.
pub struct Delivery {
    /// The line's number in the task's log.
    pub seq: u64,
    pub written: u64,
    pub arrived: u64,
}

/// Listens until so many lines have come, or the time is up.
pub async fn record(
    addr: SocketAddr,
    task: String,
    lines: u64,
    until: Instant,
) -> anyhow::Result<Recording> {
    let path = format!("/api/tasks/{task}/stream");
    let mut stream = http::send(addr, "GET", &path, "", "").await?;
    let mut recording = Recording {
        bytes: Vec::new(),
        arrivals: Vec::new(),
        cut_off: None,
    };
    let mut buffer = vec![0; READ];
    let mut counted = 0_u64;
    let mut count_from = 0;
    while counted < lines || !recording.bytes.ends_with(b"\n\n") {
        let Ok(read) = timeout_at(until, stream.read(&mut buffer)).await else {
            recording.cut_off = Some("lines were still missing when the time was up");
            break;
        };
        let read = read?;
        if read == 0 {
            recording.cut_off = Some("the server ended a stream before its lines had come");
            break;
        }
        let arrived = generator::now();
        recording.bytes.extend_from_slice(&buffer[..read]);
        recording.arrivals.push((recording.bytes.len(), arrived));
        let found = memmem::find_iter(&recording.bytes[count_from..], WRITTEN_AT);
        counted += found.count() as u64;
        // What may be the beginning of one more is looked at again.
        count_from = recording.bytes.len().saturating_sub(WRITTEN_AT.len() - 1);
    }
    Ok(recording)
}

impl Recording {
    /// The generator's lines among what was recorded, in the order of their arrival.
    pub fn deliveries(&self) -> anyhow::Result<Vec<Delivery>> {
        let mut deliveries = Vec::new();
        let mut begin = http::head_end(&self.bytes).context("a stream without a head")?;
        let mut arrivals = self.arrivals.iter();
        let mut arrival = arrivals.next();
        while let Some(length) = memmem::find(&self.bytes[begin..], b"\n\n") {
            let event = std::str::from_utf8(&self.bytes[begin..begin + length])?;
            begin += length + 2;
            while arrival.is_some_and(|(bytes, _)| *bytes < begin) {
                arrival = arrivals.next();
            }
            let arrived = arrival.map_or(0, |(_, at)| *at);
            if !event.lines().any(|line| line == "event: log") {
                continue;
            }
            let data = event.lines().find_map(|line| line.strip_prefix("data: "));
            let lines: Vec<Value> =
                serde_json::from_str(data.context("a log event without data")?)?;
            for line in lines {
                let text = line["text"].as_str().unwrap_or_default();
                let Some(written) = number_after(text, WRITTEN_AT) else {
                    continue; // of the platform, not of the generator
                };
                let seq = line["seq"].as_u64().context("a line without a number")?;
                deliveries.push(Delivery {
                    seq,
                    written,
                    arrived,
                });
            }
        }
        Ok(deliveries)
    }
}
