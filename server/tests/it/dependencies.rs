//! What an agent needs is given or declined by a person, later, and the agent goes on with it.

use std::time::Duration;

use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use server::vault::{Scope, SecretKind};

use crate::canary::vault;
use crate::installation::Installation;

const LIMIT: Duration = Duration::from_mins(1);
const CANARY: &str = "canary-key-4f9a1c7e";

async fn create(it: &Installation, scenario: &str) -> String {
    it.create("custom", &format!("Go.\n\nscenario: {scenario}"))
        .await
}

/// The task and what its agent needs, once it waits for that.
async fn needing(it: &Installation, scenario: &str) -> (String, Vec<Value>) {
    let id = create(it, scenario).await;
    let waits = |task: &Value| {
        assert_ne!(task["status"], "failed", "{task:#}");
        task["status"] == "waiting"
    };
    it.until(&id, LIMIT, waits).await;
    assert!(it.agent_processes().is_empty());
    let needed = it.get(&format!("/api/tasks/{id}/dependencies")).await;
    (id, needed["items"].as_array().unwrap().clone())
}

fn address(dependency: &Value) -> String {
    let id = dependency["id"].as_str().unwrap();
    format!("/api/dependencies/{id}/provide")
}

async fn provide(it: &Installation, dependency: &Value, given: Value) -> Value {
    it.post(&address(dependency), &given).await
}

/// The status and the problem of a request that is refused.
async fn refused(it: &Installation, dependency: &Value, given: &Value) -> (u16, String) {
    let address = format!("{}{}", it.base, address(dependency));
    let answer = it.client.post(address).json(given).send().await.unwrap();
    let status = answer.status().as_u16();
    (status, answer.text().await.unwrap())
}

async fn send_file(it: &Installation, dependency: &Value, content: Vec<u8>) -> (u16, String) {
    let form = Form::new().part("file", Part::bytes(content).file_name("mine.csv"));
    let address = format!("{}{}", it.base, address(dependency));
    let answer = it
        .client
        .post(address)
        .multipart(form)
        .send()
        .await
        .unwrap();
    let status = answer.status().as_u16();
    (status, answer.text().await.unwrap())
}

/// Where a browser is sent that posted the page's form, with what was wrong.
async fn sent_back(it: &Installation, dependency: &Value, content: Vec<u8>) -> String {
    let none = reqwest::redirect::Policy::none();
    let browser = reqwest::Client::builder().redirect(none).build().unwrap();
    let form = Form::new().part("file", Part::bytes(content).file_name("mine.csv"));
    let id = dependency["id"].as_str().unwrap();
    let address = format!("{}/dependencies/{id}/file", it.base);
    let answer = browser.post(address).multipart(form).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 303);
    let location = answer.headers()["location"].to_str().unwrap().to_owned();
    let (page, fault) = location.split_once('?').unwrap();
    assert!(fault.contains("__err"), "{fault}");
    page.to_owned()
}

async fn done(it: &Installation, id: &str) {
    let done = |task: &Value| {
        assert_ne!(task["status"], "failed", "{task:#}");
        task["status"] == "completed"
    };
    it.until(id, LIMIT, done).await;
    assert_eq!(it.model_failures().await, json!([]));
}

/// All that the log says.
pub async fn log(it: &Installation, id: &str) -> String {
    let lines = it.all(&format!("/api/tasks/{id}/logs"), "seq").await;
    let texts = lines.iter().map(|line| line["text"].as_str().unwrap());
    texts.collect::<Vec<_>>().join("\n")
}

fn written(it: &Installation, id: &str, file: &str) -> String {
    let path = it.data.path().join("tasks").join(id).join("workspace");
    std::fs::read_to_string(path.join(file)).unwrap()
}

