//! `/api/settings`.

use http::StatusCode;
use serde_json::{Value, json};

use super::support::{Answer, TestApp};

const KEY: &str = "sk-ant-api03-canary-of-the-settings-wxyz";
const TOKEN: &str = "sk-ant-oat01-canary-of-the-settings-stuv";

async fn edit(app: &TestApp, change: Value) -> Answer {
    app.json("PATCH", "/api/settings", &change).await
}

/// The names of the fields that were refused.
fn refused(answer: &Answer) -> Vec<String> {
    assert_eq!(
        answer.status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "{}",
        answer.body
    );
    let problem = answer.json();
    assert_eq!(problem["type"], "/problems/invalid");
    let errors = problem["errors"].as_array().unwrap().iter();
    let field = |error: &Value| error["field"].as_str().unwrap().to_owned();
    errors.map(field).collect()
}

#[tokio::test]
async fn settings_begin_with_their_defaults() {
    let app = TestApp::new().await;
    let shown = app.get("/api/settings").await.json();
    assert_eq!(shown["version"], 0);
    assert_eq!(shown["updated_at"], Value::Null);
    assert_eq!(shown["configured"], json!([]));
    let expected = json!({
        "model": null, "permission_mode": "balanced", "auto_approve": false, "auto_resume": true,
        "day_budget_usd": null, "day_budget_tokens": null,
        "agents_max": 3,
        "review_reminder_hours": 24, "review_urgent_hours": 48, "review_escalation_hours": 72,
        "review_approval_hours": 168, "anthropic_base_url": null,
        "claude_login_folder": null, "slack_channel": null, "public_url": null,
    });
    assert_eq!(shown["defaults"], expected);
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&shown[name], value, "{name}");
    }
    assert_eq!(
        shown["secrets"],
        json!([
            {"name": "anthropic_api_key", "is_set": false, "last_four": null, "updated_at": null},
            {"name": "claude_login_token", "is_set": false, "last_four": null, "updated_at": null},
            {"name": "github_token", "is_set": false, "last_four": null, "updated_at": null},
            {"name": "slack_bot_token", "is_set": false, "last_four": null, "updated_at": null},
        ])
    );
}

#[tokio::test]
async fn a_change_leaves_the_rest_alone_and_counts_at_once() {
    let app = TestApp::new().await;
    let change = json!({"agents_max": 7, "permission_mode": "strict", "auto_approve": true});
    let changed = edit(&app, change).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.body);
    let changed = edit(&app, json!({"model": " opus ", "review_urgent_hours": 0}))
        .await
        .json();
    assert_eq!(changed["version"], 2);
    assert_eq!(changed["agents_max"], 7);
    assert_eq!(changed["model"], "opus");
    assert_eq!(changed["review_urgent_hours"], 0);
    assert_eq!(changed["review_reminder_hours"], 24);
    assert_eq!(app.get("/api/overview").await.json()["agents_max"], 7);

    let task = app.create("custom").await;
    assert_eq!(task["auto_approve"], true);
    assert_eq!(task["permission_mode"], "strict");
    let own = json!({"title": "t", "type": "custom", "description": "d", "auto_approve": false,
        "permission_mode": "balanced"});
    let own = app.json("POST", "/api/tasks", &own).await.json();
    assert_eq!(own["auto_approve"], false);
    assert_eq!(own["permission_mode"], "balanced");

    let reset = edit(&app, json!({"agents_max": null, "model": null}))
        .await
        .json();
    assert_eq!(
        (&reset["agents_max"], &reset["model"]),
        (&json!(3), &Value::Null)
    );
    assert_eq!(reset["permission_mode"], "strict");
}

#[tokio::test]
async fn somebody_who_saw_an_older_version_is_told() {
    let app = TestApp::new().await;
    assert_eq!(
        edit(&app, json!({"version": 0, "agents_max": 4}))
            .await
            .status,
        StatusCode::OK
    );
    let late = edit(&app, json!({"version": 0, "agents_max": 5})).await;
    assert_eq!(late.status, StatusCode::CONFLICT);
    assert_eq!(late.json()["type"], "/problems/conflict");
    assert_eq!(app.get("/api/settings").await.json()["agents_max"], 4);
}

