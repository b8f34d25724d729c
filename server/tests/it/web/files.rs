//! What is handed out of a workspace that an agent has filled with whatever it liked.

use std::ffi::OsStr;
use std::io::{Cursor, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use axum::body::Body;
use futures::StreamExt as _;
use http::StatusCode;
use http_body_util::BodyExt as _;
use zip::ZipArchive;

use super::support::{TestApp, request};

/// A task at its gate, with a workspace of what an agent has left.
struct Left {
    app: TestApp,
    task: String,
    root: PathBuf,
}

impl Left {
    async fn new() -> Self {
        let app = TestApp::new().await;
        let (task, _) = app.at_gate().await;
        let root = app.data.path().join("tasks").join(&task).join("workspace");
        std::fs::create_dir_all(root.join("docs/planning")).unwrap();
        Self { app, task, root }
    }

    fn write(&self, path: impl AsRef<OsStr>, content: impl AsRef<[u8]>) {
        let path = self.root.join(path.as_ref());
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    fn address(&self, rest: &str) -> String {
        format!("/api/tasks/{}/{rest}", self.task)
    }

    /// The names in the archive with their contents, and what it says of the rest.
    async fn archive(&self) -> (Vec<(String, Vec<u8>)>, String) {
        let asked = request("GET", &self.address("archive.zip")).header("accept-encoding", "br");
        let response = self.app.raw(asked.body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "application/zip");
        assert!(!response.headers().contains_key("content-encoding"));
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let mut archive = ZipArchive::new(Cursor::new(bytes)).unwrap();
        let mut files = Vec::new();
        let mut notes = String::new();
        for index in 0..archive.len() {
            let mut file = archive.by_index(index).unwrap();
            let mut content = Vec::new();
            file.read_to_end(&mut content).unwrap();
            let name = file.name().unwrap().into_owned();
            if name.starts_with("ARCHIVE-NOTES") && !name.contains('/') {
                notes = String::from_utf8(content).unwrap();
            } else {
                files.push((name, content));
            }
        }
        (files, notes)
    }
}

fn names(files: &[(String, Vec<u8>)]) -> Vec<&str> {
    files.iter().map(|(name, _)| name.as_str()).collect()
}

#[tokio::test]
async fn an_archive_holds_the_work_without_git_and_what_is_ignored() {
    let left = Left::new().await;
    left.write("src/main.rs", "fn main() {}\n");
    left.write("docs/planning/01_idea.md", "# Idea\n");
    left.write(".git/config", "[core]\n");
    left.write("sub/.git/config", "[core]\n");
    left.write(".gitignore", "target/\n.env\n");
    left.write("target/debug/app", "binary");
    left.write(".env", "KEY=secret");
    let (files, notes) = left.archive().await;
    assert_eq!(
        names(&files),
        [".gitignore", "docs/planning/01_idea.md", "src/main.rs"]
    );
    assert_eq!(files[2].1, b"fn main() {}\n");
    assert_eq!(notes, "");
    let answer = left.app.get(&left.address("archive.zip")).await;
    assert_eq!(
        answer.header("content-disposition"),
        "attachment; filename=\"title.zip\""
    );
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert!(
        answer
            .header("content-security-policy")
            .ends_with("sandbox")
    );
}

#[tokio::test]
async fn a_hostile_workspace_is_archived_with_notes_of_what_is_not_in_it() {
    let left = Left::new().await;
    left.write("two\nlines", "a");
    left.write(OsStr::from_bytes(b"caf\xe9"), "b");
    left.write("caf_", "c");
    left.write("..\\..\\evil", "d");
    left.write("ARCHIVE-NOTES.txt/x", "e");
    symlink("/etc/passwd", left.root.join("passwd")).unwrap();
    symlink("../../other", left.root.join("docs/up")).unwrap();
    symlink("../src", left.root.join("docs/inside")).unwrap();
    let kind = rustix::fs::FileType::Fifo;
    let mode = rustix::fs::Mode::RUSR;
    rustix::fs::mknodat(rustix::fs::CWD, left.root.join("pipe"), kind, mode, 0).unwrap();
    let (files, notes) = left.archive().await;
    assert_eq!(
        names(&files),
        [
            ".._.._evil",
            "ARCHIVE-NOTES.txt/x",
            "caf_",
            "caf_~2",
            "two_lines",
            "docs/inside"
        ]
    );
    assert_eq!(files[5].1, b"../src");
    insta::assert_snapshot!(sorted(&notes), @r#"

    "..\\..\\evil" has a name that not every system can have, and got another one
    "caf�" has a name that not every system can have, and got another one
    "docs/up" is a link that leads out of the workspace
    "passwd" is a link that leads out of the workspace
    "pipe" is no file: a pipe, a socket or a device
    "two\nlines" has a name that not every system can have, and got another one
    Not everything is here as it lies in the workspace:
    "#);
}

fn sorted(text: &str) -> String {
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    lines.join("\n")
}

#[tokio::test]
async fn ten_thousand_files_are_archived() {
    let left = Left::new().await;
    for number in 0..10_000 {
        let folder = left.root.join((number / 500).to_string());
        if number % 500 == 0 {
            std::fs::create_dir(&folder).unwrap();
        }
        std::fs::write(folder.join(number.to_string()), "x").unwrap();
    }
    let (files, notes) = left.archive().await;
    assert_eq!((files.len(), notes.as_str()), (10_000, ""));
}

#[tokio::test]
async fn a_large_file_is_sent_piece_by_piece() {
    let left = Left::new().await;
    let path = left.root.join("large");
    std::fs::File::create(&path)
        .unwrap()
        .set_len(100 * 1024 * 1024)
        .unwrap();
    for rest in ["archive.zip", "deliverables/large?raw=1"] {
        let asked = request("GET", &left.address(rest)).header("accept-encoding", "gzip");
        let response = left.app.raw(asked.body(Body::empty()).unwrap()).await;
        let mut body = response.into_body().into_data_stream();
        let mut total = 0;
        while let Some(piece) = body.next().await {
            let piece = piece.unwrap();
            assert!(piece.len() <= 128 * 1024, "{rest}: {}", piece.len());
            total += piece.len();
        }
        // Nothing but zeros in the archive, all of them as they are in the download.
        match rest {
            "archive.zip" => assert!((100..2_000_000).contains(&total), "{total}"),
            _ => assert_eq!(total, 100 * 1024 * 1024),
        }
    }
    let shown = left
        .app
        .get(&left.address("deliverables/large"))
        .await
        .json();
    assert_eq!(shown["size"], 104_857_600);
    assert_eq!(
        (&shown["truncated"], &shown["sha256"]),
        (&true.into(), &serde_json::Value::Null)
    );
}

#[tokio::test]
async fn a_receiver_that_goes_away_ends_the_archive() {
    let left = Left::new().await;
    let noise: Vec<u8> = (0..4_000_000_u32)
        .map(|number| (number.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0])
        .collect();
    left.write("noise", noise);
    for _ in 0..12 {
        let asked = request("GET", &left.address("archive.zip"));
        let response = left.app.raw(asked.body(Body::empty()).unwrap()).await;
        // Sooner or later a place is free again: nobody goes on packing for a receiver that is gone.
        if response.status() == StatusCode::SERVICE_UNAVAILABLE {
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
            continue;
        }
        let mut body = response.into_body().into_data_stream();
        body.next().await.unwrap().unwrap();
    }
    let mut free = false;
    for _ in 0..50 {
        let answer = left.app.get(&left.address("archive.zip")).await;
        free = answer.status == StatusCode::OK;
        if free {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert!(free);
}

#[tokio::test]
async fn deliverables_are_listed_with_checksums_and_refusals() {
    let left = Left::new().await;
    left.write("docs/planning/01_idea.md", "abc");
    symlink("/etc/passwd", left.root.join("docs/planning/02_market.md")).unwrap();
    std::fs::create_dir(left.root.join("docs/planning/03_persona.md")).unwrap();
    let list = left.app.get(&left.address("deliverables?checksum=1")).await;
    let list = list.json();
    let idea = &list["items"][0];
    assert_eq!(
        idea["sha256"],
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
    assert_eq!(idea["problem"], serde_json::Value::Null);
    let told = |index: usize| list["items"][index]["problem"].as_str().unwrap_or("none");
    assert_eq!(
        told(1),
        "docs/planning/02_market.md leads out of the task's workspace"
    );
    assert_eq!(list["items"][1]["exists"], false);
    assert_eq!(told(2), "docs/planning/03_persona.md is not a regular file");
    assert_eq!(told(3), "none");
    let plain = left.app.get(&left.address("deliverables")).await.json();
    assert_eq!(plain["items"][0]["sha256"], serde_json::Value::Null);
    for (path, status) in [
        ("deliverables/docs/planning/02_market.md", 422),
        ("deliverables/docs/planning/02_market.md?raw=1", 422),
        ("deliverables/docs/planning/03_persona.md?raw=1", 422),
        ("deliverables/%ff?raw=1", 404),
        ("deliverables/two%0Alines?raw=1", 404),
        ("deliverables?checksum=2", 422),
    ] {
        let answer = left.app.get(&left.address(path)).await;
        assert_eq!(answer.status.as_u16(), status, "{path}: {}", answer.body);
        assert!(!answer.body.contains("root:"));
    }
}

#[tokio::test]
async fn a_task_without_a_workspace_has_no_archive() {
    let app = TestApp::new().await;
    let id = app.create("custom").await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let answer = app.get(&format!("/api/tasks/{id}/archive.zip")).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.json()["detail"], "The task has no workspace yet.");
}
