//! Where work and conversation stood can be had again, also without the CLI's own files.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use crate::installation::{Installation, transcripts};

const LIMIT: Duration = Duration::from_mins(2);

/// Without the beginning of the conversation the model would not know that it plays this.
const REMEMBERING: &str = r#"
about = "knows where it is by what was said"
[[turn]]
when = 'BEGIN JOB'
[[turn.reply]]
say = "I note it."
tools = [{ bash = "echo first > notes; sleep SECONDS" }]
[[turn.reply.or]]
if = { tool_result = 'outcome is unknown' }
say = "It was cut off."
[[turn.reply]]
say = "Noted."
[[turn]]
when = '(?s)BEGIN MESSAGE \w+\n(?P<text>.*?)\nEND MESSAGE'
[[turn.reply]]
tools = [{ bash = "echo '{{text}}' >> notes" }]
[[turn.reply]]
say = "Remembered: {{text}}"
"#;

/// The first turn's command takes so many seconds.
fn remembering(seconds: u32) -> String {
    REMEMBERING.replace("SECONDS", &seconds.to_string())
}

async fn noting(it: &Installation) -> String {
    let task = json!({
        "title": "Notes", "type": "custom", "description": "Note.\n\nscenario: notes",
        "permission_mode": "autonomous", "start": true,
    });
    let task = it.post("/api/tasks", &task).await;
    task["id"].as_str().unwrap().to_owned()
}

async fn until(it: &Installation, id: &str, status: &str) -> Value {
    it.until(id, LIMIT, |task| {
        assert_ne!(task["status"], "failed", "{task:#}");
        task["status"] == status
    })
    .await
}

async fn act(it: &Installation, id: &str, action: &str, body: &Value) -> Value {
    it.post(&format!("/api/tasks/{id}/{action}"), body).await
}

/// Says something, and waits until the agent has answered.
async fn tell(it: &Installation, id: &str, text: &str) {
    act(it, id, "messages", &json!({ "text": text })).await;
    until(it, id, "completed").await;
    assert!(said(it, id, &format!("Remembered: {text}")).await, "{text}");
    assert_eq!(it.model_failures().await, json!([]));
}

async fn said(it: &Installation, id: &str, text: &str) -> bool {
    let lines = it.all(&format!("/api/tasks/{id}/logs"), "seq").await;
    lines
        .iter()
        .any(|line| line["text"].as_str().unwrap().contains(text))
}

fn folder(it: &Installation, id: &str) -> PathBuf {
    it.data.path().join("tasks").join(id)
}

/// Loses all that the CLI keeps.
fn lose_configuration(it: &Installation, id: &str) {
    std::fs::remove_dir_all(folder(it, id).join("agents")).unwrap();
}

/// Waits until the CLI's own transcript has the call: it writes a little later than it acts.
async fn until_written_down(it: &Installation, id: &str, call: &str) {
    let started = std::time::Instant::now();
    let is_call = |entry: &Value| entry["type"] == "assistant" && entry.to_string().contains(call);
    while !transcripts(&folder(it, id)).iter().any(is_call) {
        assert!(started.elapsed() < LIMIT, "{}", it.server_log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn checkpoints(it: &Installation, id: &str) -> Vec<Value> {
    let listed = it.get(&format!("/api/tasks/{id}/checkpoints")).await;
    listed["items"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_goes_on_when_the_configuration_of_its_agent_is_lost() {
    let it = Installation::start_with("notes", &remembering(1)).await;
    let id = noting(&it).await;
    until(&it, &id, "completed").await;
    for text in ["One.", "Two."] {
        lose_configuration(&it, &id);
        tell(&it, &id, text).await;
    }
    assert!(it.server_log().contains("is written again"));
    let events = it.all(&format!("/api/tasks/{id}/events"), "version").await;
    let begun = events
        .iter()
        .filter(|event| event["type"] == "ConversationStarted");
    assert_eq!(begun.count(), 1, "it is the same conversation");
}

#[tokio::test(flavor = "multi_thread")]
async fn so_does_a_turn_that_was_cut_off() {
    let variables = [("CCS_PAUSE_SECONDS", "1")];
    let it = Installation::start_set("notes", &remembering(30), &variables).await;
    let id = noting(&it).await;
    until_written_down(&it, &id, "sleep 30").await;
    act(&it, &id, "pause", &json!({})).await;
    // Its process is gone then, and what it had said is mirrored.
    while checkpoints(&it, &id).await.is_empty() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(it.agent_processes(), [""; 0]);
    lose_configuration(&it, &id);
    act(&it, &id, "resume", &json!({})).await;
    until(&it, &id, "completed").await;
    assert!(said(&it, &id, "It was cut off.").await);
    let kinds: Vec<_> = checkpoints(&it, &id).await;
    let kinds: Vec<_> = kinds.iter().map(|point| &point["kind"]).collect();
    assert_eq!(kinds, ["turn", "pause"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ends_of_turns_and_phases_are_kept_and_can_be_compared() {
    let it = Installation::start().await;
    let id = it
        .create("create_app", "A habit tracker.\n\nscenario: chaos")
        .await;
    it.until(&id, LIMIT, |task| task["waiting_reason"] == "review")
        .await;
    let points = checkpoints(&it, &id).await;
    assert_eq!(points[0]["kind"], "phase", "{points:#?}");
    assert!(points[1..].iter().all(|point| point["kind"] == "turn"));
    assert_eq!(points.len(), 10, "no more are kept");
    let versions: Vec<_> = points.iter().map(|point| &point["version"]).collect();
    assert!(versions.is_sorted_by(|a, b| a.as_u64() > b.as_u64()));
    let refs = std::process::Command::new("git")
        .arg("-C")
        .arg(folder(&it, &id).join("record.git"))
        .args([
            "for-each-ref",
            "--format=%(refname)",
            "refs/ccs/checkpoints/",
        ])
        .output()
        .unwrap();
    let refs = String::from_utf8(refs.stdout).unwrap();
    let mut refs: Vec<_> = refs.lines().map(|name| &name[21..]).collect();
    let mut ids: Vec<_> = points.iter().map(|it| it["id"].as_str().unwrap()).collect();
    refs.sort_unstable();
    ids.sort_unstable();
    assert_eq!(refs, ids, "and none of the others' commits");
    let diff = |base: &Value, to: Option<&Value>| {
        let text = |id: &Value| id.as_str().unwrap().to_owned();
        let to = to.map_or_else(String::new, |to| format!("?to={}", text(&to["id"])));
        let base = text(&base["id"]);
        let path = format!("/api/tasks/{id}/checkpoints/{base}/diff{to}");
        let it = &it;
        async move { it.get(&path).await["files"].as_array().unwrap().len() }
    };
    // Each step of a turn leaves a document.
    assert!(diff(points.last().unwrap(), points.first()).await >= 5);
    assert_eq!(
        diff(&points[0], points.last()).await,
        diff(points.last().unwrap(), None).await
    );
    let unknown = format!("{}/api/tasks/{id}/checkpoints/{id}/diff", it.base);
    let answer = it.client.get(unknown).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 404);
}
