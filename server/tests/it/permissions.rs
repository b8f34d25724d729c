//! Calls that the task's mode leaves open are decided by a person, later, and bound to what was asked.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use crate::installation::Installation;

const LIMIT: Duration = Duration::from_mins(1);

async fn create(it: &Installation, scenario: &str, mode: &str) -> String {
    let new = json!({
        "title": "Permissions", "type": "custom", "description": format!("Go.\n\nscenario: {scenario}"),
        "permission_mode": mode, "start": true,
    });
    let task = it.post("/api/tasks", &new).await;
    task["id"].as_str().unwrap().to_owned()
}

/// The calls that wait for a decision, once the task does.
async fn asked(it: &Installation, id: &str) -> Vec<Value> {
    let waits = |task: &Value| {
        assert_ne!(task["status"], "failed", "{task:#}");
        assert_ne!(task["status"], "completed", "{task:#}");
        task["waiting_reason"] == "question"
    };
    it.until(id, LIMIT, waits).await;
    assert!(it.agent_processes().is_empty());
    let questions = it.get(&format!("/api/tasks/{id}/questions")).await;
    let questions = questions["items"].as_array().unwrap().iter();
    let open = questions.filter(|asked| asked["status"] == "open");
    open.cloned().collect()
}

async fn decide(it: &Installation, question: &Value, answer: &str) -> Value {
    let id = question["id"].as_str().unwrap();
    let address = format!("/api/questions/{id}/answer");
    it.post(&address, &json!({ "answer": answer })).await
}

async fn completed(it: &Installation, id: &str) {
    let done = |task: &Value| {
        assert_ne!(task["status"], "failed", "{task:#}");
        assert_ne!(task["status"], "waiting", "{task:#}");
        task["status"] == "completed"
    };
    it.until(id, LIMIT, done).await;
    assert_eq!(it.model_failures().await, json!([]));
}

