//! Requests that come again: carried out once, whatever became of the first one.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use axum::body::Body;
use http::StatusCode;
use sea_orm::{ConnectionTrait as _, Database};
use serde_json::{Value, json};

use super::support::{Answer, TestApp, request};

async fn post(app: &TestApp, path: &str, key: &str, body: &Value) -> Answer {
    let request = request("POST", path)
        .header("content-type", "application/json")
        .header("idempotency-key", key);
    app.send(request.body(Body::from(body.to_string())).unwrap())
        .await
}

fn task(title: &str) -> Value {
    json!({ "title": title, "type": "custom", "description": "d" })
}

async fn tasks(app: &TestApp) -> usize {
    let list = app.get("/api/tasks?limit=200").await.json();
    list["items"].as_array().unwrap().len()
}

/// What a server that died left out: the note of its answers, and whatever `sql` adds.
async fn past_the_store(app: &TestApp, sql: &str) {
    let url = format!("sqlite://{}", app.data.path().join("ccs.db").display());
    let connection = Database::connect(url).await.unwrap();
    connection
        .execute_unprepared("DELETE FROM idempotency_keys")
        .await
        .unwrap();
    if !sql.is_empty() {
        connection.execute_unprepared(sql).await.unwrap();
    }
    connection.close().await.unwrap();
}

/// Works on a request as long as it was woken so many times, then drops it, as the server does
/// when its client goes away. `None` if that came before its end.
async fn cut_after<T>(wakes: usize, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    let mut left = wakes;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        work.as_mut().poll(cx).map(Some)
    })
    .await
}

#[tokio::test]
async fn the_same_request_with_the_same_key_is_carried_out_once() {
    let app = TestApp::new().await;
    let send = async |key: &str, title: &str| {
        let body = json!({ "title": title, "type": "custom", "description": "d" });
        let request = request("POST", "/api/tasks")
            .header("content-type", "application/json")
            .header("idempotency-key", key);
        app.send(request.body(Body::from(body.to_string())).unwrap())
            .await
    };
    let first = send("key-1", "A").await;
    let second = send("key-1", "A").await;
    assert_eq!(
        (first.status, second.status),
        (StatusCode::CREATED, StatusCode::CREATED)
    );
    assert_eq!(first.body, second.body);
    assert_eq!(second.header("location"), first.header("location"));
    assert_eq!(second.header("idempotency-replayed"), "true");
    let other = send("key-1", "B").await;
    assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(other.json()["type"], "/problems/idempotency-key-reused");
    assert_eq!(
        app.get("/api/tasks").await.json()["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    // What was refused may be tried again under the same key.
    assert_eq!(
        send("key-2", "").await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    assert_eq!(send("key-2", "C").await.status, StatusCode::CREATED);
    assert_eq!(send("", "D").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn of_many_requests_with_one_key_at_the_same_moment_one_is_carried_out() {
    let app = TestApp::new().await;
    let send = || {
        let body = json!({ "title": "A", "type": "custom", "description": "d" });
        let request = request("POST", "/api/tasks")
            .header("content-type", "application/json")
            .header("idempotency-key", "once");
        app.send(request.body(Body::from(body.to_string())).unwrap())
    };
    let answers = futures::future::join_all((0..16).map(|_| send())).await;
    for answer in answers {
        assert!(
            matches!(answer.status.as_u16(), 201 | 409),
            "{}",
            answer.body
        );
    }
    assert_eq!(
        app.get("/api/tasks").await.json()["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn a_client_that_goes_away_at_any_moment_and_comes_again_has_one_task() {
    const LIMIT: Duration = Duration::from_secs(10);
    let app = TestApp::new().await;
    for wakes in 1.. {
        let key = format!("key-{wakes}");
        let first = cut_after(wakes, post(&app, "/api/tasks", &key, &task("A"))).await;
        let begun = Instant::now();
        let second = loop {
            let answer = post(&app, "/api/tasks", &key, &task("A")).await;
            if answer.status == StatusCode::CREATED {
                break answer;
            }
            assert_eq!(answer.status, StatusCode::CONFLICT, "{}", answer.body);
            assert!(begun.elapsed() < LIMIT, "cut at {wakes}: {}", answer.body);
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        assert_eq!(tasks(&app).await, wakes);
        if let Some(first) = first {
            assert_eq!(first.body, second.body);
            assert!(wakes > 1, "never cut");
            return;
        }
    }
}

#[tokio::test]
async fn what_a_dead_server_did_is_recognised_without_its_answer() {
    let app = TestApp::new().await;
    let first = post(&app, "/api/tasks", "k", &task("A")).await;
    past_the_store(&app, "").await;
    let second = post(&app, "/api/tasks", "k", &task("A")).await;
    assert_eq!(second.status, StatusCode::CREATED, "{}", second.body);
    assert_eq!(first.body, second.body);
    assert_eq!(
        second.header("idempotency-replayed"),
        "",
        "not from the notes"
    );
    assert_eq!(tasks(&app).await, 1);

    let path = format!("{}/messages", first.header("location"));
    app.post(&format!("{}/execute", first.header("location")))
        .await;
    let text = json!({ "text": "Use Rust" });
    post(&app, &path, "k", &text).await;
    past_the_store(&app, "").await;
    let again = post(&app, &path, "k", &text).await;
    assert_eq!(again.status, StatusCode::OK, "{}", again.body);
    post(&app, &path, "other", &text).await;
    let messages = app.get(&path).await.json();
    assert_eq!(messages["items"].as_array().unwrap().len(), 2);

    let app = TestApp::new().await;
    let (_, review) = app.at_gate().await;
    let path = format!("/api/reviews/{review}/feedback");
    let comment = json!({ "text": "Say more" });
    post(&app, &path, "k", &comment).await;
    past_the_store(&app, "").await;
    let again = post(&app, &path, "k", &comment).await;
    assert_eq!(again.status, StatusCode::OK, "{}", again.body);
    assert_eq!(again.json()["feedback"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn after_a_day_the_same_key_means_another_task() {
    let app = TestApp::new().await;
    let first = post(&app, "/api/tasks", "nightly", &task("A")).await;
    past_the_store(&app, "UPDATE events SET at_ms = at_ms - 90000000").await;
    let second = post(&app, "/api/tasks", "nightly", &task("A")).await;
    assert_eq!(second.status, StatusCode::CREATED, "{}", second.body);
    assert_ne!(first.header("location"), second.header("location"));
    past_the_store(&app, "").await;
    let third = post(&app, "/api/tasks", "nightly", &task("A")).await;
    assert_eq!(third.header("location"), second.header("location"));
    assert_eq!(tasks(&app).await, 2);
}
