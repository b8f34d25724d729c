//! Budgets, with the real CLI: what a task uses, where it stops, and how it goes on.

use std::time::Duration;

use app::domain::money::Usd;
use serde_json::{Value, json};

use crate::installation::Installation;

const LIMIT: Duration = Duration::from_secs(90);

fn needs_budget(task: &Value) -> bool {
    assert!(
        task["status"] != "failed" && task["status"] != "completed",
        "{task:#}"
    );
    task["waiting_reason"] == "budget"
}

fn is_completed(task: &Value) -> bool {
    assert_ne!(task["status"], "failed", "{task:#}");
    task["status"] == "completed"
}

async fn events(it: &Installation, id: &str, kind: &str) -> Vec<Value> {
    let events = it.all(&format!("/api/tasks/{id}/events"), "version").await;
    events
        .into_iter()
        .filter(|event| event["type"] == kind)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_stops_after_the_turn_that_used_up_its_budget_and_goes_on_when_it_is_raised() {
    let it = Installation::start().await;
    let new = json!({"title": "A task", "type": "create_app", "start": true, "budget_usd": "0.0001",
        "description": "A habit tracker.\n\nscenario: chaos"});
    let id = it.post("/api/tasks", &new).await["id"].clone();
    let id = id.as_str().unwrap();
    let stopped = it.until(id, LIMIT, needs_budget).await;
    assert!(it.agent_processes().is_empty());
    let used = &stopped["budget"];
    assert_eq!(used["spent"]["usd"], stopped["cost_usd"], "{stopped:#}");
    assert_eq!(events(&it, id, "TurnEnded").await.len(), 1);
    assert_eq!(events(&it, id, "BudgetWarned").await.len(), 1);
    let told = it.get("/api/notifications?filter=open").await;
    assert_eq!(told["items"][0]["kind"], "budget", "{told:#}");

    let task = format!("/api/tasks/{id}");
    let still = it.patch(&task, &json!({"budget_usd": "0.0002"})).await;
    assert_eq!(still["waiting_reason"], "budget", "too small: {still:#}");
    it.patch(&task, &json!({"budget_usd": "100"})).await;
    it.until(id, LIMIT, |task| task["waiting_reason"] == "review")
        .await;
    assert_eq!(events(&it, id, "BudgetExceeded").await.len(), 1);
    let told = it.get("/api/notifications?filter=open").await;
    assert_eq!(told["items"][0]["kind"], "review", "{told:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_budget_of_a_day_holds_tasks_back_until_it_is_raised() {
    let it = Installation::start().await;
    let first = it.create("custom", "Say hello.\n\nscenario: echo").await;
    let first = it.until(&first, LIMIT, is_completed).await;
    let spent: Usd = first["cost_usd"].as_str().unwrap().parse().unwrap();
    assert!(spent > Usd::ZERO);
    it.patch(
        "/api/settings",
        &json!({"day_budget_usd": spent.to_string()}),
    )
    .await;
    let second = it.create("custom", "Say hello.\n\nscenario: echo").await;
    let stopped = it.until(&second, LIMIT, needs_budget).await;
    assert_eq!(stopped["budget"]["scope"], "day", "{stopped:#}");
    assert_eq!(stopped["resumes_at"], stopped["budget"]["until"]);
    assert!(events(&it, &second, "TurnStarted").await.is_empty());
    it.patch("/api/settings", &json!({"day_budget_usd": null}))
        .await;
    it.until(&second, LIMIT, is_completed).await;
}
