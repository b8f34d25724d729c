//! What a task has used is what the CLI says, to the cent: over a kill of the server and over processes
//! that go on with a conversation.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::installation::Installation;
use crate::support::claude::claude_bin;

const LIMIT: Duration = Duration::from_mins(2);

/// Each recorded figure is rounded to a millionth of a dollar.
const ROUNDING: f64 = 0.000_1;

fn waits_for_review(task: &Value) -> bool {
    assert_ne!(task["status"], "failed", "{task:#}");
    task["waiting_reason"] == "review"
}

/// A program that is the real CLI, and that keeps a copy of what each of its processes prints.
fn listening_cli(folder: &Path) -> &'static str {
    let program = folder.join("claude");
    let (real, heard) = (claude_bin(), folder.display());
    let script = format!(
        "#!/bin/bash\nexec {} \"$@\" > >(exec tee \"{heard}/$(date +%s%N)-$$.jsonl\")\n",
        real.display()
    );
    std::fs::write(&program, script).unwrap();
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&program, executable).unwrap();
    // The installation's variables are known when it is compiled, but for this one.
    program.display().to_string().leak()
}

/// What the CLI's processes have said of themselves, in the order of their starts.
fn results(folder: &Path) -> Vec<Vec<Value>> {
    let files = std::fs::read_dir(folder).unwrap().flatten();
    let mut files: Vec<_> = files.map(|file| file.path()).collect();
    files.sort();
    let read = |file: &std::path::PathBuf| -> Vec<Value> {
        let text = std::fs::read_to_string(file).unwrap();
        let lines = text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        lines
            .filter(|line: &Value| line["type"] == "result")
            .collect()
    };
    let processes = files.iter().map(read);
    processes.filter(|results| !results.is_empty()).collect()
}

fn total(result: &Value) -> f64 {
    result["total_cost_usd"].as_f64().unwrap()
}

/// Of all models, since the result before.
fn since(result: &Value, field: &str) -> f64 {
    let models = result["model_usage_since_last_result"].as_object().unwrap();
    models
        .values()
        .map(|used| used[field].as_f64().unwrap())
        .sum()
}

/// What the CLI's own totals come to, and how often a process took over the total of the one before it.
fn own_total(processes: &[Vec<Value>]) -> (f64, usize) {
    let mut ended: BTreeMap<&str, f64> = BTreeMap::new();
    let (mut sum, mut taken_over) = (0.0, 0);
    for results in processes {
        let session = results[0]["session_id"].as_str().unwrap();
        let begins = total(&results[0]) - since(&results[0], "costUSD");
        if begins.abs() > ROUNDING {
            let before = ended.get(session).copied().unwrap_or_default();
            assert!(
                (begins - before).abs() < ROUNDING,
                "{begins} after {before}"
            );
            taken_over += 1;
        }
        let ends = total(results.last().unwrap());
        sum += ends - begins;
        ended.insert(session, ends);
    }
    (sum, taken_over)
}

fn dollars(value: &Value) -> f64 {
    value.as_str().unwrap().parse().unwrap()
}

/// Waits until the agent is in the middle of its third turn.
async fn until_third_turn(it: &Installation, id: &str) {
    let started = Instant::now();
    loop {
        let events = it.all(&format!("/api/tasks/{id}/events"), "version").await;
        let ended = events.iter().filter(|event| event["type"] == "TurnEnded");
        let last = events.last().map(|event| &event["type"]);
        if ended.count() == 2 && last == Some(&json!("TurnStarted")) {
            // Its first answer has come, and it has a second to go.
            sleep(Duration::from_millis(300)).await;
            return;
        }
        assert!(started.elapsed() < LIMIT, "{}", it.server_log());
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_equal_the_clis_own_over_a_kill_and_over_a_process_that_goes_on() {
    let heard = tempfile::tempdir().unwrap();
    let program = listening_cli(heard.path());
    // In a sandbox the program would not see where it keeps what it prints.
    let variables = [("CCS_CLAUDE_BIN", program), ("CCS_SANDBOX", "none")];
    let unused = "about = \"Not played.\"\n[[turn]]\n[[turn.reply]]\nsay = \"Hello.\"\n";
    let mut it = Installation::start_set("unused", unused, &variables).await;
    let job = "A habit tracker.\n\nscenario: chaos";
    let id = it.create("create_app", job).await;
    until_third_turn(&it, &id).await;
    it.kill_server().await;
    it.start_server().await;
    it.until(&id, LIMIT, waits_for_review).await;
    let review = it.open_review(&id).await;
    let path = format!(
        "/api/reviews/{}/request-changes",
        review["id"].as_str().unwrap()
    );
    it.patch(&path, &json!({"feedback": "Again."})).await;
    let task = it.until(&id, LIMIT, waits_for_review).await;

    let processes = results(heard.path());
    let (own, taken_over) = own_total(&processes);
    assert!(processes.len() >= 3 && taken_over >= 1, "{processes:#?}");
    assert!(own > 0.01, "{own}");
    let close = |figure: &Value| (dollars(figure) - own).abs() < ROUNDING;
    assert!(
        close(&task["cost_usd"]),
        "{} is not {own}",
        task["cost_usd"]
    );
    for by in ["day", "model", "task", "phase", "phase_model"] {
        let report = it.get(&format!("/api/usage?by={by}&task={id}")).await;
        assert!(close(&report["total"]["cost_usd"]), "{report:#}");
        let items = report["items"].as_array().unwrap().iter();
        let items: f64 = items.map(|row| dollars(&row["cost_usd"])).sum();
        assert!((items - own).abs() < ROUNDING, "{report:#}");
    }
    let phases = it.get(&format!("/api/tasks/{id}/phases")).await;
    assert!(close(&phases["items"][0]["cost_usd"]), "{phases:#}");

    let all: Vec<&Value> = processes.iter().flatten().collect();
    for (ours, theirs) in [
        ("input", "inputTokens"),
        ("output", "outputTokens"),
        ("cache_read", "cacheReadInputTokens"),
        ("cache_write", "cacheCreationInputTokens"),
    ] {
        let told: f64 = all.iter().map(|result| since(result, theirs)).sum();
        let known = task["tokens"][ours].as_f64().unwrap();
        assert!((known - told).abs() < 0.5, "{ours}: {known} is not {told}");
    }
}
