//! The keys that conversations are sealed with: one per task, kept like its other secrets.

use app::domain::id::TaskId;
use rand::rand_core::OsError;
use secrecy::ExposeSecret as _;
use zeroize::Zeroizing;

use super::seal::{self, Key, Sealed};
use super::{Scope, SecretKind, SecretName, Vault, VaultError, damaged};

/// Its name among the task's secrets of this kind.
const NAME: &str = "transcripts";

/// Lengths of what comes before the ciphertext.
const SALT: usize = 32;
const NONCE: usize = 12;

/// Seals and opens pieces of a task's conversations.
pub(crate) struct TranscriptKey(Key);

/// The piece was not sealed under this key and for this place, or was changed since.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it was changed in the database")]
pub struct Tampered;

impl Vault {
    /// The key of a task's conversations, made when it is needed first. Only for whoever holds the task.
    pub(crate) async fn transcript_key(&self, task: TaskId) -> Result<TranscriptKey, VaultError> {
        let scope = Scope::Transcripts(task);
        let name: SecretName = NAME.parse().expect("letters make a name");
        if self.get(scope, &name).await?.is_none() {
            let key = seal::new_key()?;
            self.put(scope, &name, SecretKind::File, key.as_slice())
                .await?;
        }
        // As it is stored, whoever has stored it.
        let stored = self.get(scope, &name).await?;
        let stored = stored.ok_or_else(|| damaged(NAME))?;
        let bytes = stored.value.expose_secret();
        let mut key = Key::default();
        if bytes.len() != key.len() {
            return Err(damaged(NAME));
        }
        key.copy_from_slice(bytes);
        Ok(TranscriptKey(key))
    }
}

impl TranscriptKey {
    /// Encrypts a piece for its place.
    pub(crate) fn seal(&self, place: &[&[u8]], piece: &[u8]) -> Result<Vec<u8>, OsError> {
        let sealed = seal::seal(&self.0, &seal::place(place), piece)?;
        Ok([sealed.salt, sealed.nonce, sealed.ciphertext].concat())
    }

    /// Decrypts what [`Self::seal`] gave for this place.
    pub(crate) fn open(
        &self,
        place: &[&[u8]],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Tampered> {
        let (salt, rest) = sealed.split_at_checked(SALT).ok_or(Tampered)?;
        let (nonce, ciphertext) = rest.split_at_checked(NONCE).ok_or(Tampered)?;
        let sealed = Sealed {
            salt: salt.to_vec(),
            nonce: nonce.to_vec(),
            ciphertext: ciphertext.to_vec(),
        };
        seal::open(&self.0, &seal::place(place), &sealed).map_err(|_| Tampered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_opens_at_its_place_only() {
        let key = TranscriptKey(seal::new_key().unwrap());
        let sealed = key.seal(&[b"session", b"0"], b"said").unwrap();
        assert!(!sealed.windows(4).any(|part| part == b"said"));
        let opened = key.open(&[b"session", b"0"], &sealed).unwrap();
        assert_eq!(opened.as_slice(), b"said");
        assert!(key.open(&[b"session", b"4"], &sealed).is_err());
        for length in 0..sealed.len() {
            assert!(key.open(&[b"session", b"0"], &sealed[..length]).is_err());
        }
    }
}
