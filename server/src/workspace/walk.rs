//! What lies in a work tree, found without following a link and without asking git.
//!
//! Folders and files are opened by the kernel beneath the root, so that an agent that swaps one for
//! a link in the meantime gains nothing. A repository inside the work tree is a folder like any
//! other; what is in any `.git` is left alone. Of an agent's settings only `.gitignore` is obeyed.

use std::collections::BTreeSet;
use std::fmt::{self, Display};
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::file::{READ, open_beneath};
use super::known::{Stamp, as_path};

/// The most bytes of a file that are recorded.
pub const FILE_LIMIT: u64 = 32 * 1024 * 1024;
/// The most bytes of `.gitignore` files that are obeyed: of one, of all, and of a line. Patterns
/// made for it take a thousand times their size in memory.
const RULES_LIMIT: u64 = 32 * 1024;
const ALL_RULES_LIMIT: u64 = 128 * 1024;
const RULE_LIMIT: usize = 1_000;
/// How many left-out paths are named.
const NAMED: usize = 20;

/// How far a walk goes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Files, links and folders.
    pub entries: usize,
    /// How long the walk may take.
    pub time: Duration,
    /// Bytes of one file.
    pub file_size: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            entries: 200_000,
            time: Duration::from_mins(1),
            file_size: FILE_LIMIT,
        }
    }
}

/// What git tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Plain,
    Executable,
    Link,
}

impl Kind {
    /// As git writes it.
    pub fn mode(self) -> &'static str {
        match self {
            Self::Plain => "100644",
            Self::Executable => "100755",
            Self::Link => "120000",
        }
    }
}

/// A file or link of the work tree.
#[derive(Clone, Debug)]
pub struct Found {
    /// Relative to the root.
    pub path: Vec<u8>,
    pub kind: Kind,
    pub stamp: Stamp,
}

/// Why something is not recorded, or not archived as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, derive_more::Display)]
pub enum Reason {
    #[display("can't be read")]
    Unreadable,
    #[display("is larger than 32 MiB")]
    TooLarge,
    #[display("has a path that is too long")]
    TooDeep,
    #[display("is a link where git takes none")]
    BadLink,
    #[display("is no file: a pipe, a socket or a device")]
    NotAFile,
    #[display("is a link that leads out of the workspace")]
    LinkOutside,
    #[display("has a name that not every system can have, and got another one")]
    Renamed,
    #[display("has the name of another one here, and got another one")]
    NameTaken,
    #[display("was changed while it was read, and is not whole")]
    Changing,
    #[display("and more: there are too many files")]
    TooMany,
    #[display("and more: looking at the files took too long")]
    TooSlow,
    #[display("and more: too much is new at once")]
    TooMuch,
    #[display("is too large to be obeyed")]
    TooManyRules,
}

/// What is not recorded, and why.
#[derive(Debug, Default)]
pub struct LeftOut {
    count: usize,
    named: Vec<(String, Reason)>,
}

impl LeftOut {
    pub fn add(&mut self, path: &[u8], reason: Reason) {
        self.count += 1;
        if self.named.len() < NAMED {
            let path = if path.is_empty() { b"." } else { path };
            let path = String::from_utf8_lossy(path).chars().take(500).collect();
            self.named.push((path, reason));
        }
    }

    pub fn extend(&mut self, other: Self) {
        self.count += other.count;
        self.named.extend(other.named);
        self.named.truncate(NAMED);
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl Display for LeftOut {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        for (path, reason) in &self.named {
            writeln!(out, "{path:?} {reason}")?;
        }
        match self.count - self.named.len() {
            0 => Ok(()),
            more => writeln!(out, "and {more} more"),
        }
    }
}

/// All that is to be recorded.
#[derive(Debug, Default)]
pub struct Listing {
    pub files: Vec<Found>,
    pub left_out: LeftOut,
}

struct Folder {
    path: Vec<u8>,
    rules: Option<Arc<Rules>>,
    /// Ignored as a whole, but for what the task began with.
    ignored: bool,
}

/// One `.gitignore`, and those above it.
struct Rules {
    matcher: Gitignore,
    /// How much of a path is the folder that the rules are for.
    prefix: usize,
    above: Option<Arc<Rules>>,
}

impl Rules {
    /// The nearest file that says something about a path decides.
    fn ignore(mut rules: Option<&Arc<Self>>, path: &[u8], is_folder: bool) -> bool {
        while let Some(here) = rules {
            let relative = as_path(&path[here.prefix..]);
            match here.matcher.matched(relative, is_folder) {
                Match::Ignore(_) => return true,
                Match::Whitelist(_) => return false,
                Match::None => rules = here.above.as_ref(),
            }
        }
        false
    }
}

struct Walk<'a> {
    root: &'a File,
    /// Recorded even if a `.gitignore` comes to cover it.
    kept: &'a BTreeSet<Vec<u8>>,
    limits: Limits,
    began: Instant,
    seen: usize,
    rules_read: u64,
    folders: Vec<Folder>,
    listing: Listing,
}

