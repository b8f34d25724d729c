//! What a person holds up stands still and goes on, whatever happens in between; and what is called off
//! leaves nothing behind but the work.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::installation::Installation;

const LIMIT: Duration = Duration::from_mins(2);

/// How long nothing may be left of an agent after its end.
const SOON: Duration = Duration::from_secs(2);

/// A command that leaves a line in a file ten times a second, for some seconds.
const TICKING: &str = r#"
about = "runs a command that leaves traces"
[[turn]]
when = 'BEGIN JOB'
[[turn.reply]]
say = "I run it."
tools = [{ bash = "awk 'BEGIN { for (i = 1; i <= 60; i++) { system(\"echo tick >> ticks; sleep 0.1\") } }'" }]
[[turn.reply.or]]
if = { tool_result = 'outcome is unknown' }
say = "It was cut off."
[[turn.reply]]
say = "It ran."
"#;

struct AtWork {
    it: Installation,
    id: String,
}

impl AtWork {
    /// An agent whose command is running. Claims are short, so that a pause outlasts them.
    async fn begin(pause_seconds: &'static str) -> Self {
        let variables = [
            ("CCS_LEASE_SECONDS", "2"),
            ("CCS_PAUSE_SECONDS", pause_seconds),
        ];
        let it = Installation::start_set("ticking", TICKING, &variables).await;
        let task = json!({
            "title": "A task", "type": "custom", "description": "Work.\n\nscenario: ticking",
            "permission_mode": "autonomous", "start": true,
        });
        let task = it.post("/api/tasks", &task).await;
        let id = task["id"].as_str().unwrap().to_owned();
        let at_work = Self { it, id };
        let started = Instant::now();
        while at_work.ticks() == 0 {
            assert!(started.elapsed() < LIMIT, "{}", at_work.it.server_log());
            sleep(Duration::from_millis(20)).await;
        }
        at_work
    }

    fn file(&self) -> PathBuf {
        let folder = self.it.data.path().join("tasks").join(&self.id);
        folder.join("workspace/ticks")
    }

    /// How often the command has come by.
    fn ticks(&self) -> usize {
        let text = std::fs::read_to_string(self.file()).unwrap_or_default();
        text.lines().count()
    }

    async fn act(&self, action: &str, body: &Value) -> Value {
        let path = format!("/api/tasks/{}/{action}", self.id);
        self.it.post(&path, body).await
    }

    async fn pause(&self) {
        let task = self.act("pause", &json!({})).await;
        assert_eq!(task["status"], "paused", "{task:#}");
        assert_eq!(task["actions"][0], "resume", "{task:#}");
    }

    async fn until(&self, status: &str) -> Value {
        self.it
            .until(&self.id, LIMIT, |task| {
                assert_ne!(task["status"], "failed", "{task:#}");
                task["status"] == status
            })
            .await
    }

    async fn completed(&self) -> Vec<String> {
        self.until("completed").await;
        assert_eq!(self.it.model_failures().await, json!([]));
        self.events().await
    }

    async fn events(&self) -> Vec<String> {
        let path = format!("/api/tasks/{}/events", self.id);
        let events = self.it.all(&path, "version").await;
        let name = |event: &Value| event["type"].as_str().unwrap().to_owned();
        events.iter().map(name).collect()
    }

    async fn said(&self, text: &str) -> bool {
        let path = format!("/api/tasks/{}/logs", self.id);
        let lines = self.it.all(&path, "seq").await;
        let has = |line: &Value| line["text"].as_str().unwrap().contains(text);
        lines.iter().any(has)
    }

    /// Waits until the command comes by no more, and says how often it still did.
    async fn stands_still(&self) -> usize {
        let paused = Instant::now();
        let before = self.ticks();
        loop {
            let seen = self.ticks();
            sleep(Duration::from_millis(500)).await;
            if self.ticks() == seen {
                return seen - before;
            }
            assert!(paused.elapsed() < Duration::from_secs(5), "it goes on");
        }
    }

    /// Waits until nothing is left of the agent.
    async fn gone(&self, limit: Duration) {
        let started = Instant::now();
        while !self.it.agent_processes().is_empty() {
            let left = self.it.agent_processes();
            assert!(started.elapsed() < limit, "left behind: {left:?}");
            sleep(Duration::from_millis(20)).await;
        }
    }
}

fn count(events: &[String], name: &str) -> usize {
    events.iter().filter(|known| *known == name).count()
}

