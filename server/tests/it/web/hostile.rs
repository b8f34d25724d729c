//! Input that nobody should send: answered with a reason, never with a 5xx.

use axum::body::Body;
use http::StatusCode;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::support::{HOST, TestApp, request};

fn task_with(change: &Value) -> String {
    let mut task = json!({ "title": "T", "type": "custom", "description": "D" });
    task.as_object_mut()
        .unwrap()
        .extend(change.as_object().unwrap().clone());
    task.to_string()
}

#[tokio::test]
async fn unusable_bodies_are_refused_with_the_field_that_is_wrong() {
    let app = TestApp::new().await;
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    let cases: Vec<(String, u16, &str)> = vec![
        (String::new(), 400, ""),
        (r#"["T", "custom", "D"]"#.into(), 422, "body"),
        ("{".into(), 400, ""),
        ("nonsense".into(), 400, ""),
        ("{} {}".into(), 422, "title"),
        (deep, 422, "body"),
        ("null".into(), 422, "body"),
        ("[]".into(), 422, "body"),
        ("{}".into(), 422, "title"),
        (task_with(&json!({ "title": "" })), 422, "title"),
        (task_with(&json!({ "title": "a\u{0}b" })), 422, "title"),
        (task_with(&json!({ "title": "a\u{1b}[31m" })), 422, "title"),
        (
            task_with(&json!({ "title": "x".repeat(201) })),
            422,
            "title",
        ),
        (task_with(&json!({ "title": ["x"] })), 422, "title"),
        (
            task_with(&json!({ "description": "a\u{7}" })),
            422,
            "description",
        ),
        (
            task_with(&json!({ "description": "x".repeat(50_001) })),
            422,
            "description",
        ),
        (task_with(&json!({ "type": "createapp" })), 422, "type"),
        (task_with(&json!({ "type": "" })), 422, "type"),
        (task_with(&json!({ "type": null })), 422, "type"),
        (task_with(&json!({ "priority": "urgent" })), 422, "priority"),
        (
            task_with(&json!({ "permission_mode": "bypass" })),
            422,
            "permission_mode",
        ),
        (task_with(&json!({ "budget_usd": 5 })), 422, "budget_usd"),
        (task_with(&json!({ "budget_usd": "-5" })), 422, "budget_usd"),
        (
            task_with(&json!({ "budget_tokens": -1 })),
            422,
            "budget_tokens",
        ),
        (
            task_with(&json!({ "budget_tokens": 0 })),
            422,
            "budget_tokens",
        ),
        (
            task_with(&json!({ "budget_tokens": 1e300 })),
            422,
            "budget_tokens",
        ),
        (task_with(&json!({ "depends_on": "x" })), 422, "depends_on"),
        (
            task_with(&json!({ "depends_on": ["x"] })),
            422,
            "depends_on[0]",
        ),
        (
            task_with(&json!({ "depends_on": ["00000000-0000-0000-0000-000000000000"] })),
            422,
            "depends_on",
        ),
        (
            task_with(&json!({ "repository": "a\nb" })),
            422,
            "repository",
        ),
        (task_with(&json!({ "start": "yes" })), 422, "start"),
        (task_with(&json!({ "titel": "x" })), 422, "titel"),
    ];
    for (body, status, field) in cases {
        let request = request("POST", "/api/tasks").header("content-type", "application/json");
        let answer = app
            .send(request.body(Body::from(body.clone())).unwrap())
            .await;
        let shown = body.chars().take(200).collect::<String>();
        assert_eq!(answer.status.as_u16(), status, "{shown}: {}", answer.body);
        assert_eq!(answer.header("content-type"), "application/problem+json");
        let problem = answer.json();
        assert!(problem["detail"].is_string() && problem["request_id"].is_string());
        assert_eq!(
            problem["errors"][0]["field"].as_str().unwrap_or(""),
            field,
            "{shown}: {problem}"
        );
    }
    assert_eq!(app.get("/api/tasks").await.json()["items"], json!([]));
}

#[tokio::test]
async fn a_wrong_type_is_answered_with_the_nearest_right_one() {
    let app = TestApp::new().await;
    let answer = app
        .json(
            "POST",
            "/api/tasks",
            &json!({ "title": "T", "type": "createApp", "description": "D" }),
        )
        .await;
    let message = answer.json()["errors"][0]["message"]
        .as_str()
        .unwrap()
        .to_owned();
    insta::assert_snapshot!(message, @"is not a task type; did you mean create_app? Possible: create_app, modify_app, workflow, custom");
}

#[tokio::test]
async fn wrong_addresses_methods_and_types_get_their_4xx() {
    let app = TestApp::new().await;
    let id = app.create("custom").await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let unknown = "01890000-0000-7000-8000-000000000000";
    let cases = [
        ("GET", "/api/nothing".to_owned(), 404),
        ("GET", "/api/tasks/".to_owned(), 404),
        ("GET", "/api/tasks/not-an-id".to_owned(), 404),
        ("GET", format!("/api/tasks/{unknown}"), 404),
        ("GET", format!("/api/tasks/{unknown}/stream"), 404),
        ("GET", format!("/api/tasks/{unknown}/events"), 404),
        ("POST", format!("/api/tasks/{unknown}/execute"), 404),
        ("DELETE", format!("/api/tasks/{unknown}"), 404),
        ("PATCH", format!("/api/reviews/{unknown}/approve"), 404),
        ("PUT", "/api/tasks".to_owned(), 405),
        ("DELETE", "/api/tasks".to_owned(), 405),
        ("POST", format!("/api/tasks/{id}"), 405),
        ("PATCH", format!("/api/tasks/{id}/execute"), 405),
        ("POST", "/healthz".to_owned(), 405),
        ("POST", "/".to_owned(), 405),
        ("POST", "/api/tasks".to_owned(), 415),
        ("PATCH", format!("/api/tasks/{id}"), 415),
        ("GET", "/api/tasks?limit=0".to_owned(), 422),
        ("GET", "/api/tasks?limit=201".to_owned(), 422),
        ("GET", "/api/tasks?limit=x".to_owned(), 400),
        ("GET", "/api/tasks?limt=1".to_owned(), 400),
        ("GET", "/api/tasks?status=sleeping".to_owned(), 422),
        ("GET", "/api/tasks?type=app".to_owned(), 422),
        ("GET", "/api/tasks?cursor=%00".to_owned(), 422),
        ("GET", "/api/tasks?q=%00".to_owned(), 422),
        ("GET", "/api/tasks?q=%ff%fe".to_owned(), 200),
        ("GET", format!("/api/tasks/{id}?version=-1"), 400),
        (
            "GET",
            format!("/api/tasks/{id}?version=99999999999999999999"),
            400,
        ),
        (
            "GET",
            format!("/api/tasks/{id}/events?after=18446744073709551615"),
            200,
        ),
        ("GET", format!("/api/tasks/{id}/events?limit=1001"), 422),
        (
            "GET",
            format!("/api/tasks/{id}/logs?after=18446744073709551615"),
            200,
        ),
        ("GET", format!("/api/tasks/{id}/logs?q=%1b"), 422),
        ("GET", format!("/api/tasks/{id}/stream?after=x"), 400),
        ("GET", format!("/api/stream?task={unknown}"), 404),
        ("GET", "/api/stream?task=x".to_owned(), 400),
        ("GET", format!("/api/tasks/{id}/diff?phase=7"), 404),
        ("GET", format!("/{}", "x".repeat(9_000)), 414),
    ];
    for (method, path, status) in cases {
        let answer = app
            .send(request(method, &path).body(Body::empty()).unwrap())
            .await;
        assert_eq!(
            answer.status.as_u16(),
            status,
            "{method} {path}: {}",
            answer.body
        );
        if status != 200 {
            assert_eq!(answer.json()["status"], status, "{method} {path}");
            assert!(answer.json()["request_id"].is_string());
        }
    }
    let refused = app
        .send(request("PUT", "/api/tasks").body(Body::empty()).unwrap())
        .await;
    assert_eq!(refused.header("allow"), "GET,HEAD,POST");
}

#[tokio::test]
async fn no_path_leads_out_of_a_workspace() {
    let app = TestApp::new().await;
    let (id, _) = app.at_gate().await;
    let root = app.data.path().join("tasks").join(&id).join("workspace");
    std::fs::create_dir_all(root.join("folder")).unwrap();
    std::os::unix::fs::symlink("/etc", root.join("etc")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", root.join("passwd")).unwrap();
    std::os::unix::fs::symlink("loop", root.join("loop")).unwrap();
    let tricks = [
        "..%2f..%2f..%2fccs.db",
        "../../../ccs.db",
        "%2e%2e/%2e%2e/%2e%2e/ccs.db",
        "%2fetc%2fpasswd",
        "/etc/passwd",
        "etc/passwd",
        "passwd",
        "loop",
        "folder",
        ".",
        "folder/..",
        "a%00b",
        "%00",
        "C:%5cwindows",
        "..%5c..%5cccs.db",
        "missing.md",
        "folder/missing.md",
        "passwd/x",
    ];
    for trick in tricks {
        for query in ["", "?raw=1"] {
            let answer = app
                .get(&format!("/api/tasks/{id}/deliverables/{trick}{query}"))
                .await;
            assert!(
                matches!(answer.status.as_u16(), 400 | 404 | 422),
                "{trick}: {} {}",
                answer.status,
                answer.body
            );
            assert!(!answer.body.contains("root:"), "{trick}");
        }
    }
    let long = "x".repeat(5_000);
    let answer = app
        .get(&format!("/api/tasks/{id}/deliverables/{long}"))
        .await;
    assert!(answer.status.is_client_error(), "{}", answer.body);
}

#[tokio::test]
async fn comments_have_to_make_sense() {
    let app = TestApp::new().await;
    let (_, review) = app.at_gate().await;
    let path = format!("/api/reviews/{review}/feedback");
    let cases = [
        (json!({}), "text"),
        (json!({ "text": " " }), "text"),
        (json!({ "text": "x", "line": 0, "file": "a.md" }), "line"),
        (json!({ "text": "x", "line": 1 }), "line"),
        (json!({ "text": "x", "line": -1, "file": "a.md" }), "line"),
        (json!({ "text": "x", "file": "../a" }), "file"),
        (json!({ "text": "x", "file": "/etc/passwd" }), "file"),
        (json!({ "text": "x", "file": "a\u{0}" }), "file"),
    ];
    for (body, field) in cases {
        let answer = app.json("POST", &path, &body).await;
        assert_eq!(
            answer.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{body}: {}",
            answer.body
        );
        assert_eq!(answer.json()["errors"][0]["field"], field, "{body}");
    }
}

#[tokio::test]
async fn other_hosts_and_other_sites_are_refused() {
    type Headers = &'static [(&'static str, &'static str)];
    let app = TestApp::new().await;
    let cases: [(&str, Headers, u16); 7] = [
        ("GET", &[("host", "evil.example")], 403),
        ("GET", &[], 400),
        (
            "GET",
            &[("host", HOST), ("origin", "https://evil.example")],
            200,
        ),
        (
            "POST",
            &[("host", HOST), ("origin", "https://evil.example")],
            403,
        ),
        (
            "POST",
            &[("host", HOST), ("sec-fetch-site", "cross-site")],
            403,
        ),
        (
            "POST",
            &[("host", HOST), ("sec-fetch-site", "same-site")],
            403,
        ),
        (
            "POST",
            &[
                ("host", HOST),
                ("origin", "http://localhost:3000"),
                ("sec-fetch-site", "same-origin"),
            ],
            415,
        ),
    ];
    for (method, headers, status) in cases {
        let mut request = http::Request::builder().method(method).uri("/api/tasks");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = app.send(request.body(Body::from("{}")).unwrap()).await;
        assert_eq!(
            answer.status.as_u16(),
            status,
            "{method} {headers:?}: {}",
            answer.body
        );
    }
}

#[tokio::test]
async fn every_answer_carries_its_id_and_the_security_headers() {
    let app = TestApp::new().await;
    let request = request("GET", "/api/nothing").header("x-request-id", "my-request-1");
    let answer = app.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.header("x-request-id"), "my-request-1");
    assert_eq!(answer.json()["request_id"], "my-request-1");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(answer.header("referrer-policy"), "same-origin");
    assert_eq!(answer.header("cross-origin-opener-policy"), "same-origin");
    assert!(
        answer
            .header("content-security-policy")
            .starts_with("default-src 'none'")
    );
}

/// Sends a request's head and body over a real socket and reads the answer.
async fn over_socket(head: &str, body: &[u8], app: &mut TestApp) -> String {
    let addr = app.listen().await;
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    // A server that closes early makes this fail, and the sender would never see the answer.
    stream.write_all(body).await.unwrap();
    let mut answer = vec![0; 4096];
    let read =
        tokio::time::timeout(std::time::Duration::from_secs(10), stream.read(&mut answer)).await;
    let length = read.expect("an answer in time").unwrap();
    String::from_utf8_lossy(&answer[..length]).into_owned()
}

#[tokio::test]
async fn a_sender_of_ten_megabytes_sees_why_they_were_refused() {
    let body = vec![b'x'; 10 * 1024 * 1024];
    let length = body.len();
    let cases = [
        ("POST /api/tasks", "application/json", "413"),
        ("POST /api/nothing", "application/json", "413"),
        ("PUT /api/tasks", "application/json", "413"),
    ];
    for (line, kind, status) in cases {
        let mut app = TestApp::new().await;
        let head = format!(
            "{line} HTTP/1.1\r\nhost: {HOST}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n"
        );
        let answer = over_socket(&head, &body, &mut app).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{line}: {answer}"
        );
        assert!(answer.contains("application/problem+json"), "{answer}");
    }
}