/// Lists what is to be recorded of the folder `root`. Paths in `kept` are never ignored.
pub fn list(root: &File, kept: &BTreeSet<Vec<u8>>, limits: Limits) -> Listing {
    let mut walk = Walk {
        root,
        kept,
        limits,
        began: Instant::now(),
        seen: 0,
        rules_read: 0,
        folders: vec![Folder {
            path: Vec::new(),
            rules: None,
            ignored: false,
        }],
        listing: Listing::default(),
    };
    while let Some(folder) = walk.folders.pop() {
        if let Err(stop) = walk.enter(&folder) {
            walk.listing.left_out.add(&folder.path, stop);
            if matches!(stop, Reason::TooMany | Reason::TooSlow) {
                break;
            }
        }
    }
    walk.listing
}

impl Walk<'_> {
    fn enter(&mut self, folder: &Folder) -> Result<(), Reason> {
        let path = match folder.path.as_slice() {
            [] => Path::new("."),
            path => as_path(path),
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let opened = match open_beneath(self.root, path, flags, false) {
            Ok(opened) => opened,
            Err(errno) => return gone_or(errno),
        };
        let rules = self.rules(folder);
        let entries = Dir::read_from(&opened).map_err(|_| Reason::Unreadable)?;
        for entry in entries {
            let entry = entry.map_err(|_| Reason::Unreadable)?;
            let name = entry.file_name().to_bytes();
            if matches!(name, b"." | b"..") || name.eq_ignore_ascii_case(b".git") {
                continue;
            }
            self.seen += 1;
            if self.seen > self.limits.entries {
                return Err(Reason::TooMany);
            }
            if self.seen.is_multiple_of(256) && self.began.elapsed() > self.limits.time {
                return Err(Reason::TooSlow);
            }
            let path = join(&folder.path, name);
            match rustix::fs::statat(&opened, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => self.meet(folder, rules.as_ref(), path, &stat),
                Err(errno) => {
                    if let Err(reason) = gone_or(errno) {
                        self.listing.left_out.add(&path, reason);
                    }
                }
            }
        }
        Ok(())
    }

    fn meet(&mut self, folder: &Folder, rules: Option<&Arc<Rules>>, path: Vec<u8>, stat: &Stat) {
        let kind = FileType::from_raw_mode(stat.st_mode);
        let is_folder = kind == FileType::Directory;
        let ignored = folder.ignored || Rules::ignore(rules, &path, is_folder);
        if ignored && !self.keeps(&path, is_folder) {
            return;
        }
        if is_folder {
            let rules = rules.cloned();
            self.folders.push(Folder {
                path,
                rules,
                ignored,
            });
            return;
        }
        let kind = match kind {
            FileType::RegularFile if stat.st_mode & Mode::XUSR.as_raw_mode() != 0 => {
                Kind::Executable
            }
            FileType::RegularFile => Kind::Plain,
            FileType::Symlink if is_settings_of_modules(&path) => {
                return self.listing.left_out.add(&path, Reason::BadLink);
            }
            FileType::Symlink => Kind::Link,
            _ => return self.listing.left_out.add(&path, Reason::NotAFile),
        };
        let stamp = stamp_of(stat);
        if stamp.size > self.limits.file_size {
            return self.listing.left_out.add(&path, Reason::TooLarge);
        }
        self.listing.files.push(Found { path, kind, stamp });
    }

    /// Whether this path, or something below it, is never ignored.
    fn keeps(&self, path: &[u8], is_folder: bool) -> bool {
        if !is_folder {
            return self.kept.contains(path);
        }
        let below = join(path, b"");
        let mut after = self.kept.range::<Vec<u8>, _>(&below..);
        after.next().is_some_and(|next| next.starts_with(&below))
    }

    /// The rules that hold in a folder: its own `.gitignore` over those above.
    fn rules(&mut self, folder: &Folder) -> Option<Arc<Rules>> {
        let above = folder.rules.clone();
        if folder.ignored {
            return above;
        }
        let path = join(&folder.path, b".gitignore");
        let Ok(file) = open_beneath(self.root, as_path(&path), READ, false) else {
            return above;
        };
        let room = RULES_LIMIT.min(ALL_RULES_LIMIT - self.rules_read);
        let mut text = Vec::new();
        let is_file = file.metadata().is_ok_and(|metadata| metadata.is_file());
        if !is_file || file.take(room + 1).read_to_end(&mut text).is_err() {
            return above;
        }
        if text.len() as u64 > room {
            self.listing.left_out.add(&path, Reason::TooManyRules);
            return above;
        }
        self.rules_read += text.len() as u64;
        let mut builder = GitignoreBuilder::new(".");
        let text = String::from_utf8_lossy(&text);
        let lines = text.trim_start_matches('\u{feff}').lines();
        for line in lines.filter(|line| line.len() <= RULE_LIMIT) {
            // A line that is no pattern matches nothing, as in git.
            builder.add_line(None, line).ok();
        }
        match builder.build() {
            Ok(matcher) => Some(Arc::new(Rules {
                matcher,
                prefix: path.len() - b".gitignore".len(),
                above,
            })),
            Err(_) => above,
        }
    }
}