/// Nothing that is kept or answered has the value.
pub async fn assert_kept_nowhere(it: &Installation, id: &str, value: &str) {
    for file in ["ccs.db", "ccs.db-wal", "server.log"] {
        let content = std::fs::read(it.data.path().join(file)).unwrap();
        let found = memchr::memmem::find(&content, value.as_bytes());
        assert_eq!(found, None, "in {file}");
    }
    for path in [
        "",
        "/events?limit=1000",
        "/logs?limit=1000",
        "/dependencies",
    ] {
        let answer = it.get(&format!("/api/tasks/{id}{path}")).await.to_string();
        assert!(!answer.contains(value), "in {path}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_given_after_a_restart_is_used_by_a_command_and_shown_nowhere() {
    let mut it = Installation::start().await;
    let (id, needed) = needing(&it, "dependency").await;
    assert_eq!(needed.len(), 1);
    assert_eq!(needed[0]["type"], "api_key");
    assert_eq!(needed[0]["status"], "open");
    assert_eq!(needed[0]["variable"], "WEATHER_API_KEY");
    let task = it.get(&format!("/api/tasks/{id}")).await;
    assert_eq!(task["waiting_reason"], "dependency");
    assert_eq!(task["actions"][0], "provide");
    it.stop_server().await;
    it.start_server().await;
    let request = it
        .client
        .post(format!("{}{}", it.base, address(&needed[0])))
        .header("Idempotency-Key", "once")
        .json(&json!({ "value": CANARY }));
    let given = request.send().await.unwrap();
    assert!(given.status().is_success());
    let given = given.text().await.unwrap();
    assert!(!given.contains(CANARY), "{given}");
    let given: Value = serde_json::from_str(&given).unwrap();
    assert_eq!(given["status"], "provided");
    assert_eq!(given["settled_by"], "person");
    // A second click is harmless.
    provide(&it, &needed[0], json!({ "value": CANARY })).await;
    done(&it, &id).await;
    let log = log(&it, &id).await;
    let length = CANARY.len();
    let shown = format!("The key has {length} characters, and says: [secret WEATHER_API_KEY]");
    assert!(log.contains(&shown), "{log}");
    assert!(log.contains("environment variable `WEATHER_API_KEY`"));
    let events = it.all(&format!("/api/tasks/{id}/events"), "version").await;
    let provided = |event: &&Value| event["type"] == "DependencyProvided";
    assert_eq!(events.iter().filter(provided).count(), 1);
    assert_kept_nowhere(&it, &id, CANARY).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_reaches_the_agent_with_its_reason() {
    let it = Installation::start().await;
    let (id, needed) = needing(&it, "dependency").await;
    let no = json!({ "declined": true, "reason": "The service is too dear." });
    let declined = provide(&it, &needed[0], no.clone()).await;
    assert_eq!(declined["status"], "declined");
    assert_eq!(declined["note"], "The service is too dear.");
    provide(&it, &needed[0], no).await;
    let (status, _) = refused(&it, &needed[0], &json!({ "value": CANARY })).await;
    assert_eq!(status, 409);
    done(&it, &id).await;
    let told = written(&it, &id, "without.md");
    assert!(told.contains("The service is too dear."), "{told}");
    assert!(told.contains("Look for another way."), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_reaches_the_agent_outside_of_its_work_directory() {
    let it = Installation::start().await;
    let (id, needed) = needing(&it, "dependency_file").await;
    let (status, problem) = send_file(&it, &needed[0], vec![b'x'; 65 * 1024]).await;
    assert_eq!(status, 422, "{problem}");
    assert!(
        problem.contains("at most 64 KiB, this has 65 KiB"),
        "{problem}"
    );
    let (status, _) = send_file(&it, &needed[0], Vec::new()).await;
    assert_eq!(status, 422);
    let (status, problem) = send_file(&it, &needed[0], vec![b'x'; 3 * 1024 * 1024]).await;
    assert_eq!(status, 413, "{problem}");
    assert!(problem.contains("at most 2 MiB"), "{problem}");
    assert_eq!(
        sent_back(&it, &needed[0], vec![b'x'; 3 * 1024 * 1024]).await,
        format!("/tasks/{id}")
    );
    let content = format!("Hamburg;{CANARY}\nOslo;2\n");
    let (status, given) = send_file(&it, &needed[0], content.into_bytes()).await;
    assert_eq!(status, 200, "{given}");
    assert!(!given.contains(CANARY));
    done(&it, &id).await;
    let log = log(&it, &id).await;
    let length = "Hamburg;".len() + CANARY.len();
    assert!(
        log.contains(&format!("Line 1 has {length} characters")),
        "{log}"
    );
    assert!(log.contains("Line 2 has 6 characters: Oslo;2"), "{log}");
    assert!(log.contains("/files/stations.csv`"), "{log}");
    assert!(it.agent_processes().is_empty());
    let workspace = it.data.path().join("tasks").join(&id).join("workspace");
    assert!(!workspace.join("stations.csv").exists());
    assert_kept_nowhere(&it, &id, CANARY).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_for_in_a_text_is_told_together_in_a_turn_of_its_own() {
    let it = Installation::start().await;
    let (id, needed) = needing(&it, "dependency_in_text").await;
    assert_eq!(needed.len(), 2);
    let service = json!({ "note": "It runs on port 5432." });
    provide(&it, &needed[1], service).await;
    let questions = it.get(&format!("/api/tasks/{id}/questions")).await;
    let question = questions["items"][0]["id"].as_str().unwrap();
    let answer = json!({ "answer": "Monday" });
    it.post(&format!("/api/questions/{question}/answer"), &answer)
        .await;
    let task = it.get(&format!("/api/tasks/{id}")).await;
    assert_eq!(task["waiting_reason"], "dependency");
    provide(&it, &needed[0], json!({ "value": "yes" })).await;
    done(&it, &id).await;
    let told = written(&it, &id, "told.md");
    for part in ["Monday", "The person allows it.", "It runs on port 5432."] {
        assert!(told.contains(part), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_task_does_not_see_what_a_task_was_given() {
    let peek = r#"
about = "Looks for a key that it was not given."
[[turn]]
[[turn.reply]]
tools = [{ bash = "awk 'BEGIN { print \"The key has \" length(ENVIRON[\"WEATHER_API_KEY\"]) \" characters\" }'" }]
[[turn.reply]]
say = "The command said: {{tool_result}}"
"#;
    let it = Installation::start_with("peek", peek).await;
    let (first, needed) = needing(&it, "dependency").await;
    let (second, others) = needing(&it, "dependency").await;
    provide(&it, &needed[0], json!({ "value": CANARY })).await;
    provide(&it, &others[0], json!({ "value": "other" })).await;
    done(&it, &first).await;
    done(&it, &second).await;
    let said = log(&it, &second).await;
    assert!(said.contains("The key has 5 characters"), "{said}");
    let third = create(&it, "peek").await;
    done(&it, &third).await;
    let said = log(&it, &third).await;
    assert!(said.contains("The key has 0 characters"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reusable_secret_is_given_by_its_name() {
    let it = Installation::start().await;
    let (id, needed) = needing(&it, "dependency").await;
    let vault = vault(&it).await;
    let name = "weather-live".parse().unwrap();
    vault
        .put(Scope::Named, &name, SecretKind::Variable, CANARY.as_bytes())
        .await
        .unwrap();
    let (status, problem) = refused(&it, &needed[0], &json!({ "secret": "unknown" })).await;
    assert_eq!(status, 422, "{problem}");
    let given = provide(&it, &needed[0], json!({ "secret": "weather-live" })).await;
    assert_eq!(given["secret"], "weather-live");
    done(&it, &id).await;
    let said = log(&it, &id).await;
    let length = CANARY.len();
    assert!(
        said.contains(&format!("The key has {length} characters")),
        "{said}"
    );
    assert_kept_nowhere(&it, &id, CANARY).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_is_replaced_reaches_the_agent_while_it_runs() {
    let slow = r#"
about = "Needs a key, works for a while, and looks at the key again."
[[turn]]
[[turn.reply]]
tools = [{ call = { name = "mcp__platform__request_dependency", input = { type = "env_variable", name = "STAGE", description = "Which stage.", required = true } } }]
[[turn.reply]]
tools = [{ bash = "awk 'BEGIN { print \"Stage at first: \" length(ENVIRON[\"STAGE\"]); print 1 > \"started\"; close(\"started\"); for (i = 0; i < 60; i++) system(\"sleep 0.1\") }'" }]
[[turn.reply]]
tools = [{ bash = "awk 'BEGIN { print \"Stage at last: \" length(ENVIRON[\"STAGE\"]) }'" }]
[[turn.reply]]
say = "The command said: {{tool_result}}"
"#;
    let it = Installation::start_with("slow", slow).await;
    let (id, needed) = needing(&it, "slow").await;
    provide(&it, &needed[0], json!({ "value": "early-value" })).await;
    let workspace = it.data.path().join("tasks").join(&id).join("workspace");
    let started = std::time::Instant::now();
    while !workspace.join("started").exists() {
        assert!(started.elapsed() < LIMIT, "{}", it.server_log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    provide(&it, &needed[0], json!({ "value": CANARY })).await;
    done(&it, &id).await;
    let said = log(&it, &id).await;
    assert!(said.contains("Stage at first: 11"), "{said}");
    let length = CANARY.len();
    assert!(said.contains(&format!("Stage at last: {length}")), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_is_refused_without_telling_the_value() {
    let it = Installation::start().await;
    let (id, needed) = needing(&it, "dependency").await;
    for (body, status) in [
        (json!({}), 422),
        (json!({ "value": "" }), 422),
        (json!({ "value": [CANARY] }), 422),
        (json!({ "value": { CANARY: 1 } }), 422),
        (json!({ "value": CANARY, "declined": true }), 422),
        (json!({ "value": CANARY, "secret": "x" }), 422),
        (json!({ "value": format!("{CANARY}\0") }), 422),
        (json!({ "value": CANARY.repeat(5_000) }), 422),
        (json!({ "value": CANARY, "note": "Hm." }), 422),
    ] {
        let (found, problem) = refused(&it, &needed[0], &body).await;
        assert_eq!(found, status, "{problem}");
        assert!(!problem.contains(CANARY), "{problem}");
    }
    let nothing = json!({ "id": "00000000-0000-7000-8000-000000000000" });
    let (status, _) = refused(&it, &nothing, &json!({ "value": "x" })).await;
    assert_eq!(status, 404);
    let (status, _) = send_file(&it, &needed[0], b"x".to_vec()).await;
    assert_eq!(status, 422);
    it.post(&format!("/api/tasks/{id}/cancel"), &json!({}))
        .await;
    let needed = it.get(&format!("/api/tasks/{id}/dependencies")).await;
    assert_eq!(needed["items"][0]["status"], "withdrawn");
    let late = json!({ "value": CANARY });
    let (status, _) = refused(&it, &needed["items"][0], &late).await;
    assert_eq!(status, 409);
    assert_kept_nowhere(&it, &id, CANARY).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_is_deleted_takes_its_values_along() {
    let it = Installation::start().await;
    let (id, needed) = needing(&it, "dependency").await;
    provide(&it, &needed[0], json!({ "value": CANARY })).await;
    done(&it, &id).await;
    let vault = vault(&it).await;
    let scope = Scope::Task(id.parse().unwrap());
    assert_eq!(vault.list(scope).await.unwrap().len(), 1);
    let address = format!("{}/api/tasks/{id}", it.base);
    let deleted = it.client.delete(address).send().await.unwrap();
    assert!(deleted.status().is_success());
    assert_eq!(vault.list(scope).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_would_change_the_agents_programs_is_refused_to_the_agent() {
    let evil = r#"
about = "Asks for variables that it must not have."
[[turn]]
[[turn.reply]]
tools = [{ call = { name = "mcp__platform__request_dependency", input = { type = "env_variable", name = "LD_PRELOAD", description = "A library.", required = true } } }]
[[turn.reply]]
say = "I was told: {{tool_result}}"
"#;
    let it = Installation::start_with("evil", evil).await;
    let id = create(&it, "evil").await;
    done(&it, &id).await;
    let said = log(&it, &id).await;
    let reason = "must not be a variable that the platform or the system sets";
    assert!(said.contains(reason), "{said}");
    let needed = it.get(&format!("/api/tasks/{id}/dependencies")).await;
    assert_eq!(needed["items"], json!([]));
}
