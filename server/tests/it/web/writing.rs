//! What people do, over the API.

use axum::body::Body;
use http::StatusCode;
use serde_json::json;

use super::support::{TestApp, request};

#[tokio::test]
async fn a_job_becomes_a_draft_that_can_be_changed_started_and_called_off() {
    let app = TestApp::new().await;
    let new = json!({ "title": " Shop ", "type": "create_app", "description": "A web shop", "priority": "high", "budget_usd": "12.5" });
    let created = app.json("POST", "/api/tasks", &new).await;
    assert_eq!(created.status, StatusCode::CREATED);
    let task = created.json();
    let path = format!("/api/tasks/{}", task["id"].as_str().unwrap());
    assert_eq!(created.header("location"), path);
    assert_eq!(task["title"], "Shop");
    assert_eq!(task["status"], "draft");
    assert_eq!(task["budget_usd"], "12.500000");
    assert_eq!(
        task["actions"],
        json!(["execute", "edit", "cancel", "delete"])
    );

    let edited = app
        .json(
            "PATCH",
            &path,
            &json!({ "title": "Store", "description": "Another" }),
        )
        .await;
    assert_eq!(edited.json()["title"], "Store");

    let started = app.post(&format!("{path}/execute")).await;
    assert_eq!(started.status, StatusCode::OK);
    assert_eq!(started.json()["status"], "queued");

    let again = app.post(&format!("{path}/execute")).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    let problem = again.json();
    assert_eq!(problem["type"], "/problems/not-allowed");
    assert_eq!(problem["state"], "queued");
    assert_eq!(
        problem["allowed"],
        json!(["message", "pause", "edit", "cancel", "delete"])
    );

    let fixed = app
        .json("PATCH", &path, &json!({ "description": "Late" }))
        .await;
    assert_eq!(fixed.status, StatusCode::CONFLICT);

    let cancelled = app.post(&format!("{path}/cancel")).await;
    assert_eq!(cancelled.json()["status"], "cancelled");
    assert_eq!(
        app.post(&format!("{path}/cancel")).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn a_task_that_is_put_away_is_gone_for_every_route() {
    let app = TestApp::new().await;
    let task = app.create("custom").await;
    let path = format!("/api/tasks/{}", task["id"].as_str().unwrap());
    let deleted = app
        .send(request("DELETE", &path).body(Body::empty()).unwrap())
        .await;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT);
    for rest in [
        "",
        "/status",
        "/phases",
        "/events",
        "/logs",
        "/reviews",
        "/messages",
        "/deliverables",
        "/diff",
        "/stream",
        "/questions",
        "/dependencies",
        "/detail",
    ] {
        let answer = app.get(&format!("{path}{rest}")).await;
        assert_eq!(
            answer.status,
            StatusCode::NOT_FOUND,
            "{rest}: {}",
            answer.body
        );
    }
    assert_eq!(app.get("/api/tasks").await.json()["items"], json!([]));
}

#[tokio::test]
async fn a_running_task_is_not_deleted() {
    let app = TestApp::new().await;
    let task = app.create("custom").await;
    let path = format!("/api/tasks/{}", task["id"].as_str().unwrap());
    app.post(&format!("{path}/execute")).await;
    let claim = app
        .store
        .claim("test", std::time::Duration::from_mins(1))
        .await
        .unwrap()
        .unwrap();
    let run = app::domain::id::RunId::from_uuid(uuid::Uuid::now_v7());
    app.service
        .start_run(claim.task, run, claim.epoch)
        .await
        .unwrap();
    let refused = app
        .send(request("DELETE", &path).body(Body::empty()).unwrap())
        .await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert_eq!(refused.json()["state"], "running");
}

#[tokio::test]
async fn a_review_is_commented_sent_back_and_in_the_next_round_approved() {
    let app = TestApp::new().await;
    let (id, review) = app.at_gate().await;
    let listed = app.get(&format!("/api/tasks/{id}/reviews")).await.json();
    assert_eq!(listed["items"][0]["id"], review.as_str());
    assert_eq!(listed["items"][0]["status"], "open");

    let comment = json!({ "file": "docs/planning/01_idea.md", "line": 3, "text": "Say more" });
    let commented = app
        .json("POST", &format!("/api/reviews/{review}/feedback"), &comment)
        .await;
    assert_eq!(commented.status, StatusCode::OK, "{}", commented.body);
    assert_eq!(commented.json()["feedback"][0]["line"], 3);
    let path = format!("/api/reviews/{review}/feedback");
    let range = json!({ "file": "a.md", "line": 3, "end_line": 7, "text": "Shorter" });
    let ranged = app.json("POST", &path, &range).await.json();
    assert_eq!(ranged["feedback"][1]["end_line"], 7);
    let backwards = json!({ "file": "a.md", "line": 3, "end_line": 2, "text": "Shorter" });
    let refused = app.json("POST", &path, &backwards).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let feedback = ranged["feedback"][1]["id"].as_str().unwrap();
    let resolve = format!("{path}/{feedback}/resolve");
    let resolved = app.json("PATCH", &resolve, &json!({})).await;
    assert_eq!(resolved.json()["feedback"][1]["status"], "resolved");
    let unknown = format!("{path}/{review}/resolve");
    let unknown = app.json("PATCH", &unknown, &json!({})).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);

    let changes = json!({ "feedback": "Not yet", "comments": [{ "text": "Shorter" }] });
    let back = app
        .json(
            "PATCH",
            &format!("/api/reviews/{review}/request-changes"),
            &changes,
        )
        .await;
    assert_eq!(back.status, StatusCode::OK, "{}", back.body);
    assert_eq!(back.json()["status"], "changes_requested");
    assert_eq!(back.json()["feedback"].as_array().unwrap().len(), 3);
    let late = app
        .json(
            "PATCH",
            &format!("/api/reviews/{review}/approve"),
            &json!({}),
        )
        .await;
    assert_eq!(late.status, StatusCode::CONFLICT);
    assert_eq!(late.json()["state"], "queued");

    let second = app.drive_to_gate(id.parse().unwrap()).await;
    let path = format!("/api/reviews/{second}/approve");
    // The body may be left out.
    let approved = app
        .send(request("PATCH", &path).body(Body::empty()).unwrap())
        .await;
    assert_eq!(approved.status, StatusCode::OK, "{}", approved.body);
    let approved = approved.json();
    assert_eq!(approved["status"], "approved");
    assert_eq!(approved["round"], 2);
    let task = app.get(&format!("/api/tasks/{id}")).await.json();
    assert_eq!(task["status"], "queued");
}

#[tokio::test]
async fn messages_are_kept_and_a_request_is_the_cause_of_its_events() {
    let app = TestApp::new().await;
    let task = app.create("custom").await;
    let path = format!("/api/tasks/{}", task["id"].as_str().unwrap());
    app.post(&format!("{path}/execute")).await;
    let sent = app
        .json(
            "POST",
            &format!("{path}/messages"),
            &json!({ "text": "Use Rust" }),
        )
        .await;
    assert_eq!(sent.status, StatusCode::OK, "{}", sent.body);
    let messages = app.get(&format!("{path}/messages")).await.json();
    assert_eq!(messages["items"][0]["text"], "Use Rust");
    assert_eq!(messages["items"][0]["delivered_at"], json!(null));
}
