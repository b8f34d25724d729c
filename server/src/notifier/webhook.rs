//! Messages to webhooks, signed as Standard Webhooks has it (<https://www.standardwebhooks.com>, 1.0).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chrono::{SecondsFormat, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::Request;
use http::header::CONTENT_TYPE;
use http_body_util::Full;
use rand::rand_core::TryRngCore as _;
use rand::rngs::OsRng;
use secrecy::ExposeSecret as _;
use serde_json::json;
use sha2::Sha256;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::sender::{Sender, outcome};
use super::text::Message;
use super::{NotifierError, Outcome};
use crate::vault::{Scope, SecretKind, SecretName, Vault};

/// What a webhook's messages are signed by.
pub(super) struct SigningSecret(Zeroizing<[u8; 32]>);

impl SigningSecret {
    /// As receivers are given it.
    pub fn to_text(&self) -> String {
        format!("whsec_{}", STANDARD.encode(self.0.as_slice()))
    }

    /// The header `webhook-signature` of a message.
    fn sign(&self, id: &str, at_seconds: i64, body: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.as_slice())
            .expect("a key of any length is taken");
        mac.update(format!("{id}.{at_seconds}.{body}").as_bytes());
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

/// Makes a new webhook's secret.
pub(super) async fn make_secret(vault: &Vault, target: Uuid) -> Result<(), NotifierError> {
    let mut made = Zeroizing::new([0; 32]);
    OsRng.try_fill_bytes(made.as_mut_slice())?;
    let (name, kind) = (name(target), SecretKind::File);
    vault
        .put(Scope::Settings, &name, kind, made.as_slice())
        .await?;
    Ok(())
}

/// A webhook's secret; absent if it was removed meanwhile.
pub(super) async fn secret(
    vault: &Vault,
    target: Uuid,
) -> Result<Option<SigningSecret>, NotifierError> {
    let kept = vault.get(Scope::Settings, &name(target)).await?;
    let bytes = kept.and_then(|kept| kept.value.expose_secret().try_into().ok());
    Ok(bytes.map(|bytes| SigningSecret(Zeroizing::new(bytes))))
}

/// Forgets a webhook's secret.
pub(super) async fn forget_secret(vault: &Vault, target: Uuid) -> Result<(), NotifierError> {
    vault.delete(Scope::Settings, &name(target)).await?;
    Ok(())
}

fn name(target: Uuid) -> SecretName {
    let name = format!("webhook_{}", target.simple());
    name.parse().expect("it has letters, digits and _ only")
}

/// Posts a message.
pub(super) async fn post(
    sender: &Sender,
    url: &str,
    secret: Option<&SigningSecret>,
    message: &Message,
) -> Result<Outcome, NotifierError> {
    // It was checked before; a table is no proof.
    let address = match sender.check(url) {
        Ok(address) => address,
        Err(error) => return Ok(Outcome::Refused(format!("the address {error}"))),
    };
    let Some(secret) = secret else {
        let why = "there is no secret to sign by: add the webhook again";
        return Ok(Outcome::Refused(why.to_owned()));
    };
    let (id, now) = (format!("msg_{}", message.id), Utc::now());
    let body = body(message);
    let signature = secret.sign(&id, now.timestamp(), &body);
    let request = Request::post(address)
        .header(CONTENT_TYPE, "application/json")
        .header("webhook-id", id)
        .header("webhook-timestamp", now.timestamp())
        .header("webhook-signature", signature)
        .body(Full::new(Bytes::from(body)));
    let Ok(request) = request else {
        return Ok(Outcome::Refused("the address is none".to_owned()));
    };
    Ok(match sender.send(request).await {
        Ok(reply) => outcome(reply.status),
        Err(failed) => failed,
    })
}

fn body(message: &Message) -> String {
    let raised_at = message
        .raised_at
        .to_rfc3339_opts(SecondsFormat::Millis, true);
    let task = message
        .task
        .map(|id| json!({ "id": id, "title": message.task_title }));
    json!({
        "type": format!("notification.{}", message.kind),
        "timestamp": raised_at,
        "data": {
            "id": message.id,
            "kind": message.kind,
            "title": message.headline,
            "text": message.text,
            "url": message.url,
            "task": task,
        },
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The expected signature was computed by Python's `hmac` over `msg_1.1614265330.{"test": 2432232314}`.
    #[test]
    fn a_signature_covers_id_time_and_body() {
        let secret = SigningSecret(Zeroizing::new([7; 32]));
        let signed = secret.sign("msg_1", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,4tb+MnkCTqymlrGQQ6f66PPeMjMas7AHx6XI40qL5MA=");
        assert_ne!(
            signed,
            secret.sign("msg_2", 1_614_265_330, r#"{"test": 2432232314}"#)
        );
        assert_ne!(
            signed,
            secret.sign("msg_1", 1_614_265_331, r#"{"test": 2432232314}"#)
        );
        assert!(secret.to_text().starts_with("whsec_BwcH"));
    }
}
