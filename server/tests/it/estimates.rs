//! Estimates and what they are learned from, with the real CLI.

use std::time::Duration;

use serde_json::{Value, json};

use crate::installation::Installation;

const LIMIT: Duration = Duration::from_mins(2);
const JOB: &str = "A habit tracker.\n\nscenario: chaos";

fn waits_for_review(task: &Value) -> bool {
    assert_ne!(task["status"], "failed", "{task:#}");
    task["waiting_reason"] == "review"
}

/// Works on the task until its first phase is approved.
async fn finish_first_phase(it: &Installation, id: &str) {
    it.until(id, LIMIT, waits_for_review).await;
    let review = it.open_review(id).await;
    let approve = format!("/api/reviews/{}/approve", review["id"].as_str().unwrap());
    it.patch(&approve, &json!({})).await;
}

async fn first_phase(it: &Installation, id: &str) -> Value {
    it.get(&format!("/api/tasks/{id}/phases")).await["items"][0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phase_is_estimated_from_three_that_were_finished_and_compared_with_what_it_took() {
    let it = Installation::start().await;
    let mut known = Vec::new();
    for _ in 0..3 {
        known.push(it.create("create_app", JOB).await);
    }
    for id in &known {
        finish_first_phase(&it, id).await;
        it.post(&format!("/api/tasks/{id}/cancel"), &json!({}))
            .await;
    }
    let draft = json!({"title": "A task", "type": "create_app", "description": JOB});
    let draft = it.post("/api/tasks", &draft).await;
    let id = draft["id"].as_str().unwrap();
    let before = first_phase(&it, id).await["estimate"].clone();
    assert_eq!(before["samples"], 3, "{before:#}");
    assert_eq!(before["expected"]["coverage_percent"], 50);
    let phases = it.get(&format!("/api/tasks/{id}/phases")).await;
    assert_eq!(phases["items"][1]["estimate"]["samples"], 0);
    let costs: Vec<Value> = {
        let mut costs = Vec::new();
        for id in &known {
            costs.push(first_phase(&it, id).await["cost_usd"].clone());
        }
        costs
    };
    assert!(
        costs.contains(&before["expected"]["cost_usd"]["low"]),
        "{costs:?}"
    );
    assert!(
        costs.contains(&before["expected"]["cost_usd"]["high"]),
        "{costs:?}"
    );

    it.post(&format!("/api/tasks/{id}/execute"), &json!({}))
        .await;
    finish_first_phase(&it, id).await;
    let after = first_phase(&it, id).await;
    assert_eq!(after["estimate"], before, "what was told is kept");
    assert!(after["active_ms"].as_u64().unwrap() > 0);
    let events = it.all(&format!("/api/tasks/{id}/events"), "version").await;
    let told = events
        .iter()
        .filter(|event| event["type"] == "TaskEstimated");
    assert_eq!(told.count(), 1);

    let report = it.get("/api/estimates").await;
    let total = &report["total"];
    assert_eq!(
        (&total["finished"], &total["estimated"]),
        (&json!(4), &json!(1))
    );
    assert_eq!(total["expected_percent"], 50);
    let judged = &report["latest"][0];
    assert_eq!(
        (&judged["task_id"], &judged["phase"]),
        (&json!(id), &json!(1))
    );
    assert_eq!(judged["cost_usd"], after["cost_usd"]);
    assert_eq!(judged["active_ms"], after["active_ms"]);
}
