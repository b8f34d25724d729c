//! What a person writes while an agent works reaches it, whatever happens in between; and an agent that
//! is interrupted stops.

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

/// What the model says to a message that it is shown in the middle of a turn.
const ASIDE: &str = r#"
aside = { message = '(?s)BEGIN MESSAGE \w+\n(?P<text>.*?)\nEND MESSAGE', say = "Told in between: {{text}}" }
"#;

async fn listening() -> (Installation, String) {
    let (it, id) = at_work(&format!("{ASIDE}{BUSY}")).await;
    until_said(&it, &id, "I run it.").await;
    (it, id)
}

async fn at_work(scenario: &str) -> (Installation, String) {
    let it = Installation::start_with("mail", &format!("{scenario}{HEARD}")).await;
    let id = it.create("custom", "Work.\n\nscenario: mail").await;
    it.until(&id, LIMIT, |task| task["status"] == "running")
        .await;
    (it, id)
}

async fn write(it: &Installation, id: &str) -> Value {
    send(it, id, "Mind the gap.", "tool_result").await
}

async fn send(it: &Installation, id: &str, text: &str, deliver_at: &str) -> Value {
    let path = format!("/api/tasks/{id}/messages");
    let message = json!({"text": text, "deliver_at": deliver_at});
    it.post(&path, &message).await
}

/// The latest state of the messages, oldest first.
async fn messages(it: &Installation, id: &str) -> Vec<Value> {
    let listed = it.get(&format!("/api/tasks/{id}/messages")).await;
    listed["items"].as_array().unwrap().clone()
}

