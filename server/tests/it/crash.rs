//! The server is killed, again and again, while the real CLI works on a task.

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::installation::Installation;
use crate::watcher::Watcher;

const KILLS: u32 = 20;

/// For a client to see the last events: longer than it waits before it connects again.
const CATCHING_UP: Duration = Duration::from_secs(20);

/// Approves whatever waits for a person.
async fn approve_open_reviews(it: &Installation, id: &str) -> Value {
    let task = it.get(&format!("/api/tasks/{id}")).await;
    if task["waiting_reason"] == "review" {
        let review = it.open_review(id).await;
        let path = format!("/api/reviews/{}/approve", review["id"].as_str().unwrap());
        it.patch(&path, &json!({})).await;
    }
    task
}

/// A task and a client that follows it.
struct Followed {
    id: String,
    watcher: Watcher,
}

impl Followed {
    async fn create(it: &Installation) -> Self {
        let description = "A habit tracker.\n\nscenario: chaos";
        let id = it.create("create_app", description).await;
        let url = format!("{}/api/tasks/{id}/stream", it.base);
        let watcher = Watcher::start(it.client.clone(), url);
        Self { id, watcher }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_survive_twenty_kills_of_the_server() {
    // The same moments every time: a failure can be had again.
    let mut random = StdRng::seed_from_u64(0x00C0_FFEE);
    let mut it = Installation::start().await;
    let mut current = Followed::create(&it).await;
    let mut completed = Vec::new();
    for _ in 0..KILLS {
        sleep(Duration::from_millis(random.random_range(200..3_500))).await;
        let task = approve_open_reviews(&it, &current.id).await;
        if task["status"] == "completed" {
            // A fast machine: the rest of the kills hits another task.
            let next = Followed::create(&it).await;
            completed.push(std::mem::replace(&mut current, next));
        }
        it.kill_server().await;
        let killed = Instant::now();
        while !it.agent_processes().is_empty() {
            let left = it.agent_processes();
            assert!(
                killed.elapsed() < Duration::from_secs(2),
                "left behind: {left:?}"
            );
            sleep(Duration::from_millis(20)).await;
        }
        it.start_server().await;
    }
    let started = Instant::now();
    loop {
        let task = approve_open_reviews(&it, &current.id).await;
        if task["status"] == "completed" {
            break;
        }
        let going_on = matches!(
            task["status"].as_str(),
            Some("queued" | "running" | "waiting")
        );
        assert!(
            going_on && started.elapsed() < Duration::from_mins(5),
            "{task:#}"
        );
        sleep(Duration::from_millis(100)).await;
    }
    completed.push(current);
    for followed in completed {
        verify(&it, followed).await;
    }
    assert_eq!(it.model_failures().await, json!([]));
}

/// Nothing of the task was lost, doubled or reordered, neither in the store nor for the client.
async fn verify(it: &Installation, followed: Followed) {
    let Followed { id, watcher } = followed;
    let events = it.all(&format!("/api/tasks/{id}/events"), "version").await;
    let lines = it.all(&format!("/api/tasks/{id}/logs"), "seq").await;
    // The client may still be waiting for its next try.
    let waited = Instant::now();
    while watcher.shown() != (events.len(), lines.len()) && waited.elapsed() < CATCHING_UP {
        sleep(Duration::from_millis(20)).await;
    }
    let seen = watcher.finish();

    let versions: Vec<u64> = events
        .iter()
        .map(|event| event["version"].as_u64().unwrap())
        .collect();
    let gapless: Vec<u64> = (1..=versions.len() as u64).collect();
    assert_eq!(versions, gapless, "event versions have no gap");
    assert_eq!(
        seen.versions, gapless,
        "the client saw each event once and in order"
    );
    assert!(
        seen.doubled.is_empty() && !seen.disordered,
        "{:?}",
        seen.doubled
    );
    let numbers: Vec<u64> = lines
        .iter()
        .map(|line| line["seq"].as_u64().unwrap())
        .collect();
    assert_eq!(
        numbers,
        (1..=numbers.len() as u64).collect::<Vec<_>>(),
        "log lines have no gap"
    );
    for (seq, text) in &seen.lines {
        let stored = &lines[usize::try_from(*seq).unwrap() - 1];
        assert_eq!(
            stored["text"],
            text.as_str(),
            "line {seq} is as the client saw it"
        );
    }
    assert_eq!(seen.lines.len(), lines.len(), "the client saw every line");
    let runs = events
        .iter()
        .filter(|event| event["type"] == "RunStarted")
        .count();
    println!(
        "{runs} runs, {} events, {} log lines, {} connections",
        events.len(),
        lines.len(),
        seen.connections
    );
}
