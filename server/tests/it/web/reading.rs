//! What is shown, over the API.

use axum::body::Body;
use http::StatusCode;
use serde_json::{Value, json};

use super::support::{TestApp, request};

#[tokio::test]
async fn every_route_answers_for_a_task_at_its_gate() {
    let app = TestApp::new().await;
    let (id, review) = app.at_gate().await;
    let path = format!("/api/tasks/{id}");
    let task = app.get(&path).await.json();
    assert_eq!(task["status"], "waiting");
    assert_eq!(task["waiting_reason"], "review");
    assert_eq!(task["phase_name"], "Planning");
    assert_eq!(
        task["tokens"],
        json!({ "input": 0, "output": 0, "cache_read": 0, "cache_write": 0 })
    );
    let status = app.get(&format!("{path}/status")).await.json();
    assert_eq!(status["version"], task["version"]);
    let phases = app.get(&format!("{path}/phases")).await.json();
    assert_eq!(phases["items"].as_array().unwrap().len(), 4);
    assert_eq!(phases["items"][0]["status"], "in_review");
    let detail = app.get(&format!("{path}/detail")).await.json();
    assert_eq!(detail["reviews"][0]["id"], review.as_str());
    for collection in ["questions", "dependencies", "messages", "logs"] {
        let page = app.get(&format!("{path}/{collection}")).await.json();
        assert_eq!(
            page,
            json!({ "items": [], "next_cursor": null }),
            "{collection}"
        );
    }
    assert_eq!(
        app.get(&format!("/api/reviews/{review}")).await.json()["phase"],
        1
    );
    let overview = app.get("/api/overview").await.json();
    assert_eq!(overview["needs_you"], 1);
    let workflows = app.get("/api/workflows").await.json();
    let offered = workflows["items"].as_array().unwrap().iter();
    let offered: Vec<_> = offered
        .map(|workflow| workflow["id"].as_str().unwrap())
        .collect();
    assert_eq!(offered, ["create_app", "modify_app", "workflow", "custom"]);
}

