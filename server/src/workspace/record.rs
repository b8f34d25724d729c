//! The platform's record of a work tree: a repository of its own, out of the agent's reach.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use app::api::Diff;
use tokio::io::{AsyncWrite, AsyncWriteExt, BufWriter};
use tokio::process::Command;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::diff;
use super::git::{self, Git, GitError};
use super::known::{Known, ObjectId, is_object_id};
use super::scratch::{self, Scratch};
use super::walk::{self, Found, LeftOut, Limits, Listing, Reason};

/// The ref of the first record.
pub const START: &str = "refs/ccs/start";
/// The newest record of the line of the rounds.
pub const HEAD: &str = "refs/ccs/head";

/// The most bytes that one record adds.
const NEW_LIMIT: u64 = 1024 * 1024 * 1024;
/// How long packing and removing what is unused may take.
const HOUSEKEEPING_LIMIT: Duration = Duration::from_mins(5);

/// A repository of the platform's own about the agent's work tree.
#[derive(Clone, Debug)]
pub struct Record {
    pub repository: PathBuf,
    pub work_tree: PathBuf,
    pub git: Git,
    pub limits: Limits,
    /// Bounds how much of this goes on at once, for all tasks together.
    pub permits: Arc<Semaphore>,
}

/// What tells names, counts and kinds of changes.
const NAMES: [&str; 3] = ["--raw", "--numstat", "-z"];

/// Files whose content is in the record.
type Stored = Vec<(Found, ObjectId)>;

impl Record {
    /// Makes the record unless it is there, and clears away what a killed server has left. Only for
    /// whoever holds the task: nobody else may be recording.
    pub async fn open(&self) -> Result<(), GitError> {
        if !self.exists().await? {
            self.make(&self.repository, &["--bare"]).await?;
        }
        let repository = self.repository.clone();
        spawn_blocking(move || scratch::clear(&repository))
            .await
            .map_err(io::Error::other)??;
        Ok(())
    }

    /// Records how the task begins, unless that is done.
    pub async fn begin(&self) -> Result<(), GitError> {
        if self.resolve(START).await?.is_none() {
            self.commit("start", "Start").await?;
        }
        Ok(())
    }

    /// Whether anything was ever recorded.
    pub async fn exists(&self) -> Result<bool, GitError> {
        Ok(tokio::fs::try_exists(self.repository.join("HEAD")).await?)
    }

    /// Makes a repository aside and moves it into place: half of one is never found, and git never
    /// works in a folder that an agent can reach.
    pub async fn make(&self, target: &Path, arguments: &[&str]) -> Result<(), GitError> {
        let parent = target.parent().unwrap_or(target);
        let aside = Scratch::new(parent)?;
        let made = aside.path().join("made");
        self.git.init(&made, arguments).await?;
        Ok(tokio::fs::rename(&made, target).await?)
    }

    /// The commit that a ref names.
    pub(super) async fn resolve(&self, name: &str) -> Result<Option<ObjectId>, GitError> {
        let printed = self
            .run("for-each-ref", &["--format=%(refname) %(objectname)", name])
            .await?;
        let printed = String::from_utf8_lossy(&printed);
        let mut refs = printed.lines().filter_map(|line| line.split_once(' '));
        let id = refs.find(|(found, _)| *found == name).map(|(_, id)| id);
        Ok(id.map(str::to_owned))
    }

    /// Records the work tree under `refs/ccs/<name>`.
    pub async fn commit(&self, name: &str, message: &str) -> Result<ObjectId, GitError> {
        let (commit, parent) = self.commit_tree(message).await?;
        // Only if nobody else has recorded in between, and both refs or none.
        let before = parent.unwrap_or_else(|| "0".repeat(commit.len()));
        let update = format!("update {HEAD} {commit} {before}\nupdate refs/ccs/{name} {commit}\n");
        self.update_refs(&update).await?;
        self.tidy().await;
        Ok(commit)
    }

