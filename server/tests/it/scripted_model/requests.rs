//! Requests that no CLI sends, and the server around the model.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::json;
use server::scripted_model::{Error, Scenarios, ScriptedModel};

use super::Model;

#[tokio::test]
async fn bad_requests_are_refused_in_the_form_of_the_api() {
    let model = Model::start().await;
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for body in [
        "",
        "{",
        "[]",
        "null",
        "{\"messages\": 1}",
        "{\"messages\": [{}]}",
        &deep,
    ] {
        let (status, answer) = model.post("/v1/messages", body.to_owned()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body:.40}");
        assert_eq!(answer["error"]["type"], "invalid_request_error");
    }
    let (status, _) = model.post("/v1/nothing", "{}").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (status, _) = model.post("/__scripted/report", "{}").await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
    let odd = r#"{"messages": [{"role": "wizard", "content": [{"type": "??"}, {"type": "text"}]}], "tools": [{}]}"#;
    assert_eq!(model.post("/v1/messages", odd).await.0, StatusCode::OK);
    let named = r#"{"messages": [{"role": "user", "content": "scenario: nothing"}], "tools": [{"name": "Bash"}]}"#;
    let (status, answer) = model.post("/v1/messages", named).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(
        answer["error"]["message"]
            .as_str()
            .unwrap()
            .contains("no scenario is called")
    );
}

#[tokio::test]
async fn side_calls_and_token_counts_get_sensible_answers() {
    let model = Model::start().await;
    let title =
        r#"{"system": "Write a title as JSON.", "messages": [{"role": "user", "content": "hi"}]}"#;
    let (_, answer) = model.post("/v1/messages", title).await;
    assert_eq!(
        answer["content"][0]["text"],
        r#"{"title": "Scripted session"}"#
    );
    let (_, answer) = model.post("/v1/messages/count_tokens", title).await;
    assert_eq!(answer["input_tokens"], json!(title.len() / 4 + 1));
    assert_eq!(model.observer.report().side_requests, 1);
}

#[tokio::test]
async fn only_loopback_is_served_and_a_shutdown_ends_open_streams() {
    let refused =
        ScriptedModel::bind("0.0.0.0:0".parse().unwrap(), Scenarios::built_in().unwrap()).await;
    assert!(matches!(refused, Err(Error::NotLoopback { .. })));

    let mut model = Model::start().await;
    let body = r#"{"stream": true, "messages": [{"role": "user", "content": "scenario: stall"}], "tools": [{"name": "Bash"}]}"#;
    let request = reqwest::Client::new()
        .post(format!("{}/v1/messages", model.url))
        .body(body);
    let mut response = request.send().await.unwrap();
    response.chunk().await.unwrap();
    let start = Instant::now();
    model.shutdown.cancel();
    model.server.join_next().await.unwrap().unwrap().unwrap();
    assert!(start.elapsed() < Duration::from_secs(5));
}
