//! What the real CLI makes of an API that does not answer, and what becomes of its task.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::installation::Installation;

const LIMIT: Duration = Duration::from_secs(45);

/// Waits that a test can wait for.
const SHORT: [(&str, &str); 4] = [
    ("CCS_LIMIT_WAITS", "2,3"),
    ("CCS_LIMIT_STAGGER_SECONDS", "1"),
    ("CCS_LIMIT_PROBE_SECONDS", "20"),
    ("CCS_API_RETRIES", "1"),
];

/// A scenario whose first requests meet a fault.
fn faulty(fault: &str) -> String {
    format!(
        "about = \"Something is wrong with the API.\"\npace = {{ chars = 10, ms = 10 }}\n[[turn]]\n\
         [[turn.reply]]\nsay = \"It went well in the end, after all that had happened.\"\n{fault}\n"
    )
}

/// An error answer with headers, so many times; 0 for ever.
fn status(status: u16, times: u32, headers: &[(&str, &str)]) -> String {
    let headers = headers.iter();
    let headers = headers.map(|(name, value)| format!("{name} = \"{value}\"\n"));
    let times = match times {
        0 => String::new(),
        times => format!("times = {times}\n"),
    };
    faulty(&format!(
        "[turn.reply.fault.status]\nstatus = {status}\nmessage = \"As scripted.\"\n{times}\
         [turn.reply.fault.status.headers]\n{}",
        headers.collect::<String>()
    ))
}

async fn start(scenario: &str) -> Installation {
    Installation::start_set("faulty", scenario, &SHORT).await
}

async fn task(it: &Installation) -> String {
    it.create("custom", "Do it.\n\nscenario: faulty").await
}

fn is_completed(task: &Value) -> bool {
    assert_ne!(task["status"], "failed", "{task:#}");
    task["status"] == "completed"
}

fn is_limited(task: &Value) -> bool {
    assert!(
        task["status"] != "failed" && task["status"] != "completed",
        "{task:#}"
    );
    task["waiting_reason"] == "rate_limit"
}

fn time(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap().parse().unwrap()
}

/// The events of one kind.
async fn events(it: &Installation, id: &str, kind: &str) -> Vec<Value> {
    let events = it.all(&format!("/api/tasks/{id}/events"), "version").await;
    events
        .into_iter()
        .filter(|event| event["type"] == kind)
        .collect()
}

/// Seconds from the end of the task's limit to the run that follows it.
async fn resumed_after(it: &Installation, id: &str) -> f64 {
    let limited = events(it, id, "RateLimited").await;
    let until = time(&limited.last().unwrap()["data"]["until"]);
    let lifted = events(it, id, "LimitLifted").await;
    let lifted = time(&lifted.last().unwrap()["at"]);
    (lifted - until).as_seconds_f64()
}