#[tokio::test]
async fn a_body_without_a_length_is_cut_at_the_limit_and_early_answers_are_seen() {
    let chunk = format!("{:x}\r\n{}\r\n", 64 * 1024, "x".repeat(64 * 1024));
    let body = format!("{}0\r\n\r\n", chunk.repeat(100));
    for (line, status) in [
        ("POST /api/tasks", "413"),
        ("PUT /api/tasks", "405"),
        ("POST /api/nothing", "404"),
    ] {
        let mut app = TestApp::new().await;
        let head = format!(
            "{line} HTTP/1.1\r\nhost: {HOST}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
        );
        let answer = over_socket(&head, body.as_bytes(), &mut app).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{line}: {answer}"
        );
    }
}

#[tokio::test]
async fn nonsense_on_the_wire_leaves_the_server_standing() {
    let mut app = TestApp::new().await;
    let addr = app.listen().await;
    let long = format!(
        "GET / HTTP/1.1\r\nhost: {HOST}\r\nx: {}\r\n\r\n",
        "x".repeat(100_000)
    );
    for bytes in [
        "\0\0\0\0\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "\u{16}\u{3}\u{1}",
        long.as_str(),
    ] {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        stream.write_all(bytes.as_bytes()).await.ok();
        stream.shutdown().await.ok();
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        tokio::time::timeout(std::time::Duration::from_secs(5), read)
            .await
            .expect("an end")
            .ok();
        let answer = String::from_utf8_lossy(&answer);
        assert!(
            answer.is_empty()
                || answer.starts_with("HTTP/1.1 4")
                || answer.starts_with("HTTP/1.0 4"),
            "{answer}"
        );
    }
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let question = format!("GET /healthz HTTP/1.1\r\nhost: {HOST}\r\nconnection: close\r\n\r\n");
    stream.write_all(question.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let read = stream.read_to_string(&mut answer);
    tokio::time::timeout(std::time::Duration::from_secs(5), read)
        .await
        .expect("an answer in time")
        .unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}