    /// A commit of the work tree on top of the last one that was recorded, which nothing refers to yet;
    /// and that last one.
    pub(super) async fn commit_tree(
        &self,
        message: &str,
    ) -> Result<(ObjectId, Option<ObjectId>), GitError> {
        let (tree, left_out) = self.tree().await?;
        let mut message = message.to_owned();
        if !left_out.is_empty() {
            let left_out = left_out.to_string();
            tracing::warn!(record = %self.repository.display(), %left_out, "not all is recorded");
            message = format!("{message}\n\nNot recorded:\n{left_out}");
        }
        let parent = self.resolve(HEAD).await?;
        let mut arguments = vec!["-m", &message];
        if let Some(parent) = &parent {
            arguments.extend(["-p", parent]);
        }
        arguments.push(&tree);
        let commit = git::word("commit-tree", self.run("commit-tree", &arguments).await?)?;
        Ok((commit, parent))
    }

    /// Changes refs, all or none, as `git update-ref --stdin` reads it.
    pub(super) async fn update_refs(&self, changes: &str) -> Result<(), GitError> {
        let command = self.command("update-ref", &["--stdin"]);
        git::run_with("update-ref", command, changes.as_bytes())
            .await
            .map(drop)
    }

    pub(super) async fn tidy(&self) {
        if let Err(error) = self.keep_house().await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the record can't be tidied"
            );
        }
    }

    /// Packs the record and removes what nothing refers to, if there is much of it.
    async fn keep_house(&self) -> Result<(), GitError> {
        let command = self.command("gc", &["--auto", "--quiet"]);
        git::run("gc", command, HOUSEKEEPING_LIMIT).await.map(drop)
    }

    /// The tree of the work tree as it is now, without recording it.
    pub async fn snapshot(&self) -> Result<ObjectId, GitError> {
        self.tree().await.map(|(tree, _)| tree)
    }

    async fn tree(&self) -> Result<(ObjectId, LeftOut), GitError> {
        let permit = self.permits.acquire().await;
        let _permit = permit.map_err(io::Error::other)?;
        let file = self.known();
        let known = blocking(move || Known::load(&file)).await?;
        let is_blank = known.is_empty();
        match self.tree_with(known).await {
            // What is known may have been removed from the record as unused.
            Err(GitError::Failed { .. }) if !is_blank => self.tree_with(Known::default()).await,
            tree => tree,
        }
    }

    fn known(&self) -> PathBuf {
        self.repository.join("known-files")
    }

    async fn tree_with(&self, known: Known) -> Result<(ObjectId, LeftOut), GitError> {
        let scratch = Scratch::new(&self.repository)?;
        let kept = self.began_with().await?;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.unwrap_or_default();
        let (work_tree, limits) = (self.work_tree.clone(), self.limits);
        let listing = blocking(move || {
            let root = File::open(work_tree)?;
            Ok(walk::list(&root, &kept, limits))
        });
        let Listing {
            files,
            mut left_out,
        } = listing.await?;
        let mut stored = Vec::with_capacity(files.len());
        let mut new = Vec::new();
        for found in files {
            match known.id(&found.path, found.stamp) {
                Some(id) => stored.push((found, id.clone())),
                None => new.push(found),
            }
        }
        let has_changed = !new.is_empty();
        let (added, unread) = self.store(new, &scratch).await?;
        stored.extend(added);
        left_out.extend(unread);
        let tree = self.write_tree(&stored, &scratch).await?;
        if has_changed {
            let (file, aside) = (self.known(), scratch.path().join("known"));
            blocking(move || {
                let mut known = Known::default();
                for (found, id) in stored {
                    known.keep(found.path, found.stamp, id, now);
                }
                known.save(&file, &aside)
            })
            .await?;
        }
        Ok((tree, left_out))
    }

    /// What was there when the task began. It stays recorded, whatever a `.gitignore` says later.
    pub(super) async fn began_with(&self) -> Result<BTreeSet<Vec<u8>>, GitError> {
        let start = match self.resolve(START).await? {
            Some(start) => Some(start),
            None => self.source().await?,
        };
        let Some(start) = start else {
            return Ok(BTreeSet::new());
        };
        let listed = self
            .run("ls-tree", &["-r", "-z", "--name-only", &start])
            .await?;
        let paths = listed.split(|byte| *byte == 0);
        let paths = paths.filter(|path| !path.is_empty());
        Ok(paths.map(<[u8]>::to_vec).collect())
    }

    /// Puts the files' contents into the record, as they are: git gets them on standard input.
    async fn store(
        &self,
        new: Vec<Found>,
        scratch: &Scratch,
    ) -> Result<(Stored, LeftOut), GitError> {
        if new.is_empty() {
            return Ok((Stored::new(), LeftOut::default()));
        }
        let marks = scratch.path().join("marks");
        let mut command = self.command("fast-import", &["--quiet", "--done"]);
        command.arg(format!("--export-marks={}", marks.display()));
        command.stdin(std::process::Stdio::piped());
        let mut child = command.spawn().map_err(GitError::Start)?;
        let stdin = child.stdin.take().ok_or_else(closed)?;
        // In memory are the file being written, the one behind it, and the one being read.
        let (contents, inbox) = mpsc::channel(1);
        let work_tree = self.work_tree.clone();
        let reading = blocking(move || read_all(&File::open(work_tree)?, new, &contents));
        let talk = async {
            let told = tell(stdin, inbox).await;
            let output = child.wait_with_output().await?;
            // Why it stopped listening is in its own words.
            git::finish("fast-import", output)?;
            Ok::<_, GitError>(told?)
        };
        let talk = async {
            let talked = timeout(git::LIMIT, talk).await;
            talked.map_err(|_| GitError::TimedOut {
                command: "fast-import",
            })?
        };
        let (read, talked) = tokio::join!(reading, talk);
        talked?;
        let (read, unread) = read?;
        let ids = ids_by_mark(&tokio::fs::read(&marks).await?, read.len())?;
        Ok((read.into_iter().zip(ids).collect(), unread))
    }

    async fn write_tree(&self, files: &Stored, scratch: &Scratch) -> Result<ObjectId, GitError> {
        let index = scratch.path().join("index");
        let mut entries = Vec::with_capacity(files.len() * 100);
        for (found, id) in files {
            entries.extend_from_slice(found.kind.mode().as_bytes());
            entries.push(b' ');
            entries.extend_from_slice(id.as_bytes());
            entries.push(b'\t');
            entries.extend_from_slice(&found.path);
            entries.push(0);
        }
        let mut command = self.command("update-index", &["-z", "--index-info"]);
        command.env("GIT_INDEX_FILE", &index);
        git::run_with("update-index", command, &entries).await?;
        let mut command = self.command("write-tree", &[]);
        command.env("GIT_INDEX_FILE", &index);
        let printed = git::run("write-tree", command, git::LIMIT).await?;
        git::word("write-tree", printed)
    }

    /// The changes between two commits or trees.
    pub async fn diff(&self, base: &str, head: &str) -> Result<Diff, GitError> {
        self.diff_of(base, head, &[]).await
    }

    /// The files that differ between two commits or trees, without their lines.
    pub async fn changed_files(&self, base: &str, head: &str) -> Result<Diff, GitError> {
        let (names, cut) = self.compare(&NAMES, base, head, &[]).await?;
        let mut parsed = diff::parse(&names, "");
        base.clone_into(&mut parsed.base);
        head.clone_into(&mut parsed.head);
        parsed.truncated |= cut;
        Ok(parsed)
    }

    async fn compare(
        &self,
        output: &[&str],
        base: &str,
        head: &str,
        paths: &[&str],
    ) -> Result<(Vec<u8>, bool), GitError> {
        let common = [
            "--no-color",
            "--no-ext-diff",
            "--no-textconv",
            "--find-renames",
        ];
        let mut command = self.command("diff", &common);
        command.args(output).args([base, head, "--"]).args(paths);
        command.env("GIT_LITERAL_PATHSPECS", "1");
        git::limited("diff", command).await
    }

    /// The changes to some files between two commits or trees; to all, if none is named.
    pub async fn diff_of(&self, base: &str, head: &str, paths: &[&str]) -> Result<Diff, GitError> {
        let (names, names_cut) = self.compare(&NAMES, base, head, paths).await?;
        let patch = self.compare(&["--patch", "--unified=3"], base, head, paths);
        let (patch, patch_cut) = patch.await?;
        let mut parsed = diff::parse(&names, &String::from_utf8_lossy(&patch));
        base.clone_into(&mut parsed.base);
        head.clone_into(&mut parsed.head);
        parsed.truncated |= names_cut || patch_cut;
        Ok(parsed)
    }

    /// A file as it was in a commit: its size and its beginning, both in bytes. Nothing if the
    /// commit has no such file; a symbolic link is none.
    pub async fn file(
        &self,
        commit: &str,
        path: &str,
        limit: u64,
    ) -> Result<Option<(u64, Vec<u8>)>, GitError> {
        let mut list = self.command("ls-tree", &["--long", "-z", commit, "--", path]);
        list.env("GIT_LITERAL_PATHSPECS", "1");
        let listed = git::run("ls-tree", list, git::LIMIT).await?;
        let listed = String::from_utf8_lossy(&listed);
        // Mode, type, object and size, then a tab and the path.
        let fields = listed.split('\t').next().unwrap_or_default();
        let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
        let [mode, "blob", object, size] = fields.as_slice() else {
            return Ok(None);
        };
        let size = size.parse().ok().filter(|_| mode.starts_with("100"));
        let Some(size) = size else { return Ok(None) };
        let blob = self.command("cat-file", &["blob", object]);
        let (mut bytes, _) = git::limited("cat-file", blob).await?;
        bytes.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(Some((size, bytes)))
    }

    pub(super) fn command(&self, subcommand: &str, arguments: &[&str]) -> Command {
        let mut command = self.git.command(&self.repository, subcommand);
        command.args(arguments);
        command
    }

    pub(super) async fn run(
        &self,
        command: &'static str,
        arguments: &[&str],
    ) -> Result<Vec<u8>, GitError> {
        git::run(command, self.command(command, arguments), git::LIMIT).await
    }
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, GitError> {
    Ok(spawn_blocking(work).await.map_err(io::Error::other)??)
}

