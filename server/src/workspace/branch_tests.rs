//! A task that begins with a repository, and the branch and the patch that it ends in.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use futures::TryStreamExt as _;
use uuid::Uuid;

use super::tests::git;
use super::*;

/// A server with one repository that may be used.
struct Fixture {
    folder: tempfile::TempDir,
    workspaces: Workspaces,
    task: TaskId,
    source: PathBuf,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("sources");
        let source = root.join("app");
        fs::create_dir_all(&source).unwrap();
        git(&source, &["init", "--quiet"]);
        let data = folder.path().join("data");
        let it = Self {
            workspaces: Workspaces::new(&data, "/usr/bin:/bin".as_ref())
                .with_allowed_roots(&[root]),
            folder,
            task: TaskId::from_uuid(Uuid::new_v4()),
            source,
        };
        it.write("src/a.txt", "one\n");
        it.write("b.txt", "two\n");
        it.write("old.txt", "old\n");
        it.commit();
        it
    }

    fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.source.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn commit(&self) -> String {
        git(&self.source, &["add", "--all", "--force"]);
        git(&self.source, &["commit", "--quiet", "--message", "More"]);
        git(&self.source, &["rev-parse", "HEAD"])
    }

    async fn prepare(&self) -> PathBuf {
        let repository = self.source.display().to_string();
        let prepared = self.workspaces.prepare(self.task, Some(&repository)).await;
        prepared.unwrap();
        self.workspaces.workspace(self.task)
    }

    async fn publish(&self) -> BranchView {
        let record = self.workspaces.record(self.task);
        let name = branch::name(self.task);
        record.publish(&name, "A change").await.unwrap();
        self.workspaces.branch(self.task).await.unwrap().unwrap()
    }

    async fn patch(&self) -> String {
        let patch = self.workspaces.patch(self.task).await.unwrap();
        let parts: Vec<_> = patch.into_stream().try_collect().await.unwrap();
        String::from_utf8(parts.concat()).unwrap()
    }

    /// What somebody gets who fetches the branch into the source.
    fn fetched(&self, branch: &BranchView, path: &str) -> String {
        let shell = Command::new("sh")
            .current_dir(&self.source)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", "/nonexistent")
            .args(["-c", &format!("{} --quiet --force", branch.command)])
            .output()
            .unwrap();
        assert!(shell.status.success(), "{shell:?}");
        git(&self.source, &["show", &format!("{}:{path}", branch.name)])
    }
}

#[tokio::test]
async fn the_work_tree_is_that_of_the_repository_on_a_branch_of_its_own() {
    let it = Fixture::new();
    let head = git(&it.source, &["rev-parse", "HEAD"]);
    it.write("src/a.txt", "not committed\n");
    let workspace = it.prepare().await;
    assert_eq!(
        fs::read_to_string(workspace.join("src/a.txt")).unwrap(),
        "one\n"
    );
    assert_eq!(git(&workspace, &["rev-parse", "HEAD"]), head);
    assert_eq!(
        git(&workspace, &["symbolic-ref", "--short", "HEAD"]),
        branch::name(it.task)
    );
    assert_eq!(git(&workspace, &["status", "--short"]), "");
    assert_eq!(git(&workspace, &["remote"]), "");
    assert!(it.workspaces.branch(it.task).await.unwrap().is_none());
    // Once it is there, it stays as the agent has it.
    fs::write(workspace.join("src/a.txt"), "changed\n").unwrap();
    fs::remove_dir_all(&it.source).unwrap();
    it.prepare().await;
    assert_eq!(
        fs::read_to_string(workspace.join("src/a.txt")).unwrap(),
        "changed\n"
    );
}

#[tokio::test]
async fn the_branch_is_one_commit_on_top_and_the_patch_says_the_same() {
    let it = Fixture::new();
    let base = git(&it.source, &["rev-parse", "HEAD"]);
    let workspace = it.prepare().await;
    fs::write(workspace.join("src/a.txt"), "one\nand more\n").unwrap();
    fs::write(workspace.join("new.txt"), "new\n").unwrap();
    fs::remove_file(workspace.join("old.txt")).unwrap();
    fs::write(workspace.join("picture"), [0, 159, 146, 150]).unwrap();
    let branch = it.publish().await;
    assert_eq!(it.fetched(&branch, "src/a.txt"), "one\nand more");
    assert_eq!(it.fetched(&branch, "b.txt"), "two");
    assert_eq!(branch.base, base);
    assert_eq!(
        git(&it.source, &["rev-parse", &format!("{}^", branch.head)]),
        base
    );
    let names = git(&it.source, &["ls-tree", "-r", "--name-only", &branch.head]);
    assert_eq!(names, "b.txt\nnew.txt\npicture\nsrc/a.txt");
    let patch = it.folder.path().join("a.patch");
    fs::write(&patch, it.patch().await).unwrap();
    git(
        &it.source,
        &["apply", "--index", &patch.display().to_string()],
    );
    let tree = git(&it.source, &["write-tree"]);
    assert_eq!(
        tree,
        git(
            &it.source,
            &["rev-parse", &format!("{}^{{tree}}", branch.head)]
        )
    );
    // Made anew, it follows the work.
    fs::remove_file(workspace.join("new.txt")).unwrap();
    let again = it.publish().await;
    assert_eq!((&again.name, &again.base), (&branch.name, &branch.base));
    assert_ne!(again.head, branch.head);
    assert_eq!(it.fetched(&again, "b.txt"), "two");
}

