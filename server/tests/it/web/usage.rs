//! `/api/usage`.

use http::StatusCode;
use serde_json::json;

use super::support::TestApp;

#[tokio::test]
async fn a_report_is_empty_before_anything_was_used() {
    let app = TestApp::new().await;
    let report = app.get("/api/usage?by=day_model&from=2026-01-01").await;
    assert_eq!(report.status, StatusCode::OK, "{}", report.body);
    assert_eq!(report.json()["items"], json!([]));
    assert_eq!(report.json()["total"]["cost_usd"], "0.000000");
}

#[tokio::test]
async fn a_wish_that_makes_no_sense_is_refused() {
    let app = TestApp::new().await;
    let no_day = app.get("/api/usage?from=yesterday").await;
    assert_eq!(no_day.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(no_day.json()["errors"][0]["field"], "from");
    let unknown = app.get("/api/usage?by=colour").await;
    assert!(unknown.status.is_client_error(), "{}", unknown.body);
}

#[tokio::test]
async fn a_budget_is_changed_with_the_rest_of_a_task() {
    let app = TestApp::new().await;
    let task = app.create("custom").await;
    let path = format!("/api/tasks/{}", task["id"].as_str().unwrap());
    let change = json!({"budget_usd": "12.50", "budget_tokens": 1_000, "title": "Another"});
    let changed = app.json("PATCH", &path, &change).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.body);
    let changed = changed.json();
    assert_eq!(changed["budget_usd"], "12.500000");
    assert_eq!(changed["budget_tokens"], 1_000);
    assert_eq!(changed["title"], "Another");
    let none = app.json("PATCH", &path, &json!({"budget_usd": "0"})).await;
    assert!(none.json()["budget_usd"].is_null());
}