#[tokio::test]
async fn a_history_is_paged_without_gaps_and_any_version_can_be_shown() {
    let app = TestApp::new().await;
    let (id, _) = app.at_gate().await;
    let head = app.get(&format!("/api/tasks/{id}")).await.json()["version"]
        .as_u64()
        .unwrap();
    let mut versions = Vec::new();
    let mut after = "0".to_owned();
    loop {
        let page = app
            .get(&format!("/api/tasks/{id}/events?after={after}&limit=7"))
            .await
            .json();
        let items = page["items"].as_array().unwrap().clone();
        versions.extend(items.iter().map(|event| event["version"].as_u64().unwrap()));
        assert!(
            items
                .iter()
                .all(|event| event["data"].is_object() && event["type"].is_string())
        );
        match page["next_cursor"].as_str() {
            Some(next) => after = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(versions, (1..=head).collect::<Vec<_>>());
    let first = app.get(&format!("/api/tasks/{id}?version=1")).await.json();
    assert_eq!(
        (first["status"].as_str(), first["version"].as_u64()),
        (Some("draft"), Some(1))
    );
    for missing in [0, head + 1] {
        let answer = app.get(&format!("/api/tasks/{id}?version={missing}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn the_list_is_filtered_searched_and_paged() {
    let app = TestApp::new().await;
    for number in 0..5 {
        let new = json!({ "title": format!("Task {number}"), "type": "custom", "description": "d", "start": number == 0 });
        app.json("POST", "/api/tasks", &new).await;
    }
    let titles = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().unwrap();
        items
            .iter()
            .map(|task| task["title"].as_str().unwrap().to_owned())
            .collect()
    };
    let page = app.get("/api/tasks?limit=2").await.json();
    assert_eq!(titles(&page), ["Task 4", "Task 3"]);
    let cursor = page["next_cursor"].as_str().unwrap();
    let page = app
        .get(&format!("/api/tasks?limit=2&cursor={cursor}"))
        .await
        .json();
    assert_eq!(titles(&page), ["Task 2", "Task 1"]);
    assert_eq!(
        titles(&app.get("/api/tasks?status=queued").await.json()),
        ["Task 0"]
    );
    assert_eq!(
        titles(&app.get("/api/tasks?q=tASK%203&type=custom").await.json()),
        ["Task 3"]
    );
    assert_eq!(
        titles(&app.get("/api/tasks?type=create_app").await.json()),
        [""; 0]
    );
}

#[tokio::test]
async fn files_of_the_workspace_are_shown_rendered_and_downloaded() {
    let app = TestApp::new().await;
    let (id, _) = app.at_gate().await;
    let root = app
        .data
        .path()
        .join("tasks")
        .join(&id)
        .join("workspace/docs/planning");
    std::fs::create_dir_all(&root).unwrap();
    std::fs::write(root.join("01_idea.md"), "# Idea\n<script>alert(1)</script>").unwrap();
    let list = app
        .get(&format!("/api/tasks/{id}/deliverables"))
        .await
        .json();
    assert_eq!(list["items"][0]["path"], "docs/planning/01_idea.md");
    assert_eq!(list["items"][0]["exists"], true);
    let path = format!("/api/tasks/{id}/deliverables/docs/planning/01_idea.md");
    let shown = app.get(&path).await.json();
    assert!(shown["text"].as_str().unwrap().contains("<script>"));
    assert_eq!(shown["html"].as_str().unwrap().trim(), "<h1>Idea</h1>");
    let raw = app.get(&format!("{path}?raw=1")).await;
    assert_eq!(raw.header("content-type"), "application/octet-stream");
    assert_eq!(
        raw.header("content-disposition"),
        "attachment; filename=\"01_idea.md\""
    );
    assert_eq!(raw.header("x-content-type-options"), "nosniff");
    assert!(raw.body.contains("<script>"));
}

#[tokio::test]
async fn the_api_describes_all_of_itself() {
    let app = TestApp::new().await;
    let document = app.get("/api/openapi.json").await.json();
    assert_eq!(document["openapi"], "3.1.0");
    let mut routes = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let operations = item.as_object().unwrap();
        for operation in operations.values() {
            let responses = operation["responses"].as_object().unwrap();
            assert!(
                responses.contains_key("default") || path == "/healthz",
                "{path}"
            );
        }
        let mut methods: Vec<_> = operations.keys().map(String::as_str).collect();
        methods.sort_unstable();
        routes.push(format!("{path} {}", methods.join(" ")));
    }
    routes.sort();
    insta::assert_snapshot!(routes.join("\n"), @r"
    /api/dependencies/{id}/provide post
    /api/estimates get
    /api/guides get
    /api/guides/{path} get
    /api/needs-you get
    /api/notification-targets get post
    /api/notification-targets/{id} delete patch
    /api/notification-targets/{id}/secret get
    /api/notification-targets/{id}/test post
    /api/notifications get
    /api/notifications/read post
    /api/notifications/{id}/read post
    /api/overview get
    /api/push get
    /api/push/subscriptions post
    /api/push/subscriptions/{id} delete
    /api/questions/{id}/answer post
    /api/queue get
    /api/reviews/{id} get
    /api/reviews/{id}/approve patch
    /api/reviews/{id}/conversation get
    /api/reviews/{id}/diff get
    /api/reviews/{id}/feedback post
    /api/reviews/{id}/feedback/{feedback}/resolve patch
    /api/reviews/{id}/files/{path} get
    /api/reviews/{id}/request-changes patch
    /api/schedules get post
    /api/schedules/{id} delete get put
    /api/schedules/{id}/pause post
    /api/schedules/{id}/resume post
    /api/schedules/{id}/run post
    /api/secrets get post
    /api/secrets/{name} delete put
    /api/settings get patch
    /api/settings/check post
    /api/stream get
    /api/tasks get post
    /api/tasks/import post
    /api/tasks/{id} delete get patch
    /api/tasks/{id}/archive.zip get
    /api/tasks/{id}/branch get
    /api/tasks/{id}/cancel post
    /api/tasks/{id}/checkpoints get
    /api/tasks/{id}/checkpoints/{checkpoint}/diff get
    /api/tasks/{id}/deliverables get
    /api/tasks/{id}/deliverables/{path} get
    /api/tasks/{id}/dependencies get
    /api/tasks/{id}/detail get
    /api/tasks/{id}/diff get
    /api/tasks/{id}/events get
    /api/tasks/{id}/execute post
    /api/tasks/{id}/export get
    /api/tasks/{id}/fork post
    /api/tasks/{id}/interrupt post
    /api/tasks/{id}/logs get
    /api/tasks/{id}/logs/matches get
    /api/tasks/{id}/messages get post
    /api/tasks/{id}/messages/{message} delete patch
    /api/tasks/{id}/move post
    /api/tasks/{id}/patch get
    /api/tasks/{id}/pause post
    /api/tasks/{id}/permissions get post
    /api/tasks/{id}/permissions/{rule} delete
    /api/tasks/{id}/phases get
    /api/tasks/{id}/questions get
    /api/tasks/{id}/restore post
    /api/tasks/{id}/resume post
    /api/tasks/{id}/retry post
    /api/tasks/{id}/reviews get post
    /api/tasks/{id}/status get
    /api/tasks/{id}/stream get
    /api/tasks/{id}/versions/{version} get
    /api/tasks/{id}/versions/{version}/diff get
    /api/usage get
    /api/workflows get
    /healthz get
    /readyz get
    ");
}

#[tokio::test]
async fn the_server_says_how_it_is() {
    let app = TestApp::new().await;
    assert_eq!(app.get("/healthz").await.status, StatusCode::OK);
    assert_eq!(app.get("/readyz").await.status, StatusCode::OK);
    app.store.close().await.unwrap();
    assert_eq!(app.get("/healthz").await.status, StatusCode::OK);
    let answer = app.get("/readyz").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.json()["detail"], "The database does not answer.");
}

#[tokio::test]
async fn assets_are_cached_by_their_content_and_packed() {
    let app = TestApp::new().await;
    let file = app.get("/pkg/app.css").await;
    assert_eq!(file.status, StatusCode::OK);
    assert_eq!(file.header("content-type"), "text/css; charset=utf-8");
    assert_eq!(file.header("cache-control"), "no-cache");
    let etag = file.header("etag").to_owned();
    let known = request("GET", "/pkg/app.css").header("if-none-match", &etag);
    let known = app.send(known.body(Body::empty()).unwrap()).await;
    assert_eq!(
        (known.status, known.body.len()),
        (StatusCode::NOT_MODIFIED, 0)
    );
    let pinned = app
        .get(&format!("/pkg/app.css?v={}", etag.trim_matches('"')))
        .await;
    assert_eq!(
        pinned.header("cache-control"),
        "public, max-age=31536000, immutable"
    );
    let packed = request("GET", "/pkg/app.css").header("accept-encoding", "gzip, br");
    let packed = app.send(packed.body(Body::empty()).unwrap()).await;
    assert_eq!(packed.header("content-encoding"), "br");
    assert!(packed.body.len() < 100);
    assert_ne!(app.get("/favicon.ico").await.status, StatusCode::NOT_FOUND);
    for trick in [
        "/pkg/../../ccs.db",
        "/pkg/%2e%2e/%2e%2e/ccs.db",
        "/..%2fccs.db",
        "/pkg//app.css",
        "/.hidden",
    ] {
        assert_eq!(
            app.get(trick).await.status,
            StatusCode::NOT_FOUND,
            "{trick}"
        );
    }
}