#[tokio::test]
async fn without_a_change_the_branch_is_what_the_task_began_with() {
    let it = Fixture::new();
    it.prepare().await;
    let branch = it.publish().await;
    assert_eq!(branch.head, branch.base);
    assert_eq!(it.patch().await, "");
}

#[tokio::test]
async fn nothing_of_the_repository_is_executed_or_obeyed_on_its_way() {
    let it = Fixture::new();
    let (trap, mark) = (it.folder.path().join("trap"), it.folder.path().join("mark"));
    fs::write(&trap, format!("#!/bin/sh\ntouch {}\ncat\n", mark.display())).unwrap();
    fs::set_permissions(&trap, fs::Permissions::from_mode(0o755)).unwrap();
    it.write(".gitattributes", "*.txt text eol=crlf filter=evil ident\n");
    it.write("id.txt", "$Id$\n");
    symlink("/etc/passwd", it.source.join("link")).unwrap();
    it.commit();
    let own = it.source.join(".git");
    for hook in [
        "post-checkout",
        "post-merge",
        "reference-transaction",
        "pre-auto-gc",
    ] {
        fs::copy(&trap, own.join("hooks").join(hook)).unwrap();
    }
    let trap = trap.display();
    let config = format!(
        "[core]\n\trepositoryformatversion = 0\n\tfsmonitor = {trap}\n\talternateRefsCommand = {trap}\n\
         [uploadpack]\n\tpackObjectsHook = {trap}\n\
         [filter \"evil\"]\n\tclean = {trap}\n\tsmudge = {trap}\n"
    );
    fs::write(own.join("config"), config).unwrap();
    let workspace = it.prepare().await;
    let branch = it.publish().await;
    assert_eq!(
        branch.head, branch.base,
        "the committed bytes were checked out"
    );
    assert_eq!(
        fs::read_to_string(workspace.join("id.txt")).unwrap(),
        "$Id$\n"
    );
    assert!(
        fs::symlink_metadata(workspace.join("link"))
            .unwrap()
            .is_symlink()
    );
    assert!(!workspace.join(".git/hooks").exists());
    let kept = fs::read_to_string(workspace.join(".git/config")).unwrap();
    assert!(!kept.contains("trap"), "{kept}");
    assert!(!mark.exists(), "something of the repository was executed");
}

#[tokio::test]
async fn what_can_not_be_recorded_stays_in_the_branch_as_it_was() {
    let it = Fixture::new();
    it.write("large.bin", vec![b'x'; 33 * 1024 * 1024]);
    it.write(".gitignore", "ignored/\n");
    it.write("ignored/but-committed.txt", "here\n");
    let inner = it.folder.path().join("inner");
    fs::create_dir(&inner).unwrap();
    git(&inner, &["init", "--quiet"]);
    git(
        &inner,
        &["commit", "--quiet", "--allow-empty", "--message", "Inner"],
    );
    let id = git(&inner, &["rev-parse", "HEAD"]);
    it.commit();
    let link = format!("160000,{id},library");
    git(&it.source, &["update-index", "--add", "--cacheinfo", &link]);
    git(
        &it.source,
        &["commit", "--quiet", "--message", "A submodule"],
    );
    let workspace = it.prepare().await;
    assert!(workspace.join("large.bin").exists());
    fs::write(workspace.join("b.txt"), "changed\n").unwrap();
    let branch = it.publish().await;
    assert_eq!(it.fetched(&branch, "b.txt"), "changed");
    let changed = ["diff", "--name-only", &branch.base, &branch.head];
    assert_eq!(git(&it.source, &changed), "b.txt");
}

#[tokio::test]
async fn a_repository_that_can_not_be_fetched_is_told_with_the_reason() {
    let it = Fixture::new();
    let empty = it.source.with_file_name("empty");
    fs::create_dir(&empty).unwrap();
    git(&empty, &["init", "--quiet"]);
    let prepare = async |path: &Path| {
        let path = path.display().to_string();
        let task = TaskId::from_uuid(Uuid::new_v4());
        let prepared = it.workspaces.prepare(task, Some(&path)).await;
        prepared.unwrap_err().to_string()
    };
    let refusal = prepare(&empty).await;
    assert!(
        refusal.starts_with("the repository can't be fetched: "),
        "{refusal}"
    );
    assert!(refusal.contains("HEAD"), "{refusal}");
    let refusal = prepare(&it.source.with_file_name("gone")).await;
    assert_eq!(refusal, "the repository does not exist on this server");
    let refusal = prepare(Path::new("/etc")).await;
    assert!(refusal.contains("CCS_ALLOWED_ROOTS"), "{refusal}");
}
