//! Tasks begin where others stood, and go back to where they stood: files, conversation, what was given.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use crate::canary::vault;
use crate::dependencies::log;
use crate::installation::{Installation, transcripts};

const LIMIT: Duration = Duration::from_mins(1);

/// Without the beginning of the conversation the model would not know that it plays this.
const REMEMBERING: &str = r#"
about = "knows where it is by what was said"
[[turn]]
when = 'BEGIN JOB'
[[turn.reply]]
tools = [{ bash = "echo first > notes" }]
[[turn.reply]]
say = "Noted."
[[turn]]
when = '(?s)BEGIN MESSAGE \w+\n(?P<text>.*?)\nEND MESSAGE'
[[turn.reply]]
tools = [{ bash = "echo '{{text}}' >> notes" }]
[[turn.reply]]
say = "Remembered: {{text}}"
"#;

/// Is given a key, asks, and then uses the key.
const KEYED: &str = r#"
about = "needs a key, then an answer, then uses the key"
[[turn]]
[[turn.reply]]
tools = [{ call = { name = "mcp__platform__request_dependency", input = { type = "api_key", name = "MAPS_KEY", description = "For the map", required = true } } }]
[[turn.reply]]
tools = [{ call = { name = "mcp__platform__ask_user", input = { category = "choice", question = "Which colour?", options = ["Teal", "Amber"], required = true } } }]
[[turn.reply]]
tools = [{ bash = "printf %s \"$MAPS_KEY\" | sha256sum > used" }]
[[turn.reply]]
say = "It was used."
"#;

const KEY: &str = "maps-key-0f9b2c41d7";

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
        task["status"] == status && task["restoring"] == false
    })
    .await
}

async fn act(it: &Installation, id: &str, action: &str, body: Value) -> Value {
    it.post(&format!("/api/tasks/{id}/{action}"), &body).await
}

/// Says something, and waits until the agent has answered.
async fn tell(it: &Installation, id: &str, text: &str) {
    let task = it.get(&format!("/api/tasks/{id}")).await;
    act(it, id, "messages", json!({ "text": text })).await;
    if task["status"] == "paused" {
        act(it, id, "resume", json!({})).await;
    }
    until(it, id, "completed").await;
    let said = log(it, id).await;
    assert!(said.contains(&format!("Remembered: {text}")), "{said}");
    assert_eq!(it.model_failures().await, json!([]));
}

async fn checkpoints(it: &Installation, id: &str) -> Vec<Value> {
    let listed = it.get(&format!("/api/tasks/{id}/checkpoints")).await;
    listed["items"].as_array().unwrap().clone()
}

fn folder(it: &Installation, id: &str) -> PathBuf {
    it.data.path().join("tasks").join(id)
}

