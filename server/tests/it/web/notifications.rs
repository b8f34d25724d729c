//! What people are told of their tasks, over the API.

use http::StatusCode;
use serde_json::json;

use super::support::TestApp;

#[tokio::test]
async fn a_review_is_told_counted_read_and_settled() {
    let app = TestApp::new().await;
    let (id, review) = app.at_gate().await;
    let overview = app.get("/api/overview").await.json();
    assert_eq!(
        (&overview["unread"], &overview["needs_you"]),
        (&json!(1), &json!(1))
    );
    let told = app.get("/api/notifications?filter=unread").await.json();
    let told = &told["items"][0];
    assert_eq!(
        (&told["kind"], &told["text"]),
        (&json!("review"), &json!("Planning"))
    );
    assert_eq!(told["subject_id"], review.as_str());
    assert_eq!(told["href"], format!("/tasks/{id}/review"));
    assert_eq!(
        (&told["read_at"], &told["resolved_at"]),
        (&json!(null), &json!(null))
    );
    let needs = app.get("/api/needs-you").await.json();
    assert_eq!(needs["items"][0]["notification"], *told);

    let address = format!("/api/notifications/{}/read", told["id"].as_str().unwrap());
    let read = app.post(&address).await.json();
    assert!(read["read_at"].is_string());
    assert_eq!(app.post(&address).await.json(), read);
    assert_eq!(app.get("/api/overview").await.json()["unread"], 0);
    // Whoever has read it has not decided yet.
    let needs = app.get("/api/needs-you").await.json();
    assert_eq!(needs["items"].as_array().unwrap().len(), 1);

    let address = format!("/api/reviews/{review}/approve");
    app.json("PATCH", &address, &json!({})).await;
    let needs = app.get("/api/needs-you").await.json();
    assert_eq!(needs["items"], json!([]));
    let all = app.get("/api/notifications").await.json();
    assert!(all["items"][0]["resolved_at"].is_string());
    let open = app.get("/api/notifications?filter=open").await.json();
    assert_eq!(open, json!({ "items": [], "next_cursor": null }));
}

#[tokio::test]
async fn all_are_read_at_once() {
    let app = TestApp::new().await;
    app.at_gate().await;
    app.at_gate().await;
    let read = app.post("/api/notifications/read").await.json();
    assert_eq!(read, json!({ "read": 2 }));
    let read = app.post("/api/notifications/read").await.json();
    assert_eq!(read, json!({ "read": 0 }));
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let app = TestApp::new().await;
    for (path, field) in [
        ("/api/notifications?filter=old", "filter"),
        ("/api/notifications?limit=0", "limit"),
        ("/api/notifications?cursor=x", "cursor"),
        ("/api/needs-you?limit=201", "limit"),
        ("/api/needs-you?cursor=x", "cursor"),
    ] {
        let answer = app.get(path).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}");
        assert!(answer.body.contains(field), "{}", answer.body);
    }
    for id in ["x", "00000000-0000-7000-8000-000000000001.1"] {
        let answer = app.post(&format!("/api/notifications/{id}/read")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{id}");
    }
}
