//! Bringing files back, whatever an agent has put in their way, and taking a record over.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;

use app::domain::id::CheckpointId;

use super::super::tests::{Fixture, fixture, git};
use super::*;

fn write(it: &Fixture, path: &str, text: &str) {
    let path = it.root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn read(it: &Fixture, path: &str) -> Option<String> {
    fs::read_to_string(it.root.join(path)).ok()
}

fn mode(it: &Fixture, path: &str) -> u32 {
    let metadata = fs::symlink_metadata(it.root.join(path)).unwrap();
    metadata.permissions().mode() & 0o777
}

async fn checkpoint(it: &Fixture, number: u128) -> (CheckpointId, String) {
    let id = CheckpointId::from_uuid(Uuid::from_u128(number));
    let commit = it.workspaces.checkpoint(it.task, id, "Here").await;
    (id, commit.unwrap())
}

/// What is recorded of the work tree as it is now.
async fn tree(it: &Fixture) -> String {
    it.workspaces.record(it.task).snapshot().await.unwrap()
}

#[tokio::test]
async fn recorded_files_are_as_they_were_and_all_others_as_they_are() {
    let it = fixture().await;
    write(&it, ".gitignore", "node_modules/\n*.env\n");
    write(&it, "app/main.js", "one\n");
    write(&it, "app/gone/deep.txt", "deep\n");
    write(&it, "run.sh", "#!/bin/sh\n");
    fs::set_permissions(it.root.join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("app/main.js", it.root.join("link")).unwrap();
    let (_, then) = checkpoint(&it, 1).await;
    let before = tree(&it).await;

    write(&it, "app/main.js", "two\n");
    fs::remove_dir_all(it.root.join("app/gone")).unwrap();
    fs::set_permissions(it.root.join("run.sh"), fs::Permissions::from_mode(0o644)).unwrap();
    fs::remove_file(it.root.join("link")).unwrap();
    write(&it, "link", "a file now\n");
    write(&it, "new/folder/file.txt", "new\n");
    write(&it, "node_modules/left/index.js", "kept\n");
    write(&it, "new/secret.env", "KEY=1\n");
    write(&it, ".git/marker", "the agent's own\n");

    it.workspaces.restore(it.task, &then).await.unwrap();
    assert_eq!(tree(&it).await, before);
    assert_eq!(read(&it, "app/main.js").unwrap(), "one\n");
    assert_eq!(read(&it, "app/gone/deep.txt").unwrap(), "deep\n");
    assert_eq!(mode(&it, "run.sh"), 0o755);
    assert_eq!(
        fs::read_link(it.root.join("link")).unwrap(),
        PathBuf::from("app/main.js")
    );
    assert!(
        !it.root.join("new/folder").exists(),
        "nothing is left in it"
    );
    assert_eq!(read(&it, "node_modules/left/index.js").unwrap(), "kept\n");
    assert_eq!(read(&it, "new/secret.env").unwrap(), "KEY=1\n");
    assert_eq!(read(&it, ".git/marker").unwrap(), "the agent's own\n");
    // The second time there is nothing to do.
    it.workspaces.restore(it.task, &then).await.unwrap();
    assert_eq!(tree(&it).await, before);
}

#[tokio::test]
async fn a_link_that_an_agent_left_leads_nowhere_else() {
    let it = fixture().await;
    write(&it, "docs/plan.md", "the plan\n");
    write(&it, "notes.md", "notes\n");
    let (_, then) = checkpoint(&it, 1).await;
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("plan.md"), "somebody else's\n").unwrap();
    fs::write(outside.path().join("notes.md"), "somebody else's\n").unwrap();
    fs::remove_dir_all(it.root.join("docs")).unwrap();
    symlink(outside.path(), it.root.join("docs")).unwrap();
    fs::remove_file(it.root.join("notes.md")).unwrap();
    symlink(outside.path().join("notes.md"), it.root.join("notes.md")).unwrap();

    it.workspaces.restore(it.task, &then).await.unwrap();
    assert_eq!(read(&it, "docs/plan.md").unwrap(), "the plan\n");
    assert_eq!(read(&it, "notes.md").unwrap(), "notes\n");
    for name in ["plan.md", "notes.md"] {
        let kept = fs::read_to_string(outside.path().join(name)).unwrap();
        assert_eq!(kept, "somebody else's\n");
    }
}

#[tokio::test]
async fn what_is_not_recorded_makes_way_and_is_kept() {
    let it = fixture().await;
    write(&it, ".gitignore", "cache\nbuild\n");
    let (_, empty) = checkpoint(&it, 1).await;
    write(&it, ".gitignore", "");
    write(&it, "cache/index.txt", "a folder\n");
    write(&it, "build", "a file\n");
    let (_, then) = checkpoint(&it, 2).await;
    it.workspaces.restore(it.task, &empty).await.unwrap();
    assert!(!it.root.join("cache").exists());
    write(&it, "cache", "ignored\n");
    write(&it, "build/deep.txt", "ignored too\n");

    it.workspaces.restore(it.task, &then).await.unwrap();
    assert_eq!(read(&it, "cache/index.txt").unwrap(), "a folder\n");
    assert_eq!(read(&it, "build").unwrap(), "a file\n");
    let names: Vec<_> = fs::read_dir(&it.root)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains(".not-restored-"))
        .collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

#[tokio::test]
async fn a_fork_has_the_rounds_until_its_checkpoint_and_goes_on_from_there() {
    let it = fixture().await;
    write(&it, "a.txt", "one\n");
    let round = it.workspaces.commit(it.task, "phase-1/round-1", "Round");
    let round = round.await.unwrap();
    write(&it, "a.txt", "two\n");
    let (old, then) = checkpoint(&it, 1).await;
    write(&it, "a.txt", "three\n");
    let later = it.workspaces.commit(it.task, "phase-1/round-2", "Round");
    let later = later.await.unwrap();
    let (other, _) = checkpoint(&it, 2).await;

    let to = TaskId::from_uuid(Uuid::from_u128(0xf0));
    let new = CheckpointId::from_uuid(Uuid::from_u128(0xf1));
    let fork = async || it.workspaces.fork((it.task, old), (to, new), &then).await;
    fork().await.unwrap();
    // A request that comes again begins anew.
    fork().await.unwrap();
    let text = fs::read_to_string(it.workspaces.workspace(to).join("a.txt"));
    assert_eq!(text.unwrap(), "two\n");
    let record = it.workspaces.record(to);
    let refs = git(&record.repository, &["for-each-ref", "--format=%(refname)"]);
    let refs: Vec<_> = refs.lines().collect();
    assert!(refs.contains(&"refs/ccs/phase-1/round-1"), "{refs:?}");
    assert!(refs.contains(&format!("{REFS}{new}").as_str()), "{refs:?}");
    assert!(!refs.contains(&"refs/ccs/phase-1/round-2"), "{refs:?}");
    assert!(
        !refs.contains(&format!("{REFS}{other}").as_str()),
        "{refs:?}"
    );
    assert!(!record.diff(&round, &then).await.unwrap().files.is_empty());
    assert!(record.diff(&round, &later).await.is_err(), "not taken over");
    let next = it.workspaces.commit(to, "phase-1/round-2", "Round").await;
    let parent = format!("{}^", next.unwrap());
    let parent = git(&record.repository, &["rev-parse", &parent]);
    assert_eq!(parent.trim(), then);
}
