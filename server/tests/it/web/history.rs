//! A task's past, over the API: its versions, and its history as a file.

use axum::body::Body;
use http::StatusCode;
use serde_json::{Value, json};

use super::support::{Answer, TestApp, request};

async fn import(app: &TestApp, lines: &str) -> Answer {
    let request = request("POST", "/api/tasks/import").header("content-type", "application/jsonl");
    let body = Body::from(lines.to_owned());
    app.send(request.body(body).unwrap()).await
}

/// What is wrong with these lines.
async fn refusal(app: &TestApp, lines: &[String]) -> String {
    let refused = import(app, &lines.join("\n")).await;
    assert_eq!(
        refused.status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "{}",
        refused.body
    );
    let error = &refused.json()["errors"][0];
    let part = |name: &str| error[name].as_str().unwrap().to_owned();
    format!("{} {}", part("field"), part("message"))
}

#[tokio::test]
async fn a_version_is_shown_as_it_was_and_compared_with_another() {
    let app = TestApp::new().await;
    let (id, _) = app.at_gate().await;
    let path = format!("/api/tasks/{id}");
    let now = app.get(&path).await.json();
    let newest = now["version"].as_u64().unwrap();

    let first = app.get(&format!("{path}/versions/1")).await.json();
    assert_eq!(first["type"], Value::Null);
    assert_eq!(first["event_type"], "TaskCreated");
    assert_eq!(first["task"]["status"], "draft");
    assert_eq!(first["reviews"], json!([]));
    assert_eq!(first["checkpoint"], Value::Null);
    let last = app.get(&format!("{path}/versions/{newest}")).await.json();
    assert_eq!(last["task"], now);
    assert_eq!(last["phases"][0]["status"], "in_review");

    let diff = app.get(&format!("{path}/versions/1/diff")).await.json();
    assert_eq!((&diff["from"], &diff["to"]), (&json!(1), &json!(newest)));
    let changes = diff["changes"].as_array().unwrap();
    let status = changes.iter().find(|change| change["name"] == "Status");
    assert_eq!(
        status.unwrap(),
        &json!({ "name": "Status", "before": "draft", "after": "waiting (review)" })
    );
    let review = changes
        .iter()
        .find(|change| change["name"] == "Review of Planning, round 1");
    assert_eq!(review.unwrap()["before"], Value::Null);
    let same = app
        .get(&format!("{path}/versions/1/diff?to=1"))
        .await
        .json();
    assert_eq!(same["changes"], json!([]));

    for unknown in ["0", &(newest + 1).to_string()] {
        let missing = app.get(&format!("{path}/versions/{unknown}")).await;
        assert_eq!(missing.status, StatusCode::NOT_FOUND, "{}", missing.body);
    }
}

#[tokio::test]
async fn a_history_is_taken_over_by_another_installation_with_an_equal_result() {
    let (here, there) = (TestApp::new().await, TestApp::new().await);
    let (id, _) = here.at_gate().await;
    let path = format!("/api/tasks/{id}");
    let exported = here.get(&format!("{path}/export")).await;
    assert_eq!(exported.header("content-type"), "application/jsonl");
    let disposition = exported.header("content-disposition");
    assert_eq!(disposition, format!("attachment; filename=\"{id}.jsonl\""));

    let imported = import(&there, &exported.body).await;
    assert_eq!(imported.status, StatusCode::CREATED, "{}", imported.body);
    assert_eq!(imported.header("location"), path);
    for part in ["", "/detail", "/events", "/phases", "/reviews", "/status"] {
        let each = format!("{path}{part}");
        assert_eq!(
            there.get(&each).await.json(),
            here.get(&each).await.json(),
            "{part}"
        );
    }
    // All but the first line, which says when.
    let again = there.get(&format!("{path}/export")).await.body;
    assert!(exported.body.lines().skip(1).eq(again.lines().skip(1)));

    // It waits for a person there too, and goes on from there.
    assert_eq!(there.get("/api/overview").await.json()["needs_you"], 1);
    let twice = import(&there, &exported.body).await;
    assert_eq!(twice.json()["errors"][0]["field"], "task_id");
}

#[tokio::test]
async fn a_history_that_is_not_whole_is_refused_with_its_line() {
    let (here, there) = (TestApp::new().await, TestApp::new().await);
    let (id, _) = here.at_gate().await;
    let exported = here.get(&format!("/api/tasks/{id}/export")).await.body;
    let lines: Vec<String> = exported.lines().map(str::to_owned).collect();

    let without = |gone: usize| {
        let mut lines = lines.clone();
        lines.remove(gone);
        lines
    };
    let told = refusal(&there, &without(0)).await;
    assert!(
        told.starts_with("line 1 does not begin a history"),
        "{told}"
    );
    let told = refusal(&there, &without(3)).await;
    assert_eq!(told, format!("line 4 must be event 3 of task {id}"));
    let told = refusal(&there, &lines[..lines.len() - 1]).await;
    assert!(told.starts_with("events are "), "{told}");
    let mut other = lines.clone();
    other[2] = lines[2].replace("\"type\":\"", "\"type\":\"No");
    let told = refusal(&there, &other).await;
    assert!(told.starts_with("line 3 is no event"), "{told}");
    let mut later = lines.clone();
    later[0] = lines[0].replace("\"schema\":1", "\"schema\":2");
    let told = refusal(&there, &later).await;
    assert!(told.starts_with("line 1 must say the format"), "{told}");
    assert_eq!(
        import(&there, "").await.json()["errors"][0]["field"],
        "body"
    );
    let of_a_program = there.json("POST", "/api/tasks/import", &json!({})).await;
    assert_eq!(of_a_program.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(there.get("/api/tasks").await.json()["items"], json!([]));

    // An agent would find nothing of what it has done.
    let queued = here.create("custom").await["id"].clone();
    let path = format!("/api/tasks/{}", queued.as_str().unwrap());
    here.post(&format!("{path}/execute")).await;
    let exported = here.get(&format!("{path}/export")).await.body;
    let lines: Vec<String> = exported.lines().map(str::to_owned).collect();
    let told = refusal(&there, &lines).await;
    assert!(told.contains("pause it, and export it again"), "{told}");
}

#[tokio::test]
async fn a_history_may_be_larger_than_other_requests_but_not_without_end() {
    let app = TestApp::new().await;
    let large = format!("{{{}", " ".repeat(3 * 1024 * 1024));
    let read = import(&app, &large).await;
    assert_eq!(read.status, StatusCode::UNPROCESSABLE_ENTITY);
    let endless = " ".repeat(33 * 1024 * 1024);
    let refused = import(&app, &endless).await;
    assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(refused.body.contains("at most 32 MiB"), "{}", refused.body);
}