/// How many of these processes don't stand still.
fn moving(processes: &[String]) -> usize {
    let pids = processes.iter().filter_map(|line| line.split(':').next());
    let states = pids.filter_map(|pid| std::fs::read_to_string(format!("/proc/{pid}/stat")).ok());
    let is_moving = |stat: &String| {
        let state = stat
            .rsplit_once(") ")
            .and_then(|(_, rest)| rest.chars().next());
        !matches!(state, Some('T' | 'Z'))
    };
    states.filter(is_moving).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_pause_stops_every_process_and_the_same_ones_go_on() {
    let task = AtWork::begin("60").await;
    let asked = Instant::now();
    task.pause().await;
    let still = task.stands_still().await;
    println!(
        "{still} ticks after the pause, which took {} ms with the wait for it",
        asked.elapsed().as_millis()
    );
    let processes = task.it.agent_processes();
    assert!(processes.len() > 2, "{processes:?}");
    assert_eq!(moving(&processes), 0, "{processes:?}");
    let ticks = task.ticks();
    // For longer than a claim holds that nobody renews.
    sleep(Duration::from_secs(5)).await;
    assert_eq!(task.ticks(), ticks);
    let resumed = task.act("resume", &json!({})).await;
    assert_eq!(resumed["status"], "running", "{resumed:#}");
    let events = task.completed().await;
    assert!(task.said("It ran.").await);
    assert_eq!(task.ticks(), 60, "nothing was done twice or left out");
    for (name, expected) in [("RunStarted", 1), ("TaskPaused", 1), ("TaskResumed", 1)] {
        assert_eq!(count(&events, name), expected, "{name} in {events:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_long_pause_another_process_goes_on_with_the_turn() {
    let task = AtWork::begin("1").await;
    task.pause().await;
    sleep(Duration::from_secs(1)).await;
    task.gone(SOON).await;
    let ticks = task.ticks();
    sleep(Duration::from_secs(3)).await;
    let paused = task.until("paused").await;
    assert_eq!(task.ticks(), ticks);
    assert_eq!(count(&task.events().await, "RunEnded"), 1, "{paused:#}");
    let resumed = task.act("resume", &json!({})).await;
    assert_eq!(resumed["status"], "queued", "{resumed:#}");
    let events = task.completed().await;
    assert!(task.said("It was cut off.").await, "the agent knows");
    assert_eq!(count(&events, "TurnStarted"), 1, "{events:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_at_the_end_of_the_turn_lets_the_agent_finish_it() {
    let task = AtWork::begin("60").await;
    let asked = task.act("pause", &json!({"at": "turn_end"})).await;
    assert_eq!(asked["status"], "running", "{asked:#}");
    task.until("paused").await;
    task.gone(SOON).await;
    assert!(task.said("It ran.").await);
    assert_eq!(task.ticks(), 60);
    task.act("resume", &json!({})).await;
    task.completed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_task_stays_paused_when_the_server_is_killed_or_stopped() {
    for crash in [true, false] {
        let mut task = AtWork::begin("60").await;
        task.pause().await;
        task.stands_still().await;
        if crash {
            task.it.kill_server().await;
            task.gone(SOON).await;
        } else {
            task.it.stop_server().await;
            task.gone(Duration::ZERO).await;
        }
        let ticks = task.ticks();
        task.it.start_server().await;
        // Longer than the claim of the run holds that is gone.
        sleep(Duration::from_secs(6)).await;
        let paused = task.it.get(&format!("/api/tasks/{}", task.id)).await;
        assert_eq!(paused["status"], "paused", "{paused:#}");
        assert_eq!(task.it.agent_processes(), [""; 0]);
        assert_eq!(task.ticks(), ticks);
        task.act("resume", &json!({})).await;
        let events = task.completed().await;
        assert_eq!(count(&events, "TurnStarted"), 1, "{events:?}");
        assert!(task.said("It was cut off.").await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_is_cancelled_leaves_its_work_and_nothing_else() {
    for is_paused in [false, true] {
        let task = AtWork::begin("60").await;
        if is_paused {
            task.pause().await;
            task.stands_still().await;
        }
        let cancelled = task.act("cancel", &json!({})).await;
        assert_eq!(cancelled["status"], "cancelled");
        // A running one is given some seconds to end by itself.
        task.gone(if is_paused {
            SOON
        } else {
            Duration::from_secs(7)
        })
        .await;
        let ticks = task.ticks();
        assert!(ticks > 0, "the work is kept");
        sleep(Duration::from_secs(1)).await;
        assert_eq!(task.ticks(), ticks);
    }
}

/// Asks a person, and says what they have answered.
const ASKING: &str = r#"
about = "asks"
[[turn]]
when = 'BEGIN JOB'
[[turn.reply]]
tools = [{ call = { name = "mcp__platform__ask_user", input = { category = "choice", question = "Which colour?", options = ["Teal", "Grey"] } } }]
[[turn.reply]]
say = "Answered: {{tool_result}}"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_a_paused_task_was_waiting_for_stays_open_and_can_be_answered() {
    let it = Installation::start_with("asking", ASKING).await;
    let id = it.create("custom", "Ask.\n\nscenario: asking").await;
    let task = AtWork { it, id };
    task.until("waiting").await;
    task.pause().await;
    task.act("resume", &json!({})).await;
    let waiting = task.until("waiting").await;
    assert_eq!(waiting["waiting_reason"], "question");
    task.pause().await;
    let questions = format!("/api/tasks/{}/questions", task.id);
    let questions = task.it.get(&questions).await;
    let question = questions["items"][0]["id"].as_str().unwrap();
    let path = format!("/api/questions/{question}/answer");
    task.it.post(&path, &json!({"answer": "Teal"})).await;
    sleep(Duration::from_secs(1)).await;
    let paused = task.it.get(&format!("/api/tasks/{}", task.id)).await;
    assert_eq!(paused["status"], "paused", "{paused:#}");
    task.act("resume", &json!({})).await;
    task.completed().await;
    assert!(task.said("Teal").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_state_forbids_says_what_is_possible() {
    let it = Installation::start().await;
    let draft = json!({"title": "A draft", "type": "custom", "description": "Nothing."});
    let draft = it.post("/api/tasks", &draft).await;
    let id = draft["id"].as_str().unwrap();
    for action in ["pause", "resume", "retry", "interrupt"] {
        let request = it
            .client
            .post(format!("{}/api/tasks/{id}/{action}", it.base));
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 409, "{action}");
        let problem: Value = answer.json().await.unwrap();
        assert_eq!(problem["state"], "draft", "{problem:#}");
        assert_eq!(problem["allowed"][0], "execute", "{problem:#}");
    }
    let request = it.client.post(format!("{}/api/tasks/{id}/pause", it.base));
    let answer = request
        .json(&json!({"at": "tomorrow"}))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status().as_u16(), 422);
}
