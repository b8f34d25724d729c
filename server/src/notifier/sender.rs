//! One way out: requests to addresses that may be reached, bounded in time and size.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::timeout;

use super::Outcome;
use super::address::{AddressError, Reach, Resolver};

/// How long the other side may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// So much of an answer is read, in bytes.
const LONGEST_ANSWER: usize = 64 * 1024;

/// Sends requests. Follows no redirection: an address that was checked stays the address. Cheap to clone.
#[derive(Clone)]
pub(super) struct Sender {
    reach: Reach,
    client: Client<HttpsConnector<HttpConnector<Resolver>>, Full<Bytes>>,
}

/// What the other side said.
pub(super) struct Reply {
    pub status: StatusCode,
    /// Empty if it was too long or broke off.
    pub body: Bytes,
}

impl Sender {
    pub fn new(reach: Reach) -> Self {
        Self {
            reach,
            client: client(reach),
        }
    }

    /// The address, if messages may go there as far as it tells.
    pub fn check(&self, address: &str) -> Result<Uri, AddressError> {
        self.reach.check(address)
    }

    /// Sends a request. Without an answer it has failed.
    pub async fn send(&self, request: Request<Full<Bytes>>) -> Result<Reply, Outcome> {
        let host = request.uri().host().unwrap_or_default().to_owned();
        let exchange = async {
            let answer = self.client.request(request).await?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), LONGEST_ANSWER);
            let body = body.collect().await;
            let body = body.map(http_body_util::Collected::to_bytes);
            Ok::<_, hyper_util::client::legacy::Error>(Reply {
                status,
                body: body.unwrap_or_default(),
            })
        };
        match timeout(PATIENCE, exchange).await {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(error)) => {
                tracing::warn!(
                    host,
                    error = &error as &dyn std::error::Error,
                    "a notification's target is out of reach"
                );
                let why = if error.is_connect() {
                    format!("{host} could not be reached")
                } else {
                    format!("{host} broke off without an answer")
                };
                Err(Outcome::Failed(why))
            }
            Err(_) => {
                let seconds = PATIENCE.as_secs();
                let why = format!("{host} did not answer within {seconds} seconds");
                Err(Outcome::Failed(why))
            }
        }
    }
}

/// What a status says of a message.
pub(super) fn outcome(status: StatusCode) -> Outcome {
    let why = || format!("it answered with the status {status}");
    match status.as_u16() {
        200..=299 => Outcome::Delivered,
        408 | 425 | 429 | 500..=599 => Outcome::Failed(why()),
        _ => Outcome::Refused(why()),
    }
}

fn client(reach: Reach) -> Client<HttpsConnector<HttpConnector<Resolver>>, Full<Bytes>> {
    let provider = rustls::crypto::ring::default_provider;
    let builder = HttpsConnectorBuilder::new();
    // A machine without certificates of its own, as small containers are, takes Mozilla's.
    let builder = builder
        .with_provider_and_native_roots(provider())
        .or_else(|_| HttpsConnectorBuilder::new().with_provider_and_webpki_roots(provider()))
        .expect("ring speaks the versions of TLS that are wanted");
    let mut tcp = HttpConnector::new_with_resolver(Resolver::new(reach));
    tcp.set_connect_timeout(Some(PATIENCE));
    // Left to the layer above.
    tcp.enforce_http(false);
    let connector = builder.https_or_http().enable_http1().wrap_connector(tcp);
    Client::builder(TokioExecutor::new()).build(connector)
}
