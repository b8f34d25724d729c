//! The queue, over the API.

use http::StatusCode;
use serde_json::{Value, json};

use super::support::TestApp;

async fn queued(app: &TestApp, title: &str, depends_on: &[&str]) -> String {
    let new = json!({
        "title": title, "type": "custom", "description": "Do it", "start": true,
        "depends_on": depends_on,
    });
    let created = app.json("POST", "/api/tasks", &new).await;
    assert_eq!(created.status, StatusCode::CREATED, "{}", created.body);
    created.json()["id"].as_str().unwrap().to_owned()
}

async fn titles(app: &TestApp) -> Vec<Value> {
    let queue = app.get("/api/queue").await.json();
    let items = queue["items"].as_array().unwrap();
    items.iter().map(|item| item["title"].clone()).collect()
}

#[tokio::test]
async fn queued_tasks_are_listed_in_order_and_can_be_put_in_another() {
    let app = TestApp::new().await;
    let first = queued(&app, "First", &[]).await;
    let second = queued(&app, "Second", &[]).await;
    let third = queued(&app, "Third", &[]).await;
    let queue = app.get("/api/queue").await.json();
    assert_eq!(queue["total"], 3);
    assert_eq!(queue["running"], 0);
    assert_eq!(queue["items"][1]["position"], 2);
    // Nothing is known of how long runs take.
    assert_eq!(queue["typical_run_seconds"], Value::Null);
    assert_eq!(queue["items"][0]["starts_at"], Value::Null);

    let to_front = json!({ "before": first });
    let moved = app
        .json("POST", &format!("/api/tasks/{third}/move"), &to_front)
        .await;
    assert_eq!(moved.status, StatusCode::OK, "{}", moved.body);
    assert_eq!(titles(&app).await, ["Third", "First", "Second"]);
    let behind_all = json!({});
    app.json("POST", &format!("/api/tasks/{first}/move"), &behind_all)
        .await;
    assert_eq!(titles(&app).await, ["Third", "Second", "First"]);

    // The order is what counts.
    let lease = std::time::Duration::from_mins(1);
    let claim = app.store.claim("test", lease).await.unwrap().unwrap();
    assert_eq!(claim.task.to_string(), third);
    let run = app::domain::id::RunId::from_uuid(uuid::Uuid::now_v7());
    let started = app.service.start_run(claim.task, run, claim.epoch).await;
    started.unwrap();
    let before = json!({ "before": third });
    let unknown = app
        .json("POST", &format!("/api/tasks/{second}/move"), &before)
        .await;
    assert_eq!(unknown.status, StatusCode::UNPROCESSABLE_ENTITY);
    let late = app
        .json("POST", &format!("/api/tasks/{third}/move"), &behind_all)
        .await;
    assert_eq!(late.status, StatusCode::CONFLICT, "{}", late.body);
}

#[tokio::test]
async fn a_task_whose_prerequisite_came_to_nothing_says_what_holds_it() {
    let app = TestApp::new().await;
    let basis = queued(&app, "Basis", &[]).await;
    queued(&app, "Roof", &[&basis]).await;
    let roof = |queue: &Value| {
        let items = queue["items"].as_array().unwrap();
        let found = items.iter().find(|item| item["title"] == "Roof");
        found.unwrap().clone()
    };
    let waiting = roof(&app.get("/api/queue").await.json());
    assert_eq!(waiting["position"], Value::Null);
    assert_eq!(waiting["waits_for"][0]["title"], "Basis");
    assert_eq!(waiting["held"], Value::Null);

    app.post(&format!("/api/tasks/{basis}/cancel")).await;
    let held = roof(&app.get("/api/queue").await.json());
    assert_eq!(held["held"], "“Basis”, which it waits for, was cancelled.");
    // A person may decide that it can do without.
    let path = format!("/api/tasks/{}", held["id"].as_str().unwrap());
    let freed = app.json("PATCH", &path, &json!({ "depends_on": [] })).await;
    assert_eq!(freed.status, StatusCode::OK, "{}", freed.body);
    let free = roof(&app.get("/api/queue").await.json());
    assert_eq!(free["position"], 1);
}

#[tokio::test]
async fn a_circle_of_tasks_is_refused_and_shown() {
    let app = TestApp::new().await;
    let egg = queued(&app, "Egg", &[]).await;
    let hen = queued(&app, "Hen", &[&egg]).await;
    let path = format!("/api/tasks/{egg}");
    let refused = app
        .json("PATCH", &path, &json!({ "depends_on": [hen] }))
        .await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let error = &refused.json()["errors"][0];
    assert_eq!(error["field"], "depends_on");
    assert_eq!(
        error["message"],
        "would have the task wait for itself: “Egg” waits for “Hen” waits for “Egg”"
    );
    assert_eq!(app.get(&path).await.json()["depends_on"], json!([]));
}

#[tokio::test]
async fn a_task_that_a_limit_of_its_account_holds_back_says_so_and_until_when() {
    let app = TestApp::new().await;
    let first = queued(&app, "First", &[]).await;
    queued(&app, "Second", &[]).await;
    let task = first.parse().unwrap();
    let delay = std::time::Duration::from_mins(5);
    app.store.delay_account(task, delay).await.unwrap();
    let queue = app.get("/api/queue").await.json();
    for item in queue["items"].as_array().unwrap() {
        assert_eq!(item["position"], Value::Null);
        assert_eq!(item["held"], "Its account can't be used at present.");
        assert_eq!(item["not_before"], item["starts_at"]);
        let until: chrono::DateTime<chrono::Utc> =
            item["starts_at"].as_str().unwrap().parse().unwrap();
        let left = until - chrono::Utc::now();
        assert!((280..=300).contains(&left.num_seconds()), "{left}");
    }
}