#[tokio::test]
async fn everything_that_is_wrong_is_told_and_nothing_is_kept() {
    let app = TestApp::new().await;
    let wrong = json!({"agents_max": 65, "review_reminder_hours": 8_761, "anthropic_api_key": "a b",
        "claude_login_token": KEY, "auto_approve": true});
    let names = refused(&edit(&app, wrong).await);
    let expected = [
        "agents_max",
        "review_reminder_hours",
        "anthropic_api_key",
        "claude_login_token",
    ];
    assert_eq!(names, expected);
    for (field, value) in [
        ("agents_max", json!(-1)),
        ("agents_max", json!("three")),
        ("permission_mode", json!("bypass")),
        ("auto_approve", json!(1)),
        ("model", json!("")),
        ("model", json!("a\nb")),
        ("anthropic_base_url", json!("http://example.com")),
        ("anthropic_base_url", json!("https://key@example.com")),
        ("anthropic_api_key", json!("")),
        ("anthropic_api_key", json!({ "value": KEY })),
        ("claude_login_token", json!(["x"])),
        ("github_token", json!("")),
        ("slack_bot_token", json!("xoxp-1")),
        ("slack_channel", json!("two words")),
        ("claude_login_folder", json!("folder")),
        ("claude_login_folder", json!("/nonexistent")),
        ("retention", json!(1)),
    ] {
        let answer = edit(&app, json!({ field: value })).await;
        assert_eq!(refused(&answer), [field], "{value}");
        assert!(!answer.body.contains(KEY), "{}", answer.body);
    }
    assert_eq!(app.get("/api/settings").await.json()["version"], 0);
    let not_json = app
        .send(
            super::support::request("PATCH", "/api/settings")
                .header("content-type", "text/plain")
                .body("{}".into())
                .unwrap(),
        )
        .await;
    assert_eq!(not_json.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn a_secret_goes_in_and_never_comes_out() {
    let app = TestApp::new().await;
    assert_eq!(
        app.get("/api/overview").await.json()["model_source"],
        "none"
    );
    let set = edit(
        &app,
        json!({"anthropic_api_key": KEY, "claude_login_token": TOKEN}),
    )
    .await;
    assert_eq!(set.status, StatusCode::OK);
    let secrets = set.json()["secrets"].clone();
    assert_eq!(secrets[0]["is_set"], true);
    assert_eq!(secrets[0]["last_four"], "wxyz");
    assert_eq!(secrets[1]["last_four"], "stuv");
    assert!(secrets[0]["updated_at"].is_string());
    assert_eq!(
        app.get("/api/overview").await.json()["model_source"],
        "account"
    );
    for path in ["/api/settings", "/api/overview", "/api/openapi.json", "/"] {
        let body = app.get(path).await.body;
        assert!(!body.contains("canary-of-the-settings"), "{path}");
    }
    assert!(!set.body.contains("canary-of-the-settings"));
    let database = std::fs::read(app.data.path().join("ccs.db")).unwrap();
    let wal = std::fs::read(app.data.path().join("ccs.db-wal")).unwrap_or_default();
    for bytes in [database, wal] {
        assert!(!String::from_utf8_lossy(&bytes).contains("canary-of-the-settings"));
    }

    let short = edit(
        &app,
        json!({"anthropic_api_key": "short", "claude_login_token": null}),
    )
    .await;
    let secrets = short.json()["secrets"].clone();
    assert_eq!(
        (&secrets[0]["is_set"], &secrets[0]["last_four"]),
        (&json!(true), &Value::Null)
    );
    assert_eq!(secrets[1]["is_set"], false);
    edit(&app, json!({"anthropic_api_key": null})).await;
    assert_eq!(
        app.get("/api/overview").await.json()["model_source"],
        "none"
    );
}
