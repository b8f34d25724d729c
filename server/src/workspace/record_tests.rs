//! What a record holds, and that nothing of an agent's is executed, obeyed or followed by it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use app::api::FileChange;

use super::record::START;
use super::tests::{Fixture, fixture, git};
use super::*;

impl Fixture {
    fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn repository(&self) -> PathBuf {
        self.workspaces.record(self.task).repository
    }

    async fn commit(&self, name: &str) -> String {
        let commit = self.workspaces.commit(self.task, name, name).await;
        commit.unwrap()
    }

    async fn snapshot(&self) -> String {
        let record = self.workspaces.record(self.task);
        record.snapshot().await.unwrap()
    }

    /// The paths in a commit or tree, with their modes.
    fn recorded(&self, tree: &str) -> BTreeMap<String, String> {
        let listed = git(&self.repository(), &["ls-tree", "-r", "-z", tree]);
        let entries = listed.split_terminator('\0').map(|entry| {
            let (head, path) = entry.split_once('\t').unwrap();
            (path.to_owned(), head[..6].to_owned())
        });
        entries.collect()
    }

    fn paths(&self, tree: &str) -> Vec<String> {
        self.recorded(tree).into_keys().collect()
    }

    fn message(&self, commit: &str) -> String {
        git(&self.repository(), &["log", "-1", "--format=%B", commit])
    }

    /// A program that leaves a mark if it is ever run, and the mark.
    fn trap(&self) -> (String, PathBuf) {
        let (trap, mark) = (
            self.folder.path().join("trap"),
            self.folder.path().join("mark"),
        );
        fs::write(&trap, format!("#!/bin/sh\ntouch {}\ncat\n", mark.display())).unwrap();
        fs::set_permissions(&trap, fs::Permissions::from_mode(0o755)).unwrap();
        (trap.display().to_string(), mark)
    }
}

/// Settings by which git would run `trap` in one situation or another.
fn hostile_config(trap: &str) -> String {
    format!(
        "[core]\n\trepositoryformatversion = 0\n\tfsmonitor = {trap}\n\talternateRefsCommand = {trap}\n\
         \tsshCommand = {trap}\n\tpager = {trap}\n\teditor = {trap}\n\
         [receive]\n\tdenyCurrentBranch = updateInstead\n[uploadpack]\n\tpackObjectsHook = {trap}\n\
         [filter \"evil\"]\n\tclean = {trap}\n\tsmudge = {trap}\n\tprocess = {trap}\n\trequired = true\n\
         [diff]\n\texternal = {trap}\n[diff \"evil\"]\n\tcommand = {trap}\n\ttextconv = {trap}\n\
         [gc]\n\tauto = 1\n[gpg]\n\tprogram = {trap}\n[commit]\n\tgpgSign = true\n"
    )
}

#[tokio::test]
async fn a_commit_shows_what_changed_since_the_one_before() {
    let it = fixture().await;
    it.write("a.txt", "one\n");
    let first = it.commit("phase-1/round-1").await;
    it.write("a.txt", "one\ntwo\n");
    it.write("new\nname", [0, 159, 146, 150]);
    let second = it.commit("phase-1/round-2").await;
    let record = it.workspaces.record(it.task);
    let diff = record.diff(&first, &second).await.unwrap();
    assert_eq!(diff.files.len(), 2);
    assert_eq!(
        (diff.files[0].path.as_str(), diff.files[0].additions),
        ("a.txt", 1)
    );
    assert_eq!(diff.files[1].change, FileChange::Added);
    assert!(diff.files[1].binary);
    let repository = it.repository();
    let named = git(&repository, &["rev-parse", "refs/ccs/phase-1/round-2"]);
    let parent = git(&repository, &["rev-parse", "refs/ccs/head^"]);
    assert_eq!((named, parent), (second, first));
}

