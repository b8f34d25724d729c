//! What people are told of their tasks, over the API.

use axum::body::Body;
use http::StatusCode;
use serde_json::json;

use super::support::{TestApp, request};

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

#[tokio::test]
async fn a_browser_subscribes_changes_its_mind_and_leaves() {
    let app = TestApp::new().await;
    let push = app.get("/api/push").await.json();
    let public = push["public_key"].as_str().unwrap();
    assert_eq!((public.len(), &push["subscriptions"]), (87, &json!([])));
    // Any key of the curve will do.
    let wanted = |endpoint: &str, kinds: &[&str]| {
        let keys = json!({ "p256dh": public, "auth": "BTBZMqHH6r4Tts7J_aSIgg" });
        json!({ "endpoint": endpoint, "keys": keys, "kinds": kinds })
    };
    let path = "/api/push/subscriptions";
    let endpoint = "https://push.example.net/to/one";
    let kept = app.json("POST", path, &wanted(endpoint, &["review"])).await;
    assert_eq!(kept.status, StatusCode::OK, "{}", kept.body);
    let kept = kept.json();
    assert_eq!(
        (&kept["host"], &kept["kinds"]),
        (&json!("push.example.net"), &json!(["review"]))
    );
    let again = app
        .json("POST", path, &wanted(endpoint, &["failed"]))
        .await
        .json();
    assert_eq!(
        (&again["id"], &again["kinds"]),
        (&kept["id"], &json!(["failed"]))
    );
    assert_eq!(
        app.get("/api/push").await.json()["subscriptions"],
        json!([again])
    );
    let id = kept["id"].as_str().unwrap();
    for _ in 0..2 {
        let request = request("DELETE", &format!("{path}/{id}"));
        let removed = app.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(removed.status, StatusCode::NO_CONTENT);
    }
    assert_eq!(
        app.get("/api/push").await.json()["subscriptions"],
        json!([])
    );

    for (body, field) in [
        (wanted("http://push.example.net/", &[]), "endpoint"),
        (wanted("https://169.254.169.254/latest", &[]), "endpoint"),
        (wanted("https://localhost/", &[]), "endpoint"),
        (wanted(endpoint, &["everything"]), "kinds"),
        (
            json!({ "endpoint": endpoint, "keys": { "p256dh": "x", "auth": "y" }, "kinds": [] }),
            "keys.p256dh",
        ),
    ] {
        let refused = app.json("POST", path, &body).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{field}");
        assert!(refused.body.contains(field), "{}", refused.body);
    }
}
