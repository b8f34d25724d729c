//! The encryption of a push message for one browser (RFC 8291, in one record of RFC 8188), and the signature
//! by which the push service knows the sender (RFC 8292). All keys are on the curve P-256.

use aes_gcm::aead::{Aead as _, KeyInit as _};
use aes_gcm::{Aes128Gcm, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hkdf::Hkdf;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::elliptic_curve::sec1::ToSec1Point as _;
use p256::{PublicKey, SecretKey};
use serde_json::json;
use sha2::Sha256;

/// What is said of the record's size. The message is one record, and smaller.
const RECORD_SIZE: u32 = 4_096;

/// Ends the last record.
const LAST: u8 = 2;

/// How long a signature counts, in seconds; services refuse more than a day.
const VALID_SECONDS: i64 = 12 * 60 * 60;

/// A key of a browser that is none.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("is not a public key of the curve P-256 in base64url")]
    Public,
    #[error("is not 16 bytes in base64url")]
    Secret,
}

/// What a message for one browser is encrypted by.
#[derive(Clone, Debug)]
pub struct Receiver {
    public: PublicKey,
    secret: [u8; 16],
}

impl Receiver {
    /// Reads the keys `p256dh` and `auth` of a subscription.
    pub fn parse(public: &str, secret: &str) -> Result<Self, KeyError> {
        let public = decode(public).ok_or(KeyError::Public)?;
        let secret = decode(secret).and_then(|bytes| bytes.try_into().ok());
        Ok(Self {
            public: PublicKey::from_sec1_bytes(&public).map_err(|_| KeyError::Public)?,
            secret: secret.ok_or(KeyError::Secret)?,
        })
    }

    /// The body of a request with content coding `aes128gcm`. Sender's key and salt serve this message
    /// alone. Push services take 4,096 bytes in all.
    pub(super) fn encrypt(&self, text: &[u8], sender: &SecretKey, salt: &[u8; 16]) -> Vec<u8> {
        let own = point(&sender.public_key());
        let shared =
            p256::ecdh::diffie_hellman(sender.to_nonzero_scalar(), self.public.as_affine());
        let mut info = b"WebPush: info\0".to_vec();
        info.extend(point(&self.public));
        info.extend(&own);
        let mut input = [0; 32];
        derive(&self.secret, shared.raw_secret_bytes(), &info, &mut input);
        let (mut key, mut nonce) = ([0; 16], [0; 12]);
        derive(salt, &input, b"Content-Encoding: aes128gcm\0", &mut key);
        derive(salt, &input, b"Content-Encoding: nonce\0", &mut nonce);
        let mut record = text.to_vec();
        record.push(LAST);
        let cipher = Aes128Gcm::new(&key.into());
        let sealed = cipher.encrypt(&Nonce::from(nonce), record.as_slice());
        let mut body = salt.to_vec();
        body.extend(RECORD_SIZE.to_be_bytes());
        body.push(65); // of the key that follows
        body.extend(own);
        body.extend(sealed.expect("a short text can always be encrypted"));
        body
    }
}

/// A public key, not compressed.
fn point(key: &PublicKey) -> Vec<u8> {
    key.to_sec1_point(false).as_bytes().to_vec()
}

fn derive(salt: &[u8], input: &[u8], info: &[u8], output: &mut [u8]) {
    Hkdf::<Sha256>::new(Some(salt), input)
        .expand(info, output)
        .expect("some bytes are never too many");
}

fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()
}

/// The key that this installation signs by.
#[derive(Clone)]
pub struct ServerKey(SecretKey);

impl ServerKey {
    /// Reads a stored key.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        SecretKey::from_slice(bytes).ok().map(Self)
    }

    /// What browsers are told, in base64url.
    pub fn public(&self) -> String {
        URL_SAFE_NO_PAD.encode(point(&self.0.public_key()))
    }

    /// The header `Authorization` for a push service, `origin` being the scheme and host of its address, and
    /// `contact` whom it can turn to: an address of `https` or `mailto`.
    pub fn authorization(&self, origin: &str, contact: &str, now_seconds: i64) -> String {
        let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let head = part(json!({ "typ": "JWT", "alg": "ES256" }));
        let expires = now_seconds + VALID_SECONDS;
        let claims = part(json!({ "aud": origin, "exp": expires, "sub": contact }));
        let signed = format!("{head}.{claims}");
        let signature: Signature = SigningKey::from(&self.0).sign(signed.as_bytes());
        let signature = URL_SAFE_NO_PAD.encode(signature.to_bytes());
        format!("vapid t={signed}.{signature}, k={}", self.public())
    }
}

#[cfg(test)]
mod tests {
    use p256::ecdsa::VerifyingKey;
    use p256::ecdsa::signature::Verifier as _;

    use super::*;

    fn key(text: &str) -> SecretKey {
        SecretKey::from_slice(&decode(text).unwrap()).unwrap()
    }

    /// RFC 8291, appendix A.
    #[test]
    fn the_example_of_the_standard_comes_out() {
        let receiver = Receiver::parse(
            "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
            "BTBZMqHH6r4Tts7J_aSIgg",
        );
        let sender = key("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw");
        let salt = decode("DGv6ra1nlYgDCS1FRnbzlw")
            .unwrap()
            .try_into()
            .unwrap();
        let text = b"When I grow up, I want to be a watermelon";
        let body = receiver.unwrap().encrypt(text, &sender, &salt);
        assert_eq!(
            URL_SAFE_NO_PAD.encode(body),
            "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8w\
             EqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
        );
    }

    #[test]
    fn the_signature_names_the_service_and_holds() {
        let own = ServerKey(key("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"));
        let header = own.authorization("https://push.example.net", "mailto:me@example.net", 1_000);
        let token = header.strip_prefix("vapid t=").unwrap();
        let (token, public) = token.split_once(", k=").unwrap();
        assert_eq!(public, own.public());
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let claims = decode(signed.split_once('.').unwrap().1).unwrap();
        let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!(claims["aud"], "https://push.example.net");
        assert_eq!(claims["exp"], 1_000 + 12 * 60 * 60);
        assert_eq!(claims["sub"], "mailto:me@example.net");
        let verifier = VerifyingKey::from_sec1_bytes(&decode(public).unwrap()).unwrap();
        let signature = Signature::from_slice(&decode(signature).unwrap()).unwrap();
        assert!(verifier.verify(signed.as_bytes(), &signature).is_ok());
    }

    #[test]
    fn keys_that_are_none_are_refused() {
        let public = ServerKey(key("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")).public();
        let secret = "BTBZMqHH6r4Tts7J_aSIgg";
        assert!(Receiver::parse(&public, secret).is_ok());
        assert!(matches!(
            Receiver::parse(&public, "BTBZ"),
            Err(KeyError::Secret)
        ));
        for bad in ["", "!", &public[1..], secret] {
            assert!(matches!(
                Receiver::parse(bad, secret),
                Err(KeyError::Public)
            ));
        }
    }
}
