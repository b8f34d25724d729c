//! The platform's own tools for agents: an MCP server on a loopback listener of its own, with a
//! token for each process.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::post;
use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::platform_tool::PlatformTool;
use super::process_key;
use super::rpc::{Answer, Call, Rpc, answer};
use crate::redaction::KnownSecrets;

/// The largest request, in bytes.
const BODY_LIMIT: usize = 1024 * 1024;

/// How long the platform may take to answer a call.
const REPLY_LIMIT: Duration = Duration::from_mins(10);

/// The tool server.
#[derive(Clone, Debug)]
pub struct McpServer {
    address: SocketAddr,
    processes: Processes,
}

type Processes = Arc<Mutex<HashMap<Uuid, Process>>>;

#[derive(Debug)]
struct Process {
    token: [u8; 32],
    secrets: KnownSecrets,
    calls: mpsc::Sender<ToolCall>,
}

/// What a process needs to reach the tool server.
#[derive(Clone, Debug)]
pub struct McpAccess {
    /// Where the server is.
    pub url: String,
    /// What to present there.
    pub token: SecretString,
}

/// The calls of one process. Dropping it closes the door for that process.
#[derive(Debug)]
pub struct McpCalls {
    id: Uuid,
    processes: Processes,
    calls: mpsc::Receiver<ToolCall>,
}

/// A call that waits for the platform's answer.
#[derive(Debug)]
pub struct ToolCall {
    /// What is called, with valid arguments.
    pub tool: PlatformTool,
    /// The agent's id of the call, which joins it to the log.
    pub tool_use_id: Option<String>,
    /// Where the answer goes.
    pub reply: oneshot::Sender<ToolReply>,
}

/// The platform's answer to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolReply {
    /// Done; the text is for the agent.
    Done(String),
    /// Not done; the text tells the agent why.
    Failed(String),
}

impl McpServer {
    /// Opens the listener on a free port. The server runs until `stop` is cancelled, as the second
    /// value, which the caller spawns.
    pub async fn bind(
        stop: CancellationToken,
    ) -> io::Result<(Self, impl Future<Output = io::Result<()>> + Send + use<>)> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let server = Self {
            address: listener.local_addr()?,
            processes: Processes::default(),
        };
        let router = server.router();
        let serving = async move {
            axum::serve(listener, router)
                .with_graceful_shutdown(stop.cancelled_owned())
                .await
        };
        Ok((server, serving))
    }

    /// Opens the door for one more process, whose calls are cleaned of these secrets.
    pub fn register(&self, secrets: KnownSecrets) -> (McpAccess, McpCalls) {
        let token = process_key::generate();
        let id = Uuid::new_v4();
        let (sender, calls) = mpsc::channel(16);
        let process = Process {
            token: process_key::digest(token.as_bytes()),
            secrets,
            calls: sender,
        };
        lock(&self.processes).insert(id, process);
        let access = McpAccess {
            url: format!("http://{}/mcp/{id}", self.address),
            token: SecretString::from(token),
        };
        (
            access,
            McpCalls {
                id,
                processes: Arc::clone(&self.processes),
                calls,
            },
        )
    }

    fn router(&self) -> Router {
        Router::new()
            .route("/mcp/{process}", post(serve))
            .layer(DefaultBodyLimit::max(BODY_LIMIT))
            .with_state(Arc::clone(&self.processes))
    }
}

impl McpAccess {
    /// The value of the header that opens the door.
    pub fn bearer(&self) -> String {
        format!("Bearer {}", self.token.expose_secret())
    }
}

impl McpCalls {
    /// The next call; `None` never comes while the process is registered.
    pub async fn next(&mut self) -> Option<ToolCall> {
        self.calls.recv().await
    }
}

impl Drop for McpCalls {
    fn drop(&mut self) {
        lock(&self.processes).remove(&self.id);
    }
}

async fn serve(
    State(processes): State<Processes>,
    Path(process): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some((calls, secrets)) = admitted(&processes, &process, &headers) else {
        return (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Bearer")]).into_response();
    };
    let request: Rpc = match serde_json::from_slice(&body) {
        Ok(request) => request,
        Err(_) => return (StatusCode::BAD_REQUEST, "not a JSON-RPC request").into_response(),
    };
    match answer(request.redacted(&secrets.redactor())) {
        Answer::Nothing => StatusCode::ACCEPTED.into_response(),
        Answer::Now(response) => Json(response).into_response(),
        Answer::Ask(call) => Json(ask(call, &calls).await).into_response(),
    }
}

/// The channel of the process that a request comes from, if it shows that process's token.
fn admitted(
    processes: &Processes,
    process: &str,
    headers: &HeaderMap,
) -> Option<(mpsc::Sender<ToolCall>, KnownSecrets)> {
    let id: Uuid = process.parse().ok()?;
    let shown = headers
        .get(AUTHORIZATION)?
        .to_str()
        .ok()?
        .strip_prefix("Bearer ")?;
    let processes = lock(processes);
    let process = processes.get(&id)?;
    (process.token == process_key::digest(shown.as_bytes()))
        .then(|| (process.calls.clone(), process.secrets.clone()))
}

async fn ask(call: Call, calls: &mpsc::Sender<ToolCall>) -> serde_json::Value {
    let (reply, replied) = oneshot::channel();
    let Call {
        id,
        tool,
        tool_use_id,
    } = call;
    let asked = async {
        calls
            .send(ToolCall {
                tool,
                tool_use_id,
                reply,
            })
            .await
            .ok()?;
        replied.await.ok()
    };
    let reply = match timeout(REPLY_LIMIT, asked).await {
        Ok(Some(reply)) => reply,
        Ok(None) => ToolReply::Failed("The platform is closing; try again later.".to_owned()),
        Err(_) => ToolReply::Failed("The platform did not answer in time.".to_owned()),
    };
    super::rpc::reply(&id, &reply)
}

/// The map is whole at every moment, so a panic elsewhere does not spoil it.
fn lock(processes: &Processes) -> std::sync::MutexGuard<'_, HashMap<Uuid, Process>> {
    processes.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "mcp_tests.rs"]
mod tests;
