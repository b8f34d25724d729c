//! What a review shows of its commits, through the API and in the page.

use std::path::Path;
use std::process::Command;

use axum::body::Body;
use http::StatusCode;
use serde_json::json;

use super::support::{Answer, TestApp, request};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n and so on";

fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(folder)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", "/nonexistent")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .args(["-c", "user.name=A", "-c", "user.email=a@example.invalid"])
        .args(arguments)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {arguments:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A task with a record of three commits, at the first gate, which is about the first two.
struct Recorded {
    app: TestApp,
    task: String,
    review: String,
    commits: Vec<String>,
}

/// Thirty lines, of which the 4th and the 20th are given.
fn code(fourth: &str, twentieth: &str) -> String {
    let line = |number: u32| match number {
        4 => format!("{fourth}\n"),
        20 => format!("{twentieth}\n"),
        number => format!("let line{number} = {number};\n"),
    };
    (1..=30).map(line).collect()
}

impl Recorded {
    async fn new() -> Self {
        let app = TestApp::new().await;
        let task = app.create("create_app").await["id"]
            .as_str()
            .unwrap()
            .to_owned();
        let work = tempfile::tempdir().unwrap();
        git(work.path(), &["init", "--quiet", "--initial-branch=main"]);
        let (old, new) = (
            code("let old = 1;", "// a"),
            code("let new = \"<b>\";", "// a"),
        );
        let newer = code("let newer = 2;", "// b");
        let steps: [&[(&str, &[u8])]; 3] = [
            &[("src/a.rs", old.as_bytes()), ("data.bin", b"\0\x01")],
            &[
                ("src/a.rs", new.as_bytes()),
                ("data.bin", b"\0\x01\x02"),
                (
                    "docs/planning/01_idea.md",
                    b"# Idea\n\n![Map](map.png)\n\nText.\n",
                ),
                ("docs/planning/map.png", PNG),
                ("evil.png", b"<svg onload=alert(1)>"),
            ],
            &[("src/a.rs", newer.as_bytes())],
        ];
        let mut commits = Vec::new();
        for files in steps {
            for (path, content) in files {
                let path = work.path().join(path);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, content).unwrap();
            }
            git(work.path(), &["add", "--all"]);
            git(work.path(), &["commit", "--quiet", "--message", "Step"]);
            commits.push(git(work.path(), &["rev-parse", "HEAD"]));
        }
        let folder = app.data.path().join("tasks").join(&task);
        std::fs::create_dir_all(&folder).unwrap();
        let source = work.path().display().to_string();
        git(
            &folder,
            &["clone", "--quiet", "--bare", &source, "record.git"],
        );
        app.post(&format!("/api/tasks/{task}/execute")).await;
        let id = task.parse().unwrap();
        let review = app.drive_to_gate_at(id, &commits[0], &commits[1]).await;
        Self {
            review: review.to_string(),
            app,
            task,
            commits,
        }
    }

    /// Sends the phase back; the second round is about the third commit.
    async fn second_round(&mut self) {
        let path = format!("/api/reviews/{}/request-changes", self.review);
        let again = json!({ "feedback": "Again" });
        let sent = self.app.json("PATCH", &path, &again).await;
        assert_eq!(sent.status, StatusCode::OK);
        let id = self.task.parse().unwrap();
        let review = self
            .app
            .drive_to_gate_at(id, &self.commits[0], &self.commits[2])
            .await;
        self.review = review.to_string();
    }

    async fn page(&self, parameters: &str, cookie: &str) -> Answer {
        let path = format!("/tasks/{}/review?{parameters}", self.task);
        let request = request("GET", &path)
            .header("accept", "text/html")
            .header("cookie", cookie);
        self.app.send(request.body(Body::empty()).unwrap()).await
    }

    async fn get(&self, rest: &str) -> Answer {
        self.app
            .get(&format!("/api/reviews/{}/{rest}", self.review))
            .await
    }
}

#[tokio::test]
async fn a_review_is_about_its_commits_and_a_round_about_what_is_new() {
    let mut it = Recorded::new().await;
    let paths = |diff: Answer| -> Vec<String> {
        let files = diff.json()["files"].as_array().unwrap().clone();
        let path = |file: &serde_json::Value| file["path"].as_str().unwrap().to_owned();
        files.iter().map(path).collect()
    };
    let first = paths(it.get("diff").await);
    assert!(
        first.contains(&"docs/planning/01_idea.md".to_owned()),
        "{first:?}"
    );
    it.second_round().await;
    assert_eq!(paths(it.get("diff?since=true").await), ["src/a.rs"]);
    assert_eq!(paths(it.get("diff").await).len(), first.len());
    let told = it.get("conversation").await.json();
    assert_eq!(told["turns"], 0, "nothing was logged: {told}");
}

