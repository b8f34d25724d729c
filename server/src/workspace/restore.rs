//! Bringing the files of a recorded commit back into a work tree.
//!
//! Only what is recorded is touched: files that `.gitignore` names, the agent's repository and what was too
//! large to be recorded stay as they are. Every path is resolved by the kernel beneath the work tree, without
//! following a link, so that nothing outside of it can be reached through what an agent has left there. What
//! is half done when the server is killed is done again: the next time finds what is still different.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use app::domain::id::{CheckpointId, TaskId};
use rustix::fd::OwnedFd;
use rustix::fs::{
    AtFlags, CWD, Mode, OFlags, ResolveFlags, mkdirat, openat, openat2, renameat, symlinkat,
    unlinkat,
};
use rustix::io::Errno;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;
use uuid::Uuid;

use super::checkpoint::REFS;
use super::git::{self, GitError};
use super::record::{HEAD, Record, START, blocking};
use super::walk::FILE_LIMIT;
use super::{WorkspaceError, Workspaces, branch};

/// What is different in one path, and how it is to be.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    path: PathBuf,
    /// Mode and object; nothing if it is not to be there.
    content: Option<(Kind, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Plain,
    Executable,
    Link,
}

impl Workspaces {
    /// Makes the recorded files of a task as they were in a commit of its record. Only for whoever holds the
    /// task.
    pub async fn restore(&self, id: TaskId, commit: &str) -> Result<(), WorkspaceError> {
        let record = self.record(id);
        let now = self.snapshot(&record).await?;
        Ok(record.restore(&now, commit).await?)
    }

    /// Gives a task that does not exist yet the files and the record that another one had at a checkpoint.
    /// What an earlier try has left is removed.
    pub async fn fork(
        &self,
        (from, checkpoint): (TaskId, CheckpointId),
        (to, new_checkpoint): (TaskId, CheckpointId),
        commit: &str,
    ) -> Result<(), WorkspaceError> {
        self.discard(to).await?;
        tokio::fs::create_dir_all(self.task(to)).await?;
        let (record, workspace) = (self.record(to), self.workspace(to));
        record.open().await?;
        record
            .take_over(&self.record(from), (checkpoint, new_checkpoint), commit)
            .await?;
        match record.source().await? {
            Some(_) => record.check_out(&workspace, &branch::name(to)).await?,
            None => record.make(&workspace, &[]).await?,
        }
        self.restore(to, commit).await
    }

    /// Removes all files of a task.
    pub async fn discard(&self, id: TaskId) -> Result<(), WorkspaceError> {
        match tokio::fs::remove_dir_all(self.task(id)).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }
}

impl Record {
    /// Takes over what another record had when a checkpoint's commit was made: the start, the rounds until
    /// then, and the commit itself, on which the next one is made.
    async fn take_over(
        &self,
        other: &Self,
        (old, new): (CheckpointId, CheckpointId),
        commit: &str,
    ) -> Result<(), GitError> {
        let listed = other
            .run(
                "for-each-ref",
                &["--format=%(refname)", "--merged", commit, "refs/ccs"],
            )
            .await?;
        let listed = String::from_utf8_lossy(&listed);
        let is_round = |name: &&str| *name != HEAD && !name.starts_with(REFS);
        let mut wanted: Vec<_> = listed
            .lines()
            .filter(is_round)
            .map(|name| format!("+{name}:{name}"))
            .collect();
        if other.source().await?.is_some() {
            wanted.push(format!("+{0}:{0}", branch::SOURCE));
        }
        wanted.push(format!("+{REFS}{old}:{REFS}{new}"));
        wanted.push(format!("+{REFS}{old}:{HEAD}"));
        let mut command = self.command("fetch", &["--quiet", "--no-write-fetch-head"]);
        command
            .env("GIT_ALLOW_PROTOCOL", "file")
            .args(["--no-auto-maintenance", "--no-tags", "--update-shallow"])
            .args(["--no-recurse-submodules", "--end-of-options"])
            .arg(&other.repository)
            .args(wanted);
        git::run("fetch", command, branch::FETCH_LIMIT).await?;
        if self.resolve(START).await?.is_none() {
            // Nothing else says what the task began with.
            return Err(GitError::Unexpected { command: "fetch" });
        }
        Ok(())
    }

