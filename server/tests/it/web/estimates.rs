//! Estimates before any could be made, and the pages that show them.

use http::StatusCode;
use serde_json::json;

use super::support::TestApp;

#[tokio::test]
async fn without_finished_phases_there_is_no_estimate_and_the_task_says_what_is_missing() {
    let app = TestApp::new().await;
    let report = app.get("/api/estimates").await;
    assert_eq!(report.status, StatusCode::OK, "{}", report.body);
    let report = report.json();
    assert_eq!(report["fewest"], 3);
    assert_eq!(report["total"]["finished"], 0);
    assert_eq!(report["latest"], json!([]));

    let task = app.create("create_app").await;
    let path = format!("/api/tasks/{}/phases", task["id"].as_str().unwrap());
    let phases = app.get(&path).await.json();
    let estimate = &phases["items"][0]["estimate"];
    assert_eq!(*estimate, json!({"samples": 0, "same_model": false}));
    let path = format!("/tasks/{}", task["id"].as_str().unwrap());
    let page = app.get(&path).await;
    let missing = "no estimate yet: 0 of 3 finished phases of this kind";
    assert!(page.body.contains(missing), "{}", page.body);
}

#[tokio::test]
async fn the_pages_of_estimates_and_of_a_tasks_usage_are_drawn_by_the_server() {
    let app = TestApp::new().await;
    let page = app.get("/usage/estimates").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(
        page.body.contains("No phase was finished yet."),
        "{}",
        page.body
    );
    let task = app.create("create_app").await;
    let path = format!("/tasks/{}/usage", task["id"].as_str().unwrap());
    let page = app.get(&path).await;
    assert!(page.body.contains("The agent has used nothing yet."));
}
