//! Phases that are verified by an agent of its own, through the real server, with the real CLI.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::installation::Installation;

const LIMIT: Duration = Duration::from_mins(2);

fn waits_for_review(task: &Value) -> bool {
    assert_ne!(task["status"], "failed", "{task:#}");
    task["waiting_reason"] == "review"
}

async fn events(it: &Installation, id: &str) -> Vec<Value> {
    it.all(&format!("/api/tasks/{id}/events"), "version").await
}

fn of_type<'a>(events: &'a [Value], name: &str) -> Vec<&'a Value> {
    let found = events.iter().filter(|event| event["type"] == name);
    found.map(|event| &event["data"]).collect()
}

/// The sessions of the turns that verify, in order.
fn verifying_sessions(events: &[Value]) -> Vec<&Value> {
    let turns = of_type(events, "TurnStarted").into_iter();
    let verifying = turns.filter(|turn| turn["purpose"]["kind"] == "verification");
    verifying.map(|turn| &turn["session"]).collect()
}

fn checks(found: &Value) -> &[Value] {
    found["checks"].as_array().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_that_the_verifying_agent_finds_is_mended_and_verified_by_another() {
    let it = Installation::start().await;
    let description = "A habit tracker.\n\nscenario: verified";
    let id = it.create("create_app", description).await;
    it.until(&id, LIMIT, waits_for_review).await;

    let review = it.open_review(&id).await;
    assert_eq!((&review["phase"], &review["round"]), (&json!(1), &json!(1)));
    let found = &review["verification"];
    assert_eq!(found["passed"], true, "{found:#}");
    assert!(checks(found).iter().any(|check| check["id"] == "P1-05"));

    let events = events(&it, &id).await;
    let failed = of_type(&events, "VerificationFailed");
    assert_eq!(failed.len(), 1);
    let fault = checks(failed[0])
        .iter()
        .find(|check| check["passed"] == false);
    let fault = fault.unwrap();
    assert_eq!(fault["id"], "P1-05");
    assert_eq!(fault["documents"], json!(["docs/planning/01_idea.md"]));
    assert!(
        fault["suggestion"]
            .as_str()
            .unwrap()
            .starts_with("Give each")
    );
    assert_eq!(of_type(&events, "ReworkStarted").len(), 1);

    // Each verification has a session of its own, and none is the one that did the work.
    let sessions = verifying_sessions(&events);
    let phase = of_type(&events, "PhaseStarted")[0];
    let own: HashSet<_> = sessions.iter().map(|session| session.as_str()).collect();
    assert_eq!((sessions.len(), own.len()), (2, 2));
    assert!(!own.contains(&phase["session"].as_str()));
    let used = of_type(&events, "UsageRecorded");
    for session in sessions {
        assert!(used.iter().any(|usage| &usage["session"] == session));
    }
    assert_eq!(it.model_failures().await, json!([]));
    assert!(it.agent_processes().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_useless_answers_of_the_verifying_agent_are_shown_at_the_gate_as_not_verified() {
    let it = Installation::start().await;
    let description = "A habit tracker.\n\nscenario: unreadable";
    let id = it.create("create_app", description).await;
    it.until(&id, LIMIT, waits_for_review).await;

    let review = it.open_review(&id).await;
    let found = &review["verification"];
    assert_eq!(found["passed"], false, "{found:#}");
    let failed: Vec<_> = checks(found)
        .iter()
        .filter(|check| check["passed"] == false)
        .collect();
    assert_eq!(
        (failed.len(), &failed[0]["id"]),
        (1, &json!("not verified"))
    );
    let evidence = failed[0]["evidence"].as_str().unwrap();
    assert!(evidence.contains("P1-01"), "{evidence}");

    let events = events(&it, &id).await;
    assert_eq!(of_type(&events, "VerificationUnreadable").len(), 1);
    assert_eq!(verifying_sessions(&events).len(), 2);
    // The agent that did the work has nothing to mend.
    assert!(of_type(&events, "ReworkStarted").is_empty());
    assert_eq!(it.model_failures().await, json!([]));
}

/// The verifying agent tries what it may not do, and takes its time.
const INTRUDER: &str = r#"
about = "A verifying agent that tries to change what it verifies."

[[turn]]
when = '^\s*\[turn: phase (?P<phase>\d+) (?P<name>\w+), verification'
[[turn.reply]]
say = "I try to mend it myself."
tools = [
  { bash = "touch docs/planning/intruder.md; cp docs/planning/01_idea.md docs/planning/copy.md" },
  { write = { path = "docs/planning/written.md", content = "written by the verifying agent" } },
  { call = { name = "mcp__platform__complete_phase", input = { phase = 1, summary = "Mine.", files = [] } } },
]
[[turn.reply]]
delay_ms = 4000
repeat = 10
tools = [{ verdict = { evidence = "docs/planning/01_idea.md:1" } }]

[[turn]]
when = '^\s*\[turn: phase (?P<phase>\d+) (?P<name>\w+), step (?P<step>[\w.-]+), deliverable (?P<file>[\w./-]+)\]'
[[turn.reply]]
tools = [{ write = { path = "{{file}}", content = """
# {{step}}

Written in phase {{phase}}, {{name}}, for an agent that verifies it and may change nothing of it, neither with a tool nor with a command. A second file beside this one would be the proof of the contrary. What is here has to be long enough for the rule that the plan has for every document of this phase, which is three hundred characters.
""" } }]
[[turn.reply]]
say = "Written."

[[turn]]
when = '^\s*\[turn: phase (?P<phase>\d+) (?P<name>\w+), closing'
[[turn.reply]]
tools = [{ call = { name = "mcp__platform__complete_phase", input = { phase = "{{phase|int}}", summary = "Done by the agent.", files = [] } } }]
[[turn.reply]]
say = "Done."

[[turn]]
[[turn.reply]]
say = "Nothing to do."
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_verification_goes_on_and_the_verifying_agent_changes_nothing() {
    let mut it = Installation::start_with("intruder", INTRUDER).await;
    let description = "A habit tracker.\n\nscenario: intruder";
    let id = it.create("create_app", description).await;
    let started = Instant::now();
    loop {
        let status = it.get(&format!("/api/tasks/{id}/status")).await;
        if status["agent"]["state"] == "verifying"
            && !verifying_sessions(&events(&it, &id).await).is_empty()
        {
            break;
        }
        assert!(started.elapsed() < LIMIT, "{status:#}\n{}", it.server_log());
        sleep(Duration::from_millis(50)).await;
    }
    sleep(Duration::from_secs(2)).await;
    it.kill_server().await;
    it.start_server().await;
    it.until(&id, LIMIT, waits_for_review).await;

    let review = it.open_review(&id).await;
    assert_eq!(review["verification"]["passed"], true, "{review:#}");
    assert_eq!(review["summary"], "Done by the agent.");
    let events = events(&it, &id).await;
    // The verification that was cut off went on; none was begun beside it.
    assert_eq!(of_type(&events, "VerificationStarted").len(), 1);
    let sessions: HashSet<_> = verifying_sessions(&events)
        .into_iter()
        .map(Value::as_str)
        .collect();
    assert_eq!(sessions.len(), 1);
    let diff = it.get(&format!("/api/tasks/{id}/diff?phase=1")).await;
    let files = diff["files"].as_array().unwrap();
    let paths: Vec<_> = files
        .iter()
        .map(|file| file["path"].as_str().unwrap())
        .collect();
    for intruder in ["intruder", "copy", "written"] {
        assert!(
            !paths.iter().any(|path| path.contains(intruder)),
            "{paths:?}"
        );
    }
    let workspace = it
        .data
        .path()
        .join(format!("tasks/{id}/workspace/docs/planning"));
    assert_eq!(std::fs::read_dir(workspace).unwrap().count(), 9);
}
