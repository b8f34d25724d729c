//! Master keys: what wraps the data keys, and is kept apart from the database.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rand::rand_core::OsError;
use zeroize::{Zeroize as _, Zeroizing};

use super::seal::{self, Key};

/// The file's name in the data folder, where no key is given.
const FILE: &str = "master.key";

const HEADER: &str = "\
# The master key of this Claude Code Server: without it, stored secrets can't be read.
# Keep a copy apart from the copies of the database. The first key is used; others only read.
";

/// Names a key without telling it: 16 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, derive_more::Display)]
pub struct MasterKeyId(String);

/// A key that data keys are wrapped with.
#[derive(Clone)]
pub(super) struct MasterKey {
    pub(super) key: Key,
    pub(super) id: MasterKeyId,
}

/// One key or several: the first is used, the others can still read.
#[derive(Clone)]
pub struct MasterKeys {
    keys: Vec<MasterKey>,
}

/// The text holds no keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must hold 32 bytes in base64, or several such keys, one a line")]
pub struct NotAKey;

/// Why the file in the data folder is of no use.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It can't be read or written.
    #[error("the master key at {} can't be read or written", path.display())]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// It isn't one.
    #[error("the file {} {source}", path.display())]
    Content { path: PathBuf, source: NotAKey },
    /// The system has no random numbers.
    #[error("the system gives no random numbers")]
    Randomness(#[source] OsError),
}

impl MasterKeyId {
    /// As it is stored.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn stored(id: String) -> Self {
        Self(id)
    }
}

impl MasterKey {
    fn new(key: Key) -> Self {
        let mut id = [0; 8];
        seal::derive(&key, &[], "ccs/master-key-id/v1", &mut id);
        let id = MasterKeyId(format!("{:016x}", u64::from_be_bytes(id)));
        Self { key, id }
    }

    fn parse(word: &str) -> Result<Self, NotAKey> {
        let bytes = BASE64_STANDARD.decode(word).map(Zeroizing::new);
        let bytes = bytes.map_err(|_| NotAKey)?;
        if bytes.len() != 32 {
            return Err(NotAKey);
        }
        let mut key = Key::default();
        key.copy_from_slice(&bytes);
        Ok(Self::new(key))
    }
}

/// Never the keys, only their names.
impl fmt::Debug for MasterKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.ids()).finish()
    }
}

impl MasterKeys {
    /// Reads keys as people write them: in base64, one a line, with remarks after `#`.
    pub fn parse(text: &str) -> Result<Self, NotAKey> {
        let lines = text
            .lines()
            .map(|line| line.split('#').next().unwrap_or(""));
        let words = lines.flat_map(str::split_whitespace);
        let keys: Vec<_> = words.map(MasterKey::parse).collect::<Result<_, _>>()?;
        if keys.is_empty() {
            return Err(NotAKey);
        }
        Ok(Self { keys })
    }

    /// The one that new data keys are wrapped with.
    pub(super) fn first(&self) -> &MasterKey {
        self.keys.first().expect("there is always one")
    }

    pub(super) fn find(&self, id: &str) -> Option<&MasterKey> {
        self.keys.iter().find(|key| key.id.as_str() == id)
    }

    /// The names of all keys.
    pub fn ids(&self) -> impl Iterator<Item = &MasterKeyId> {
        self.keys.iter().map(|key| &key.id)
    }

    /// Where a server keeps its own key.
    pub(super) fn file(data_dir: &Path) -> PathBuf {
        data_dir.join(FILE)
    }

    /// The keys in a file; `None` if there is no such file.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, KeyFileError> {
        let text = match fs::read_to_string(path) {
            Ok(text) => Zeroizing::new(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(failed(path, source)),
        };
        let mode = fs::metadata(path).map_err(|source| failed(path, source))?;
        if mode.permissions().mode() & 0o077 != 0 {
            tracing::warn!(path = %path.display(), "others on this machine can read the master key");
        }
        let content = |source| KeyFileError::Content {
            path: path.to_owned(),
            source,
        };
        Self::parse(&text).map(Some).map_err(content)
    }