    async fn restore(&self, now: &str, then: &str) -> Result<(), GitError> {
        let changes = ["-r", "-z", "--no-renames", now, then];
        let changes = parsed(&self.run("diff-tree", &changes).await?)?;
        if changes.is_empty() {
            return Ok(());
        }
        let work_tree = self.work_tree.clone();
        let opening = blocking(move || Ok(openat(CWD, &work_tree, FOLDER, Mode::empty())?));
        let root = Arc::new(opening.await?);
        // What is in the way of something else goes first.
        let (gone, there): (Vec<_>, Vec<_>) = changes
            .into_iter()
            .partition(|change| change.content.is_none());
        let from = Arc::clone(&root);
        let removing = blocking(move || gone.iter().try_for_each(|it| remove(&from, &it.path)));
        removing.await?;
        let command = self.command("cat-file", &["--batch"]);
        let mut contents = Contents::begin(command)?;
        for Wanted { path, content } in there {
            let Some((kind, object)) = content else {
                continue;
            };
            let bytes = timeout(git::LIMIT, contents.read(&object)).await;
            let bytes = bytes.map_err(|_| GitError::TimedOut {
                command: "cat-file",
            })??;
            let root = Arc::clone(&root);
            let writing = blocking(move || {
                let written = write(&root, &path, kind, &bytes);
                written.map_err(|error| io::Error::new(error.kind(), at(&path, &error)))
            });
            writing.await?;
        }
        Ok(())
    }
}

/// What `git diff-tree -r -z` prints.
fn parsed(changes: &[u8]) -> Result<Vec<Wanted>, GitError> {
    let unexpected = || GitError::Unexpected {
        command: "diff-tree",
    };
    let mut wanted = Vec::new();
    let mut fields = changes
        .split(|byte| *byte == 0)
        .filter(|field| !field.is_empty());
    while let Some(field) = fields.next() {
        let path = fields.next().ok_or_else(unexpected)?;
        let field = std::str::from_utf8(field).map_err(|_| unexpected())?;
        // `:<old mode> <new mode> <old id> <new id> <letter>`
        let words: Vec<_> = field.split(' ').collect();
        let [_, mode, _, id, _] = words.as_slice() else {
            return Err(unexpected());
        };
        let kind = match *mode {
            "000000" => None,
            "100755" => Some(Kind::Executable),
            "120000" => Some(Kind::Link),
            "100644" => Some(Kind::Plain),
            // A submodule of a fetched repository: there never was anything of it.
            _ => continue,
        };
        wanted.push(Wanted {
            path: OsStr::from_bytes(path).into(),
            content: kind.map(|kind| (kind, (*id).to_owned())),
        });
    }
    Ok(wanted)
}

const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC);

fn at(path: &Path, error: &io::Error) -> String {
    format!("{} can't be brought back: {error}", path.display())
}

