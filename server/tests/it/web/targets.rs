//! `/api/notification-targets`.

use app::domain::task::ConcernKind;
use http::StatusCode;
use serde_json::{Value, json};

use axum::body::Body;

use super::support::{Answer, TestApp, request};

const PATH: &str = "/api/notification-targets";

async fn add(app: &TestApp, new: Value) -> Answer {
    app.json("POST", PATH, &new).await
}

async fn delete(app: &TestApp, path: &str) -> Answer {
    app.send(request("DELETE", path).body(Body::empty()).unwrap())
        .await
}

#[tokio::test]
async fn a_webhook_is_added_listed_changed_and_removed() {
    let app = TestApp::new().await;
    let new = json!({ "channel": "webhook", "address": " https://example.net/hook " });
    let added = add(&app, new.clone()).await;
    assert_eq!(added.status, StatusCode::CREATED, "{}", added.body);
    let shown = added.json();
    assert_eq!(shown["address"], "https://example.net/hook");
    assert_eq!(
        shown["kinds"].as_array().unwrap().len(),
        ConcernKind::ALL.len()
    );
    assert!(!added.body.contains("whsec"));
    let path = added.header("location").to_owned();
    assert_eq!(app.get(PATH).await.json()["items"], json!([shown]));

    let secret = app.get(&format!("{path}/secret")).await;
    assert_eq!(secret.header("cache-control"), "no-store");
    let secret = secret.json()["secret"].as_str().unwrap().to_owned();
    assert!(
        secret.starts_with("whsec_") && secret.len() == 50,
        "{secret}"
    );

    let again = add(&app, new).await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(again.json()["errors"][0]["field"], "address");

    let edit = json!({ "kinds": ["review", "failed"] });
    let edited = app.json("PATCH", &path, &edit).await;
    assert_eq!(edited.json()["kinds"], edit["kinds"]);
    let removed = delete(&app, &path).await;
    assert_eq!(removed.status, StatusCode::NO_CONTENT);
    for gone in [
        delete(&app, &path).await,
        app.get(&format!("{path}/secret")).await,
        app.json("PATCH", &path, &edit).await,
        app.post(&format!("{path}/test")).await,
    ] {
        assert_eq!(gone.status, StatusCode::NOT_FOUND, "{}", gone.body);
    }
    assert_eq!(app.get(PATH).await.json()["items"], json!([]));
}

#[tokio::test]
async fn what_can_get_no_message_is_refused_with_the_field() {
    let app = TestApp::new().await;
    for (new, field) in [
        (
            json!({ "channel": "webhook", "address": "example" }),
            "address",
        ),
        (
            json!({ "channel": "webhook", "address": "ftp://example.net/x" }),
            "address",
        ),
        (
            json!({ "channel": "webhook", "address": "https://10.0.0.1/x" }),
            "address",
        ),
        (
            json!({ "channel": "slack", "address": "two words" }),
            "address",
        ),
        (json!({ "channel": "slack", "address": "#ops" }), "channel"),
    ] {
        let refused = add(&app, new.clone()).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{new}");
        assert_eq!(refused.json()["errors"][0]["field"], field, "{new}");
    }
    let odd = add(&app, json!({ "channel": "pigeon", "address": "x" })).await;
    assert!(odd.status.is_client_error(), "{}", odd.body);
    let token = json!({ "slack_bot_token": "xoxb-1-x" });
    app.json("PATCH", "/api/settings", &token).await;
    let added = add(&app, json!({ "channel": "slack", "address": "#ops" })).await;
    assert_eq!(added.status, StatusCode::CREATED, "{}", added.body);
    // A channel has no secret.
    let path = format!("{}/secret", added.header("location"));
    assert_eq!(app.get(&path).await.status, StatusCode::NOT_FOUND);
}