#[tokio::test]
async fn every_kind_of_file_is_recorded_as_it_is() {
    let it = fixture().await;
    it.write("run", "#!/bin/sh\n");
    fs::set_permissions(it.root.join("run"), fs::Permissions::from_mode(0o755)).unwrap();
    it.write("crlf.txt", "a\r\nb\r\n");
    it.write(
        ".gitattributes",
        "* text=auto eol=lf working-tree-encoding=UTF-16\n",
    );
    it.write("git~1/.git ", "names that other systems mistake");
    it.write("empty", "");
    symlink("/etc/passwd", it.root.join("link")).unwrap();
    let commit = it.commit("phase-1/round-1").await;
    let recorded = it.recorded(&commit);
    let modes: Vec<_> = recorded
        .iter()
        .map(|(path, mode)| (&**path, &**mode))
        .collect();
    assert_eq!(
        modes,
        [
            (".gitattributes", "100644"),
            ("crlf.txt", "100644"),
            ("empty", "100644"),
            ("git~1/.git ", "100644"),
            ("link", "120000"),
            ("run", "100755"),
        ]
    );
    let content = |path: &str| git(&it.repository(), &["show", &format!("{commit}:{path}")]);
    assert_eq!(content("crlf.txt"), "a\r\nb");
    assert_eq!(content("link"), "/etc/passwd");
}

#[tokio::test]
async fn an_agents_settings_hooks_and_filters_are_not_executed() {
    let it = fixture().await;
    let (trap, mark) = it.trap();
    let own = it.root.join(".git");
    fs::create_dir_all(own.join("hooks")).unwrap();
    for hook in [
        "pre-receive",
        "update",
        "post-receive",
        "reference-transaction",
        "pre-commit",
        "pre-auto-gc",
        "push-to-checkout",
        "post-index-change",
    ] {
        fs::copy(&trap, own.join("hooks").join(hook)).unwrap();
    }
    fs::write(own.join("config"), hostile_config(&trap)).unwrap();
    fs::create_dir_all(own.join("objects/info")).unwrap();
    fs::write(
        own.join("objects/info/alternates"),
        "/nonexistent/objects\n",
    )
    .unwrap();
    fs::write(own.join("HEAD"), "ref: refs/ccs/head\n").unwrap();
    it.write(".gitattributes", "* filter=evil diff=evil\n");
    it.write("a.txt", "one\n");
    let first = it.commit("phase-1/round-1").await;
    it.write("a.txt", "two\n");
    let second = it.snapshot().await;
    let record = it.workspaces.record(it.task);
    let diff = record.diff(&first, &second).await.unwrap();
    it.workspaces.prepare(it.task, None).await.unwrap();
    assert!(!mark.exists(), "something of the agent's was executed");
    // `diff=evil` and `-diff` are not obeyed either: a change can't be hidden from a review.
    assert_eq!((diff.files[0].additions, diff.files[0].deletions), (1, 1));
    assert!(
        !own.join("refs/ccs").exists(),
        "the agent's repository is its own"
    );
}

#[tokio::test]
async fn a_repository_inside_the_workspace_is_recorded_as_plain_files_and_not_executed() {
    let it = fixture().await;
    let (trap, mark) = it.trap();
    it.write("sub/a.txt", "one\n");
    let sub = it.root.join("sub");
    git(&sub, &["init", "--quiet"]);
    git(&sub, &["add", "a.txt"]);
    git(&sub, &["commit", "--quiet", "-m", "one"]);
    fs::write(sub.join(".git/config"), hostile_config(&trap)).unwrap();
    it.write("sub/.gitattributes", "* filter=evil\n");
    it.write("sub/a.txt", "changed, so that git would look at it\n");
    // A repository without a commit, and one that is only a pointer.
    fs::create_dir_all(it.root.join("bare")).unwrap();
    git(&it.root.join("bare"), &["init", "--quiet"]);
    it.write("bare/b.txt", "two\n");
    it.write("pointer/.git", "gitdir: ../sub/.git\n");
    it.write("pointer/c.txt", "three\n");
    let commit = it.commit("phase-1/round-1").await;
    let snapshot = it.snapshot().await;
    assert!(!mark.exists(), "something of the agent's was executed");
    let expected = [
        "bare/b.txt",
        "pointer/c.txt",
        "sub/.gitattributes",
        "sub/a.txt",
    ];
    assert_eq!(it.paths(&commit), expected);
    assert_eq!(it.paths(&snapshot), expected);
    assert!(it.recorded(&commit).values().all(|mode| mode == "100644"));
}

