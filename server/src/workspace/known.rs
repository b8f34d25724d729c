//! What is known of the files in a work tree from the last time: which content a file has that has
//! not been touched since. Only a short cut: without it every file is read again.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

/// A file that was touched within this time before it was looked at may be touched again without
/// its times telling.
const SETTLED: Duration = Duration::from_secs(2);

/// The id of a content in the record: lower-case hexadecimal digits.
pub type ObjectId = String;

/// What changes when a file is touched. An agent can set `modified`, but not `changed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The file's number in its file system.
    pub inode: u64,
    /// Bytes.
    pub size: u64,
    /// When the content was changed: nanoseconds since 1970.
    pub modified: i128,
    /// When content or permissions were changed: nanoseconds since 1970.
    pub changed: i128,
}

/// Contents by path and stamp.
#[derive(Debug, Default)]
pub struct Known(HashMap<Vec<u8>, (Stamp, ObjectId)>);

impl Known {
    /// Reads what [`Self::save`] wrote. A file that is missing or damaged means that less is known.
    pub fn load(file: &Path) -> io::Result<Self> {
        let text = match std::fs::read(file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error),
        };
        let entries = text.split(|byte| *byte == 0).filter_map(entry);
        Ok(Self(entries.collect()))
    }

    /// Writes a file beside and moves it into place.
    pub fn save(&self, file: &Path, scratch: &Path) -> io::Result<()> {
        let mut text = Vec::with_capacity(self.0.len() * 160);
        let mut head = String::new();
        for (path, (stamp, id)) in &self.0 {
            head.clear();
            let Stamp {
                inode,
                size,
                modified,
                changed,
            } = stamp;
            write!(head, "{id} {inode} {size} {modified} {changed} ")
                .expect("writing to a string does not fail");
            text.extend_from_slice(head.as_bytes());
            text.extend_from_slice(path);
            text.push(0);
        }
        std::fs::write(scratch, text)?;
        std::fs::rename(scratch, file)
    }

    /// The content of a file that has this stamp now.
    pub fn id(&self, path: &[u8], stamp: Stamp) -> Option<&ObjectId> {
        let (known, id) = self.0.get(path)?;
        (*known == stamp).then_some(id)
    }

    /// Keeps what was found at `now` (since 1970), unless the stamp might miss the next change.
    pub fn keep(&mut self, path: Vec<u8>, stamp: Stamp, id: ObjectId, now: Duration) {
        let settled = i128::try_from(now.saturating_sub(SETTLED).as_nanos()).unwrap_or(i128::MAX);
        if stamp.changed < settled && stamp.modified < settled {
            self.0.insert(path, (stamp, id));
        }
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// `<id> <inode> <size> <modified> <changed> <path>`
fn entry(line: &[u8]) -> Option<(Vec<u8>, (Stamp, ObjectId))> {
    let mut parts = line.splitn(6, |byte| *byte == b' ');
    let mut word = || parts.next().and_then(|part| std::str::from_utf8(part).ok());
    let id = word().filter(|id| is_object_id(id))?.to_owned();
    let stamp = Stamp {
        inode: word()?.parse().ok()?,
        size: word()?.parse().ok()?,
        modified: word()?.parse().ok()?,
        changed: word()?.parse().ok()?,
    };
    let path = parts.next().filter(|path| !path.is_empty())?;
    Some((path.to_owned(), (stamp, id)))
}

/// Whether this is an id in full, of either kind that git has.
pub fn is_object_id(word: &str) -> bool {
    let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    matches!(word.len(), 40 | 64) && word.bytes().all(digit)
}

/// A path as the system wants it.
pub fn as_path(path: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(path))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STAMP: Stamp = Stamp {
        inode: 7,
        size: 3,
        modified: -1,
        changed: 10_000_000_000,
    };

    #[test]
    fn what_was_saved_is_known_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("known");
        let mut known = Known::default();
        let id = "0123456789abcdef0123456789abcdef01234567".to_owned();
        let path = b"a b\n\xff".to_vec();
        known.keep(path.clone(), STAMP, id.clone(), Duration::from_secs(13));
        known.save(&file, &folder.path().join("scratch")).unwrap();
        let again = Known::load(&file).unwrap();
        assert_eq!(again.id(&path, STAMP), Some(&id));
        let touched = Stamp { size: 4, ..STAMP };
        assert_eq!(again.id(&path, touched), None);
    }

    #[test]
    fn a_file_that_was_touched_just_now_is_read_again() {
        let mut known = Known::default();
        let id = "0123456789abcdef0123456789abcdef01234567".to_owned();
        known.keep(b"a".to_vec(), STAMP, id, Duration::from_secs(11));
        assert!(known.is_empty());
    }

    proptest! {
        #[test]
        fn a_damaged_file_is_read_without_a_panic(text in any::<Vec<u8>>()) {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("known");
            std::fs::write(&file, text).unwrap();
            Known::load(&file).unwrap();
        }
    }
}
