//! Claude's credentials and the tokens of other services, set by a person and used by real agents.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::dependencies::{assert_kept_nowhere, log};
use crate::installation::Installation;

const LIMIT: Duration = Duration::from_mins(1);
const KEY: &str = "sk-ant-api03-made-up-for-this-test-0123";
const TOKEN: &str = "sk-ant-oat01-made-up-for-this-test-0123456789";
const GITHUB: &str = "github-token-made-up-for-this-test-0123";

const GOOD: &str = "about = \"Says yes.\"\n[[turn]]\n[[turn.reply]]\nsay = \"OK\"\n";

/// Answers those who present the token.
fn bearer() -> String {
    format!(
        r#"
about = "Answers who presents the login's token, and shows what its environment has of it."

[[turn]]
[[turn.reply]]
say = "I look."
expect = [{{ in = "header", header = "authorization", matches = '^Bearer {TOKEN}$' }}]
tools = [{{ bash = "awk 'BEGIN {{ t = ENVIRON[\"CLAUDE_CODE_OAUTH_TOKEN\"]; print \"length \" length(t) \" text \" t }}'" }}]
[[turn.reply]]
say = "I presented {TOKEN} and saw: {{{{tool_result}}}}"
"#
    )
}

async fn set(it: &Installation, mut change: Value) -> Value {
    change["anthropic_base_url"] = json!(it.model_url);
    it.patch("/api/settings", &change).await
}

async fn check(it: &Installation) -> (String, String) {
    let outcome = it.post("/api/settings/check", &json!({})).await;
    let text = |name: &str| outcome[name].as_str().unwrap().to_owned();
    (text("state"), text("message"))
}

async fn completed(it: &Installation, id: &str) {
    let done = |task: &Value| {
        assert_ne!(task["status"], "failed", "{task:#}");
        task["status"] == "completed"
    };
    it.until(id, LIMIT, done).await;
    assert_eq!(it.model_failures().await, json!([]));
}

/// A folder as Claude Code leaves it after a login, with nothing in it that anybody could use.
fn login_folder(mode: u32) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(".credentials.json");
    let content = json!({"claudeAiOauth": {
        "accessToken": TOKEN, "refreshToken": TOKEN.replace("oat", "ort"),
        "expiresAt": 4_102_444_800_000_u64, "scopes": ["user:inference"],
        "subscriptionType": "max",
    }});
    std::fs::write(&file, content.to_string()).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
    folder
}

/// All files below a folder that have this text in them.
fn files_with(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if entry.file_type().unwrap().is_dir() {
            found.extend(files_with(&path, text));
        } else if let Ok(content) = std::fs::read(&path)
            && memchr::memmem::find(&content, text.as_bytes()).is_some()
        {
            found.push(path.display().to_string());
        }
    }
    found
}