#[tokio::test]
async fn a_link_in_place_of_the_agents_repository_leads_nowhere() {
    let it = fixture().await;
    let victim = it.folder.path().join("victim");
    fs::create_dir(&victim).unwrap();
    git(&victim, &["init", "--quiet"]);
    fs::remove_dir_all(it.root.join(".git")).unwrap();
    symlink(victim.join(".git"), it.root.join(".git")).unwrap();
    it.write("a.txt", "one\n");
    let commit = it.commit("phase-1/round-1").await;
    it.workspaces.prepare(it.task, None).await.unwrap();
    assert_eq!(it.paths(&commit), ["a.txt"]);
    assert_eq!(git(&victim, &["for-each-ref"]), "");
    // Neither is a repository made where a dangling link points to.
    fs::remove_file(it.root.join(".git")).unwrap();
    let planted = it.folder.path().join("planted");
    symlink(&planted, it.root.join(".git")).unwrap();
    it.workspaces.prepare(it.task, None).await.unwrap();
    assert!(!planted.exists());
}

#[tokio::test]
async fn a_folder_that_became_a_link_is_not_followed() {
    let it = fixture().await;
    let secret = it.folder.path().join("secret");
    fs::create_dir(&secret).unwrap();
    fs::write(secret.join("key"), "of the server").unwrap();
    it.write("docs/key", "of the agent");
    it.commit("phase-1/round-1").await;
    fs::remove_dir_all(it.root.join("docs")).unwrap();
    symlink(&secret, it.root.join("docs")).unwrap();
    symlink(secret.join("key"), it.root.join(".gitignore")).unwrap();
    let commit = it.commit("phase-1/round-2").await;
    let recorded = it.recorded(&commit);
    assert_eq!(recorded["docs"], "120000");
    assert_eq!(recorded[".gitignore"], "120000");
    assert_eq!(recorded.len(), 2);
}

#[tokio::test]
async fn ignored_files_are_left_out_as_git_would() {
    let it = fixture().await;
    it.write(
        ".gitignore",
        "target/\n*.log\n!keep.log\n/only-here\ndeep/**/x\n# a comment\n[\n",
    );
    it.write("docs/.gitignore", "!*.log\n");
    for path in [
        "target/debug/a",
        "src/target/b",
        "target.rs",
        "a.log",
        "keep.log",
        "docs/b.log",
        "only-here",
        "src/only-here",
        "deep/1/2/x",
        "deep/1/2/y",
    ] {
        it.write(path, path);
    }
    let commit = it.commit("phase-1/round-1").await;
    // Asked of git itself, in a repository that is nobody's.
    fs::remove_dir_all(it.root.join(".git")).unwrap();
    git(&it.root, &["init", "--quiet"]);
    let asked = ["ls-files", "-z", "--others", "--exclude-standard"];
    let listed = git(&it.root, &asked);
    let mut expected: Vec<_> = listed.split_terminator('\0').collect();
    expected.sort_unstable();
    assert_eq!(it.paths(&commit), expected);
    assert!(expected.contains(&"docs/b.log") && !expected.contains(&"src/target/b"));
}

#[tokio::test]
async fn what_the_task_began_with_can_not_be_ignored_away() {
    let it = fixture().await;
    fs::remove_dir_all(it.repository()).unwrap();
    it.write("src/main.rs", "fn main() {}\n");
    it.workspaces.prepare(it.task, None).await.unwrap();
    it.write(".gitignore", "src/\nnew\n");
    it.write("src/main.rs", "fn main() { changed() }\n");
    it.write("src/other.rs", "");
    it.write("new", "");
    let snapshot = it.snapshot().await;
    assert_eq!(it.paths(&snapshot), [".gitignore", "src/main.rs"]);
    let record = it.workspaces.record(it.task);
    let diff = record.diff(START, &snapshot).await.unwrap();
    assert_eq!(diff.files[1].change, FileChange::Modified);
}

