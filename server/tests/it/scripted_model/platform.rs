//! A stand-in for the platform's MCP server that records what the agent reports.

use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

const TOOLS: [&str; 5] = [
    "report_step",
    "complete_phase",
    "ask_user",
    "request_dependency",
    "report_error",
];

type Calls = Arc<Mutex<Vec<(String, Value)>>>;

/// Stops when it is dropped.
pub struct Platform {
    calls: Calls,
    url: String,
    _server: JoinSet<()>,
}

impl Platform {
    pub async fn start() -> Self {
        let calls = Calls::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        let router = Router::new()
            .route("/mcp", post(answer))
            .with_state(Arc::clone(&calls));
        let mut server = JoinSet::new();
        server.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            calls,
            url,
            _server: server,
        }
    }

    /// What the CLI has to be started with to reach it.
    pub fn arguments(&self) -> Vec<String> {
        let server = json!({"type": "http", "url": self.url, "alwaysLoad": true});
        let config = json!({"mcpServers": {"platform": server}}).to_string();
        let allow = "--allowedTools=mcp__platform,Bash(node --test:*)".to_owned();
        vec![
            format!("--mcp-config={config}"),
            "--strict-mcp-config".to_owned(),
            allow,
        ]
    }

    /// Takes the calls so far, as tool and input.
    pub fn take(&self) -> Vec<(String, Value)> {
        std::mem::take(&mut self.calls.lock().unwrap())
    }
}

async fn answer(State(calls): State<Calls>, Json(call): Json<Value>) -> Response {
    if call.get("id").is_none() {
        return StatusCode::ACCEPTED.into_response();
    }
    let parameters = &call["params"];
    let result = match call["method"].as_str() {
        Some("initialize") => json!({
            "protocolVersion": parameters["protocolVersion"],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "platform", "version": "1"},
        }),
        Some("tools/list") => {
            let tools = TOOLS.map(|name| json!({"name": name, "description": name, "inputSchema": {"type": "object"}}));
            json!({"tools": tools})
        }
        Some("tools/call") => {
            let name = parameters["name"].as_str().unwrap_or_default().to_owned();
            calls
                .lock()
                .unwrap()
                .push((name, parameters["arguments"].clone()));
            json!({"content": [{"type": "text", "text": "Recorded."}]})
        }
        _ => json!({}),
    };
    Json(json!({"jsonrpc": "2.0", "id": call["id"], "result": result})).into_response()
}
