//! A client of a task's stream that goes on over any interruption and remembers all it was shown.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt;
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// What a client was shown.
#[derive(Debug, Default)]
pub struct Seen {
    /// Versions of domain events, in the order of their arrival.
    pub versions: Vec<u64>,
    /// Log lines by number; a line that came twice is in `doubled`.
    pub lines: BTreeMap<u64, String>,
    pub doubled: Vec<u64>,
    /// The order in which lines arrived was not that of their numbers.
    pub disordered: bool,
    pub connections: u32,
}

/// The client, on a task of its own.
pub struct Watcher {
    seen: Arc<Mutex<Seen>>,
    reading: JoinSet<()>,
}

impl Watcher {
    pub fn start(client: reqwest::Client, url: String) -> Self {
        let seen: Arc<Mutex<Seen>> = Arc::default();
        let mut reading = JoinSet::new();
        reading.spawn(watch(client, url, Arc::clone(&seen)));
        Self { seen, reading }
    }

    /// How many events and log lines it was shown.
    pub fn shown(&self) -> (usize, usize) {
        let seen = self.seen.lock().unwrap();
        (seen.versions.len(), seen.lines.len())
    }

    /// Ends the client, and tells what it has seen.
    pub fn finish(mut self) -> Seen {
        self.reading.abort_all();
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

async fn watch(client: reqwest::Client, url: String, seen: Arc<Mutex<Seen>>) {
    let mut last_id = String::new();
    loop {
        let mut request = client.get(&url).timeout(Duration::from_mins(10));
        if !last_id.is_empty() {
            request = request.header("Last-Event-ID", &last_id);
        }
        if let Ok(response) = request.send().await
            && response.status().is_success()
        {
            seen.lock().unwrap().connections += 1;
            let mut body = response.bytes_stream();
            let mut buffer = Vec::new();
            while let Some(Ok(bytes)) = body.next().await {
                buffer.extend_from_slice(&bytes);
                while let Some(end) = buffer.windows(2).position(|pair| pair == b"\n\n") {
                    let event: Vec<u8> = buffer.drain(..end + 2).collect();
                    take(&String::from_utf8_lossy(&event), &mut last_id, &seen);
                }
            }
        }
        sleep(Duration::from_millis(30)).await;
    }
}

fn take(event: &str, last_id: &mut String, seen: &Mutex<Seen>) {
    let field = |name: &str| {
        let lines = event.lines().filter_map(|line| line.strip_prefix(name));
        let values: Vec<_> = lines.map(|value| value.trim_start_matches(' ')).collect();
        (!values.is_empty()).then(|| values.join("\n"))
    };
    let Some(id) = field("id:") else { return };
    let version: u64 = id.split('.').next().unwrap().parse().unwrap();
    let mut seen = seen.lock().unwrap();
    if field("event:").as_deref() == Some("log") {
        let lines: Vec<Value> = serde_json::from_str(&field("data:").unwrap()).unwrap();
        for line in lines {
            let seq = line["seq"].as_u64().unwrap();
            seen.disordered |= seen
                .lines
                .last_key_value()
                .is_some_and(|(last, _)| *last >= seq);
            if seen
                .lines
                .insert(seq, line["text"].as_str().unwrap().to_owned())
                .is_some()
            {
                seen.doubled.push(seq);
            }
        }
    } else {
        seen.versions.push(version);
    }
    *last_id = id;
}
