//! A work tree as a ZIP archive, made while it is sent: of what lies in there no more than a few
//! pieces are in memory. Only the list of names grows, for the format has it at the end.
//!
//! Nothing outside of the workspace gets in, and nothing in it leads out where it is unpacked: links
//! that point elsewhere are left out, names are made plain, and links come last, the deepest first.
//! So whoever unpacks it writes nothing through a link, not even where names that differ here are
//! the same. What differs from the workspace is told in a file of the archive.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read, Write};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Datelike, Timelike};
use futures::{Stream, stream};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;
use zip::CompressionMethod;
use zip::result::ZipError;
use zip::write::{SimpleFileOptions, StreamWriter, ZipWriter};

use super::known::Stamp;
use super::walk::{self, Found, Kind, LeftOut, Limits, Listing, Reason};

/// How long a receiver may take nothing.
const PATIENCE: Duration = Duration::from_mins(1);

/// Bytes of a piece, and how many of them wait for the receiver.
const PIECE: usize = 64 * 1024;
const PIECES: usize = 4;

/// Where an archive tells what is not in it as it lies in the workspace: `ARCHIVE-NOTES.txt`.
const NOTES: &str = "ARCHIVE-NOTES";

/// How many names are tried for a file whose name is taken.
const NAMES: u32 = 100;

/// An archive that is being made.
#[derive(Debug)]
pub struct Archive {
    pieces: mpsc::Receiver<Bytes>,
    writing: JoinHandle<io::Result<()>>,
}

impl Archive {
    /// Begins to pack the folder `root`, without `.git` and what is ignored, unless it is one of the
    /// paths `kept`. The permit is held until the end.
    pub fn begin(root: File, kept: BTreeSet<Vec<u8>>, permit: OwnedSemaphorePermit) -> Self {
        let (sender, pieces) = mpsc::channel(PIECES);
        let outlet = Outlet {
            pieces: sender,
            runtime: Handle::current(),
            piece: Vec::with_capacity(PIECE),
            is_broken: false,
        };
        let writing = spawn_blocking(move || {
            let _permit = permit;
            pack(&root, &kept, outlet)
        });
        Self { pieces, writing }
    }

    /// Its bytes. Ends with an error if the archive is not whole, so that nobody takes it for one.
    pub fn into_stream(self) -> impl Stream<Item = io::Result<Bytes>> + Send {
        stream::unfold(Some(self), async |archive| {
            let mut archive = archive?;
            if let Some(piece) = archive.pieces.recv().await {
                return Some((Ok(piece), Some(archive)));
            }
            match archive.writing.await {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some((Err(error), None)),
                Err(error) => Some((Err(io::Error::other(error)), None)),
            }
        })
    }
}

/// Where the archive's bytes go.
struct Outlet {
    pieces: mpsc::Sender<Bytes>,
    runtime: Handle,
    piece: Vec<u8>,
    /// Nobody takes them any more. The writer ends the archive all the same, into the void.
    is_broken: bool,
}

impl Outlet {
    fn send(&mut self) -> io::Result<()> {
        if self.is_broken || self.piece.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE));
        let sending = async { timeout(PATIENCE, self.pieces.send(piece.into())).await };
        self.is_broken = !matches!(self.runtime.block_on(sending), Ok(Ok(())));
        if self.is_broken {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        Ok(())
    }
}

impl Write for Outlet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.is_broken {
            self.piece.extend_from_slice(bytes);
        }
        if self.piece.len() >= PIECE {
            self.send()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send()
    }
}

fn pack(root: &File, kept: &BTreeSet<Vec<u8>>, outlet: Outlet) -> io::Result<()> {
    let limits = Limits {
        file_size: u64::MAX,
        ..Limits::default()
    };
    let Listing {
        mut files,
        left_out,
    } = walk::list(root, kept, limits);
    files.sort_unstable_by(|left, right| place_of(left).cmp(&place_of(right)));
    let mut packing = Packing {
        root,
        zip: ZipWriter::new_stream(outlet),
        notes: left_out,
    };
    for found in &files {
        packing.add(found)?;
    }
    packing.finish(&notes_name(&files))
}

/// The order of an archive: files by their paths, then links, those in the deepest folders first.
fn place_of(found: &Found) -> (bool, Reverse<usize>, &[u8]) {
    let is_link = found.kind == Kind::Link;
    let depth = if is_link { depth(&found.path) } else { 0 };
    (is_link, Reverse(depth), &found.path)
}

/// How many folders a path leads through.
fn depth(path: &[u8]) -> usize {
    path.split(|byte| *byte == b'/').count() - 1
}

/// A name that nothing at the top of the workspace has.
fn notes_name(files: &[Found]) -> String {
    let is_taken = |name: &str| {
        let mut paths = files.iter().map(|found| &found.path);
        paths.any(|path| path.split(|byte| *byte == b'/').next() == Some(name.as_bytes()))
    };
    let mut name = format!("{NOTES}.txt");
    let mut number = 1;
    while is_taken(&name) {
        number += 1;
        name = format!("{NOTES}~{number}.txt");
    }
    name
}

