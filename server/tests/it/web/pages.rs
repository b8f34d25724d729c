//! The pages as the server sends them, and their server functions.

use axum::body::Body;
use futures::{StreamExt as _, stream};
use http::StatusCode;

use super::support::{TestApp, request};

async fn page(app: &TestApp, path: &str) -> super::support::Answer {
    let request = request("GET", path).header("accept", "text/html");
    app.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn the_list_is_a_page_before_any_script_has_run() {
    let app = TestApp::new().await;
    app.create("create_app").await;
    let answer = page(&app, "/").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.header("content-type").starts_with("text/html"));
    assert!(answer.body.contains("Title"), "{}", answer.body);
}

/// The framework finds what it renders through thread-local variables: pages that take turns on a
/// thread must not see each other's values.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_pages_at_a_time_are_each_their_own() {
    let app = TestApp::new().await;
    let task = app.create("custom").await;
    let id = task["id"].as_str().unwrap();
    let paths = [
        ("/".to_owned(), "<title>Tasks ·"),
        ("/tasks/new".to_owned(), "<title>New task ·"),
        (format!("/tasks/{id}"), "<title>Title ·"),
        (format!("/tasks/{id}/history"), "<title>Title ·"),
        ("/needs-you".to_owned(), "<title>Needs you ·"),
    ];
    let requests = paths.iter().cycle().take(160).map(|(path, title)| {
        let app = &app;
        async move {
            let answer = page(app, path).await;
            assert_eq!(answer.status, StatusCode::OK, "{path}");
            assert!(answer.body.contains(title), "{path}: {title}");
        }
    });
    let () = stream::iter(requests).buffer_unordered(16).collect().await;
}

#[tokio::test]
async fn a_review_shows_what_the_verifying_agent_suggests_and_for_which_documents() {
    let app = TestApp::new().await;
    let (id, _) = app.at_gate().await;
    let review = page(&app, &format!("/tasks/{id}/review")).await.body;
    for shown in [
        "P1-05",
        "4 of 4 have a figure",
        "Round the second one.",
        "docs/planning/06_product.md",
    ] {
        assert!(review.contains(shown), "{shown}");
    }
}

#[tokio::test]
async fn scripts_run_only_with_the_nonce_of_their_page() {
    let app = TestApp::new().await;
    let answer = page(&app, "/").await;
    let policy = answer.header("content-security-policy").to_owned();
    let nonce = policy
        .split("'nonce-")
        .nth(1)
        .unwrap()
        .split('\'')
        .next()
        .unwrap();
    assert!(
        policy.contains("'strict-dynamic'") && policy.contains("frame-ancestors 'none'"),
        "{policy}"
    );
    for script in answer.body.split("<script").skip(1) {
        let tag = script.split('>').next().unwrap();
        assert!(tag.contains(&format!("nonce=\"{nonce}\"")), "{tag}");
    }
    assert!(
        !answer.body.contains(" onclick=") && !answer.body.contains(" style=\""),
        "inline handlers or styles"
    );
    let again = page(&app, "/").await;
    assert_ne!(again.header("content-security-policy"), policy);
}

#[tokio::test]
async fn an_address_without_a_page_gets_a_page_that_says_so() {
    let app = TestApp::new().await;
    for path in [
        "/nothing",
        "/tasks/01890000-0000-7000-8000-000000000000",
        "/tasks/x",
    ] {
        let answer = page(&app, path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert!(
            answer.header("content-type").starts_with("text/html"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn server_functions_name_their_faults_and_are_protected_as_the_api_is() {
    let app = TestApp::new().await;
    let unknown = r#"{"id": "01890000-0000-7000-8000-000000000000"}"#;
    let call = async |path: &str, body: &'static str, headers: &[(&str, &str)]| {
        let mut request = request("POST", path).header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        app.send(request.body(Body::from(body)).unwrap()).await
    };
    let missing = call("/sfn/tasks/get", unknown, &[]).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND, "{}", missing.body);
    let nonsense = call("/sfn/tasks/get", r#"{"id": "x\u0000"}"#, &[]).await;
    assert_eq!(
        nonsense.status,
        StatusCode::BAD_REQUEST,
        "{}",
        nonsense.body
    );
    let foreign = call(
        "/sfn/tasks/get",
        unknown,
        &[("origin", "https://evil.example")],
    )
    .await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN);
    assert_eq!(
        call("/sfn/nothing", "", &[]).await.status,
        StatusCode::NOT_FOUND
    );
}
