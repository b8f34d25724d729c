//! One round: a task begins, people write to it, something breaks, and the task goes on to its gate.

use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::checker::{self, Checked, Expected};
use super::fault::{Fault, Kind, SMALL_DISK_BYTES};
use crate::installation::Installation;
use crate::watcher::Watcher;

/// What has broken is back at work within that time.
const BACK_AT_WORK: Duration = Duration::from_secs(20);

/// No agent outlives its server, or its work, by more.
const GONE: Duration = Duration::from_secs(2);

/// The first phase takes about ten seconds, undisturbed.
const WHOLE_PHASE: Duration = Duration::from_mins(2);

/// For a client to see the last events: longer than it waits before it connects again.
const CATCHING_UP: Duration = Duration::from_secs(20);

/// What became of a round.
pub struct Outcome {
    pub seed: u64,
    pub checked: Checked,
    /// How long agents outlived their server.
    pub orphaned: Duration,
    /// From the end of the fault to the next sign of the task.
    pub goes_on: Duration,
    pub took: Duration,
    /// What should not be.
    pub findings: Vec<String>,
}

/// Plays a round.
pub async fn play(fault: Fault, database: Option<String>) -> Outcome {
    let began = Instant::now();
    let disk = (fault.kind == Kind::DiskFull).then_some(SMALL_DISK_BYTES);
    let mut it = Installation::start_to_break(database, disk).await;
    let description = "A habit tracker.\n\nscenario: chaos";
    let task = it.create("create_app", description).await;
    let stream = format!("{}/api/tasks/{task}/stream", it.base);
    let watcher = Watcher::start(it.client.clone(), stream);

    let words = [0, 1].map(|number| format!("word-{}-{number}", fault.seed));
    let mut writing = JoinSet::new();
    for (word, after) in words.iter().zip([fault.after / 2, fault.after]) {
        let address = format!("{}/api/tasks/{task}/messages", it.base);
        writing.spawn(write(it.client.clone(), address, word.clone(), after));
    }
    sleep(fault.after).await;
    let damage = fault.strike(&mut it, &task).await;

    let mut findings = Vec::new();
    assert!(it.is_alive(), "the server has ended:\n{}", it.server_log());
    if damage.orphaned > GONE {
        findings.push(format!(
            "agents outlived the server by {:?}",
            damage.orphaned
        ));
    }
    let goes_on = until_it_goes_on(&it, &task, &watcher).await;
    if goes_on > BACK_AT_WORK {
        findings.push(format!("nothing happened for {goes_on:?}"));
    }
    writing.join_all().await;
    assert!(it.is_alive(), "the server has ended:\n{}", it.server_log());
    if let Err(last) = until_at_its_gate(&it, &task).await {
        findings.push(format!("not at its gate: {last:#}\n{}", it.server_log()));
    }
    if let Some(left) = left_behind(&it).await {
        findings.push(format!("processes of a task that waits: {left:?}"));
    }
    let failures = it.model_failures().await;
    if failures != json!([]) {
        findings.push(format!("the model was asked wrongly: {failures:#}"));
    }
    let caught_up = Instant::now();
    let mut connection = it.connection().await;
    while checker::counts(&connection, &task).await != watcher.shown()
        && caught_up.elapsed() < CATCHING_UP
    {
        sleep(Duration::from_millis(100)).await;
        connection = it.connection().await;
    }
    let expected = Expected {
        task: &task,
        words: &words,
        damaged: damage.lines,
        was_disk_full: disk.is_some(),
        folder: it.data_seen_from_outside().join("tasks").join(&task),
    };
    let checked = checker::check(&connection, watcher.finish(), &expected, &mut findings).await;
    Outcome {
        seed: fault.seed,
        checked,
        orphaned: damage.orphaned,
        goes_on,
        took: began.elapsed(),
        findings,
    }
}

/// Writes to the agent after a time, and tries again with the same key until that is acknowledged.
async fn write(client: Client, address: String, word: String, after: Duration) {
    sleep(after).await;
    let began = Instant::now();
    loop {
        let request = client
            .post(&address)
            .header("Idempotency-Key", &word)
            .timeout(Duration::from_secs(10))
            .json(&json!({ "text": format!("Keep in mind: {word}") }));
        if let Ok(answer) = request.send().await
            && answer.status().is_success()
        {
            return;
        }
        assert!(began.elapsed() < WHOLE_PHASE, "nobody takes the message");
        sleep(Duration::from_millis(100)).await;
    }
}

/// What the server answers, if it does.
async fn asked(it: &Installation, path: &str) -> Option<Value> {
    let answer = it.client.get(format!("{}{path}", it.base)).send().await;
    let answer = answer.ok()?.error_for_status().ok()?;
    answer.json().await.ok()
}

/// How long it takes until the stream shows something new, or the work is done.
async fn until_it_goes_on(it: &Installation, task: &str, watcher: &Watcher) -> Duration {
    let began = Instant::now();
    let before = watcher.shown();
    while watcher.shown() == before && began.elapsed() < 2 * BACK_AT_WORK {
        let state = asked(it, &format!("/api/tasks/{task}")).await;
        if state.is_some_and(|state| state["waiting_reason"] == "review") {
            break;
        }
        sleep(Duration::from_millis(50)).await;
    }
    began.elapsed()
}

/// Waits for a review with every message read; else the task as it was last. A message that came during
/// a review is read in the next phase.
async fn until_at_its_gate(it: &Installation, task: &str) -> Result<(), Value> {
    let began = Instant::now();
    let mut last = Value::Null;
    while began.elapsed() < WHOLE_PHASE {
        let messages = asked(it, &format!("/api/tasks/{task}/messages")).await;
        let state = asked(it, &format!("/api/tasks/{task}")).await;
        if let (Some(messages), Some(state)) = (messages, state) {
            let messages = messages["items"].as_array().unwrap();
            let are_read = messages
                .iter()
                .all(|message| message["status"] == "delivered");
            match (state["status"].as_str(), state["waiting_reason"].as_str()) {
                (_, Some("review")) if are_read => return Ok(()),
                (_, Some("review")) => approve(it, task).await,
                (Some("failed" | "cancelled" | "completed"), _) => return Err(state),
                _ => last = state,
            }
        }
        sleep(Duration::from_millis(100)).await;
    }
    Err(last)
}

async fn approve(it: &Installation, task: &str) {
    let review = it.open_review(task).await;
    let path = format!("/api/reviews/{}/approve", review["id"].as_str().unwrap());
    it.patch(&path, &json!({})).await;
}

/// Processes of agents that do not end.
async fn left_behind(it: &Installation) -> Option<Vec<String>> {
    let began = Instant::now();
    loop {
        let left = it.agent_processes();
        if left.is_empty() {
            return None;
        }
        if began.elapsed() > GONE {
            return Some(left);
        }
        sleep(Duration::from_millis(50)).await;
    }
}