struct Packing<'a> {
    root: &'a File,
    zip: ZipWriter<StreamWriter<Outlet>>,
    notes: LeftOut,
}

impl Packing<'_> {
    fn add(&mut self, found: &Found) -> io::Result<()> {
        let added = match found.kind {
            Kind::Link => self.add_link(found)?,
            Kind::Plain | Kind::Executable => self.add_file(found)?,
        };
        if let Err(reason) = added {
            self.notes.add(&found.path, reason);
        }
        Ok(())
    }

    /// Fails if nobody takes the archive; else says what is not as it is in the workspace.
    fn add_file(&mut self, found: &Found) -> io::Result<Result<(), Reason>> {
        let (stamp, mut file) = match walk::open(self.root, found) {
            Ok(Some(opened)) => opened,
            Ok(None) => return Ok(Ok(())),
            Err(reason) => return Ok(Err(reason)),
        };
        let mode = match found.kind {
            Kind::Executable => 0o755,
            Kind::Plain | Kind::Link => 0o644,
        };
        // A file that somebody goes on writing is packed up to where it ended just now.
        let options = options(stamp)
            .unix_permissions(mode)
            .large_file(stamp.size >= u64::from(u32::MAX));
        let name = plain(&found.path);
        let name = start(&name, |name| self.zip.start_file(name, options))?;
        let mut buffer = vec![0; PIECE];
        let mut rest = stamp.size;
        while rest > 0 {
            let most = usize::try_from(rest).map_or(PIECE, |rest| rest.min(PIECE));
            match file.read(&mut buffer[..most]) {
                Ok(0) => return Ok(Err(Reason::Changing)),
                Ok(read) => {
                    self.zip.write_all(&buffer[..read])?;
                    rest -= read as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Ok(Err(Reason::Changing)),
            }
        }
        Ok(is_kept(&name, &found.path))
    }

    fn add_link(&mut self, found: &Found) -> io::Result<Result<(), Reason>> {
        let target = match walk::target(self.root, found) {
            Ok(Some(target)) => target,
            Ok(None) => return Ok(Ok(())),
            Err(reason) => return Ok(Err(reason)),
        };
        let to = plain(&target);
        if !stays_inside(&found.path, &target) || to.as_bytes() != target {
            return Ok(Err(Reason::LinkOutside));
        }
        let name = plain(&found.path);
        let options = options(found.stamp);
        let name = start(&name, |name| self.zip.add_symlink(name, &to, options))?;
        Ok(is_kept(&name, &found.path))
    }

    fn finish(mut self, notes_name: &str) -> io::Result<()> {
        if !self.notes.is_empty() {
            let options = SimpleFileOptions::default();
            start(notes_name, |name| self.zip.start_file(name, options))?;
            write!(
                self.zip,
                "Not everything is here as it lies in the workspace:\n\n{}",
                self.notes
            )?;
        }
        let mut outlet = self.zip.finish()?.into_inner();
        outlet.flush()
    }
}

/// Begins an entry of this name or, if there is one already, of a similar name, which it returns.
fn start(name: &str, mut open: impl FnMut(&str) -> Result<(), ZipError>) -> io::Result<String> {
    let mut started = open(name);
    let mut taken = name.to_owned();
    for number in 2..=NAMES {
        // The format's writer refuses a name that it has, before it has written anything.
        if !matches!(started, Err(ZipError::InvalidArchive(_))) {
            break;
        }
        taken = format!("{name}~{number}");
        started = open(&taken);
    }
    started?;
    Ok(taken)
}

fn is_kept(name: &str, path: &[u8]) -> Result<(), Reason> {
    if name.as_bytes() == path {
        Ok(())
    } else if plain(path).as_bytes() == path {
        Err(Reason::NameTaken)
    } else {
        Err(Reason::Renamed)
    }
}

fn options(stamp: Stamp) -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        // The server has other things to do than to save the last percent.
        .compression_level(Some(1))
        .last_modified_time(modified(stamp).unwrap_or_default())
}

/// In UTC. The format knows no time before 1980.
fn modified(stamp: Stamp) -> Option<zip::DateTime> {
    let seconds = i64::try_from(stamp.modified / 1_000_000_000).ok()?;
    let at = DateTime::from_timestamp(seconds, 0)?;
    let part = |number: u32| u8::try_from(number).ok();
    zip::DateTime::from_date_and_time(
        u16::try_from(at.year()).ok()?,
        part(at.month())?,
        part(at.day())?,
        part(at.hour())?,
        part(at.minute())?,
        part(at.second())?,
    )
    .ok()
}

/// A path that means the same wherever it is unpacked: UTF-8, without signs that can't be seen, and
/// without the one that separates folders elsewhere.
fn plain(path: &[u8]) -> String {
    let plain = |sign: char| match sign {
        '\\' | char::REPLACEMENT_CHARACTER => '_',
        sign if sign.is_control() => '_',
        sign => sign,
    };
    String::from_utf8_lossy(path).chars().map(plain).collect()
}

