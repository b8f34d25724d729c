//! Schedules, over the API, and the tasks that they make.

use chrono::{DateTime, TimeDelta, Utc};
use http::StatusCode;
use serde_json::{Value, json};

use super::support::TestApp;

fn daily(name: &str) -> Value {
    json!({
        "name": name, "rhythm": { "every": "day", "at": "09:30" }, "time_zone": "Europe/Berlin",
        "task": { "title": "Report", "type": "custom", "description": "Write the report." },
    })
}

async fn add(app: &TestApp, schedule: &Value) -> String {
    let added = app.json("POST", "/api/schedules", schedule).await;
    assert_eq!(added.status, StatusCode::CREATED, "{}", added.body);
    let id = added.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(added.header("location"), format!("/api/schedules/{id}"));
    id
}

/// Lets the schedule be due since then.
async fn let_be_due(app: &TestApp, id: &str, at: DateTime<Utc>) {
    let schedule = app
        .store
        .schedule(id.parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    let changed = app
        .store
        .change_schedule(schedule.id, &schedule.definition, Some(at));
    assert!(changed.await.unwrap());
}

async fn tasks(app: &TestApp) -> Vec<Value> {
    app.get("/api/tasks").await.json()["items"]
        .as_array()
        .unwrap()
        .clone()
}

#[tokio::test]
async fn a_schedule_is_added_shown_changed_paused_and_removed() {
    let app = TestApp::new().await;
    let id = add(&app, &daily("Morning")).await;
    let path = format!("/api/schedules/{id}");
    let shown = app.get(&path).await.json();
    assert_eq!(shown["cron"], "30 9 * * *");
    assert_eq!(shown["catch_up"], "latest");
    let next: Vec<DateTime<Utc>> = serde_json::from_value(shown["next"].clone()).unwrap();
    assert_eq!(next.len(), 5);
    assert!(next[0] > Utc::now() && next[0] - Utc::now() <= TimeDelta::hours(25));
    assert!(next.is_sorted());

    let paused = app.post(&format!("{path}/pause")).await.json();
    assert_eq!(
        (&paused["paused"], &paused["next"]),
        (&json!(true), &json!([]))
    );
    let resumed = app.post(&format!("{path}/resume")).await.json();
    assert_eq!(resumed["next"], shown["next"]);

    let mut other = daily("Hourly");
    other["rhythm"] = json!({ "every": "hour", "minute": 5 });
    let changed = app.json("PUT", &path, &other).await.json();
    assert_eq!(
        (&changed["name"], &changed["cron"]),
        (&json!("Hourly"), &json!("5 * * * *"))
    );
    assert_eq!(
        app.get("/api/schedules").await.json()["items"],
        json!([changed])
    );
    let removed = app.json("DELETE", &path, &json!({})).await;
    assert_eq!(removed.status, StatusCode::NO_CONTENT);
    assert_eq!(app.get(&path).await.status, StatusCode::NOT_FOUND);
    assert_eq!(
        app.post(&format!("{path}/run")).await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_beside_its_field() {
    let app = TestApp::new().await;
    let refusal = async |change: fn(&mut Value)| {
        let mut schedule = daily("Morning");
        change(&mut schedule);
        let refused = app.json("POST", "/api/schedules", &schedule).await;
        assert_eq!(
            refused.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{}",
            refused.body
        );
        refused.json()["errors"][0]["field"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(
        refusal(|it| it["time_zone"] = json!("Mars/Base")).await,
        "time_zone"
    );
    assert_eq!(
        refusal(|it| it["rhythm"]["at"] = json!("25:00")).await,
        "rhythm"
    );
    assert_eq!(
        refusal(|it| it["rhythm"] = json!({ "every": "cron", "expression": "often" })).await,
        "rhythm"
    );
    assert_eq!(
        refusal(|it| it["task"]["type"] = json!("coffee")).await,
        "task.type"
    );
    assert_eq!(
        refusal(|it| it["task"]["budget_usd"] = json!("0")).await,
        "task.budget_usd"
    );
    assert_eq!(
        refusal(|it| it["catch_up"] = json!("maybe")).await,
        "catch_up"
    );
    assert_eq!(app.get("/api/schedules").await.json()["items"], json!([]));
}

#[tokio::test]
async fn what_is_due_is_made_once_by_however_many_processes_and_links_back() {
    let app = TestApp::new().await;
    let id = add(&app, &daily("Morning")).await;
    app.service.see_to_schedules().await.unwrap();
    assert_eq!(tasks(&app).await, Vec::<Value>::new());

    let_be_due(&app, &id, Utc::now() - TimeDelta::minutes(1)).await;
    let (one, other) = tokio::join!(
        app.service.see_to_schedules(),
        app.service.see_to_schedules()
    );
    one.unwrap();
    other.unwrap();
    let made = tasks(&app).await;
    assert_eq!(made.len(), 1);
    assert_eq!(
        (&made[0]["title"], &made[0]["status"]),
        (&json!("Report"), &json!("queued"))
    );
    assert_eq!(made[0]["schedule_id"], json!(id));
    let path = format!("/api/tasks/{}", made[0]["id"].as_str().unwrap());
    let events = app.get(&format!("{path}/events")).await.json();
    assert_eq!(events["items"][0]["actor"], "platform");
    let shown = app.get(&format!("/api/schedules/{id}")).await.json();
    assert_eq!(shown["last_task_id"], made[0]["id"]);
    assert_eq!(shown["problem"], Value::Null);

    // The one before still waits: another one would only wait as well.
    let_be_due(&app, &id, Utc::now() - TimeDelta::seconds(1)).await;
    app.service.see_to_schedules().await.unwrap();
    assert_eq!(tasks(&app).await.len(), 1);
    let held = app.get(&format!("/api/schedules/{id}")).await.json();
    let problem = held["problem"].as_str().unwrap();
    assert!(problem.contains("still waits for an agent"), "{problem}");
    assert_eq!(held["last_task_id"], made[0]["id"]);

    app.post(&format!("{path}/cancel")).await;
    let_be_due(&app, &id, Utc::now() - TimeDelta::seconds(1)).await;
    app.service.see_to_schedules().await.unwrap();
    assert_eq!(tasks(&app).await.len(), 2);

    let now = app.post(&format!("/api/schedules/{id}/run")).await;
    assert_eq!(now.status, StatusCode::CREATED, "{}", now.body);
    assert_eq!(now.json()["schedule_id"], json!(id));
}

#[tokio::test]
async fn times_at_which_nobody_was_there_are_made_up_for_as_the_schedule_says() {
    for (policy, expected) in [("skip", 0), ("latest", 1), ("all", 3)] {
        let app = TestApp::new().await;
        let mut schedule = daily("Daily");
        schedule["catch_up"] = json!(policy);
        let id = add(&app, &schedule).await;
        let next = app.get(&format!("/api/schedules/{id}")).await.json()["next"][0].clone();
        let next: DateTime<Utc> = serde_json::from_value(next).unwrap();
        // The last three times: none of them within the last minutes, whatever time it is.
        let missed = next - TimeDelta::days(3);
        let last = next - TimeDelta::days(1);
        if Utc::now() - last < TimeDelta::minutes(6) {
            continue;
        }
        let_be_due(&app, &id, missed).await;
        app.service.see_to_schedules().await.unwrap();
        assert_eq!(tasks(&app).await.len(), expected, "{policy}");
        let shown = app.get(&format!("/api/schedules/{id}")).await.json();
        assert_eq!(shown["next"][0], json!(next), "{policy}");
    }
}

#[tokio::test]
async fn there_are_at_most_a_hundred() {
    let app = TestApp::new().await;
    for number in 0..100 {
        add(&app, &daily(&format!("Number {number}"))).await;
    }
    let refused = app.json("POST", "/api/schedules", &daily("One more")).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(refused.json()["errors"][0]["field"], "name");
}
