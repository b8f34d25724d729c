//! What a process of the CLI shows at the platform's listeners on loopback, and nobody else knows.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rand::RngCore as _;
use sha2::{Digest as _, Sha256};

/// A fresh key: 256 random bits as text.
pub fn generate() -> String {
    let mut secret = [0; 32];
    rand::rng().fill_bytes(&mut secret);
    BASE64_URL_SAFE_NO_PAD.encode(secret)
}

/// What is kept of a key. Comparing digests tells nothing of how much of a guess was right.
pub fn digest(key: &[u8]) -> [u8; 32] {
    Sha256::digest(key).into()
}
