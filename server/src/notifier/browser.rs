//! Messages that browsers show while no page is open (Web Push).
//!
//! A message says of what kind it is, names the task and leads to its page; nothing else leaves the house. It is
//! encrypted for its browser: the push service between them can't read it.

use bytes::Bytes;
use chrono::Utc;
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE};
use http::{Request, StatusCode, Uri};
use http_body_util::Full;
use p256::elliptic_curve::Generate as _;
use rand::rand_core::TryRngCore as _;
use rand::rngs::OsRng;
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::encryption::{Receiver, ServerKey};
use super::sender::{Sender, outcome};
use super::text::Message;
use super::{NotifierError, Outcome};
use crate::vault::{Scope, SecretKind, SecretName, Vault};

/// Under this name the vault keeps the key that this installation signs by.
const KEY_NAME: &str = "push_key";

/// How long a push service keeps a message for a browser that is away, in seconds.
const KEPT_SECONDS: &str = "86400";

/// The most characters of a task's title that are sent.
const MOST_TITLE: usize = 100;

/// The key that this installation signs by; made when it is first asked for.
pub(super) async fn key(vault: &Vault) -> Result<ServerKey, NotifierError> {
    let name: SecretName = KEY_NAME.parse().expect("the name has letters only");
    if let Some(kept) = vault.get(Scope::Settings, &name).await? {
        return ServerKey::from_bytes(kept.value.expose_secret()).ok_or(NotifierError::DamagedKey);
    }
    let made = p256::SecretKey::generate();
    let kind = SecretKind::File;
    vault
        .put(Scope::Settings, &name, kind, &made.to_bytes())
        .await?;
    ServerKey::from_bytes(&made.to_bytes()).ok_or(NotifierError::DamagedKey)
}

/// Pushes a message to a browser, `keys` being its `p256dh` and `auth`.
pub(super) async fn push(
    sender: &Sender,
    key: &ServerKey,
    contact: &str,
    endpoint: &str,
    (p256dh, auth): (&str, &str),
    message: &Message,
) -> Result<Outcome, NotifierError> {
    // It was checked before; a table is no proof.
    let address = sender.check(endpoint);
    let receiver = Receiver::parse(p256dh, auth);
    let (Ok(address), Ok(receiver)) = (address, receiver) else {
        return Ok(Outcome::Gone);
    };
    let mut salt = [0; 16];
    OsRng.try_fill_bytes(&mut salt)?;
    let own = p256::SecretKey::generate();
    let body = receiver.encrypt(shown(message).as_bytes(), &own, &salt);
    let Some(request) = request(key, contact, &address, body) else {
        return Ok(Outcome::Gone);
    };
    Ok(match sender.send(request).await {
        Ok(reply) if matches!(reply.status, StatusCode::NOT_FOUND | StatusCode::GONE) => {
            Outcome::Gone
        }
        Ok(reply) => outcome(reply.status),
        Err(failed) => failed,
    })
}

fn request(
    key: &ServerKey,
    contact: &str,
    address: &Uri,
    body: Vec<u8>,
) -> Option<Request<Full<Bytes>>> {
    let origin = format!("{}://{}", address.scheme_str()?, address.authority()?);
    let authorization = key.authorization(&origin, contact, Utc::now().timestamp());
    Request::post(address)
        .header(AUTHORIZATION, authorization)
        .header(CONTENT_ENCODING, "aes128gcm")
        .header(CONTENT_TYPE, "application/octet-stream")
        .header("ttl", KEPT_SECONDS)
        .header("urgency", "normal")
        .body(Full::from(body))
        .ok()
}

/// What the browser's worker shows.
fn shown(message: &Message) -> String {
    let body: String = message.task_title.chars().take(MOST_TITLE).collect();
    let (title, url, tag) = (message.headline, &message.path, &message.id);
    json!({ "title": title, "body": body, "url": url, "tag": tag }).to_string()
}
