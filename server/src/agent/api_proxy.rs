//! The way from agents to the model's API: a listener on loopback that knows each process by a key
//! of its own and adds the account's. So the account's key never reaches an agent, and what is asked
//! of the API is seen.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Json, Response};
use chrono::Utc;
use http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE,
    TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::api_meter::{AnswerMeter, ApiUsage};
use super::process_key;

/// Where the API is, unless an installation says otherwise.
pub const ANTHROPIC_API: &str = "https://api.anthropic.com";

/// The largest request, in bytes; the API itself takes 32 MB.
const BODY_LIMIT: usize = 64 * 1024 * 1024;

/// How long it may take to reach the API. Answers may take as long as they do.
const CONNECT_LIMIT: Duration = Duration::from_secs(15);

/// How the Messages API wants a key to be presented.
const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// By which the API tells whether it makes sense to try again.
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// What is between two neighbours and not to be passed on (RFC 9110, section 7.6.1).
const HOP_BY_HOP: [HeaderName; 9] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// The listener.
#[derive(Clone, Debug)]
pub struct ApiProxy {
    address: SocketAddr,
    door: Door,
}

/// Who may come in, and how to get further.
#[derive(Clone, Debug)]
struct Door {
    /// By the digest of the key that each presents.
    processes: Arc<Mutex<HashMap<[u8; 32], Process>>>,
    client: Client<HttpsConnector<HttpConnector>, Body>,
}

#[derive(Clone, Debug)]
struct Process {
    upstream: Upstream,
    usage: Arc<Mutex<ApiUsage>>,
    passed: Arc<watch::Sender<Instant>>,
}

/// The API that a process is led to.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// Without a slash at its end.
    base_url: String,
    api_key: HeaderValue,
}

/// An address or a key that no request could be made with.
#[derive(Debug, thiserror::Error)]
#[error("the API's {what} can't be used: {reason}")]
pub struct UnusableUpstream {
    what: &'static str,
    reason: String,
}

/// What a process needs to reach the API.
#[derive(Clone, Debug)]
pub struct ApiAccess {
    pub base_url: String,
    /// The process's own.
    pub api_key: SecretString,
}

/// The requests of one process. Dropping it closes the door for that process; what is under way
/// comes to its end.
#[derive(Debug)]
pub struct ApiCalls {
    key: [u8; 32],
    door: Door,
    usage: Arc<Mutex<ApiUsage>>,
    passed: Arc<watch::Sender<Instant>>,
}

impl Upstream {
    /// The API at `base_url`, else at Anthropic's.
    pub fn new(base_url: Option<&str>, api_key: &SecretString) -> Result<Self, UnusableUpstream> {
        let base_url = base_url.unwrap_or(ANTHROPIC_API).trim_end_matches('/');
        let unusable = |what, reason: &dyn std::fmt::Display| UnusableUpstream {
            what,
            reason: reason.to_string(),
        };
        let url: Uri = base_url
            .parse()
            .map_err(|error: http::uri::InvalidUri| unusable("address", &error))?;
        if !matches!(url.scheme_str(), Some("http" | "https")) || url.host().is_none() {
            return Err(unusable("address", &"it is no http or https URL"));
        }
        // The error would not tell the key, nor does this.
        let mut api_key = HeaderValue::from_str(api_key.expose_secret())
            .map_err(|_| unusable("key", &"it has characters that no key has"))?;
        api_key.set_sensitive(true);
        Ok(Self {
            base_url: base_url.to_owned(),
            api_key,
        })
    }
}

impl ApiProxy {
    /// Opens the listener on a free port. The server runs until `stop` is cancelled, as the second
    /// value, which the caller spawns.
    pub async fn bind(
        stop: CancellationToken,
    ) -> io::Result<(Self, impl Future<Output = io::Result<()>> + Send + use<>)> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let door = Door {
            processes: Arc::default(),
            client: client(),
        };
        let router = Router::new().fallback(pass).with_state(door.clone());
        let address = listener.local_addr()?;
        let serving = async move {
            axum::serve(listener, router)
                .with_graceful_shutdown(stop.cancelled_owned())
                .await
        };
        Ok((Self { address, door }, serving))
    }

    /// Opens the door for one more process.
    pub fn register(&self, upstream: Upstream) -> (ApiAccess, ApiCalls) {
        let api_key = format!("sk-agent-{}", process_key::generate());
        let key = process_key::digest(api_key.as_bytes());
        let usage = Arc::<Mutex<ApiUsage>>::default();
        let passed = Arc::new(watch::Sender::new(Instant::now()));
        let process = Process {
            upstream,
            usage: Arc::clone(&usage),
            passed: Arc::clone(&passed),
        };
        self.door.lock().insert(key, process);
        let access = ApiAccess {
            base_url: format!("http://{}", self.address),
            api_key: SecretString::from(api_key),
        };
        let door = self.door.clone();
        let calls = ApiCalls {
            key,
            door,
            usage,
            passed,
        };
        (access, calls)
    }
}

impl ApiCalls {
    /// What has been asked so far.
    pub fn usage(&self) -> ApiUsage {
        lock(&self.usage).clone()
    }

    /// When something passed for the last time, in either direction; when the door was opened, if
    /// nothing has.
    pub fn passed(&self) -> Instant {
        *self.passed.borrow()
    }
}

impl Drop for ApiCalls {
    fn drop(&mut self) {
        self.door.lock().remove(&self.key);
    }
}

