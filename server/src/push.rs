//! Notifications that browsers show while no page is open (Web Push).
//!
//! A message says of what kind it is, names the task and leads to its page; nothing else leaves the house. It is
//! encrypted for its browser: the push service between them can't read it.

mod address;
mod encryption;

pub use address::{AddressError, Reach, Resolver};
pub use encryption::{KeyError, Receiver, ServerKey};

use std::time::Duration;

use app::api::{NotificationView, PushSubscription};
use app::domain::task::ConcernKind;
use bytes::Bytes;
use chrono::Utc;
use futures::stream::{self, StreamExt as _};
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE};
use http::{Request, StatusCode, Uri};
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use p256::elliptic_curve::Generate as _;
use rand::rand_core::OsError;
use rand::rand_core::TryRngCore as _;
use rand::rngs::OsRng;
use secrecy::ExposeSecret as _;
use serde_json::json;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::jobs::{Delivery, MOST_ATTEMPTS};
use crate::store::{Store, StoreError};
use crate::vault::{Scope, SecretKind, SecretName, Vault, VaultError};

/// Under this name the vault keeps the key that this installation signs by.
const KEY_NAME: &str = "push_key";

/// How long a push service may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// So many messages are on their way at the same time.
const AT_ONCE: usize = 4;

/// How long after a failure of the database it is asked again.
const RETRY: Duration = Duration::from_secs(5);

/// How long a push service keeps a message for a browser that is away, in seconds.
const KEPT_SECONDS: &str = "86400";

/// The most characters of a task's title that are sent.
const MOST_TITLE: usize = 100;

/// Why pushing can't be used.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the stored key for push messages is damaged")]
    DamagedKey,
    #[error("the system gives no random numbers")]
    Randomness(#[from] OsError),
}

/// What is wrong with a subscription.
#[derive(Debug, thiserror::Error)]
pub enum SubscriptionError {
    #[error(transparent)]
    Address(#[from] AddressError),
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl SubscriptionError {
    /// The field's name on the wire.
    pub const fn field(&self) -> &'static str {
        match self {
            Self::Address(_) => "endpoint",
            Self::Key(KeyError::Public) => "keys.p256dh",
            Self::Key(KeyError::Secret) => "keys.auth",
        }
    }
}

/// Sends what is due. Cheap to clone.
#[derive(Clone)]
pub struct Push {
    store: Store,
    vault: Vault,
    reach: Reach,
    client: Client<HttpsConnector<HttpConnector<Resolver>>, Full<Bytes>>,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Delivered,
    /// The browser wants no more.
    Gone,
    /// It will never be taken.
    Refused,
    /// Later, maybe.
    Failed,
}

impl Push {
    pub fn new(store: Store, vault: Vault, reach: Reach) -> Self {
        Self {
            store,
            vault,
            reach,
            client: client(reach),
        }
    }

    /// The key that this installation signs by; made when it is first asked for.
    pub async fn key(&self) -> Result<ServerKey, PushError> {
        let name = key_name();
        if let Some(kept) = self.vault.get(Scope::Settings, &name).await? {
            return ServerKey::from_bytes(kept.value.expose_secret()).ok_or(PushError::DamagedKey);
        }
        let made = p256::SecretKey::generate();
        let kind = SecretKind::File;
        self.vault
            .put(Scope::Settings, &name, kind, &made.to_bytes())
            .await?;
        ServerKey::from_bytes(&made.to_bytes()).ok_or(PushError::DamagedKey)
    }

    /// Whether messages can be sent to a browser.
    pub fn check(&self, given: &PushSubscription) -> Result<(), SubscriptionError> {
        self.reach.check(&given.endpoint)?;
        Receiver::parse(&given.keys.p256dh, &given.keys.auth)?;
        Ok(())
    }

