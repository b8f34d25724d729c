//! Encryption of one record: AES-256-GCM under a key that is used once. Pure but for randomness.

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use hkdf::Hkdf;
use rand::TryRngCore as _;
use rand::rand_core::OsError;
use rand::rngs::OsRng;
use sha2::Sha256;
use zeroize::Zeroizing;

/// 256 bits that others are derived from. Wiped when dropped.
pub(super) type Key = Zeroizing<[u8; 32]>;

/// A record as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sealed {
    /// Makes the record's key, 32 bytes.
    pub(super) salt: Vec<u8>,
    /// 12 bytes.
    pub(super) nonce: Vec<u8>,
    /// Ends with a tag of 16 bytes.
    pub(super) ciphertext: Vec<u8>,
}

/// The record was not written under this key and for this place, or was changed since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tampered;

/// What a record is bound to: each part with its length before it, so that no two lists of parts
/// give the same bytes.
pub(super) fn place(parts: &[&[u8]]) -> Vec<u8> {
    let mut place = Vec::new();
    for part in parts {
        place.extend_from_slice(&(part.len() as u64).to_be_bytes());
        place.extend_from_slice(part);
    }
    place
}

/// A new key from the system's random numbers.
pub(super) fn new_key() -> Result<Key, OsError> {
    let mut key = Key::default();
    OsRng.try_fill_bytes(key.as_mut_slice())?;
    Ok(key)
}

/// Encrypts under a key of the record's own. `place` is not stored: opening needs the same.
pub(super) fn seal(key: &Key, place: &[u8], value: &[u8]) -> Result<Sealed, OsError> {
    let mut salt = vec![0; 32];
    let mut nonce = vec![0; 12];
    OsRng.try_fill_bytes(&mut salt)?;
    OsRng.try_fill_bytes(&mut nonce)?;
    let payload = Payload {
        msg: value,
        aad: place,
    };
    let ciphertext = Nonce::try_from(nonce.as_slice())
        .ok()
        .and_then(|nonce| cipher(key, &salt).encrypt(&nonce, payload).ok())
        .expect("a nonce has 12 bytes and a value is shorter than 64 GiB");
    Ok(Sealed {
        salt,
        nonce,
        ciphertext,
    })
}

/// Decrypts what [`seal`] gave.
pub(super) fn open(
    key: &Key,
    place: &[u8],
    sealed: &Sealed,
) -> Result<Zeroizing<Vec<u8>>, Tampered> {
    let nonce = Nonce::try_from(sealed.nonce.as_slice()).map_err(|_| Tampered)?;
    let payload = Payload {
        msg: &sealed.ciphertext,
        aad: place,
    };
    let value = cipher(key, &sealed.salt).decrypt(&nonce, payload);
    value.map(Zeroizing::new).map_err(|_| Tampered)
}

/// Bytes that belong to a key and don't tell it.
pub(super) fn derive(key: &Key, salt: &[u8], purpose: &str, output: &mut [u8]) {
    Hkdf::<Sha256>::new(Some(salt), key.as_slice())
        .expand(purpose.as_bytes(), output)
        .expect("less is asked for than 255 blocks");
}

fn cipher(key: &Key, salt: &[u8]) -> Aes256Gcm {
    let mut record_key = Key::default();
    derive(key, salt, "ccs/record-key/v1", record_key.as_mut_slice());
    Aes256Gcm::new_from_slice(record_key.as_slice()).expect("the key has 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn what_is_sealed_opens_at_its_place_only() {
        let key = new_key().unwrap();
        let here = place(&[b"task 1", b"TOKEN"]);
        let sealed = seal(&key, &here, b"value").unwrap();
        assert_eq!(open(&key, &here, &sealed).unwrap().as_slice(), b"value");
        let elsewhere = [
            place(&[b"task 2", b"TOKEN"]),
            place(&[b"task 1", b"TOKENS"]),
            place(&[b"task 1TOKEN"]),
            place(&[b"task 1T", b"OKEN"]),
        ];
        for place in elsewhere {
            assert_eq!(open(&key, &place, &sealed), Err(Tampered));
        }
        assert_eq!(open(&new_key().unwrap(), &here, &sealed), Err(Tampered));
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let key = new_key().unwrap();
        let sealed = seal(&key, b"place", b"value").unwrap();
        let parts = [&sealed.salt, &sealed.nonce, &sealed.ciphertext].map(Vec::len);
        for (part, length) in parts.into_iter().enumerate() {
            for at in 0..length {
                let mut changed = sealed.clone();
                let bytes = match part {
                    0 => &mut changed.salt,
                    1 => &mut changed.nonce,
                    _ => &mut changed.ciphertext,
                };
                bytes[at] ^= 1;
                assert_eq!(open(&key, b"place", &changed), Err(Tampered));
                let bytes = match part {
                    0 => &mut changed.salt,
                    1 => &mut changed.nonce,
                    _ => &mut changed.ciphertext,
                };
                bytes.truncate(at);
                assert_eq!(open(&key, b"place", &changed), Err(Tampered));
            }
        }
    }

    #[test]
    fn the_same_value_never_looks_the_same() {
        let key = new_key().unwrap();
        let mut seen = HashSet::new();
        for _ in 0..1000 {
            let sealed = seal(&key, b"place", b"value").unwrap();
            assert!(seen.insert((sealed.salt.clone(), sealed.nonce.clone())));
            assert!(!sealed.ciphertext.windows(5).any(|part| part == b"value"));
        }
    }
}