/// Seconds since 1970, from now on.
fn in_seconds(seconds: i64) -> String {
    (Utc::now().timestamp() + seconds).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_with_a_told_end_holds_back_others_and_all_go_on_right_after_it() {
    let reset = in_seconds(14);
    let scenario = status(
        429,
        1,
        &[
            ("retry-after", "3600"),
            ("anthropic-ratelimit-unified-status", "rejected"),
            ("anthropic-ratelimit-unified-reset", &reset),
            (
                "anthropic-ratelimit-unified-representative-claim",
                "five_hour",
            ),
        ],
    );
    let it = start(&scenario).await;
    let first = task(&it).await;
    let limited = it.until(&first, LIMIT, is_limited).await;
    assert_eq!(limited["limit"]["told"], true, "{limited:#}");
    assert_eq!(limited["limit"]["name"], "five_hour");
    assert_eq!(limited["resumes_at"], limited["limit"]["until"]);
    assert!(it.agent_processes().is_empty());
    let overview = it.get("/api/overview").await;
    assert_eq!(overview["limit"], limited["limit"]);

    let second = it.create("custom", "Say hello.\n\nscenario: echo").await;
    it.until(&second, LIMIT, is_completed).await;
    it.until(&first, LIMIT, is_completed).await;
    let late = resumed_after(&it, &first).await;
    assert!((0.0..5.0).contains(&late), "{late} s after the end");
    assert_eq!(events(&it, &first, "RateLimited").await.len(), 1);
    let started = events(&it, &second, "RunStarted").await;
    assert_eq!(started.len(), 1);
    assert!(time(&started[0]["at"]).timestamp() >= reset.parse::<i64>().unwrap());
    assert!(it.get("/api/overview").await["limit"].is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_outlives_the_server_and_a_person_may_try_before_its_end() {
    let scenario = status(429, 1, &[("retry-after", "3600")]);
    let mut it = start(&scenario).await;
    let first = task(&it).await;
    let limited = it.until(&first, LIMIT, is_limited).await;
    let left = time(&limited["limit"]["until"]) - Utc::now();
    assert!((3_500..3_610).contains(&left.num_seconds()), "{left}");
    let second = it.create("custom", "Say hello.\n\nscenario: echo").await;
    it.stop_server().await;
    it.start_server().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let held = it.get(&format!("/api/tasks/{second}")).await;
    assert_eq!(held["status"], "queued");
    assert!(events(&it, &second, "RunStarted").await.is_empty());
    it.post(&format!("/api/tasks/{first}/retry"), &json!({}))
        .await;
    it.until(&first, LIMIT, is_completed).await;
    it.until(&second, LIMIT, is_completed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_does_not_go_on_by_itself_waits_for_a_word() {
    let scenario = status(429, 1, &[("retry-after", "2"), ("x-should-retry", "false")]);
    let it = start(&scenario).await;
    let new = json!({"title": "A task", "type": "custom", "start": true, "auto_resume": false,
        "description": "Do it.\n\nscenario: faulty"});
    let id = it.post("/api/tasks", &new).await["id"].clone();
    let id = id.as_str().unwrap();
    let limited = it.until(id, LIMIT, is_limited).await;
    assert!(limited["resumes_at"].is_null(), "{limited:#}");
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(is_limited(&it.get(&format!("/api/tasks/{id}")).await));
    it.patch(&format!("/api/tasks/{id}"), &json!({"auto_resume": true}))
        .await;
    it.until(id, LIMIT, is_completed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_limit_is_sat_out_by_the_cli_itself() {
    let it = start(&status(429, 1, &[("retry-after", "1")])).await;
    let id = task(&it).await;
    it.until(&id, LIMIT, is_completed).await;
    assert!(events(&it, &id, "RateLimited").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_without_a_told_end_is_tried_again_after_growing_waits() {
    let it = start(&status(429, 2, &[("x-should-retry", "false")])).await;
    let id = task(&it).await;
    it.until(&id, LIMIT, is_completed).await;
    let limited = events(&it, &id, "RateLimited").await;
    let waits: Vec<_> = limited
        .iter()
        .map(|event| (time(&event["data"]["until"]) - time(&event["at"])).num_seconds())
        .collect();
    assert!(matches!(waits[..], [1 | 2, 2 | 3]), "{waits:?}");
    assert!(limited[0]["data"]["told"].is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overloaded_api_is_waited_for() {
    let it = start(&status(529, 4, &[])).await;
    let id = task(&it).await;
    let limited = it.until(&id, LIMIT, is_limited).await;
    assert_eq!(limited["limit"]["cause"], "overloaded", "{limited:#}");
    assert_eq!(limited["reason"], "Claude is overloaded.");
    it.until(&id, LIMIT, is_completed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_credentials_and_an_empty_purse_need_a_person_and_are_told_at_once() {
    for (code, message) in [(401, ""), (403, ""), (402, ""), (400, "credit")] {
        let scenario = match message {
            "credit" => faulty(
                "[turn.reply.fault.status]\nstatus = 400\nmessage = \"Your credit balance is too low to \
                 access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.\"",
            ),
            _ => status(code, 0, &[]),
        };
        let it = Installation::start_set("faulty", &scenario, &SHORT[..3]).await;
        let started = Instant::now();
        let id = task(&it).await;
        let waits = |task: &Value| {
            assert_ne!(task["status"], "failed", "{code}: {task:#}");
            task["waiting_reason"] == "credentials"
        };
        it.until(&id, LIMIT, waits).await;
        // Left alone, the CLI tries for three minutes.
        let passed = started.elapsed();
        assert!(passed < Duration::from_secs(20), "{code}: {passed:?}");
        assert!(it.agent_processes().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_out_of_reach_is_waited_for_however_long() {
    let mut variables = SHORT.to_vec();
    variables.push(("CCS_ANTHROPIC_BASE_URL", "http://127.0.0.1:1"));
    let it = Installation::start_set("faulty", &faulty(""), &variables).await;
    let id = task(&it).await;
    let limited = it.until(&id, LIMIT, is_limited).await;
    assert_eq!(limited["limit"]["cause"], "unreachable", "{limited:#}");
    let started = Instant::now();
    // More often in a row than a task may fail.
    while events(&it, &id, "RateLimited").await.len() < 4 {
        assert!(started.elapsed() < LIMIT, "{}", it.server_log());
        let task = it.get(&format!("/api/tasks/{id}")).await;
        assert_ne!(task["status"], "failed", "{task:#}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_stalls_or_breaks_is_asked_for_again() {
    let stall = "fault = { stall = { after_chars = 20, seconds = 120 } }";
    let cut = "fault = { cut = { after_chars = 20 } }";
    let event = "fault = { error_event = { after_chars = 20, kind = \"overloaded_error\", message = \"x\" } }";
    for fault in [stall, cut, event] {
        let mut variables = SHORT.to_vec();
        variables.push(("CCS_API_SILENCE_SECONDS", "5"));
        let it = Installation::start_set("faulty", &faulty(fault), &variables).await;
        let id = task(&it).await;
        it.until(&id, LIMIT, is_completed).await;
        assert!(events(&it, &id, "RateLimited").await.is_empty(), "{fault}");
        let log = it.all(&format!("/api/tasks/{id}/logs"), "seq").await;
        let said = log.iter().filter(|line| line["kind"] == "text");
        let said: Vec<_> = said.map(|line| line["text"].as_str().unwrap()).collect();
        let whole = "It went well in the end, after all that had happened.";
        assert_eq!(said, [whole], "{fault}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_never_begins_is_given_up_and_waited_for() {
    let mut variables = SHORT.to_vec();
    variables.push(("CCS_API_ANSWER_SECONDS", "3"));
    let it = Installation::start_set("faulty", &faulty("delay_ms = 60000"), &variables).await;
    let id = task(&it).await;
    let limited = it.until(&id, LIMIT, is_limited).await;
    assert_eq!(limited["limit"]["cause"], "unreachable", "{limited:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscriptions_limit_is_told_by_the_cli_itself() {
    let reset = in_seconds(12);
    let scenario = status(
        429,
        1,
        &[
            ("retry-after", "3600"),
            ("anthropic-ratelimit-unified-status", "rejected"),
            ("anthropic-ratelimit-unified-reset", &reset),
            (
                "anthropic-ratelimit-unified-representative-claim",
                "five_hour",
            ),
        ],
    );
    let it = Installation::start_without_account("faulty", &scenario).await;
    let token = "sk-ant-oat01-made-up-for-this-test-0123456789";
    let account = json!({"claude_login_token": token, "anthropic_base_url": it.model_url});
    it.patch("/api/settings", &account).await;
    let id = task(&it).await;
    // Such a request goes past the platform, so only the CLI can have told.
    let limited = it.until(&id, LIMIT, is_limited).await;
    assert_eq!(limited["limit"]["told"], true, "{limited:#}");
    assert_eq!(limited["limit"]["name"], "five_hour");
    it.until(&id, LIMIT, is_completed).await;
    let late = resumed_after(&it, &id).await;
    assert!((0.0..5.0).contains(&late), "{late} s after the end");
}