fn closed() -> io::Error {
    io::ErrorKind::BrokenPipe.into()
}

/// Sends the contents one after the other; answers with the files in the same order.
fn read_all(
    root: &File,
    files: Vec<Found>,
    contents: &mpsc::Sender<Vec<u8>>,
) -> io::Result<(Vec<Found>, LeftOut)> {
    let mut read = Vec::with_capacity(files.len());
    let mut left_out = LeftOut::default();
    let mut allowance = NEW_LIMIT;
    for mut found in files {
        match walk::content(root, &found) {
            Ok(Some((_, content))) if content.len() as u64 > allowance => {
                left_out.add(&found.path, Reason::TooMuch);
            }
            Ok(Some((stamp, content))) => {
                allowance -= content.len() as u64;
                found.stamp = stamp;
                contents.blocking_send(content).map_err(|_| closed())?;
                read.push(found);
            }
            Ok(None) => {}
            Err(reason) => left_out.add(&found.path, reason),
        }
    }
    Ok((read, left_out))
}

/// Writes contents as `git fast-import` reads them, numbered from 1.
async fn tell(
    stdin: impl AsyncWrite + Unpin,
    mut contents: mpsc::Receiver<Vec<u8>>,
) -> io::Result<()> {
    let mut stdin = BufWriter::with_capacity(64 * 1024, stdin);
    let mut mark = 0;
    while let Some(content) = contents.recv().await {
        mark += 1;
        let head = format!("blob\nmark :{mark}\ndata {}\n", content.len());
        stdin.write_all(head.as_bytes()).await?;
        stdin.write_all(&content).await?;
        stdin.write_all(b"\n").await?;
    }
    stdin.write_all(b"done\n").await?;
    stdin.flush().await
}

/// Reads lines of `:<mark> <id>`, one for each number from 1 to `count`, in any order.
fn ids_by_mark(text: &[u8], count: usize) -> Result<Vec<ObjectId>, GitError> {
    let mut ids = vec![ObjectId::new(); count];
    for line in String::from_utf8_lossy(text).lines() {
        let parts = line.strip_prefix(':').and_then(|line| line.split_once(' '));
        let Some((mark, id)) = parts else { continue };
        let place = mark.parse::<usize>().ok().and_then(|mark| {
            let index = mark.checked_sub(1)?;
            ids.get_mut(index)
        });
        if let Some(place) = place
            && is_object_id(id)
        {
            id.clone_into(place);
        }
    }
    if ids.iter().any(String::is_empty) {
        return Err(GitError::Unexpected {
            command: "fast-import",
        });
    }
    Ok(ids)
}
