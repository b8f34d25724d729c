//! Agents of which nothing is heard are nudged, then started again, and at last given up.

use std::time::Duration;

use serde_json::Value;

use crate::installation::Installation;

const LIMIT: Duration = Duration::from_mins(1);

/// Works once without a word for some seconds.
fn silent_for(seconds: u32) -> String {
    format!(
        r#"
about = "is silent for a while"
[[turn]]
[[turn.reply]]
say = "I begin."
tools = [{{ bash = "sleep {seconds}" }}]
[[turn.reply]]
say = "I know how it ended."
"#
    )
}

/// Tries the same again whenever it was cut off.
const NEVER_HEARD: &str = r#"
about = "is silent whatever happens"
[[turn]]
[[turn.reply]]
say = "I begin."
tools = [{ bash = "sleep 50" }]
[[turn.reply]]
say = "Once more."
tools = [{ bash = "sleep 51" }]
[[turn.reply]]
say = "And once more."
tools = [{ bash = "sleep 52" }]
[[turn.reply]]
say = "It is done."
"#;

async fn start(scenario: &str, seconds: &'static str) -> (Installation, String) {
    let variables = [("CCS_SILENCE_SECONDS", seconds)];
    let it = Installation::start_set("silent", scenario, &variables).await;
    let id = it.create("custom", "Do it.\n\nscenario: silent").await;
    (it, id)
}

async fn events(it: &Installation, id: &str, kind: &str) -> Vec<Value> {
    let events = it.all(&format!("/api/tasks/{id}/events"), "version").await;
    events
        .into_iter()
        .filter(|event| event["type"] == kind)
        .collect()
}

async fn lines(it: &Installation, id: &str) -> Vec<String> {
    let lines = it.all(&format!("/api/tasks/{id}/logs"), "seq").await;
    let texts = lines.iter().map(|line| line["text"].as_str().unwrap());
    texts.map(str::to_owned).collect()
}

fn is_completed(task: &Value) -> bool {
    assert_ne!(task["status"], "failed", "{task:#}");
    task["status"] == "completed"
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_stirs_after_a_nudge_goes_on() {
    let (it, id) = start(&silent_for(9), "6").await;
    let silent = it
        .until(&id, LIMIT, |task| !task["silence"].is_null())
        .await;
    assert_eq!(silent["status"], "running", "{silent:#}");
    let heard = it.until(&id, LIMIT, is_completed).await;
    assert_eq!(heard["silence"], Value::Null, "{heard:#}");
    assert_eq!(events(&it, &id, "AgentSilent").await.len(), 1);
    assert_eq!(events(&it, &id, "AgentStirred").await.len(), 1);
    assert_eq!(events(&it, &id, "RunStarted").await.len(), 1);
    assert_eq!(it.model_failures().await, serde_json::json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_stays_silent_is_started_again_where_it_was() {
    let (it, id) = start(&silent_for(120), "6").await;
    it.until(&id, LIMIT, is_completed).await;
    let ended = &events(&it, &id, "RunEnded").await[0]["data"]["end"];
    let message = ended["message"].as_str().unwrap();
    assert!(message.starts_with("nothing was heard"), "{ended:#}");
    let last = ended["last_lines"].as_array().unwrap();
    let is_nudge = |line: &Value| line.as_str().unwrap().contains("It is nudged");
    assert!(last.iter().any(is_nudge), "{ended:#}");
    assert_eq!(events(&it, &id, "RunStarted").await.len(), 2);
    let lines = lines(&it, &id).await;
    assert!(
        lines.iter().any(|line| line == "I know how it ended."),
        "{lines:#?}"
    );
    assert_eq!(it.agent_processes(), [""; 0], "nothing of it is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_whose_agents_always_fall_silent_fails_and_tells_its_last_lines() {
    let (it, id) = start(NEVER_HEARD, "2").await;
    let failed = it
        .until(&id, LIMIT, |task| task["status"] == "failed")
        .await;
    let reason = failed["reason"].as_str().unwrap();
    assert!(reason.starts_with("nothing was heard"), "{failed:#}");
    assert!(!failed["last_lines"].as_array().unwrap().is_empty());
    assert_eq!(events(&it, &id, "RunStarted").await.len(), 3);
    assert_eq!(it.agent_processes(), [""; 0], "nothing of it is left");
}
