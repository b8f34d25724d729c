//! One server per data folder: a second one would run the same tasks.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

/// Held as long as the server runs; the system releases it however the process ends.
#[derive(Debug)]
pub struct DataLock {
    _file: File,
}

/// The folder can't be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("another claude-code-server is using {}", folder.display())]
    Taken { folder: PathBuf },
    /// The file system failed.
    #[error("the data folder {} can't be used", folder.display())]
    Io {
        folder: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl DataLock {
    /// Makes the folder if it isn't there, for this user alone, and takes it.
    pub fn take(folder: &Path) -> Result<Self, LockError> {
        let failed = |source| LockError::Io {
            folder: folder.to_owned(),
            source,
        };
        make_private(folder).map_err(failed)?;
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(folder.join("ccs.lock"))
            .map_err(failed)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { _file: file }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(LockError::Taken {
                folder: folder.to_owned(),
            }),
            Err(error) => Err(failed(error.into())),
        }
    }
}

fn make_private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_used_by_one_server_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("a/b");
        let held = DataLock::take(&data).unwrap();
        assert!(matches!(
            DataLock::take(&data),
            Err(LockError::Taken { .. })
        ));
        drop(held);
        assert!(DataLock::take(&data).is_ok());
    }
}