#[tokio::test]
async fn only_images_are_shown_and_whatever_is_called_so_is_saved() {
    let it = Recorded::new().await;
    let image = it.get("files/docs/planning/map.png?raw=1").await;
    assert_eq!(image.header("content-type"), "image/png");
    assert_eq!(image.header("x-content-type-options"), "nosniff");
    assert!(
        image
            .header("content-security-policy")
            .contains("default-src 'none'")
    );
    let evil = it.get("files/evil.png?raw=1").await;
    assert_eq!(evil.header("content-type"), "application/octet-stream");
    assert_eq!(evil.header("content-disposition"), "attachment");
    let before = it
        .get("files/docs/planning/map.png?raw=1&version=base")
        .await;
    assert_eq!(before.status, StatusCode::NOT_FOUND);
    let text = it.get("files/src/a.rs").await.json();
    assert!(text["text"].as_str().unwrap().contains("let new"), "{text}");
}

#[tokio::test]
async fn a_page_shows_documents_changes_and_what_is_no_text_before_any_script() {
    let it = Recorded::new().await;
    let document = it.page("", "").await.body;
    let image = format!(
        "/api/reviews/{}/files/docs/planning/map.png?raw=1",
        it.review
    );
    assert!(document.contains(&image), "{document}");
    assert!(document.contains("data-line=\"5\"") && document.contains("&amp;line=5#comment-line"));
    let unified = it.page("file=src/a.rs", "").await.body;
    for shown in [
        "data-kind=\"removed\"",
        "<span class=\"k\">let</span> new",
        "&lt;b&gt;",
        "aria-label=\"Show lines 8–30\"",
        "&amp;line=4#comment-line",
        "&amp;open=8-30",
    ] {
        assert!(unified.contains(shown), "{shown}: {unified}");
    }
    assert!(!unified.contains("id=\"L20\""), "it is hidden");
    let hostile = "file=src/a.rs&open=%22%3E%3Cb%20id%3Dplanted%3E";
    let hostile = it.page(hostile, "").await.body;
    assert!(!hostile.contains("<b id=planted"), "{hostile}");
    let opened = it.page("file=src/a.rs&open=8-30", "").await.body;
    assert!(opened.contains("id=\"L30\"") && !opened.contains("aria-label=\"Show lines"));
    let binary = it.page("file=data.bin", "").await.body;
    assert!(
        binary.contains("A binary file. 2 bytes before, 3 bytes now."),
        "{binary}"
    );
    let form = it.page("file=src/a.rs&line=4-6", "").await.body;
    assert!(
        form.contains("Comment on lines 4 to 6") && form.contains("name=\"end_line\" value=\"6\"")
    );
}

#[tokio::test]
async fn the_choice_to_see_both_versions_side_by_side_is_remembered() {
    let it = Recorded::new().await;
    let chosen = it.page("file=src/a.rs&split=1", "").await;
    assert!(chosen.body.contains("data-split"), "{}", chosen.body);
    assert!(chosen.header("set-cookie").starts_with("diff=split;"));
    let later = it.page("file=src/a.rs", "diff=split").await;
    assert!(later.body.contains("data-split"));
    let back = it.page("file=src/a.rs&split=0", "diff=split").await;
    assert!(!back.body.contains("data-split"));
}

#[tokio::test]
async fn comments_follow_their_lines_into_the_next_round_or_say_that_they_are_outdated() {
    let mut it = Recorded::new().await;
    let path = format!("/api/reviews/{}/feedback", it.review);
    for (line, text) in [(4, "Rename it."), (10, "Keep this.")] {
        let comment =
            json!({ "file": "src/a.rs", "line": line, "end_line": line + 1, "text": text });
        let added = it.app.json("POST", &path, &comment).await;
        assert_eq!(added.status, StatusCode::OK);
    }
    it.second_round().await;
    let page = it.page("file=src/a.rs&since=1", "").await.body;
    assert!(
        page.contains("round 1, outdated") && page.contains("let new = \"&lt;b&gt;\";"),
        "{page}"
    );
    let kept = page.split("Keep this.").next().unwrap();
    let head = kept.rsplit("comment-head").next().unwrap();
    assert!(
        head.contains("lines 10–11") && !head.contains("outdated"),
        "{head}"
    );
    assert!(
        page.contains("id=\"L11\""),
        "a line that is talked about is shown"
    );
    assert!(page.contains("Request changes (2 comments)"), "{page}");
}

#[tokio::test]
async fn what_is_called_an_image_and_is_none_is_told_and_not_shown() {
    let it = Recorded::new().await;
    let page = it.page("file=evil.png", "").await.body;
    assert!(
        page.contains("evil.png is no image that can be shown"),
        "{page}"
    );
    assert!(!page.contains("<img src=\"/api/reviews"), "{page}");
}

#[tokio::test]
async fn comments_on_files_that_left_the_list_are_shown_beside_it() {
    let mut it = Recorded::new().await;
    let path = format!("/api/reviews/{}/feedback", it.review);
    let comment = json!({ "file": "evil.png", "text": "Why is this here?" });
    assert!(
        it.app
            .json("POST", &path, &comment)
            .await
            .status
            .is_success()
    );
    let heading = "Comments on files that are not listed";
    assert!(!it.page("", "").await.body.contains(heading));
    it.second_round().await;
    let page = it.page("since=1", "").await.body;
    assert!(
        page.contains(heading) && page.contains("Why is this here?"),
        "{page}"
    );
}