    /// Makes a file with a new key, readable by this user alone.
    pub(super) fn create(path: &Path) -> Result<Self, KeyFileError> {
        let key = seal::new_key().map_err(KeyFileError::Randomness)?;
        let made = Self {
            keys: vec![MasterKey::new(key)],
        };
        made.write(path)?;
        Ok(made)
    }

    /// A new key before all that are in a file. The file has the old ones or all of them, whenever
    /// the process ends.
    pub(super) fn add_to(&self, path: &Path) -> Result<Self, KeyFileError> {
        let key = seal::new_key().map_err(KeyFileError::Randomness)?;
        let mut keys = vec![MasterKey::new(key)];
        keys.extend(self.keys.iter().cloned());
        let more = Self { keys };
        more.write(path)?;
        Ok(more)
    }

    /// Leaves only the first in a file.
    pub(super) fn reduce(&self, path: &Path) -> Result<Self, KeyFileError> {
        let reduced = Self {
            keys: vec![self.first().clone()],
        };
        reduced.write(path)?;
        Ok(reduced)
    }

    /// Replaces the file by a complete one that is on the disk.
    fn write(&self, path: &Path) -> Result<(), KeyFileError> {
        let mut text = Zeroizing::new(String::with_capacity(HEADER.len() + 64 * self.keys.len()));
        text.push_str(HEADER);
        for key in &self.keys {
            let mut word = [0; 44];
            let written = BASE64_STANDARD.encode_slice(key.key.as_slice(), &mut word);
            debug_assert_eq!(written, Ok(word.len()));
            text.extend(word.iter().copied().map(char::from));
            text.push('\n');
            word.zeroize();
        }
        replace(path, text.as_bytes()).map_err(|source| failed(path, source))
    }
}

fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let unfinished = path.with_extension("key.new");
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&unfinished)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

fn failed(path: &Path, source: io::Error) -> KeyFileError {
    KeyFileError::Io {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
    const TWO: &str = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";

    #[test]
    fn keys_are_read_as_people_write_them() {
        let keys = MasterKeys::parse(&format!("# mine\n{ONE} # new\n\n{TWO}\n")).unwrap();
        assert_eq!(keys.ids().count(), 2);
        assert_eq!(keys.first().key.as_slice(), [1; 32]);
        for text in ["", "# none", "short", &ONE[1..], &format!("{ONE}x")] {
            assert!(MasterKeys::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_key_is_named_and_not_shown() {
        let keys = MasterKeys::parse(ONE).unwrap();
        let shown = format!("{keys:?}");
        assert!(shown.contains(keys.first().id.as_str()), "{shown}");
        assert!(
            !shown.contains("AQEB") && !shown.contains("1, 1"),
            "{shown}"
        );
        let other = MasterKeys::parse(TWO).unwrap();
        assert_ne!(keys.first().id, other.first().id);
    }

    #[test]
    fn the_file_is_private_and_keeps_what_it_is_given() {
        let folder = tempfile::tempdir().unwrap();
        let path = MasterKeys::file(folder.path());
        assert!(MasterKeys::read(&path).unwrap().is_none());
        let made = MasterKeys::create(&path).unwrap();
        let permissions = fs::metadata(&path).unwrap().permissions();
        assert_eq!(permissions.mode() & 0o777, 0o600);
        let more = made.add_to(&path).unwrap();
        let read = MasterKeys::read(&path).unwrap().unwrap();
        assert_eq!(
            read.ids().collect::<Vec<_>>(),
            more.ids().collect::<Vec<_>>()
        );
        assert!(read.find(made.first().id.as_str()).is_some());
        let reduced = read.reduce(&path).unwrap();
        assert_eq!(reduced.first().id, more.first().id);
        let read = MasterKeys::read(&path).unwrap().unwrap();
        assert_eq!(read.ids().count(), 1);
    }
}
