use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::super::request::StepState;
use super::*;

struct Door {
    url: String,
    bearer: String,
    client: Client,
}

impl Door {
    async fn post(&self, body: String) -> (u16, String) {
        self.send(Method::POST, &self.url, &self.bearer, body).await
    }

    async fn call(&self, name: &str, arguments: Value) -> Value {
        let request = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {
            "name": name, "arguments": arguments, "_meta": {"claudecode/toolUseId": "toolu_1"},
        }});
        let (status, body) = self.post(request.to_string()).await;
        assert_eq!(status, 200);
        serde_json::from_str::<Value>(&body).unwrap()["result"].clone()
    }

    async fn send(&self, method: Method, url: &str, bearer: &str, body: String) -> (u16, String) {
        let request = self
            .client
            .request(method, url)
            .header("authorization", bearer)
            .body(body);
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }
}

/// A server with one registered process, and the door to it.
async fn opened() -> (JoinSet<io::Result<()>>, McpServer, McpCalls, Door) {
    let (server, serving) = McpServer::bind(CancellationToken::new()).await.unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(serving);
    let (access, calls) = server.register(KnownSecrets::default());
    let client = Client::builder().no_proxy().build().unwrap();
    let door = Door {
        url: access.url.clone(),
        bearer: access.bearer(),
        client,
    };
    (tasks, server, calls, door)
}

#[tokio::test]
async fn a_call_reaches_the_platform_and_its_answer_the_agent() {
    let (mut tasks, _server, mut calls, door) = opened().await;
    tasks.spawn(async move {
        let call = calls.next().await.unwrap();
        let PlatformTool::ReportStep(report) = &call.tool else {
            panic!("{call:?}")
        };
        assert_eq!(
            (report.step.as_str(), report.status),
            ("01_idea", StepState::Started)
        );
        assert_eq!(call.tool_use_id.as_deref(), Some("toolu_1"));
        call.reply
            .send(ToolReply::Done("Noted.".to_owned()))
            .unwrap();
        Ok(())
    });
    let result = door
        .call(
            "report_step",
            json!({"step": "01_idea", "status": "started"}),
        )
        .await;
    assert_eq!(
        result,
        json!({"content": [{"type": "text", "text": "Noted."}], "isError": false})
    );
}

#[tokio::test]
async fn the_handshake_is_what_the_cli_expects() {
    let (_tasks, _server, _calls, door) = opened().await;
    let (status, body) = door
        .post(
            json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
                "protocolVersion": "2025-11-25",
            }})
            .to_string(),
        )
        .await;
    assert_eq!(status, 200);
    assert!(body.contains(r#""protocolVersion":"2025-11-25""#), "{body}");
    let notification = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    assert_eq!(door.post(notification.to_string()).await.0, 202);
    let list = json!({"jsonrpc": "2.0", "id": "a", "method": "tools/list"});
    assert!(
        door.post(list.to_string())
            .await
            .1
            .contains("complete_phase")
    );
}

#[tokio::test]
async fn a_wrong_call_is_an_error_for_the_agent_and_reaches_nobody() {
    let (_tasks, _server, mut calls, door) = opened().await;
    let result = door.call("ask_user", json!({"question": 5})).await;
    assert_eq!(result["isError"], true);
    assert!(calls.calls.try_recv().is_err());
}

#[tokio::test]
async fn nobody_gets_in_without_the_process_own_token() {
    let (_tasks, server, calls, door) = opened().await;
    let (other, _other_calls) = server.register(KnownSecrets::default());
    let ping = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}).to_string();
    for bearer in ["", "Bearer ", "Bearer x", &other.bearer()] {
        let (status, _) = door
            .send(Method::POST, &door.url, bearer, ping.clone())
            .await;
        assert_eq!(status, 401, "{bearer}");
    }
    assert_eq!(door.post(ping.clone()).await.0, 200);
    drop(calls);
    assert_eq!(door.post(ping).await.0, 401, "the process is gone");
}

#[tokio::test]
async fn hostile_requests_are_refused() {
    let (_tasks, _server, _calls, door) = opened().await;
    for body in [
        "",
        "nonsense",
        "[]",
        "{}",
        "{\"method\":1,\"id\":1}",
        "\u{0}",
    ] {
        assert_eq!(door.post(body.to_owned()).await.0, 400, "{body}");
    }
    let deep = format!("{{\"method\":\"ping\",\"id\":{}1", "[".repeat(5000));
    assert_eq!(door.post(deep).await.0, 400);
    assert_eq!(door.post("x".repeat(BODY_LIMIT + 1)).await.0, 413);
    let get = door
        .send(Method::GET, &door.url, &door.bearer, String::new())
        .await;
    assert_eq!(get.0, 405);
    let elsewhere = door.url.replace("/mcp/", "/other/");
    assert_eq!(
        door.send(Method::POST, &elsewhere, &door.bearer, String::new())
            .await
            .0,
        404
    );
    let unknown = json!({"jsonrpc": "2.0", "id": 1, "method": "resources/list"});
    assert!(door.post(unknown.to_string()).await.1.contains("-32601"));
}

#[tokio::test]
async fn a_call_nobody_answers_is_an_error_for_the_agent() {
    let (mut tasks, _server, mut calls, door) = opened().await;
    tasks.spawn(async move {
        drop(calls.next().await.unwrap());
        Ok(())
    });
    let result = door
        .call(
            "report_error",
            json!({"type": "missing_file", "message": "m"}),
        )
        .await;
    assert_eq!(result["isError"], true);
}

#[tokio::test]
async fn what_an_agent_tells_comes_without_secrets() {
    let (server, serving) = McpServer::bind(CancellationToken::new()).await.unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(serving);
    let secrets = KnownSecrets::default();
    let (access, mut calls) = server.register(secrets.clone());
    // Also what is given to the agent while it runs.
    secrets.add_text("PASSWORD", &SecretString::from("hunter2-hunter2"));
    tasks.spawn(async move {
        let call = calls.next().await.unwrap();
        assert!(!format!("{:?}", call.tool).contains("hunter2"), "{call:?}");
        let PlatformTool::CompletePhase(report) = &call.tool else {
            panic!("{call:?}")
        };
        assert_eq!(report.files, ["docs/[secret PASSWORD].md"]);
        call.reply.send(ToolReply::Done(String::new())).unwrap();
        Ok(())
    });
    let door = Door {
        url: access.url.clone(),
        bearer: access.bearer(),
        client: Client::builder().no_proxy().build().unwrap(),
    };
    let arguments = json!({
        "phase": 1, "summary": "It is hunter2-hunter2.", "files": ["docs/hunter2-hunter2.md"],
    });
    assert_eq!(
        door.call("complete_phase", arguments).await["isError"],
        false
    );
}