/// The content of what was found, with the stamp that it has now; nothing if it is gone.
pub fn content(root: &File, found: &Found) -> Result<Option<(Stamp, Vec<u8>)>, Reason> {
    if found.kind == Kind::Link {
        return Ok(target(root, found)?.map(|target| (found.stamp, target)));
    }
    let Some((stamp, file)) = open(root, found)? else {
        return Ok(None);
    };
    if stamp.size > FILE_LIMIT {
        return Err(Reason::TooLarge);
    }
    let mut content = Vec::with_capacity(usize::try_from(stamp.size).unwrap_or(0));
    let read = file.take(FILE_LIMIT + 1).read_to_end(&mut content);
    read.map_err(|_| Reason::Unreadable)?;
    if content.len() as u64 > FILE_LIMIT {
        return Err(Reason::TooLarge);
    }
    Ok(Some((stamp, content)))
}

/// Where a link that was found leads; nothing if it is gone or is no link by now.
pub fn target(root: &File, found: &Found) -> Result<Option<Vec<u8>>, Reason> {
    // The link itself is opened, and nothing behind it.
    let flags = OFlags::PATH | OFlags::NOFOLLOW;
    let link = match open_beneath(root, as_path(&found.path), flags, false) {
        Ok(link) => link,
        Err(errno) => return gone_or(errno).map(|()| None),
    };
    match rustix::fs::readlinkat(&link, "", Vec::new()) {
        Ok(target) => Ok(Some(target.into_bytes())),
        Err(Errno::INVAL | Errno::NOENT) => Ok(None),
        Err(_) => Err(Reason::Unreadable),
    }
}

/// A file that was found, with the stamp that it has now; nothing if it is gone.
pub fn open(root: &File, found: &Found) -> Result<Option<(Stamp, File)>, Reason> {
    let file = match open_beneath(root, as_path(&found.path), READ, false) {
        Ok(file) => file,
        Err(errno) => return gone_or(errno).map(|()| None),
    };
    let metadata = file.metadata().map_err(|_| Reason::Unreadable)?;
    if !metadata.is_file() {
        return Ok(None);
    }
    let stamp = Stamp {
        inode: metadata.ino(),
        size: metadata.len(),
        modified: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
        changed: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
    };
    Ok(Some((stamp, file)))
}

/// What has vanished or become something else is simply not there.
fn gone_or(errno: Errno) -> Result<(), Reason> {
    match errno {
        Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NXIO => Ok(()),
        Errno::NAMETOOLONG => Err(Reason::TooDeep),
        _ => Err(Reason::Unreadable),
    }
}

/// git refuses `.gitmodules` as a link.
fn is_settings_of_modules(path: &[u8]) -> bool {
    let name = path.rsplit(|byte| *byte == b'/').next();
    name.is_some_and(|name| name.eq_ignore_ascii_case(b".gitmodules"))
}

fn join(folder: &[u8], name: &[u8]) -> Vec<u8> {
    if folder.is_empty() {
        return name.to_owned();
    }
    [folder, b"/", name].concat()
}

fn stamp_of(stat: &Stat) -> Stamp {
    Stamp {
        inode: stat.st_ino,
        size: u64::try_from(stat.st_size).unwrap_or(u64::MAX),
        modified: nanoseconds(stat.st_mtime, stat.st_mtime_nsec),
        changed: nanoseconds(stat.st_ctime, stat.st_ctime_nsec),
    }
}

/// Since 1970.
fn nanoseconds(seconds: i64, rest: impl Into<i128>) -> i128 {
    i128::from(seconds) * 1_000_000_000 + rest.into()
}
