//! Reading files that an agent wrote. The kernel resolves each path beneath the workspace, so that
//! neither `..` nor a symbolic link, planted at any moment, leads out of it.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::WorkspaceError;

/// The most bytes of a text that are shown.
const TEXT_LIMIT: u64 = 512 * 1024;

/// A file's content, as far as it can be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileContent {
    /// Bytes.
    pub size: u64,
    /// Absent if it is not UTF-8 text.
    pub text: Option<String>,
    /// Whether there is more than `text` shows.
    pub truncated: bool,
}

/// Opens a regular file beneath `root`, and tells its size in bytes.
pub fn open(root: &Path, path: &str) -> Result<(File, u64), WorkspaceError> {
    let folder = File::open(root)?;
    // NONBLOCK: a pipe that an agent left there must not hang the reader.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let inside = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    let opened = rustix::fs::openat2(&folder, path, flags, Mode::empty(), inside);
    let file = File::from(opened.map_err(|errno| refusal(errno, path))?);
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(WorkspaceError::NotAFile {
            path: path.to_owned(),
        });
    }
    Ok((file, metadata.len()))
}

fn refusal(errno: Errno, path: &str) -> WorkspaceError {
    let path = path.to_owned();
    match errno {
        Errno::XDEV | Errno::LOOP => WorkspaceError::Outside { path },
        Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG | Errno::INVAL => {
            WorkspaceError::NotFound { path }
        }
        Errno::NXIO | Errno::ISDIR => WorkspaceError::NotAFile { path },
        errno => WorkspaceError::Io(errno.into()),
    }
}

/// The size in bytes of a regular file beneath `root`.
pub fn size(root: &Path, path: &str) -> Result<u64, WorkspaceError> {
    open(root, path).map(|(_, size)| size)
}

/// A file's text, cut at [`TEXT_LIMIT`].
pub fn read(root: &Path, path: &str) -> Result<FileContent, WorkspaceError> {
    let (file, size) = open(root, path)?;
    let mut bytes = Vec::new();
    file.take(TEXT_LIMIT).read_to_end(&mut bytes)?;
    let truncated = size > TEXT_LIMIT;
    let text = match String::from_utf8(bytes) {
        Ok(text) => Some(text),
        // The cut may have gone through a character.
        Err(error) if truncated && error.utf8_error().error_len().is_none() => {
            let valid = error.utf8_error().valid_up_to();
            let mut bytes = error.into_bytes();
            bytes.truncate(valid);
            String::from_utf8(bytes).ok()
        }
        Err(_) => None,
    };
    let text = text.filter(|text| !text.contains('\0'));
    Ok(FileContent {
        size,
        text,
        truncated,
    })
}
