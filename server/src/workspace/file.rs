//! Reading files that an agent wrote. The kernel resolves each path beneath the workspace, so that
//! neither `..` nor a symbolic link, planted at any moment, leads out of it.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use sha2::{Digest as _, Sha256};

use super::WorkspaceError;

/// The most bytes of a text that are shown.
pub const TEXT_LIMIT: u64 = 512 * 1024;

/// The most bytes of a file that a checksum is made of.
pub const CHECKSUM_LIMIT: u64 = 64 * 1024 * 1024;

/// A file's content, as far as it can be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileContent {
    /// Bytes.
    pub size: u64,
    /// Absent if it is not UTF-8 text.
    pub text: Option<String>,
    /// Whether there is more than `text` shows.
    pub truncated: bool,
    /// The whole file's SHA-256 in hexadecimal digits. Absent if there is more than was read.
    pub sha256: Option<String>,
}

/// How often a path is resolved that the agent keeps moving.
const ATTEMPTS: u32 = 32;

/// For regular files. A pipe that an agent left there must not hang the reader, and a terminal must
/// not become the server's.
pub const READ: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

/// Opens a regular file beneath `root`, and tells its size in bytes.
pub fn open(root: &Path, path: &str) -> Result<(File, u64), WorkspaceError> {
    let folder = open_root(root)?;
    let opened = open_beneath(&folder, Path::new(path), READ, true);
    let file = opened.map_err(|errno| refusal(errno, path))?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(WorkspaceError::NotAFile {
            path: path.to_owned(),
        });
    }
    Ok((file, metadata.len()))
}

/// Opens a workspace.
pub fn open_root(root: &Path) -> Result<File, WorkspaceError> {
    File::open(root).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => WorkspaceError::NoWorkspace,
        _ => WorkspaceError::Io(error),
    })
}

/// Lets the kernel resolve a path without leaving `root`; with `links`, along links that stay
/// inside.
pub fn open_beneath(root: &File, path: &Path, flags: OFlags, links: bool) -> Result<File, Errno> {
    let flags = flags | OFlags::CLOEXEC;
    let mut resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    if !links {
        resolve |= ResolveFlags::NO_SYMLINKS;
    }
    let mut attempt = 1;
    loop {
        let opened = rustix::fs::openat2(root, path, flags, Mode::empty(), resolve);
        match opened {
            // Something on the way was moved at this moment, so that the kernel could not tell
            // whether the path stays inside.
            Err(Errno::AGAIN | Errno::INTR) if attempt < ATTEMPTS => attempt += 1,
            opened => return opened.map(File::from),
        }
    }
}

fn refusal(errno: Errno, path: &str) -> WorkspaceError {
    let path = path.to_owned();
    match errno {
        Errno::XDEV | Errno::LOOP => WorkspaceError::Outside { path },
        Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG | Errno::INVAL => {
            WorkspaceError::NotFound { path }
        }
        Errno::NXIO | Errno::ISDIR => WorkspaceError::NotAFile { path },
        Errno::ACCESS | Errno::PERM => WorkspaceError::Denied { path },
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
    Ok(content(size, bytes))
}

/// The text in the beginning of a file of so many bytes.
pub fn content(size: u64, bytes: Vec<u8>) -> FileContent {
    let truncated = size > TEXT_LIMIT;
    let sha256 = (bytes.len() as u64 == size).then(|| hex(&Sha256::digest(&bytes)));
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
    FileContent {
        size,
        text,
        truncated,
        sha256,
    }
}

/// A regular file's size and SHA-256 in hexadecimal digits; none of a file that is larger than `most`
/// bytes.
pub fn checksum(
    root: &Path,
    path: &str,
    most: u64,
) -> Result<(u64, Option<String>), WorkspaceError> {
    let (file, size) = open(root, path)?;
    if size > most {
        return Ok((size, None));
    }
    let mut digest = Sha256::new();
    let mut file = file.take(size);
    let mut piece = vec![0; 64 * 1024];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok((size, Some(hex(&digest.finalize())))),
            read => digest.update(&piece[..read]),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        write!(text, "{byte:02x}").expect("writing to a string does not fail");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_agent_can_cause_is_no_failure_of_the_server() {
        let of = |errno| refusal(errno, "a");
        assert!(matches!(of(Errno::ACCESS), WorkspaceError::Denied { .. }));
        assert!(matches!(of(Errno::PERM), WorkspaceError::Denied { .. }));
        assert!(matches!(of(Errno::XDEV), WorkspaceError::Outside { .. }));
        assert!(matches!(of(Errno::NOENT), WorkspaceError::NotFound { .. }));
        assert!(matches!(of(Errno::IO), WorkspaceError::Io(_)));
    }

    #[test]
    fn a_missing_workspace_is_told_from_a_failure() {
        let folder = tempfile::tempdir().unwrap();
        let missing = open(&folder.path().join("workspace"), "a").unwrap_err();
        assert!(matches!(missing, WorkspaceError::NoWorkspace));
    }

    #[test]
    fn a_path_that_is_moved_all_the_time_is_opened_in_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("a"), folder.path().join("b"));
        std::fs::create_dir_all(a.join("c")).unwrap();
        std::fs::write(a.join("c/file"), "x").unwrap();
        let stop = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    std::fs::rename(&a, &b).unwrap();
                    std::fs::rename(&b, &a).unwrap();
                }
            });
            for _ in 0..2_000 {
                match open(folder.path(), "a/c/../c/file") {
                    Ok(_) | Err(WorkspaceError::NotFound { .. }) => {}
                    Err(error) => {
                        stop.store(true, std::sync::atomic::Ordering::Relaxed);
                        panic!("{error:?}");
                    }
                }
            }
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
        });
    }
}