impl Door {
    /// The map is whole at every moment, so a panic elsewhere does not spoil it.
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<[u8; 32], Process>> {
        self.processes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The process that a request comes from, if it shows that process's key.
    fn admitted(&self, headers: &HeaderMap) -> Option<Process> {
        let bearer = || {
            let shown = headers.get(AUTHORIZATION)?.as_bytes();
            shown.strip_prefix(b"Bearer ")
        };
        let shown = headers.get(API_KEY).map(HeaderValue::as_bytes);
        let key = process_key::digest(shown.or_else(bearer)?);
        self.lock().get(&key).cloned()
    }
}

fn client() -> Client<HttpsConnector<HttpConnector>, Body> {
    let provider = rustls::crypto::ring::default_provider;
    let builder = HttpsConnectorBuilder::new();
    // A machine without certificates of its own, as small containers are, takes Mozilla's.
    let builder = builder
        .with_provider_and_native_roots(provider())
        .or_else(|_| HttpsConnectorBuilder::new().with_provider_and_webpki_roots(provider()))
        .expect("ring speaks the versions of TLS that are wanted");
    let mut tcp = HttpConnector::new();
    tcp.set_connect_timeout(Some(CONNECT_LIMIT));
    tcp.set_nodelay(true);
    // Left to the layer above.
    tcp.enforce_http(false);
    let connector = builder.https_or_http().enable_http1().wrap_connector(tcp);
    Client::builder(TokioExecutor::new()).build(connector)
}

/// Passes a request on, and its answer back.
async fn pass(State(door): State<Door>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Some(process) = door.admitted(&parts.headers) else {
        let message = "this key opens no door here, or no more";
        return refusal(StatusCode::UNAUTHORIZED, "authentication_error", message);
    };
    if !is_of_the_models(&parts.method, parts.uri.path()) {
        let message = "agents reach the Messages API and the list of models, and nothing else";
        return refusal(StatusCode::NOT_FOUND, "not_found_error", message);
    }
    let Some(request) = passed_on(parts, body, &process.upstream) else {
        let message = "the address of this request can't be passed on";
        return refusal(StatusCode::BAD_REQUEST, "invalid_request_error", message);
    };
    lock(&process.usage).requests += 1;
    process.passed.send_replace(Instant::now());
    match door.client.request(request).await {
        Ok(answer) => pass_back(answer, process),
        Err(error) => {
            lock(&process.usage).failures += 1;
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the API is out of reach"
            );
            // The CLI tries again after this status, as after a connection that fails.
            let message = "the API can't be reached";
            refusal(StatusCode::BAD_GATEWAY, "api_error", message)
        }
    }
}

/// What the CLI asks for, and no route by which an account is managed.
fn is_of_the_models(method: &Method, path: &str) -> bool {
    // One model, by its name and nothing that leads elsewhere.
    let is_model = |path: &str| {
        let name = path.strip_prefix("/v1/models/");
        name.is_some_and(|name| !name.contains(['/', '%']))
    };
    match *method {
        Method::POST => matches!(path, "/v1/messages" | "/v1/messages/count_tokens"),
        Method::GET => path == "/v1/models" || is_model(path),
        // By which the CLI looks whether anybody is there.
        Method::HEAD => path == "/",
        _ => false,
    }
}

/// The request as the API gets it, with the account's key in place of the process's.
fn passed_on(mut parts: Parts, body: Body, upstream: &Upstream) -> Option<Request> {
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    parts.uri = format!("{}{path}", upstream.base_url).parse().ok()?;
    remove_hop_by_hop(&mut parts.headers);
    // A compressed answer could not be metered.
    for name in [HOST, AUTHORIZATION, ACCEPT_ENCODING] {
        parts.headers.remove(name);
    }
    parts.headers.insert(API_KEY, upstream.api_key.clone());
    let body = Body::new(Limited::new(body, BODY_LIMIT));
    Some(Request::from_parts(parts, body))
}

fn remove_hop_by_hop(headers: &mut HeaderMap) {
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}

fn pass_back(answer: http::Response<Incoming>, process: Process) -> Response {
    let Process { usage, passed, .. } = process;
    lock(&usage).begin(answer.status(), answer.headers(), Utc::now());
    let (mut parts, body) = answer.into_parts();
    remove_hop_by_hop(&mut parts.headers);
    if matches!(
        parts.status,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
    ) {
        // The key is the account's: it is as wrong the next time. The CLI would try for three minutes.
        parts
            .headers
            .insert(SHOULD_RETRY, HeaderValue::from_static("false"));
    }
    let mut meter = PassingAnswer {
        meter: AnswerMeter::default(),
        usage,
    };
    // An answer that breaks off breaks off here too.
    let body = body.map_frame(move |frame| {
        passed.send_replace(Instant::now());
        if let Some(bytes) = frame.data_ref() {
            meter.meter.push(bytes);
        }
        frame
    });
    Response::from_parts(parts, Body::new(body))
}

/// Counts once, however the answer ends: read to its end, broken off, or not wanted any more.
struct PassingAnswer {
    meter: AnswerMeter,
    usage: Arc<Mutex<ApiUsage>>,
}

impl Drop for PassingAnswer {
    fn drop(&mut self) {
        self.meter.finish();
        lock(&self.usage).end(&self.meter);
    }
}

/// An error as the API words it (<https://docs.claude.com/en/api/errors>).
fn refusal(status: StatusCode, kind: &str, message: &str) -> Response {
    let error = json!({"type": "error", "error": {"type": kind, "message": message}});
    (status, Json(error)).into_response()
}

fn lock(usage: &Mutex<ApiUsage>) -> std::sync::MutexGuard<'_, ApiUsage> {
    usage.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "api_proxy_tests.rs"]
mod tests;
