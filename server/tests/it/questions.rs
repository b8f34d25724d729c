//! What an agent asks is answered by a person, later, and the agent goes on with the answer.

use std::time::Duration;

use serde_json::{Value, json};

use crate::installation::Installation;

const LIMIT: Duration = Duration::from_mins(1);

async fn asked(it: &Installation, scenario: &str) -> (String, Vec<Value>) {
    let id = it
        .create("custom", &format!("Go.\n\nscenario: {scenario}"))
        .await;
    let waits = |task: &Value| task["waiting_reason"] == "question";
    let task = it.until(&id, LIMIT, waits).await;
    assert_eq!(task["actions"][0], "answer");
    let questions = it.get(&format!("/api/tasks/{id}/questions")).await;
    let questions = questions["items"].as_array().unwrap().clone();
    assert!(questions.iter().all(|asked| asked["status"] == "open"));
    (id, questions)
}

async fn answer(it: &Installation, question: &Value, answer: Value) -> Value {
    let id = question["id"].as_str().unwrap();
    let address = format!("/api/questions/{id}/answer");
    it.post(&address, &json!({ "answer": answer })).await
}

/// What the agent wrote into a file, once it is done.
async fn written(it: &Installation, id: &str, file: &str) -> String {
    let done = |task: &Value| {
        assert_ne!(task["status"], "failed", "{task:#}");
        task["status"] == "completed"
    };
    it.until(id, LIMIT, done).await;
    assert_eq!(it.model_failures().await, json!([]));
    assert!(it.agent_processes().is_empty());
    let path = it.data.path().join("tasks").join(id).join("workspace");
    std::fs::read_to_string(path.join(file)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_after_a_restart_is_the_result_of_the_agents_own_call() {
    let mut it = Installation::start().await;
    let (id, questions) = asked(&it, "ask").await;
    assert!(it.agent_processes().is_empty());
    it.stop_server().await;
    it.start_server().await;
    let given = answer(&it, &questions[0], json!("Amber")).await;
    assert_eq!(given["status"], "answered");
    assert_eq!(given["answer"], json!(["Amber"]));
    // A second click is harmless.
    answer(&it, &questions[0], json!(["Amber"])).await;
    let told = written(&it, &id, "colour.md").await;
    assert!(told.contains("The person answered: Amber"), "{told}");
    let events = it.all(&format!("/api/tasks/{id}/events"), "version").await;
    let of_type = |name: &str| events.iter().filter(|event| event["type"] == name).count();
    assert_eq!(of_type("QuestionAnswered"), 1);
    assert_eq!(of_type("QuestionAsked"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_questions_of_the_cli_are_answered_one_by_one() {
    let it = Installation::start().await;
    let (id, questions) = asked(&it, "ask_several").await;
    assert_eq!(questions.len(), 2);
    assert_eq!(questions[1]["multi_select"], true);
    answer(&it, &questions[1], json!(["Search", "Export"])).await;
    let task = it.get(&format!("/api/tasks/{id}")).await;
    assert_eq!(task["waiting_reason"], "question");
    answer(&it, &questions[0], json!("Something else: DuckDB")).await;
    let told = written(&it, &id, "answers.md").await;
    assert!(told.contains("Search, Export"), "{told}");
    assert!(told.contains("Something else: DuckDB"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_in_a_text_is_answered_in_a_turn_of_its_own() {
    let it = Installation::start().await;
    let (id, questions) = asked(&it, "ask_in_text").await;
    answer(&it, &questions[0], json!("Monday")).await;
    let told = written(&it, &id, "answer.md").await;
    assert!(told.contains("Monday"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_calls_of_one_message_both_get_their_answers() {
    let it = Installation::start().await;
    let (id, questions) = asked(&it, "ask_twice").await;
    assert_eq!(questions.len(), 2);
    answer(&it, &questions[1], json!("Large")).await;
    answer(&it, &questions[0], json!("Amber")).await;
    let told = written(&it, &id, "first.md").await;
    assert!(told.contains("The person answered: Amber"), "{told}");
    let told = written(&it, &id, "second.md").await;
    assert!(told.contains("Large"), "{told}");
    // The heading stands once, though the turn was taken up again.
    let log = it.all(&format!("/api/tasks/{id}/logs"), "seq").await;
    let headings: Vec<_> = log
        .iter()
        .filter(|line| line["kind"] == "turn")
        .map(|line| line["text"].clone())
        .collect();
    assert_eq!(headings, ["Prompt", "Answer"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_answer_is_refused_with_its_reason_and_loses_nothing() {
    let it = Installation::start().await;
    let (id, questions) = asked(&it, "ask").await;
    let question = questions[0]["id"].as_str().unwrap();
    let nobody = "00000000-0000-7000-8000-000000000000";
    for (question, body, status) in [
        (question, json!({"answer": []}), 422),
        (question, json!({"answer": ["Teal", "Grey"]}), 422),
        (question, json!({"answer": ""}), 422),
        (question, json!({"answer": 7}), 422),
        (question, json!({}), 422),
        (nobody, json!({"answer": "Teal"}), 404),
    ] {
        let address = format!("{}/api/questions/{question}/answer", it.base);
        let refused = it.client.post(address).json(&body).send().await.unwrap();
        assert_eq!(refused.status().as_u16(), status, "{body}");
    }
    it.post(&format!("/api/tasks/{id}/cancel"), &json!({}))
        .await;
    let questions = it.get(&format!("/api/tasks/{id}/questions")).await;
    assert_eq!(questions["items"][0]["status"], "withdrawn");
    let address = format!("{}/api/questions/{question}/answer", it.base);
    let late = json!({"answer": "Teal"});
    let refused = it.client.post(address).json(&late).send().await.unwrap();
    assert_eq!(refused.status().as_u16(), 409);
}
