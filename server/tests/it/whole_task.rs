//! Tasks from their creation to their end, through the real server, with the real CLI.

use std::time::Duration;

use serde_json::{Value, json};

use crate::installation::Installation;

const LIMIT: Duration = Duration::from_mins(2);

/// A command that is still running when the server is stopped, and not for long.
const COUNTING: &str = r#"
about = "runs a command of six seconds"
[[turn]]
[[turn.reply]]
say = "I count."
tools = [{ bash = '''awk 'BEGIN { for (i = 1; i <= 60; i++) { print i; system("sleep 0.1") } }' ''' }]
[[turn.reply]]
say = "The slow command has ended."
"#;

fn waits_for_review(task: &Value) -> bool {
    assert_ne!(task["status"], "failed", "{task:#}");
    task["waiting_reason"] == "review"
}

async fn types(it: &Installation, id: &str) -> Vec<String> {
    let events = it.all(&format!("/api/tasks/{id}/events"), "version").await;
    events
        .iter()
        .map(|event| event["type"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_goes_through_its_gates_with_one_phase_sent_back() {
    let it = Installation::start().await;
    let id = it
        .create("create_app", "A habit tracker.\n\nscenario: chaos")
        .await;
    it.until(&id, LIMIT, waits_for_review).await;

    let review = it.open_review(&id).await;
    assert_eq!((&review["phase"], &review["round"]), (&json!(1), &json!(1)));
    assert_eq!(review["verification"]["passed"], true);
    let path = format!(
        "/api/reviews/{}/request-changes",
        review["id"].as_str().unwrap()
    );
    let file = "docs/planning/01_idea.md";
    let comment = json!({"file": file, "line": 3, "text": "Name the person who has the problem."});
    let request = json!({"feedback": "Too vague.", "comments": [comment]});
    let sent_back = it.patch(&path, &request).await;
    assert_eq!(sent_back["status"], "changes_requested");

    let task = it.until(&id, LIMIT, waits_for_review).await;
    let second = it.open_review(&id).await;
    assert_eq!((&second["phase"], &second["round"]), (&json!(1), &json!(2)));
    let diff = it.get(&format!("/api/tasks/{id}/diff?phase=1")).await;
    let changed: Vec<_> = diff["files"].as_array().unwrap().iter().collect();
    assert!(
        changed.iter().any(|changed| changed["path"] == file),
        "{diff:#}"
    );
    let content = it
        .get(&format!("/api/tasks/{id}/deliverables/{file}"))
        .await;
    assert!(content["html"].as_str().unwrap().contains("<h1"));
    let earlier = task["version"].as_u64().unwrap() - 3;
    let then = it.get(&format!("/api/tasks/{id}?version={earlier}")).await;
    assert_eq!(then["version"], earlier);

    for phase in 1..=4 {
        it.until(&id, LIMIT, waits_for_review).await;
        let review = it.open_review(&id).await;
        assert_eq!(review["phase"], phase);
        let path = format!("/api/reviews/{}/approve", review["id"].as_str().unwrap());
        it.patch(&path, &json!({"comment": "Good."})).await;
    }
    let task = it
        .until(&id, LIMIT, |task| task["status"] == "completed")
        .await;
    assert_eq!(
        (&task["progress"], &task["actions"]),
        (&json!(100), &json!(["edit", "fork", "restore", "delete"]))
    );
    assert_ne!(task["cost_usd"], "0.000000");
    assert_eq!(it.model_failures().await, json!([]));
    assert!(it.agent_processes().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_is_completed_and_taken_up_again_by_a_message() {
    let it = Installation::start().await;
    let id = it.create("custom", "Say hello.\n\nscenario: echo").await;
    it.until(&id, LIMIT, |task| task["status"] == "completed")
        .await;
    it.post(
        &format!("/api/tasks/{id}/messages"),
        &json!({"text": "And once more."}),
    )
    .await;
    let task = it.get(&format!("/api/tasks/{id}")).await;
    assert_ne!(task["status"], "completed");
    it.until(&id, LIMIT, |task| task["status"] == "completed")
        .await;
    let types = types(&it, &id).await;
    assert_eq!(types.iter().filter(|name| *name == "TurnEnded").count(), 2);
    assert_eq!(
        types
            .iter()
            .filter(|name| *name == "MessageDelivered")
            .count(),
        1
    );
    assert_eq!(
        types
            .iter()
            .filter(|name| *name == "ConversationStarted")
            .count(),
        1
    );
    let events = it.all(&format!("/api/tasks/{id}/events"), "version").await;
    let used: Vec<_> = events
        .iter()
        .filter(|event| event["type"] == "UsageRecorded")
        .map(|event| &event["data"])
        .collect();
    assert_eq!(used.len(), 2);
    for used in used {
        let seen = &used["api"];
        assert!(seen["requests"].as_u64().unwrap() > 0, "{used:#}");
        assert_eq!(seen["failures"], 0);
        // What passed is what the CLI says that it has used.
        assert_eq!(seen["tokens"], used["tokens"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_a_running_tool_leaves_no_process() {
    let it = Installation::start().await;
    let id = it
        .create("custom", "Count slowly.\n\nscenario: slow_bash")
        .await;
    let log = format!("/api/tasks/{id}/logs");
    it.until(&id, LIMIT, |task| task["status"] == "running")
        .await;
    let mut running = false;
    for _ in 0..200 {
        let lines = it.all(&log, "seq").await;
        running = lines.iter().any(|line| line["kind"] == "tool_use");
        if running {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(running && !it.agent_processes().is_empty());
    let task = it
        .post(&format!("/api/tasks/{id}/cancel"), &json!({}))
        .await;
    assert_eq!(task["status"], "cancelled");
    let started = std::time::Instant::now();
    while !it.agent_processes().is_empty() {
        let left = it.agent_processes();
        assert!(started.elapsed() < Duration::from_secs(15), "{left:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_recorded_and_ends_the_process() {
    let it = Installation::start().await;
    let id = it.create("custom", "Build it.\n\nscenario: ask").await;
    let waits = |task: &Value| task["waiting_reason"] == "question";
    it.until(&id, LIMIT, waits).await;
    let questions = it.get(&format!("/api/tasks/{id}/questions")).await;
    assert_eq!(questions["items"][0]["status"], "open");
    assert!(it.agent_processes().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_is_waited_for_and_is_no_failure() {
    let it = Installation::start().await;
    let id = it.create("custom", "Go.\n\nscenario: limited").await;
    let task = it
        .until(&id, LIMIT, |task| task["status"] == "waiting")
        .await;
    assert_eq!(task["waiting_reason"], "rate_limit");
    assert!(task["resumes_at"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_server_takes_its_task_up_again() {
    let mut it = Installation::start_with("counting", COUNTING).await;
    let id = it
        .create("custom", "Count slowly.\n\nscenario: counting")
        .await;
    it.until(&id, LIMIT, |task| task["status"] == "running")
        .await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    it.stop_server().await;
    assert!(it.agent_processes().is_empty());
    it.start_server().await;
    it.until(&id, LIMIT, |task| task["status"] == "completed")
        .await;
    let lines = it.all(&format!("/api/tasks/{id}/logs"), "seq").await;
    let mut texts = lines.iter().map(|line| line["text"].as_str().unwrap());
    // Told what became of the command; one whose outcome nobody knows is run again.
    let is_told = texts.any(|text| text.starts_with("The slow command has ended"));
    assert!(is_told, "{lines:#?}");
}
