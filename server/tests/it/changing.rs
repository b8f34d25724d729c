//! Changes to an existing repository, and automations, through the real server with the real CLI.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::installation::{Installation, clean};

const LIMIT: Duration = Duration::from_mins(2);
/// The program that the scenario `change` knows.
const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/change/repository");

fn waits_for_review(task: &Value) -> bool {
    assert_ne!(task["status"], "failed", "{task:#}");
    task["waiting_reason"] == "review"
}

/// What a command prints that succeeds.
async fn run(folder: &Path, program: &str, arguments: &[&str]) -> String {
    let mut command = clean(program);
    command
        .current_dir(folder)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .args(arguments);
    let output = command.output().await.unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {out}{err}"
    );
    out.trim().to_owned()
}

async fn git(folder: &Path, arguments: &[&str]) -> String {
    let author = ["-c", "user.name=A", "-c", "user.email=a@example.invalid"];
    run(folder, "git", &[&author, arguments].concat()).await
}

/// The sample in a repository of its own, in the folder that tasks may take repositories from.
async fn greeter(it: &Installation) -> PathBuf {
    let folder = it.sources.path().join("greeter");
    run(it.sources.path(), "cp", &["-R", SAMPLE, "greeter"]).await;
    run(&folder, "mv", &["gitignore", ".gitignore"]).await;
    git(&folder, &["init", "--quiet", "--initial-branch=main"]).await;
    git(&folder, &["add", "--all"]).await;
    git(&folder, &["commit", "--quiet", "--message", "The greeter"]).await;
    folder
}

fn change(repository: &Path, description: &str) -> Value {
    json!({
        "title": "A second language", "type": "modify_app", "description": description,
        "repository": repository, "start": true,
    })
}

async fn create(it: &Installation, task: &Value) -> String {
    let task = it.post("/api/tasks", task).await;
    task["id"].as_str().unwrap().to_owned()
}

async fn approve(it: &Installation, id: &str, phase: u32) -> Value {
    it.until(id, LIMIT, waits_for_review).await;
    let review = it.open_review(id).await;
    assert_eq!(review["phase"], phase);
    assert_eq!(review["verification"]["passed"], true, "{review:#}");
    let path = format!("/api/reviews/{}/approve", review["id"].as_str().unwrap());
    it.patch(&path, &json!({})).await;
    review
}