    /// Sends what is due until `stop` is cancelled. Several processes may do so at once.
    pub async fn run(self, stop: CancellationToken) {
        let heads = self.store.heads();
        let mut changes = heads.all();
        loop {
            // A message that is cut off by the end comes again.
            let sent = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                sent = self.send_due() => sent,
            };
            let pause = match sent {
                Ok(next) => next,
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "push messages could not be seen to"
                    );
                    Some(RETRY)
                }
            };
            let due = async {
                match pause {
                    Some(pause) => sleep(pause).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = heads.call(&mut changes) => {}
                () = due => {}
            }
        }
    }

    /// Sends what is due, and says how long until more is.
    pub async fn send_due(&self) -> Result<Option<Duration>, PushError> {
        // With nothing due, which is the rule, it is one look.
        while self.store.next_delivery().await? == Some(Duration::ZERO) {
            let due = self.store.take_deliveries().await?;
            let key = self.key().await?;
            let mut sent = stream::iter(due)
                .map(|delivery| self.see_to(&key, delivery))
                .buffer_unordered(AT_ONCE);
            while let Some(seen_to) = sent.next().await {
                seen_to?;
            }
        }
        Ok(self.store.next_delivery().await?)
    }

    async fn see_to(&self, key: &ServerKey, delivery: Delivery) -> Result<(), PushError> {
        let (subscription, notification) = (delivery.subscription, delivery.notification);
        let outcome = if delivery.is_settled {
            // What nobody has to see to any more is no news.
            Outcome::Delivered
        } else {
            self.send(key, &delivery).await?
        };
        tracing::debug!(%subscription, %notification, ?outcome, "a push message");
        match outcome {
            Outcome::Failed if delivery.attempt < MOST_ATTEMPTS => {}
            Outcome::Gone => {
                self.store.remove_subscription(subscription).await?;
            }
            Outcome::Delivered | Outcome::Refused | Outcome::Failed => {
                self.store.drop_delivery(subscription, notification).await?;
            }
        }
        Ok(())
    }

    async fn send(&self, key: &ServerKey, delivery: &Delivery) -> Result<Outcome, PushError> {
        // It was checked before; a table is no proof.
        let address = self.reach.check(&delivery.endpoint);
        let receiver = Receiver::parse(&delivery.p256dh, &delivery.auth);
        let (Ok(address), Ok(receiver)) = (address, receiver) else {
            return Ok(Outcome::Gone);
        };
        let mut salt = [0; 16];
        OsRng.try_fill_bytes(&mut salt)?;
        let sender = p256::SecretKey::generate();
        let body = receiver.encrypt(message(delivery).as_bytes(), &sender, &salt);
        let Some(request) = request(key, &address, body) else {
            return Ok(Outcome::Gone);
        };
        let answer = timeout(PATIENCE, self.client.request(request)).await;
        Ok(match answer {
            Ok(Ok(answer)) => outcome(answer.status()),
            Ok(Err(error)) => {
                tracing::warn!(
                    host = address.host(),
                    error = &error as &dyn std::error::Error,
                    "a push service is out of reach"
                );
                Outcome::Failed
            }
            Err(_) => Outcome::Failed,
        })
    }
}

fn key_name() -> SecretName {
    KEY_NAME.parse().expect("the name has letters only")
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

fn request(key: &ServerKey, address: &Uri, body: Vec<u8>) -> Option<Request<Full<Bytes>>> {
    let origin = format!("{}://{}", address.scheme_str()?, address.authority()?);
    let authorization = key.authorization(&origin, Utc::now().timestamp());
    Request::post(address)
        .header(AUTHORIZATION, authorization)
        .header(CONTENT_ENCODING, "aes128gcm")
        .header(CONTENT_TYPE, "application/octet-stream")
        .header("ttl", KEPT_SECONDS)
        .header("urgency", "normal")
        .body(Full::from(body))
        .ok()
}

const fn outcome(status: StatusCode) -> Outcome {
    match status.as_u16() {
        200..=299 => Outcome::Delivered,
        404 | 410 => Outcome::Gone,
        408 | 425 | 429 | 500..=599 => Outcome::Failed,
        _ => Outcome::Refused,
    }
}

/// What the browser's worker shows.
fn message(delivery: &Delivery) -> String {
    let title = match delivery.kind {
        ConcernKind::Review => "Your review is needed",
        ConcernKind::Question => "An agent asks",
        ConcernKind::Permission => "An agent asks for permission",
        ConcernKind::Dependency => "An agent needs something",
        ConcernKind::Completed => "A task is completed",
        ConcernKind::Failed => "A task has failed",
        ConcernKind::Interrupted => "An interrupted agent waits",
        ConcernKind::Limit => "The account's limit is reached",
        ConcernKind::Error => "Claude refused the credentials",
    };
    let body: String = delivery.title.chars().take(MOST_TITLE).collect();
    let id = delivery.notification;
    let url = NotificationView::place(id.task, delivery.kind);
    json!({ "title": title, "body": body, "url": url, "tag": id }).to_string()
}
