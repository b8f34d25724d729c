use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State as Given;
use axum::routing::post;
use futures::StreamExt as _;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::*;

const STREAMED: &str = concat!(
    "event: message_start\n",
    "data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":5,\"output_tokens\":1}}}\n\n",
    "event: message_delta\n",
    "data: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":11}}\n\n",
);

/// A proxy with an API behind it that tells what reaches it.
struct Lab {
    proxy: ApiProxy,
    upstream: String,
    reached: mpsc::Receiver<(HeaderMap, Bytes)>,
    /// Ends them with the lab.
    _servers: JoinSet<()>,
}

impl Lab {
    async fn start() -> Self {
        let (tell, reached) = mpsc::channel(16);
        let api = Router::new()
            .route("/v1/messages", post(answer))
            .with_state(Arc::new(tell));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let upstream = format!("http://{}", listener.local_addr().unwrap());
        let mut servers = JoinSet::new();
        servers.spawn(async move { axum::serve(listener, api).await.unwrap() });
        let (proxy, serving) = ApiProxy::bind(CancellationToken::new()).await.unwrap();
        servers.spawn(async move { serving.await.unwrap() });
        Self {
            proxy,
            upstream,
            reached,
            _servers: servers,
        }
    }

    fn register(&self) -> (ApiAccess, ApiCalls) {
        let real = SecretString::from("sk-the-account");
        let upstream = Upstream::new(Some(&self.upstream), &real).unwrap();
        self.proxy.register(upstream)
    }
}

async fn answer(
    Given(tell): Given<Arc<mpsc::Sender<(HeaderMap, Bytes)>>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let is_cut = body == "cut";
    tell.send((headers, body)).await.unwrap();
    let limits = [
        ("content-type", "text/event-stream"),
        ("anthropic-ratelimit-requests-remaining", "9"),
    ];
    let pieces = STREAMED.as_bytes().chunks(13).map(Bytes::copy_from_slice);
    let pieces = pieces
        .map(Ok)
        .chain(is_cut.then(|| Err(io::Error::other("cut"))));
    let pieces: Vec<_> = pieces.collect();
    // One by one: what is written is on its way before the connection breaks.
    let pieces = futures::stream::iter(pieces).then(async |piece| {
        sleep(Duration::from_millis(5)).await;
        piece
    });
    (limits, Body::from_stream(pieces)).into_response()
}

async fn ask(access: &ApiAccess, path: &str, body: &'static str) -> reqwest::Response {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let asked = client
        .post(format!("{}{path}", access.base_url))
        .header("x-api-key", access.api_key.expose_secret())
        .header("anthropic-version", "2023-06-01")
        .header("connection", "keep-alive")
        .body(body)
        .send();
    timeout(Duration::from_secs(10), asked)
        .await
        .unwrap()
        .unwrap()
}

/// Requests are counted when the last byte has gone by, a moment after the client has it.
async fn usage_of(calls: &ApiCalls, requests: u64, output: u64) -> ApiUsage {
    for _ in 0..200 {
        let usage = calls.usage();
        if usage.requests == requests && usage.tokens.output == output {
            return usage;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("{:?}", calls.usage());
}

#[tokio::test]
async fn a_request_goes_on_with_the_accounts_key_and_comes_back_as_it_is() {
    let mut lab = Lab::start().await;
    let (access, calls) = lab.register();
    let answer = ask(&access, "/v1/messages?beta=true", "hello").await;
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    assert_eq!(answer.text().await.unwrap(), STREAMED);
    let (headers, body) = lab.reached.recv().await.unwrap();
    assert_eq!(body, "hello");
    assert_eq!(headers["x-api-key"], "sk-the-account");
    assert_eq!(headers["anthropic-version"], "2023-06-01");
    let own = access.api_key.expose_secret();
    let tells_own = |value: &HeaderValue| value.to_str().is_ok_and(|value| value.contains(own));
    assert!(!headers.values().any(tells_own));
    let usage = usage_of(&calls, 1, 11).await;
    assert_eq!((usage.tokens.input, usage.failures), (5, 0));
    assert_eq!(usage.limits["anthropic-ratelimit-requests-remaining"], "9");
}

#[tokio::test]
async fn a_key_of_nobodys_and_one_of_an_ended_process_open_nothing() {
    let mut lab = Lab::start().await;
    let (access, calls) = lab.register();
    let nobody = ApiAccess {
        api_key: SecretString::from("sk-the-account"),
        ..access.clone()
    };
    let status = ask(&nobody, "/v1/messages", "hello").await.status();
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    drop(calls);
    let status = ask(&access, "/v1/messages", "hello").await.status();
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert!(lab.reached.try_recv().is_err());
}

#[tokio::test]
async fn an_account_can_t_be_managed_through_it() {
    let mut lab = Lab::start().await;
    let (access, calls) = lab.register();
    for path in [
        "/v1/organizations/api_keys",
        "/v1/messages/../files",
        "/",
        "//v1/messages",
    ] {
        let status = ask(&access, path, "{}").await.status();
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
    }
    assert!(lab.reached.try_recv().is_err());
    assert_eq!(calls.usage().requests, 0);
}

#[tokio::test]
async fn an_answer_that_breaks_off_breaks_off_here_and_is_counted_as_far_as_it_came() {
    let lab = Lab::start().await;
    let (access, calls) = lab.register();
    let answer = ask(&access, "/v1/messages", "cut").await;
    let mut bytes = answer.bytes_stream();
    let mut came = Vec::new();
    let broke_off = loop {
        match bytes.next().await {
            Some(Ok(more)) => came.extend_from_slice(&more),
            Some(Err(_)) => break true,
            None => break false,
        }
    };
    assert!(broke_off, "{}", String::from_utf8_lossy(&came));
    usage_of(&calls, 1, 11).await;
}

#[tokio::test]
async fn an_api_out_of_reach_is_an_error_that_the_cli_tries_again_after() {
    let lab = Lab::start().await;
    let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let nowhere = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let upstream = Upstream::new(Some(&nowhere), &SecretString::from("sk-x")).unwrap();
    let (access, calls) = lab.proxy.register(upstream);
    let answer = ask(&access, "/v1/messages", "hello").await;
    assert_eq!(answer.status(), StatusCode::BAD_GATEWAY);
    assert!(answer.text().await.unwrap().contains("api_error"));
    assert_eq!(calls.usage().failures, 1);
}

#[test]
fn an_address_or_a_key_of_no_use_is_refused_without_telling_the_key() {
    let key = SecretString::from("sk-fine");
    for address in ["", "ftp://api", "api.example", "http://", "not a url"] {
        assert!(Upstream::new(Some(address), &key).is_err(), "{address:?}");
    }
    let broken = SecretString::from("sk-\nbroken");
    let refused = Upstream::new(None, &broken).unwrap_err().to_string();
    assert!(!refused.contains("broken"), "{refused}");
}

#[test]
fn models_are_listed_and_looked_at_and_lead_nowhere_else() {
    for path in ["/v1/models", "/v1/models/claude-opus-5-5"] {
        assert!(is_of_the_models(&Method::GET, path), "{path}");
    }
    for path in [
        "/v1/files",
        "/v1/models/../files",
        "/v1/models/..%2ffiles",
        "/v1/modelsx",
    ] {
        assert!(!is_of_the_models(&Method::GET, path), "{path}");
    }
}