/// The address of an API that refuses every key, as long as the second value is there. It tells the key,
/// as none does.
async fn refusing() -> (String, JoinSet<()>) {
    use axum::http::{HeaderMap, StatusCode};
    let refuse = async |headers: HeaderMap| {
        let key = headers.get("x-api-key").unwrap().to_str().unwrap();
        let message = format!("invalid x-api-key {key}");
        let error = json!({"type": "authentication_error", "message": message});
        let body = axum::Json(json!({"type": "error", "error": error}));
        (
            StatusCode::UNAUTHORIZED,
            [("x-should-retry", "false")],
            body,
        )
    };
    let router = axum::Router::new().fallback(refuse);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let mut serving = JoinSet::new();
    serving.spawn(async move { axum::serve(listener, router).await.unwrap() });
    (address, serving)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_key_works_and_a_wrong_one_is_refused_in_words() {
    let it = Installation::start_without_account("good", GOOD).await;
    let (state, message) = check(&it).await;
    assert_eq!(state, "failed");
    assert!(
        message.contains("No Claude credentials are set."),
        "{message}"
    );
    let (address, _serving) = refusing().await;
    let change = json!({ "anthropic_api_key": KEY, "anthropic_base_url": address });
    it.patch("/api/settings", &change).await;
    let (state, message) = check(&it).await;
    assert_eq!(state, "refused", "{message}");
    assert!(message.starts_with("Invalid API key"), "{message}");
    assert!(!message.contains(KEY), "{message}");
    let nobody = json!({ "anthropic_base_url": "http://127.0.0.1:9" });
    it.patch("/api/settings", &nobody).await;
    let (state, message) = check(&it).await;
    assert_eq!(state, "unreachable", "{message}");

    set(&it, json!({})).await;
    let (state, message) = check(&it).await;
    assert_eq!(state, "works", "{message}");
    let left: Vec<_> = std::fs::read_dir(it.data.path().join("trials"))
        .unwrap()
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_token_reaches_the_agent_and_is_shown_nowhere() {
    let it = Installation::start_without_account("bearer", &bearer()).await;
    set(&it, json!({ "claude_login_token": TOKEN })).await;
    let id = it.create("custom", "Go.\n\nscenario: bearer").await;
    completed(&it, &id).await;
    let said = log(&it, &id).await;
    assert!(said.contains("I presented [secret"), "{said}");
    assert!(!said.contains(TOKEN), "{said}");
    assert_kept_nowhere(&it, &id, TOKEN).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_folder_is_copied_for_each_agent_and_stays_as_it_is() {
    let it = Installation::start_without_account("bearer", &bearer()).await;
    let folder = login_folder(0o600);
    let file = folder.path().join(".credentials.json");
    let before = std::fs::read(&file).unwrap();
    let set_up = set(&it, json!({ "claude_login_folder": folder.path() })).await;
    assert_eq!(set_up["warnings"], json!([]));
    let (state, message) = check(&it).await;
    assert_eq!(state, "works", "{message}");
    assert!(!message.contains(TOKEN), "{message}");
    let id = it.create("custom", "Go.\n\nscenario: bearer").await;
    completed(&it, &id).await;
    let said = log(&it, &id).await;
    // It is in the agent's folder, not in its environment.
    assert!(said.contains("length 0"), "{said}");
    assert!(said.contains("I presented [secret"), "{said}");
    assert_kept_nowhere(&it, &id, TOKEN).await;
    assert_eq!(std::fs::read(&file).unwrap(), before);
    let copies = files_with(it.data.path(), "refreshToken");
    assert_eq!(copies, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_folder_without_a_login_is_refused_and_an_open_one_is_noticed() {
    let it = Installation::start_without_account("bearer", &bearer()).await;
    let refused = |folder: Value| {
        let it = &it;
        async move {
            let request = it.client.patch(format!("{}/api/settings", it.base));
            let change = json!({ "claude_login_folder": folder });
            let answer = request.json(&change).send().await.unwrap();
            assert_eq!(answer.status().as_u16(), 422);
            let problem: Value = answer.json().await.unwrap();
            assert_eq!(problem["errors"][0]["field"], "claude_login_folder");
            problem["errors"][0]["message"].as_str().unwrap().to_owned()
        }
    };
    assert!(refused(json!("~/.claude")).await.contains("whole path"));
    let empty = tempfile::tempdir().unwrap();
    assert!(refused(json!(empty.path())).await.contains("there is no"));

    let open = login_folder(0o644);
    let set_up = set(&it, json!({ "claude_login_folder": open.path() })).await;
    let message = set_up["warnings"][0]["message"].as_str().unwrap();
    assert_eq!(message, "can be read by others on the server's machine");
    std::fs::remove_file(open.path().join(".credentials.json")).unwrap();
    let shown = it.get("/api/settings").await;
    let message = shown["warnings"][0]["message"].as_str().unwrap();
    assert!(
        message.contains("can't be used any more: there is no"),
        "{message}"
    );
    let (state, message) = check(&it).await;
    assert_eq!(state, "failed");
    assert!(message.contains(".credentials.json"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_automations_agent_gets_the_tokens_that_are_set_and_is_told_of_the_rest() {
    let scenario = r#"
about = "Shows what an automation's agent knows of other services."

[[turn]]
[[turn.reply]]
say = "I look."
tools = [{ bash = "awk 'BEGIN { t = ENVIRON[\"GITHUB_TOKEN\"]; print \"length \" length(t) \" text \" t }'" }]
expect = [
  { in = "system", matches = 'GitHub is set up\. The token is the value of the environment variable `GITHUB_TOKEN`' },
  { in = "system", matches = 'Slack is not set up\.' },
]
[[turn.reply]]
say = "I saw: {{tool_result}}"
"#;
    let it = Installation::start_with("integrated", scenario).await;
    it.patch(
        "/api/settings",
        &json!({ "github_token": GITHUB, "slack_channel": "#ops" }),
    )
    .await;
    let id = it.create("workflow", "Go.\n\nscenario: integrated").await;
    let saw = format!("I saw: length {} text [secret GITHUB_TOKEN]", GITHUB.len());
    let started = std::time::Instant::now();
    while !log(&it, &id).await.contains(&saw) {
        let said = log(&it, &id).await;
        assert!(started.elapsed() < LIMIT, "{said}\n{}", it.server_log());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    it.post(&format!("/api/tasks/{id}/cancel"), &json!({}))
        .await;
    assert_eq!(it.model_failures().await, json!([]));
    assert_kept_nowhere(&it, &id, GITHUB).await;

    let scenario = "scenario: integrated";
    let other = it.create("custom", &format!("Go.\n\n{scenario}")).await;
    let ended = |task: &Value| matches!(task["status"].as_str(), Some("completed" | "failed"));
    it.until(&other, LIMIT, ended).await;
    // No automation: neither told nor given.
    let failures = it.model_failures().await;
    assert!(
        failures.to_string().contains("GitHub is set up"),
        "{failures}"
    );
    assert!(!log(&it, &other).await.contains(&saw));
}

#[tokio::test(flavor = "multi_thread")]
async fn with_fewer_agents_those_at_work_go_on_and_the_next_waits() {
    let slow = r#"
about = "One command that takes some seconds."

[[turn]]
[[turn.reply]]
say = "I wait."
tools = [{ bash = "awk 'BEGIN { for (i = 1; i <= 40; i++) system(\"sleep 0.1\"); print \"waited\" }'" }]
[[turn.reply]]
say = "Done: {{tool_result}}"
"#;
    let it = Installation::start_with("patient", slow).await;
    it.patch("/api/settings", &json!({ "agents_max": 2 })).await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        ids.push(it.create("custom", "Go.\n\nscenario: patient").await);
    }
    for id in &ids {
        it.until(id, LIMIT, |task| task["status"] == "running")
            .await;
    }
    it.patch("/api/settings", &json!({ "agents_max": 1 })).await;
    let third = it.create("custom", "Go.\n\nscenario: patient").await;
    let overview = it.get("/api/overview").await;
    assert_eq!(
        (&overview["agents_max"], &overview["agents_running"]),
        (&json!(1), &json!(2))
    );
    let waiting = it.get(&format!("/api/tasks/{third}")).await;
    assert_eq!(waiting["status"], "queued");
    for id in &ids {
        completed(&it, id).await;
        assert!(log(&it, id).await.contains("Done: waited"));
    }
    completed(&it, &third).await;
}
