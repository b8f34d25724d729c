use std::os::unix::fs::symlink;

use app::api::FileChange;
use uuid::Uuid;

use super::*;

struct Fixture {
    _folder: tempfile::TempDir,
    workspaces: Workspaces,
    task: TaskId,
    root: PathBuf,
}

async fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let workspaces = Workspaces::new(folder.path());
    let task = TaskId::from_uuid(Uuid::new_v4());
    workspaces.prepare(task).await.unwrap();
    let root = workspaces.workspace(task);
    Fixture {
        _folder: folder,
        workspaces,
        task,
        root,
    }
}

#[tokio::test]
async fn a_commit_shows_what_changed_since_the_one_before() {
    let it = fixture().await;
    std::fs::write(it.root.join("a.txt"), "one\n").unwrap();
    let first = it
        .workspaces
        .commit(it.task, "phase-1/round-1", "First")
        .await
        .unwrap();
    std::fs::write(it.root.join("a.txt"), "one\ntwo\n").unwrap();
    std::fs::write(it.root.join("new\nname"), [0, 159, 146, 150]).unwrap();
    let second = it
        .workspaces
        .commit(it.task, "phase-1/round-2", "Second")
        .await
        .unwrap();
    let diff = it
        .workspaces
        .record(it.task)
        .diff(&first, &second)
        .await
        .unwrap();
    assert_eq!(diff.files.len(), 2);
    assert_eq!(
        (diff.files[0].path.as_str(), diff.files[0].additions),
        ("a.txt", 1)
    );
    assert_eq!(diff.files[1].change, FileChange::Added);
    assert!(diff.files[1].binary);
    let seen = std::fs::read_to_string(it.root.join(".git/refs/ccs/phase-1/round-2")).unwrap();
    assert_eq!(
        seen.trim(),
        second,
        "the agent's own repository shows the record"
    );
}

#[tokio::test]
async fn what_an_agent_leaves_in_its_repository_is_not_executed() {
    let it = fixture().await;
    let mark = it.root.join("executed");
    let script = format!("#!/bin/sh\ntouch {}\ncat\n", mark.display());
    let hooks = it.root.join(".git/hooks");
    std::fs::create_dir_all(&hooks).unwrap();
    for hook in [
        "post-receive",
        "pre-receive",
        "update",
        "reference-transaction",
        "pre-commit",
    ] {
        std::fs::write(hooks.join(hook), &script).unwrap();
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(hooks.join(hook), executable).unwrap();
    }
    let filter = hooks.join("pre-commit");
    let config = format!(
        "[filter \"evil\"]\n\tclean = {0}\n[core]\n\tfsmonitor = {0}\n",
        filter.display()
    );
    std::fs::write(it.root.join(".git/config"), config).unwrap();
    std::fs::write(it.root.join(".gitattributes"), "* filter=evil diff=evil\n").unwrap();
    std::fs::write(it.root.join("a.txt"), "one\n").unwrap();
    it.workspaces
        .commit(it.task, "phase-1/round-1", "First")
        .await
        .unwrap();
    it.workspaces.record(it.task).snapshot().await.unwrap();
    assert!(!mark.exists());
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