fn file(it: &Installation, id: &str, name: &str) -> PathBuf {
    let tasks = it.data.path().join("tasks");
    tasks.join(id).join("workspace").join(name)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_yes_after_a_restart_counts_for_that_call_alone() {
    let mut it = Installation::start().await;
    let id = create(&it, "permission", "balanced").await;
    let first = asked(&it, &id).await;
    assert_eq!(first.len(), 1);
    assert_eq!(first[0]["category"], "confirmation");
    let call = &first[0]["permission"];
    assert_eq!(call["text"], "dd if=/dev/zero of=zeros.bin bs=1 count=3");
    assert_eq!(call["form"], "command");
    assert!(
        call["why"]
            .as_str()
            .unwrap()
            .contains("\"dd\" is not among the commands")
    );
    let options: Vec<_> = first[0]["options"].as_array().unwrap().iter().collect();
    assert_eq!(options.len(), 3);
    assert!(!file(&it, &id, "zeros.bin").exists());
    it.stop_server().await;
    it.start_server().await;
    decide(&it, &first[0], "once").await;
    // A second click is harmless.
    decide(&it, &first[0], "once").await;
    // The same words and one more are another call.
    let second = asked(&it, &id).await;
    assert_eq!(second.len(), 1);
    assert_eq!(std::fs::read(file(&it, &id, "zeros.bin")).unwrap(), [0; 3]);
    decide(&it, &second[0], "once").await;
    completed(&it, &id).await;
    let rules = it.get(&format!("/api/tasks/{id}/permissions")).await;
    assert_eq!(rules["rules"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_yes_for_the_task_is_a_rule_that_can_be_taken_away() {
    let it = Installation::start().await;
    let id = create(&it, "permission", "balanced").await;
    let first = asked(&it, &id).await;
    decide(&it, &first[0], "task").await;
    completed(&it, &id).await;
    let questions = it.get(&format!("/api/tasks/{id}/questions")).await;
    assert_eq!(
        questions["items"].as_array().unwrap().len(),
        1,
        "asked once"
    );
    let address = format!("/api/tasks/{id}/permissions");
    let permissions = it.get(&address).await;
    let rule = &permissions["rules"][0];
    let expected =
        json!({"kind": "command", "begins_with": "dd if=/dev/zero of=zeros.bin bs=1 count=3"});
    assert_eq!(rule["rule"], expected);
    let commands = permissions["commands"].as_array().unwrap();
    assert!(commands.contains(&json!("cargo")) && commands.contains(&json!("git commit")));

    let removed = format!("{}{address}/{}", it.base, rule["id"].as_str().unwrap());
    let answer = it.client.delete(&removed).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 204);
    let answer = it.client.delete(&removed).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 404);
    let added = it
        .post(&address, &json!({"kind": "edit", "path": "docs/"}))
        .await;
    let again = it
        .post(&address, &json!({"kind": "edit", "path": "docs/"}))
        .await;
    assert_eq!(added["id"], again["id"]);
    for wrong in [
        json!({"kind": "command", "begins_with": "a && b"}),
        json!({"kind": "command", "begins_with": ""}),
        json!({"kind": "magic", "begins_with": "a"}),
        json!({"kind": "tool"}),
    ] {
        let refused = it.client.post(format!("{}{address}", it.base));
        let refused = refused.json(&wrong).send().await.unwrap();
        assert_eq!(refused.status().as_u16(), 422, "{wrong}");
    }
    assert_eq!(it.get(&address).await["rules"], json!([added]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_no_reaches_the_agent_with_its_reason() {
    let it = Installation::start().await;
    let id = create(&it, "permission", "balanced").await;
    let question = asked(&it, &id).await.remove(0);
    let address = format!("/api/questions/{}/answer", question["id"].as_str().unwrap());
    for wrong in [
        json!({"answer": "yes"}),
        json!({"answer": []}),
        json!({"answer": ["once", "task"]}),
    ] {
        let refused = it.client.post(format!("{}{address}", it.base));
        let refused = refused.json(&wrong).send().await.unwrap();
        assert_eq!(refused.status().as_u16(), 422, "{wrong}");
    }
    let reason = "Zeros are not wanted here.";
    let given = it
        .post(&address, &json!({"answer": "deny", "reason": reason}))
        .await;
    assert_eq!(given["reason"], reason);
    completed(&it, &id).await;
    let refused = std::fs::read_to_string(file(&it, &id, "refused.md")).unwrap();
    assert!(refused.contains(reason), "{refused}");
    assert!(!file(&it, &id, "zeros.bin").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_are_made_at_once_are_asked_for_together_and_all_get_their_answer() {
    let it = Installation::start().await;
    let id = create(&it, "permission_several", "balanced").await;
    let questions = asked(&it, &id).await;
    let texts: Vec<_> = questions
        .iter()
        .map(|asked| &asked["permission"]["text"])
        .collect();
    assert_eq!(texts.len(), 3, "{texts:?}");
    for question in questions.iter().rev() {
        decide(&it, question, "once").await;
    }
    completed(&it, &id).await;
    for name in ["a.bin", "b.bin", "c.bin"] {
        assert!(file(&it, &id, name).exists(), "{name}");
    }
    let questions = it.get(&format!("/api/tasks/{id}/questions")).await;
    assert_eq!(questions["items"].as_array().unwrap().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strict_task_asks_for_changes_and_shows_them_and_not_for_looks() {
    let it = Installation::start().await;
    let id = create(&it, "permission_edit", "strict").await;
    let question = asked(&it, &id).await.remove(0);
    let call = &question["permission"];
    assert_eq!(
        (&call["tool"], &call["form"]),
        (&json!("Write"), &json!("change"))
    );
    assert_eq!(call["text"], "+# Notes\n+\n+First.\n");
    decide(&it, &question, "once").await;
    let question = asked(&it, &id).await.remove(0);
    let call = &question["permission"];
    assert_eq!(call["text"], "-First.\n+Second.\n");
    assert_eq!(
        call["offered"][0]["rule"],
        json!({"kind": "edit", "path": "notes.md"})
    );
    decide(&it, &question, "task").await;
    completed(&it, &id).await;
    let notes = std::fs::read_to_string(file(&it, &id, "notes.md")).unwrap();
    assert!(notes.contains("Second."), "{notes}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_autonomous_task_asks_for_nothing() {
    let it = Installation::start().await;
    let id = create(&it, "permission", "autonomous").await;
    completed(&it, &id).await;
    assert!(file(&it, &id, "zeros.bin").exists());
    let questions = it.get(&format!("/api/tasks/{id}/questions")).await;
    assert_eq!(questions["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_of_a_task_that_is_called_off_is_never_made() {
    let it = Installation::start().await;
    let id = create(&it, "permission", "balanced").await;
    let question = asked(&it, &id).await.remove(0);
    it.post(&format!("/api/tasks/{id}/cancel"), &json!({}))
        .await;
    let address = format!(
        "{}/api/questions/{}/answer",
        it.base,
        question["id"].as_str().unwrap()
    );
    let late = it.client.post(address).json(&json!({"answer": "once"}));
    assert_eq!(late.send().await.unwrap().status().as_u16(), 409);
    assert!(!file(&it, &id, "zeros.bin").exists());
}