#[tokio::test]
async fn what_can_not_be_recorded_is_left_out_with_a_note() {
    let it = fixture().await;
    it.write("a.txt", "one\n");
    it.write("rules/.gitignore", "*.txt\n".repeat(6_000));
    it.write("rules/b.txt", "two\n");
    let huge = fs::File::create(it.root.join("huge")).unwrap();
    huge.set_len(1 << 40).unwrap();
    symlink("a.txt", it.root.join(".gitmodules")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        it.root.join("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    let commit = it.commit("phase-1/round-1").await;
    let expected = ["a.txt", "rules/.gitignore", "rules/b.txt"];
    assert_eq!(it.paths(&commit), expected);
    let message = it.message(&commit);
    assert!(
        message.contains("\"rules/.gitignore\" is too large to be obeyed"),
        "{message}"
    );
    assert!(
        message.contains("\"huge\" is larger than 32 MiB"),
        "{message}"
    );
    assert!(message.contains("\".gitmodules\" is a link"), "{message}");
}

#[tokio::test]
async fn an_unreadable_file_does_not_stop_the_record() {
    let it = fixture().await;
    it.write("a.txt", "one\n");
    it.write("secret", "two\n");
    it.write("closed/b.txt", "three\n");
    for path in ["secret", "closed"] {
        fs::set_permissions(it.root.join(path), fs::Permissions::from_mode(0o000)).unwrap();
    }
    let is_all_powerful = fs::read(it.root.join("secret")).is_ok();
    let commit = it.commit("phase-1/round-1").await;
    let read = it.workspaces.read(it.task, "secret").await;
    fs::set_permissions(it.root.join("closed"), fs::Permissions::from_mode(0o700)).unwrap();
    if is_all_powerful {
        return; // root reads everything: see the test of `refusal` and that of `Reason`
    }
    assert_eq!(it.paths(&commit), ["a.txt"]);
    assert!(it.message(&commit).contains("\"secret\" can't be read"));
    assert!(matches!(read, Err(WorkspaceError::Denied { .. })));
}

#[tokio::test]
async fn a_workspace_without_end_is_recorded_up_to_a_limit() {
    let it = fixture().await;
    for number in 0..50 {
        it.write(&format!("{number}/a"), "");
    }
    let mut record = it.workspaces.record(it.task);
    record.limits = Limits {
        entries: 30,
        ..Limits::default()
    };
    let commit = record.commit("phase-1/round-1", "First").await.unwrap();
    assert!(it.message(&commit).contains("there are too many files"));
    // One folder below the other, until no path can name it.
    let mut folder = it.root.join("deep");
    let name = "n".repeat(200);
    fs::create_dir(&folder).unwrap();
    let mut handle = fs::File::open(&folder).unwrap();
    for _ in 0..25 {
        rustix::fs::mkdirat(&handle, &name, rustix::fs::Mode::RWXU).unwrap();
        let flags = rustix::fs::OFlags::DIRECTORY;
        let opened = rustix::fs::openat(&handle, &name, flags, rustix::fs::Mode::empty());
        handle = opened.unwrap().into();
        folder.push(&name);
    }
    let commit = it.commit("phase-1/round-2").await;
    assert!(it.message(&commit).contains("has a path that is too long"));
}

#[tokio::test]
async fn locks_of_a_killed_server_stop_nothing() {
    let it = fixture().await;
    it.write("a.txt", "one\n");
    it.commit("phase-1/round-1").await;
    let repository = it.repository();
    for lock in [
        "index.lock",
        "HEAD.lock",
        "packed-refs.lock",
        "refs/ccs/head.lock",
        "refs/ccs/phase-1/round-2.lock",
    ] {
        fs::write(repository.join(lock), "").unwrap();
    }
    let old = repository.join("tmp-abandoned");
    fs::create_dir(&old).unwrap();
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_hours(2);
    let folder = fs::File::open(&old).unwrap();
    folder.set_modified(long_ago).unwrap();
    fs::create_dir(repository.join("tmp-in-use")).unwrap();
    it.snapshot().await;
    it.workspaces.prepare(it.task, None).await.unwrap();
    it.write("a.txt", "two\n");
    it.commit("phase-1/round-2").await;
    assert!(!old.exists());
    let left = fs::read_dir(&repository).unwrap();
    let left = left.map(|entry| entry.unwrap().file_name());
    let left: Vec<_> = left
        .filter(|name| name.to_string_lossy().starts_with("tmp-"))
        .collect();
    assert_eq!(left, ["tmp-in-use"]);
}

#[tokio::test]
async fn what_was_known_may_be_lost_or_pruned() {
    let it = fixture().await;
    for number in 0..300 {
        it.write(&format!("{number}.txt"), format!("{number}\n"));
    }
    let first = it.snapshot().await;
    // Long enough ago to be known by the stamp.
    tokio::time::sleep(std::time::Duration::from_millis(2_100)).await;
    it.write("new", "new");
    let second = it.snapshot().await;
    assert_ne!(first, second);
    let repository = it.repository();
    let known = fs::read(repository.join("known-files")).unwrap();
    assert!(known.split(|byte| *byte == 0).count() > 300);
    git(&repository, &["gc", "--quiet", "--prune=now"]);
    assert_eq!(it.snapshot().await, second, "contents were pruned");
    fs::write(repository.join("known-files"), "damaged").unwrap();
    assert_eq!(it.snapshot().await, second, "what was known is damaged");
    assert_eq!(it.paths(&it.commit("phase-1/round-1").await).len(), 301);
    git(&repository, &["fsck", "--strict"]);
}

#[tokio::test]
async fn the_record_is_packed_when_much_has_come_together() {
    let it = fixture().await;
    for round in 0..22 {
        for number in 0..110 {
            it.write(&format!("{number}"), format!("{number} in {round}\n"));
        }
        it.commit(&format!("phase-1/round-{round}")).await;
    }
    let packs = fs::read_dir(it.repository().join("objects/pack")).unwrap();
    let packs = packs.filter(|entry| {
        let path = entry.as_ref().unwrap().path();
        path.extension()
            .is_some_and(|extension| extension == "pack")
    });
    assert!(packs.count() < 20);
}

#[tokio::test]
async fn a_failing_look_at_the_refs_makes_no_commit_without_a_parent() {
    let it = fixture().await;
    it.write("a.txt", "one\n");
    let first = it.commit("phase-1/round-1").await;
    let head = it.repository().join("refs/ccs/head");
    fs::write(&head, "not an id\n").unwrap();
    let refused = it.workspaces.commit(it.task, "phase-1/round-2", "x").await;
    assert!(refused.is_err());
    fs::write(&head, format!("{first}\n")).unwrap();
    let second = it.commit("phase-1/round-2").await;
    assert_eq!(
        git(&it.repository(), &["rev-parse", &format!("{second}^")]),
        first
    );
}

#[tokio::test]
async fn a_file_that_became_a_link_shows_both_sides() {
    let it = fixture().await;
    it.write("a", "one\ntwo\n");
    it.write("b", "before\n");
    let first = it.commit("phase-1/round-1").await;
    fs::remove_file(it.root.join("a")).unwrap();
    symlink("b", it.root.join("a")).unwrap();
    it.write("b", "after\n");
    let second = it.commit("phase-1/round-2").await;
    let record = it.workspaces.record(it.task);
    let diff = record.diff(&first, &second).await.unwrap();
    let texts = |file: usize| -> Vec<_> {
        let lines = diff.files[file].hunks.iter().flat_map(|hunk| &hunk.lines);
        lines.map(|line| line.text.as_str()).collect()
    };
    assert_eq!(texts(0), ["one", "two", "b"]);
    assert_eq!(texts(1), ["before", "after"]);
}

#[tokio::test]
async fn many_people_may_look_while_the_agent_works() {
    let it = fixture().await;
    let mut looking = tokio::task::JoinSet::new();
    for number in 0..8 {
        it.write(&format!("{number}"), "x".repeat(number));
        let record = it.workspaces.record(it.task);
        looking.spawn(async move { record.snapshot().await });
    }
    while let Some(snapshot) = looking.join_next().await {
        snapshot.unwrap().unwrap();
    }
}