/// Asks for something about a message; the status and what was answered.
async fn ask(
    it: &Installation,
    id: &str,
    method: reqwest::Method,
    message: &Value,
    body: &Value,
) -> (u16, Value) {
    let message = message["id"].as_str().unwrap();
    let address = format!("{}/api/tasks/{id}/messages/{message}", it.base);
    let request = it.client.request(method, address).json(body);
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

async fn interrupt(it: &Installation, id: &str) {
    it.post(&format!("/api/tasks/{id}/interrupt"), &json!({}))
        .await;
}

async fn completed(it: &Installation, id: &str) -> Vec<Value> {
    it.until(id, LIMIT, |task| {
        assert_ne!(task["status"], "failed", "{task:#}");
        task["status"] == "completed"
    })
    .await;
    assert_eq!(it.model_failures().await, json!([]));
    it.all(&format!("/api/tasks/{id}/events"), "version").await
}

/// Waits until the agent was interrupted and holds on.
async fn held(it: &Installation, id: &str) {
    let task = it
        .until(id, LIMIT, |task| {
            assert!(!matches!(
                task["status"].as_str(),
                Some("failed" | "completed")
            ));
            task["waiting_reason"] == "message"
        })
        .await;
    assert_eq!(task["actions"][0], "retry", "{task:#}");
    assert_eq!(it.agent_processes(), [""; 0], "nothing of it is left");
}

fn names(events: &[Value]) -> Vec<&str> {
    let names = events.iter().map(|event| event["type"].as_str().unwrap());
    names.collect()
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
        let waiting = &messages(&it, &id).await[0];
        assert_eq!(waiting["status"], "queued", "{waiting:#}");
        if crash {
            it.kill_server().await;
        } else {
            it.stop_server().await;
        }
        it.start_server().await;
        delivered_after(&it, &id, |event| event["type"] == "RunEnded").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_comes_with_the_next_result_of_a_tool_or_in_a_turn_of_its_own() {
    let (it, id) = listening().await;
    send(&it, &id, "Afterwards.", "own_turn").await;
    send(&it, &id, "Now.", "tool_result").await;
    let events = completed(&it, &id).await;
    assert!(said(&it, &id, "Told in between: Now.").await);
    assert!(said(&it, &id, "Heard: Afterwards.").await);
    let conversation = ["TurnStarted", "MessageDelivered", "TurnEnded"];
    let mut order = names(&events);
    order.retain(|name| conversation.contains(name));
    let expected = [
        ["TurnStarted", "MessageDelivered", "TurnEnded"],
        ["TurnStarted", "MessageDelivered", "TurnEnded"],
    ];
    assert_eq!(order, expected.concat());
    let messages = messages(&it, &id).await;
    assert!(messages.iter().all(|known| known["status"] == "delivered"));
    assert_ne!(messages[0]["turn"], messages[1]["turn"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_changed_or_cancelled_in_time_is_all_that_the_agent_reads() {
    let (it, id) = listening().await;
    let changed = write(&it, &id).await;
    let cancelled = send(&it, &id, "Never mind.", "tool_result").await;
    // The agent's program has them by now, and waits for its command to end.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let edit = json!({"text": "Mind the step."});
    let (status, edited) = ask(&it, &id, reqwest::Method::PATCH, &changed, &edit).await;
    assert_eq!((status, &edited["status"]), (200, &json!("queued")));
    for _ in 0..2 {
        let nothing = json!({});
        let (status, gone) = ask(&it, &id, reqwest::Method::DELETE, &cancelled, &nothing).await;
        assert_eq!((status, &gone["status"]), (200, &json!("cancelled")));
    }
    completed(&it, &id).await;
    assert!(said(&it, &id, "Told in between: Mind the step.").await);
    for text in ["Mind the gap.", "Never mind."] {
        assert!(!said(&it, &id, text).await, "{text}");
    }
    let listed = messages(&it, &id).await;
    assert_eq!(listed[0]["status"], "delivered");
    assert_eq!(listed[1]["status"], "cancelled");
    let (status, problem) = ask(&it, &id, reqwest::Method::PATCH, &changed, &edit).await;
    assert_eq!(status, 409, "{problem:#}");
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("Write another one")
    );
    let allowed = problem["allowed"].as_array().unwrap();
    assert!(allowed.contains(&json!("message")), "{problem:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_agent_leaves_nothing_running_and_goes_on_with_a_message() {
    let (it, id) = listening().await;
    let started = std::time::Instant::now();
    interrupt(&it, &id).await;
    interrupt(&it, &id).await;
    held(&it, &id).await;
    println!("interrupted after {} ms", started.elapsed().as_millis());
    write(&it, &id).await;
    let events = completed(&it, &id).await;
    assert!(said(&it, &id, "Heard: Mind the gap.").await);
    let count = |name| {
        names(&events)
            .iter()
            .filter(|known| **known == name)
            .count()
    };
    assert_eq!(count("InterruptRequested"), 1);
    assert_eq!(count("TurnStarted"), 2, "the prompt is not said again");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_queued_comes_next_after_an_interrupt_even_if_the_server_is_killed() {
    for crash in [false, true] {
        let (mut it, id) = listening().await;
        // One that the agent's program holds already, and one that it was not given.
        send(&it, &id, "First.", "tool_result").await;
        send(&it, &id, "Second.", "own_turn").await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        interrupt(&it, &id).await;
        if crash {
            it.kill_server().await;
            it.start_server().await;
        }
        let events = completed(&it, &id).await;
        assert!(said(&it, &id, "Heard: First.").await);
        assert!(said(&it, &id, "Heard: Second.").await);
        assert!(!names(&events).contains(&"MessageAwaited"));
        let delivered = names(&events).into_iter();
        let delivered = delivered.filter(|name| *name == "MessageDelivered");
        assert_eq!(delivered.count(), 2, "each once");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_agent_goes_on_where_it_was_if_a_person_wants_that() {
    let (mut it, id) = listening().await;
    interrupt(&it, &id).await;
    // Whatever the server had come to by then: it waits.
    it.kill_server().await;
    it.start_server().await;
    held(&it, &id).await;
    it.post(&format!("/api/tasks/{id}/retry"), &json!({})).await;
    completed(&it, &id).await;
    assert!(said(&it, &id, "It ran.").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_cancelled_while_the_server_is_down_is_not_read_by_the_next_agent() {
    let (mut it, id) = listening().await;
    let message = write(&it, &id).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    // The agent's program dies with the message in its queue.
    it.kill_server().await;
    it.start_server().await;
    let (status, _) = ask(&it, &id, reqwest::Method::DELETE, &message, &json!({})).await;
    assert_eq!(status, 200);
    completed(&it, &id).await;
    if messages(&it, &id).await[0]["status"] == "cancelled" {
        assert!(!said(&it, &id, "Mind the gap.").await);
    }
}

/// A short command, and a model that takes its time to answer.
const BRIEF: &str = r#"
about = "runs a short command"
pace = { chars = 1, ms = 60 }
aside = { message = '(?s)BEGIN MESSAGE \w+\n(?P<text>.*?)\nEND MESSAGE', say = "Told in between: {{text}}" }
[[turn]]
when = 'BEGIN JOB'
[[turn.reply]]
tools = [{ bash = "awk 'BEGIN { for (i = 1; i <= 20; i++) { system(\"sleep 0.1\") } }'" }]
[[turn.reply]]
say = "It ran."
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_dies_with_the_agent_right_after_it_was_taken_up_is_read_by_the_next_one() {
    let rounds = [0, 0, 40, 150].map(|wait_ms| Box::pin(dies_after(wait_ms)));
    futures::future::join_all(rounds).await;
}

async fn dies_after(wait_ms: u64) {
    let (mut it, id) = at_work(BRIEF).await;
    until_kind(&it, &id, "tool_use").await;
    write(&it, &id).await;
    while messages(&it, &id).await[0]["status"] != "delivered" {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    tokio::time::sleep(Duration::from_millis(wait_ms)).await;
    it.kill_server().await;
    it.start_server().await;
    let events = completed(&it, &id).await;
    let lost = names(&events).contains(&"MessageLost");
    println!("killed {wait_ms} ms after it was taken up: lost {lost}");
    let heard = said(&it, &id, "Told in between: Mind the gap.").await
        || said(&it, &id, "Heard: Mind the gap.").await;
    let lines = it.all(&format!("/api/tasks/{id}/logs"), "seq").await;
    assert!(heard, "{lines:#?} {events:#?}");
}

async fn until_kind(it: &Installation, id: &str, kind: &str) {
    let started = std::time::Instant::now();
    loop {
        let lines = it.all(&format!("/api/tasks/{id}/logs"), "seq").await;
        if lines.iter().any(|line| line["kind"] == kind) {
            return;
        }
        assert!(started.elapsed() < LIMIT, "{lines:#?} {}", it.server_log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