/// Removes a file, and the folders that are empty then.
fn remove(root: &OwnedFd, path: &Path) -> io::Result<()> {
    let mut path = path;
    let mut flags = AtFlags::empty();
    while let (Some(parent), Some(name)) = (path.parent(), path.file_name()) {
        let folder = match folder(root, parent, false) {
            Ok(folder) => folder,
            // It is gone already, or something that is not recorded stands in its place.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        match unlinkat(&folder, name, flags) {
            Ok(()) | Err(Errno::NOENT) => {}
            // Something that is not recorded is still in it.
            Err(Errno::NOTEMPTY | Errno::EXIST | Errno::ISDIR | Errno::NOTDIR) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        if parent.as_os_str().is_empty() {
            return Ok(());
        }
        path = parent;
        flags = AtFlags::REMOVEDIR;
    }
    Ok(())
}

/// Puts a file in its place at once, whole.
fn write(root: &OwnedFd, path: &Path, kind: Kind, bytes: &[u8]) -> io::Result<()> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let folder = folder(root, parent, true)?;
    let aside = format!(".ccs-restoring-{}", Uuid::new_v4());
    if kind == Kind::Link {
        symlinkat(OsStr::from_bytes(bytes), &folder, &aside)?;
    } else {
        let mode = match kind {
            Kind::Executable => Mode::from_raw_mode(0o755),
            _ => Mode::from_raw_mode(0o644),
        };
        let new = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let mut file = File::from(openat(&folder, &aside, new, mode)?);
        file.write_all(bytes)?;
    }
    let placed = match renameat(&folder, &aside, &folder, name) {
        Err(Errno::ISDIR) => {
            make_way(&folder, name).and_then(|()| renameat(&folder, &aside, &folder, name))
        }
        placed => placed,
    };
    if placed.is_err() {
        // Not to be taken for the agent's. Why it has no place says more.
        unlinkat(&folder, &aside, AtFlags::empty()).ok();
    }
    Ok(placed?)
}

/// A folder beneath the root, made on the way if it is wanted.
fn folder(root: &OwnedFd, path: &Path, make: bool) -> Result<OwnedFd, Errno> {
    let inside = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let mut at = root.try_clone().map_err(|_| Errno::MFILE)?;
    for part in path.components() {
        let name = part.as_os_str();
        if make {
            match mkdirat(&at, name, Mode::from_raw_mode(0o755)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error),
            }
        }
        at = match openat2(&at, name, FOLDER, Mode::empty(), inside) {
            Err(Errno::NOTDIR | Errno::LOOP) if make => {
                make_way(&at, name)?;
                mkdirat(&at, name, Mode::from_raw_mode(0o755))?;
                openat2(&at, name, FOLDER, Mode::empty(), inside)?
            }
            opened => opened?,
        };
    }
    Ok(at)
}

/// Moves what is not recorded out of the way of what is: beside, under a name that says so.
fn make_way(folder: &OwnedFd, name: &OsStr) -> Result<(), Errno> {
    let mut kept = name.to_owned();
    kept.push(format!(".not-restored-{}", Uuid::new_v4().simple()));
    renameat(folder, name, folder, kept)
}

/// Objects of a record, read one after the other from one `git cat-file --batch`. It ends when this is
/// dropped.
struct Contents {
    _child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Contents {
    fn begin(mut command: Command) -> Result<Self, GitError> {
        command.stdin(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(GitError::Start)?;
        let missing = || io::Error::from(io::ErrorKind::BrokenPipe);
        let stdin = child.stdin.take().ok_or_else(missing)?;
        let stdout = child.stdout.take().ok_or_else(missing)?;
        Ok(Self {
            _child: child,
            stdin,
            stdout: BufReader::new(stdout),
        })
    }

    async fn read(&mut self, object: &str) -> io::Result<Vec<u8>> {
        self.stdin
            .write_all(format!("{object}\n").as_bytes())
            .await?;
        self.stdin.flush().await?;
        let mut head = String::new();
        self.stdout.read_line(&mut head).await?;
        // `<id> blob <size>`
        let words: Vec<_> = head.split_ascii_whitespace().collect();
        let size = match words.as_slice() {
            [_, "blob", size] => size.parse().ok().filter(|size| *size <= FILE_LIMIT),
            _ => None,
        };
        let size = size.ok_or_else(|| io::Error::other(format!("no blob: {}", head.trim())))?;
        let mut bytes = Vec::new();
        (&mut self.stdout)
            .take(size)
            .read_to_end(&mut bytes)
            .await?;
        let mut end = [0];
        self.stdout.read_exact(&mut end).await?;
        Ok(bytes)
    }
}

#[cfg(test)]
#[path = "restore_tests.rs"]
mod tests;
