use std::os::unix::fs::symlink;
use std::process::Command;

use uuid::Uuid;

use super::*;

pub struct Fixture {
    pub folder: tempfile::TempDir,
    pub workspaces: Workspaces,
    pub task: TaskId,
    pub root: PathBuf,
}

pub async fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let workspaces = Workspaces::new(folder.path(), "/usr/bin:/bin".as_ref());
    let task = TaskId::from_uuid(Uuid::new_v4());
    workspaces.prepare(task, None).await.unwrap();
    let root = workspaces.workspace(task);
    Fixture {
        folder,
        workspaces,
        task,
        root,
    }
}

/// Everything that git is told about the repository itself comes from here.
pub fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(folder)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", "/nonexistent")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .args(["-c", "user.name=A", "-c", "user.email=a@example.invalid"])
        .args(["-c", "init.defaultBranch=main"])
        .args(arguments)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {arguments:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
async fn a_path_that_leads_out_of_the_workspace_is_refused() {
    let it = fixture().await;
    symlink("/etc/passwd", it.root.join("passwd")).unwrap();
    symlink("/etc", it.root.join("etc")).unwrap();
    symlink("a.txt", it.root.join("inside")).unwrap();
    std::fs::write(it.root.join("a.txt"), "one").unwrap();
    for path in [
        "passwd",
        "etc/passwd",
        "../record.git/HEAD",
        "/etc/passwd",
        "a/../../x",
    ] {
        let refused = it.workspaces.read(it.task, path).await.unwrap_err();
        let expected = matches!(
            refused,
            WorkspaceError::Outside { .. } | WorkspaceError::NotFound { .. }
        );
        assert!(expected, "{path}: {refused:?}");
    }
    let content = it.workspaces.read(it.task, "inside").await.unwrap();
    assert_eq!(content.text.as_deref(), Some("one"));
    let folder = it.workspaces.read(it.task, ".git").await.unwrap_err();
    assert!(matches!(folder, WorkspaceError::NotAFile { .. }));
}

#[tokio::test]
async fn long_and_binary_files_are_cut_or_held_back() {
    let it = fixture().await;
    std::fs::write(it.root.join("long"), "é".repeat(400_000)).unwrap();
    let long = it.workspaces.read(it.task, "long").await.unwrap();
    assert!(long.truncated && long.text.is_some_and(|text| text.len() <= 512 * 1024));
    std::fs::write(it.root.join("binary"), [0xff, 0xfe, 0]).unwrap();
    let binary = it.workspaces.read(it.task, "binary").await.unwrap();
    assert_eq!((binary.text, binary.size), (None, 3));
}

#[tokio::test]
async fn a_file_is_read_as_it_was_in_a_commit() {
    let it = fixture().await;
    std::fs::create_dir(it.root.join("docs")).unwrap();
    std::fs::write(it.root.join("docs/a b.md"), "# one\n").unwrap();
    symlink("/etc/passwd", it.root.join("docs/link.md")).unwrap();
    let commit = it.workspaces.commit(it.task, "phase-1/round-1", "First");
    let commit = commit.await.unwrap();
    std::fs::write(it.root.join("docs/a b.md"), "# two\n").unwrap();
    let record = it.workspaces.record(it.task);
    let file = record.file(&commit, "docs/a b.md", 100).await.unwrap();
    assert_eq!(file, Some((6, b"# one\n".to_vec())));
    let cut = record.file(&commit, "docs/a b.md", 3).await.unwrap();
    assert_eq!(cut, Some((6, b"# o".to_vec())));
    for path in [
        "docs",
        "docs/none.md",
        "docs/link.md",
        "../a",
        "/etc/passwd",
        "",
        ":(top)docs/a b.md",
    ] {
        let file = record.file(&commit, path, 100).await;
        assert!(!matches!(file, Ok(Some(_))), "{path}: {file:?}");
    }
}