/// Whether a link at this path leads to somewhere in the same tree, whatever other such links are on
/// the way: first up, never above the root, and then only down.
fn stays_inside(path: &[u8], target: &[u8]) -> bool {
    let parts = target.split(|byte| *byte == b'/');
    let parts: Vec<&[u8]> = parts.filter(|part| !matches!(*part, b"" | b".")).collect();
    let up = parts.iter().take_while(|part| **part == b"..").count();
    let rises_later = parts[up..].iter().any(|part| *part == b"..");
    !target.starts_with(b"/") && up <= depth(path) && !rises_later
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs::{self, File};
    use std::io::{Cursor, Read as _};
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::symlink;
    use std::path::Path;
    use std::sync::Arc;

    use futures::TryStreamExt as _;
    use tokio::sync::Semaphore;
    use zip::ZipArchive;

    use super::{Archive, plain, stays_inside};

    /// The names in the archive of a folder, in its order, and its notes.
    async fn packed(root: &Path, kept: &[&str]) -> (Vec<String>, String) {
        let permit = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        let kept: BTreeSet<Vec<u8>> = kept.iter().map(|path| path.as_bytes().to_vec()).collect();
        let archive = Archive::begin(File::open(root).unwrap(), kept, permit);
        let pieces: Vec<_> = archive.into_stream().try_collect().await.unwrap();
        let mut archive = ZipArchive::new(Cursor::new(pieces.concat())).unwrap();
        let mut names = Vec::new();
        let mut notes = String::new();
        for index in 0..archive.len() {
            let mut entry = archive.by_index(index).unwrap();
            let name = entry.name().unwrap().into_owned();
            if name.starts_with("ARCHIVE-NOTES") {
                entry.read_to_string(&mut notes).unwrap();
            } else {
                names.push(name);
            }
        }
        (names, notes)
    }

    #[tokio::test]
    async fn nothing_is_unpacked_through_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        // Unpacked, both are `caf_`: through the link, `../..` would lead out.
        let renamed = root.join(std::ffi::OsStr::from_bytes(b"caf\xe9"));
        fs::create_dir_all(renamed.join("deep")).unwrap();
        symlink("../../x", renamed.join("deep/link")).unwrap();
        symlink(".", root.join("caf_")).unwrap();
        fs::create_dir(root.join("z")).unwrap();
        fs::write(root.join("z/file"), "x").unwrap();
        let (names, notes) = packed(root, &[]).await;
        assert_eq!(names, ["z/file", "caf_/deep/link", "caf_"]);
        assert!(notes.contains("got another one"), "{notes}");
    }

    #[tokio::test]
    async fn a_file_whose_name_is_taken_is_noted() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a_b"), "1").unwrap();
        fs::write(folder.path().join("a\\b"), "2").unwrap();
        fs::write(folder.path().join("c~2"), "3").unwrap();
        let (mut names, notes) = packed(folder.path(), &[]).await;
        names.sort();
        assert_eq!(names, ["a_b", "a_b~2", "c~2"]);
        assert!(notes.contains("\"a_b\" has the name of another"), "{notes}");
        assert!(!notes.contains("c~2"), "{notes}");
    }

    #[tokio::test]
    async fn what_was_committed_is_packed_though_it_is_ignored() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("out")).unwrap();
        for (path, text) in [
            (".gitignore", "out/\n"),
            ("out/kept", "1"),
            ("out/new", "2"),
        ] {
            fs::write(folder.path().join(path), text).unwrap();
        }
        let (names, notes) = packed(folder.path(), &["out/kept"]).await;
        assert_eq!(
            (names, notes.as_str()),
            (vec![".gitignore".to_owned(), "out/kept".to_owned()], "")
        );
    }

    #[test]
    fn names_can_not_mean_something_else_elsewhere() {
        assert_eq!(plain(b"docs/a b.md"), "docs/a b.md");
        assert_eq!(plain("docs/é/日本".as_bytes()), "docs/é/日本");
        assert_eq!(plain(b"..\\..\\evil"), ".._.._evil");
        assert_eq!(plain(b"two\nlines\x1b[31m"), "two_lines_[31m");
        assert_eq!(plain(b"caf\xe9.txt"), "caf_.txt");
    }

    #[test]
    fn links_are_kept_that_stay_in_the_tree() {
        for (path, target) in [
            ("a", "b"),
            ("a/b", "../c"),
            ("a/b", "./c/d"),
            ("a/b/c", "../../d"),
        ] {
            assert!(stays_inside(path.as_bytes(), target.as_bytes()), "{target}");
        }
        for (path, target) in [
            ("a", "/etc/passwd"),
            ("a", "../x"),
            ("a/b", "../../x"),
            // Through a link that leads up, this is outside.
            ("a", "b/../../x"),
            ("a/b", "c/../d"),
        ] {
            assert!(
                !stays_inside(path.as_bytes(), target.as_bytes()),
                "{target}"
            );
        }
    }
}
