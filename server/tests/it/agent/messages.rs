//! What a person writes while an agent works reaches it, whatever happens in between.

use std::time::Duration;

use serde_json::{Value, json};

use crate::installation::Installation;

const LIMIT: Duration = Duration::from_mins(2);

const HEARD: &str = r#"
[[turn]]
when = '(?s)BEGIN MESSAGE \w+\n(?P<text>.*?)\nEND MESSAGE'
[[turn.reply]]
say = "Heard: {{text}}"
"#;

/// A command that runs for some seconds: a message waits for its end.
const BUSY: &str = r#"
about = "runs a command"
[[turn]]
when = 'BEGIN JOB'
[[turn.reply]]
say = "I run it."
tools = [{ bash = "awk 'BEGIN { for (i = 1; i <= 80; i++) { system(\"sleep 0.1\") } }'" }]
[[turn.reply.or]]
if = { tool_result = 'outcome is unknown' }
say = "It was cut off."
[[turn.reply]]
say = "It ran."
"#;

async fn at_work(scenario: &str) -> (Installation, String) {
    let it = Installation::start_with("mail", &format!("{scenario}{HEARD}")).await;
    let id = it.create("custom", "Work.\n\nscenario: mail").await;
    it.until(&id, LIMIT, |task| task["status"] == "running")
        .await;
    (it, id)
}

async fn write(it: &Installation, id: &str) {
    let path = format!("/api/tasks/{id}/messages");
    it.post(&path, &json!({"text": "Mind the gap."})).await;
}

async fn said(it: &Installation, id: &str, text: &str) -> bool {
    let lines = it.all(&format!("/api/tasks/{id}/logs"), "seq").await;
    lines
        .iter()
        .any(|line| line["text"].as_str().unwrap().contains(text))
}

async fn until_said(it: &Installation, id: &str, text: &str) {
    let started = std::time::Instant::now();
    while !said(it, id, text).await {
        assert!(started.elapsed() < LIMIT, "{}", it.server_log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits for the end, and checks that the message was delivered once, after `before`.
async fn delivered_after(it: &Installation, id: &str, before: impl Fn(&Value) -> bool) {
    it.until(id, LIMIT, |task| {
        assert_ne!(task["status"], "failed", "{task:#}");
        task["status"] == "completed"
    })
    .await;
    let events = it.all(&format!("/api/tasks/{id}/events"), "version").await;
    let lines = it.all(&format!("/api/tasks/{id}/logs"), "seq").await;
    assert!(
        said(it, id, "Heard: Mind the gap.").await,
        "{events:#?} {lines:#?}"
    );
    let delivered: Vec<_> = (0..events.len())
        .filter(|index| events[*index]["type"] == "MessageDelivered")
        .collect();
    let end = events.iter().position(before);
    let end = end.unwrap_or_else(|| panic!("{events:#?}"));
    assert!(
        delivered.len() == 1 && delivered[0] > end,
        "{delivered:?} {end} {events:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_waited_when_the_server_ended_is_delivered_afterwards() {
    for crash in [false, true] {
        let (mut it, id) = at_work(BUSY).await;
        until_said(&it, &id, "I run it.").await;
        write(&it, &id).await;
        // The agent has it now, but can't read it before its command has ended.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let task = it.get(&format!("/api/tasks/{id}")).await;
        let message = &task["messages"][0];
        assert!(message["delivered_at"].is_null(), "{message:#}");
        if crash {
            it.kill_server().await;
        } else {
            it.stop_server().await;
        }
        it.start_server().await;
        delivered_after(&it, &id, |event| event["type"] == "RunEnded").await;
    }
}