async fn tests_that_pass(folder: &Path) -> usize {
    let printed = run(folder, "node", &["--test", "--test-reporter=tap"]).await;
    let passed = printed
        .lines()
        .find_map(|line| line.strip_prefix("# pass "));
    passed.unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_is_changed_on_a_branch_that_can_be_fetched() {
    let it = Installation::start().await;
    let repository = greeter(&it).await;
    assert_eq!(tests_that_pass(&repository).await, 1);
    let base = git(&repository, &["rev-parse", "HEAD"]).await;
    let id = create(&it, &change(&repository, "Greet in German too.")).await;
    for phase in 1..=2 {
        approve(&it, &id, phase).await;
    }
    it.until(&id, LIMIT, waits_for_review).await;
    let planned = it.get(&format!("/api/tasks/{id}/diff?phase=2")).await;
    let files = planned["files"].as_array().unwrap();
    assert_eq!(files.len(), 1, "{planned:#}");
    assert_eq!(files[0]["path"], "docs/planning/modification_plan.md");
    for phase in 3..=4 {
        approve(&it, &id, phase).await;
    }
    it.until(&id, LIMIT, |task| task["status"] == "completed")
        .await;

    assert_eq!(git(&repository, &["status", "--short"]).await, "");
    assert_eq!(git(&repository, &["rev-parse", "HEAD"]).await, base);
    let branch = it.get(&format!("/api/tasks/{id}/branch")).await;
    assert_eq!(branch["base"], base);
    let name = branch["name"].as_str().unwrap();
    assert_eq!(name, format!("ccs/{}", &id[id.len() - 8..]));
    run(
        &repository,
        "sh",
        &["-c", branch["command"].as_str().unwrap()],
    )
    .await;
    assert_eq!(
        git(&repository, &["rev-parse", &format!("{name}^")]).await,
        base
    );
    let patch = it.client.get(format!("{}/api/tasks/{id}/patch", it.base));
    let patch = patch.send().await.unwrap();
    assert_eq!(patch.headers()["content-type"], "text/x-diff");
    let told = patch.headers()["content-disposition"].to_str().unwrap();
    assert!(told.starts_with("attachment; filename="), "{told}");
    let file = it.sources.path().join("a.patch");
    std::fs::write(&file, patch.text().await.unwrap()).unwrap();
    git(&repository, &["apply", "--index", file.to_str().unwrap()]).await;
    let tree = git(&repository, &["write-tree"]).await;
    let fetched = git(&repository, &["rev-parse", &format!("{name}^{{tree}}")]).await;
    assert_eq!(tree, fetched);
    assert_eq!(tests_that_pass(&repository).await, 3);
    assert_eq!(it.model_failures().await, json!([]));
}

const TRESPASS: &str = r#"
about = "Changes the program where it should only be looked at, and puts it back when it is told."

[[turn]]
when = '^\s*\[turn: phase 1 analysis, step 01_codebase'
[[turn.reply]]
tools = [
  { write = { path = "docs/analysis/current_state.md", from = "change/current_state.md" } },
  { read = "src/greeting.js" },
]
[[turn.reply]]
tools = [{ edit = { path = "src/greeting.js", old = "Hello", new = "Good day" } }]
[[turn.reply]]
say = "The edit was answered so: {{tool_result}}"
tools = [{ bash = "echo '// mine' >> src/greeting.js" }]
[[turn.reply]]
say = "Done."

[[turn]]
when = '^\s*\[turn: phase 1 analysis, rework checks'
[[turn.reply]]
tools = [{ bash = "git checkout -- src/greeting.js" }]
[[turn.reply]]
say = "It is as it was."

[[turn]]
[[turn.reply]]
say = "Nothing to do here."
"#;

#[tokio::test(flavor = "multi_thread")]
async fn an_analysis_that_changes_the_program_is_sent_back_with_the_paths() {
    let it = Installation::start_with("trespass", TRESPASS).await;
    let repository = greeter(&it).await;
    let id = create(&it, &change(&repository, "Look.\n\nscenario: trespass")).await;
    it.until(&id, LIMIT, waits_for_review).await;
    let lines = it.all(&format!("/api/tasks/{id}/logs"), "seq").await;
    let is_denied = |line: &&Value| {
        let text = line["text"].as_str().unwrap();
        line["kind"] == "note"
            && text.contains("src/greeting.js is not to be changed in the phase Analysis")
    };
    assert_eq!(lines.iter().filter(is_denied).count(), 1, "{lines:#?}");
    let events = it.all(&format!("/api/tasks/{id}/events"), "version").await;
    let failed: Vec<_> = events
        .iter()
        .filter(|event| event["type"] == "VerificationFailed")
        .flat_map(|event| event["data"]["checks"].as_array().unwrap())
        .filter(|check| check["passed"] == false)
        .collect();
    assert_eq!(failed.len(), 1, "{failed:#?}");
    assert_eq!(
        (&failed[0]["id"], &failed[0]["subject"]),
        (&json!("scope"), &json!("src/greeting.js"))
    );
    let review = it.open_review(&id).await;
    assert_eq!(review["verification"]["passed"], true, "{review:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_may_not_be_used_is_refused_beside_its_field() {
    let it = Installation::start().await;
    let repository = greeter(&it).await;
    let refusal = async |task: Value| {
        let request = it.client.post(format!("{}/api/tasks", it.base)).json(&task);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 422, "{task:#}");
        let problem: Value = response.json().await.unwrap();
        assert_eq!(problem["errors"][0]["field"], "repository", "{problem:#}");
        problem["errors"][0]["message"].as_str().unwrap().to_owned()
    };
    for (given, reason) in [
        ("/etc", "CCS_ALLOWED_ROOTS"),
        ("ssh://git@example.org/a", "https:// address"),
        ("https://me:secret@example.org/a", "user name"),
        ("", "is needed"),
    ] {
        let said = refusal(change(Path::new(given), "x")).await;
        assert!(
            said.contains(reason) && !said.contains("secret@"),
            "{given}: {said}"
        );
    }
    let mut other = change(&repository, "x");
    other["type"] = json!("create_app");
    assert!(refusal(other).await.contains("modify_app only"));

    let mut draft = change(&repository, "x");
    draft["start"] = json!(false);
    let id = create(&it, &draft).await;
    std::fs::remove_dir_all(&repository).unwrap();
    it.post(&format!("/api/tasks/{id}/execute"), &json!({}))
        .await;
    it.until(&id, LIMIT, |task| task["status"] == "failed")
        .await;
    let events = it.all(&format!("/api/tasks/{id}/events"), "version").await;
    let failed = events
        .iter()
        .find(|event| event["type"] == "TaskFailed")
        .unwrap();
    assert_eq!(
        failed["data"]["reason"],
        "the repository does not exist on this server"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_automation_goes_through_its_gates() {
    let it = Installation::start().await;
    let id = it.create("workflow", "Remind us every Monday.").await;
    let due = [
        "docs/planning/workflow_requirements.md",
        "docs/design/workflow_design.md",
        "README.md",
        "docs/verification/execution_log.md",
    ];
    for (phase, path) in (1..).zip(due) {
        let review = approve(&it, &id, phase).await;
        let checks = review["verification"]["checks"].as_array().unwrap();
        let is_checked = checks.iter().any(|check| check["subject"] == path);
        assert!(is_checked, "{path}: {review:#}");
    }
    it.until(&id, LIMIT, |task| task["status"] == "completed")
        .await;
    let workspace = it.data.path().join("tasks").join(&id).join("workspace");
    assert_eq!(tests_that_pass(&workspace).await, 2);
    let none = it.client.get(format!("{}/api/tasks/{id}/branch", it.base));
    assert_eq!(none.send().await.unwrap().status(), 404);
    assert_eq!(it.model_failures().await, json!([]));
}