fn notes(it: &Installation, id: &str) -> Vec<String> {
    let text = std::fs::read_to_string(folder(it, id).join("workspace/notes")).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// Whether one of the task's conversations has all of these and none of those.
fn is_told(it: &Installation, id: &str, all: &[&str], none: &[&str]) -> bool {
    let mut sessions = std::collections::BTreeMap::<String, String>::new();
    for entry in transcripts(&folder(it, id)) {
        let session = entry["sessionId"].as_str().unwrap_or_default().to_owned();
        sessions
            .entry(session)
            .or_default()
            .push_str(&entry.to_string());
    }
    sessions.values().any(|text| {
        all.iter().all(|word| text.contains(word)) && !none.iter().any(|word| text.contains(word))
    })
}

async fn put_away(it: &Installation, id: &str) {
    let request = it.client.delete(format!("{}/api/tasks/{id}", it.base));
    assert_eq!(request.send().await.unwrap().status().as_u16(), 204);
}

async fn refused(it: &Installation, path: &str, body: &Value) -> (u16, Value) {
    let request = it.client.post(format!("{}{path}", it.base)).json(body);
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// A conversation of three turns, with the checkpoint at the end of each, oldest first.
async fn three_turns(it: &Installation) -> (String, Vec<String>) {
    let id = noting(it).await;
    until(it, &id, "completed").await;
    tell(it, &id, "One.").await;
    tell(it, &id, "Two.").await;
    let points = checkpoints(it, &id).await;
    let ids = points.iter().rev();
    let ids: Vec<_> = ids
        .map(|it| it["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids.len(), 3, "{points:#?}");
    (id, ids)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_has_the_files_and_the_conversation_of_its_checkpoint_and_its_own_from_there_on() {
    let it = Installation::start_with("notes", REMEMBERING).await;
    let (id, points) = three_turns(&it).await;
    let request = || {
        it.client
            .post(format!("{}/api/tasks/{id}/fork", it.base))
            .header("Idempotency-Key", "once")
            .json(&json!({ "checkpoint_id": points[1] }))
    };
    let answer = request().send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 201);
    let location = answer.headers()["location"].to_str().unwrap().to_owned();
    let fork: Value = answer.json().await.unwrap();
    let other = fork["id"].as_str().unwrap();
    assert_eq!(location, format!("/api/tasks/{other}"));
    assert_eq!(request().send().await.unwrap().status().as_u16(), 201);
    let all = it.get("/api/tasks").await;
    assert_eq!(all["items"].as_array().unwrap().len(), 2, "one fork");
    assert_eq!(
        (&fork["status"], &fork["title"], &fork["cost_usd"]),
        (&json!("paused"), &json!("Notes (fork)"), &json!("0.000000"))
    );
    assert_eq!(fork["forked_from"]["task_id"], json!(id));
    assert_eq!(fork["forked_from"]["checkpoint_id"], json!(points[1]));
    assert_eq!(notes(&it, other), ["first", "One."]);

    tell(&it, other, "Three.").await;
    assert_eq!(notes(&it, other), ["first", "One.", "Three."]);
    assert!(is_told(&it, other, &["One.", "Three."], &["Two."]));
    let used = it
        .all(&format!("/api/tasks/{other}/events"), "version")
        .await;
    let costs = used.iter().filter(|it| it["type"] == "UsageRecorded");
    assert_eq!(costs.count(), 1, "its own turn");
    let fork = it.get(&format!("/api/tasks/{other}")).await;
    assert_ne!(fork["cost_usd"], "0.000000");

    assert_eq!(notes(&it, &id), ["first", "One.", "Two."]);
    tell(&it, &id, "Four.").await;
    assert!(is_told(&it, &id, &["Two.", "Four."], &["Three."]));
    // A fork can be forked, and needs nothing of its origin any more.
    put_away(&it, &id).await;
    let again = act(
        &it,
        other,
        "fork",
        json!({ "start": true, "title": "Again" }),
    )
    .await;
    let again = again["id"].as_str().unwrap();
    until(&it, again, "completed").await;
    assert_eq!(notes(&it, again), ["first", "One.", "Three."]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_goes_back_and_can_return_also_when_the_server_is_killed_meanwhile() {
    let mut it = Installation::start_with("notes", REMEMBERING).await;
    let (id, points) = three_turns(&it).await;
    let cost = it.get(&format!("/api/tasks/{id}")).await["cost_usd"].clone();
    std::fs::write(folder(&it, &id).join("workspace/by-hand"), "x\n").unwrap();
    let back = act(&it, &id, "restore", json!({ "checkpoint_id": points[1] })).await;
    assert_eq!(
        (&back["restoring"], &back["cost_usd"]),
        (&json!(true), &cost)
    );
    it.kill_server().await;
    it.start_server().await;
    until(&it, &id, "paused").await;
    assert_eq!(notes(&it, &id), ["first", "One."]);
    assert!(!folder(&it, &id).join("workspace/by-hand").exists());
    tell(&it, &id, "Three.").await;
    assert!(is_told(&it, &id, &["One.", "Three."], &["Two."]));
    assert_eq!(notes(&it, &id), ["first", "One.", "Three."]);

    // What was left behind is there again.
    let points = checkpoints(&it, &id).await;
    let left = points.iter().find(|point| point["kind"] == "restore");
    let left = left.unwrap()["id"].clone();
    act(&it, &id, "restore", json!({ "checkpoint_id": left })).await;
    until(&it, &id, "paused").await;
    assert_eq!(notes(&it, &id), ["first", "One.", "Two."]);
    assert!(folder(&it, &id).join("workspace/by-hand").exists());
    tell(&it, &id, "Four.").await;
    assert!(is_told(&it, &id, &["Two.", "Four."], &["Three."]));
    let events = it.all(&format!("/api/tasks/{id}/events"), "version").await;
    let went = events
        .iter()
        .filter(|event| event["type"] == "FilesRestored");
    assert_eq!(went.count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_has_what_its_origin_was_given_and_is_asked_for_itself() {
    let it = Installation::start_with("keyed", KEYED).await;
    let task = json!({
        "title": "Keyed", "type": "custom", "description": "Go.\n\nscenario: keyed",
        "permission_mode": "autonomous", "start": true,
    });
    let task = it.post("/api/tasks", &task).await;
    let id = task["id"].as_str().unwrap().to_owned();
    it.until(&id, LIMIT, |task| task["waiting_reason"] == "dependency")
        .await;
    let needed = it.get(&format!("/api/tasks/{id}/dependencies")).await;
    let needed = needed["items"][0]["id"].as_str().unwrap();
    let address = format!("/api/dependencies/{needed}/provide");
    it.post(&address, &json!({ "value": KEY })).await;
    it.until(&id, LIMIT, |task| task["waiting_reason"] == "question")
        .await;

    let fork = act(&it, &id, "fork", json!({})).await;
    let other = fork["id"].as_str().unwrap();
    assert_eq!(fork["waiting_reason"], "question", "{fork:#}");
    let question = async |id: &str| {
        let asked = it.get(&format!("/api/tasks/{id}/questions")).await;
        asked["items"][0]["id"].as_str().unwrap().to_owned()
    };
    let (mine, others) = (question(&id).await, question(other).await);
    assert_ne!(mine, others);
    put_away(&it, &id).await;
    let address = format!("/api/questions/{others}/answer");
    it.post(&address, &json!({ "answer": "Amber" })).await;
    until(&it, other, "completed").await;
    assert_eq!(it.model_failures().await, json!([]));
    let digest = std::process::Command::new("sh")
        .args(["-c", &format!("printf %s {KEY} | sha256sum")])
        .output()
        .unwrap();
    let used = std::fs::read(folder(&it, other).join("workspace/used")).unwrap();
    assert_eq!(used, digest.stdout);
    let vault = vault(&it).await;
    let task: app::domain::id::TaskId = other.parse().unwrap();
    let kept = vault.list(server::vault::Scope::Task(task)).await.unwrap();
    assert_eq!(kept.len(), 1, "a copy of its own");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_done_is_refused_with_what_can() {
    let it = Installation::start_with("notes", REMEMBERING).await;
    let draft = json!({ "title": "A", "type": "custom", "description": "B" });
    let draft = it.post("/api/tasks", &draft).await;
    let path = |id: &Value, action: &str| format!("/api/tasks/{}/{action}", id.as_str().unwrap());
    let (status, problem) = refused(&it, &path(&draft["id"], "fork"), &json!({})).await;
    assert_eq!(status, 409, "{problem:#}");
    assert_eq!(problem["allowed"][0], "execute");
    let id = noting(&it).await;
    until(&it, &id, "completed").await;
    let known = checkpoints(&it, &id).await[0]["id"].clone();
    let unknown = json!({ "checkpoint_id": id });
    for action in ["fork", "restore"] {
        let (status, _) = refused(&it, &path(&json!(id), action), &unknown).await;
        assert_eq!(status, 404, "{action}");
    }
    let body = json!({ "checkpoint_id": known });
    let (status, _) = refused(&it, &path(&draft["id"], "restore"), &body).await;
    assert_eq!(status, 404, "a checkpoint of another task");
    for body in [
        json!({}),
        json!({ "checkpoint_id": "x" }),
        json!({ "at": known }),
    ] {
        let (status, problem) = refused(&it, &path(&json!(id), "restore"), &body).await;
        assert_eq!(status, 422, "{problem:#}");
    }
}
