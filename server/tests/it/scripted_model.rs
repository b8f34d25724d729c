//! The scripted model with the real Claude Code CLI, and with requests that no CLI sends.

mod cli;
mod platform;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use app::domain::permission::PermissionMode;
use reqwest::StatusCode;
use serde_json::{Value, json};
use server::agent::permission::{Decision, decide};
use server::scripted_model::{Error, Observer, Scenarios, ScriptedModel};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use cli::claude_bin;

use cli::Home;
use platform::Platform;

/// A model that serves until it is dropped.
struct Model {
    url: String,
    observer: Observer,
    shutdown: CancellationToken,
    server: JoinSet<Result<(), Error>>,
}

impl Model {
    async fn start() -> Self {
        Self::with(Scenarios::built_in().unwrap()).await
    }

    async fn with(scenarios: Scenarios) -> Self {
        let model = ScriptedModel::bind("127.0.0.1:0".parse().unwrap(), scenarios)
            .await
            .unwrap();
        let (url, observer) = (model.base_url(), model.observer());
        let shutdown = CancellationToken::new();
        let mut server = JoinSet::new();
        server.spawn(model.serve(shutdown.clone()));
        Self {
            url,
            observer,
            shutdown,
            server,
        }
    }

    async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> (StatusCode, Value) {
        let request = reqwest::Client::new()
            .post(format!("{}{path}", self.url))
            .body(body);
        let response = request.send().await.unwrap();
        let status = response.status();
        (
            status,
            serde_json::from_str(&response.text().await.unwrap()).unwrap_or_default(),
        )
    }

    fn assert_no_failures(&self) {
        let failures = self.observer.report().failures;
        assert!(failures.is_empty(), "{failures:#?}");
    }
}

fn script(source: &str) -> Scenarios {
    let files = BTreeMap::from([("test.toml".to_owned(), source.to_owned())]);
    Scenarios::from_files(files).unwrap()
}

#[tokio::test]
async fn a_prompt_is_answered_and_the_custom_script_works_with_tools() {
    let model = Model::start().await;
    let home = Home::new();
    let mut agent = home.start(&model.url).await;
    let echo = agent.prompt("Hello there\nscenario: echo").await;
    assert!(
        !echo.is_error() && echo.text().contains("You wrote: Hello there"),
        "{}",
        echo.text()
    );
    let custom = agent
        .prompt("[turn: prompt]\nLook around.\nscenario: custom")
        .await;
    assert!(!custom.is_error());
    assert_eq!(custom.calls(), ["Bash", "Write"]);
    assert!(home.read("notes.md").contains("What is in the workspace"));
    let report = model.observer.report();
    assert_eq!(
        (report.requests, report.side_requests, report.sessions.len()),
        (4, 0, 1)
    );
    model.assert_no_failures();
}

#[tokio::test]
async fn a_whole_demo_task_is_planned_built_tested_and_reworked() {
    let model = Model::with(quick_demo()).await;
    let platform = Platform::start().await;
    let mut home = Home::new();
    home.arguments = platform.arguments();
    let mut agent = home.start(&model.url).await;
    for (phase, name, steps) in PHASES {
        let opening =
            format!("[turn: phase {phase} {name}, opening]\nBuild something.\nscenario: demo");
        let mut prompts = vec![opening];
        prompts.extend(steps.iter().map(|step| match phase {
            3 => format!("[turn: phase 3 development, step {step}]\nThe guide says …"),
            _ => format!(
                "[turn: phase {phase} {name}, step {step}, deliverable docs/{name}/{step}.md]\n…"
            ),
        }));
        prompts.push(format!(
            "[turn: phase {phase} {name}, closing]\nComplete it."
        ));
        for prompt in prompts {
            let turn = agent.prompt(&prompt).await;
            assert!(!turn.is_error(), "{prompt}: {}", turn.text());
            assert!(
                !turn.said().contains("nothing for this message"),
                "{prompt}"
            );
        }
        let calls = platform.take();
        let steps_done = calls
            .iter()
            .filter(|(name, input)| name == "report_step" && input["status"] == "completed");
        assert_eq!(steps_done.count(), steps.len());
        let (tool, input) = calls.last().unwrap();
        assert_eq!(
            (tool.as_str(), &input["phase"]),
            ("complete_phase", &json!(phase))
        );
        for file in input["files"].as_array().unwrap() {
            let text = home.read(file.as_str().unwrap());
            assert!(text.chars().count() >= 200, "{file} is too short");
        }
    }
    let comment = |number: u32, place: &str, text: &str| {
        format!("\nComment {number} on {place}:\nBEGIN COMMENT 37f0\n{text}\nEND COMMENT 37f0\n")
    };
    let rework = "[turn: phase 2 design, rework round 2]\n\nThe reviewer sends the phase back.\n"
        .to_owned()
        + &comment(1, "`docs/design/04_api.md`, line 3", "Name the errors.")
        + &comment(2, "`docs/design/01_screen.md`", "Who needs it?\nSay so.");
    assert!(!agent.prompt(&rework).await.is_error());
    assert!(
        home.read("docs/design/04_api.md")
            .contains("> Name the errors.")
    );
    assert!(
        home.read("docs/design/01_screen.md")
            .contains("> Who needs it?\nSay so.")
    );
    model.assert_no_failures();
}

const PHASES: [(u32, &str, &[&str]); 4] = [
    (
        1,
        "planning",
        &[
            "01_idea",
            "02_market",
            "03_persona",
            "04_user_journey",
            "05_business_model",
            "06_product",
            "07_features",
            "08_tech",
            "09_roadmap",
        ],
    ),
    (
        2,
        "design",
        &[
            "01_screen",
            "02_data_model",
            "03_task_flow",
            "04_api",
            "05_architecture",
        ],
    ),
    (
        3,
        "development",
        &[
            "01_setup",
            "02_data",
            "03_logic",
            "04_ui",
            "05_testing",
            "06_deploy",
        ],
    ),
    (4, "testing", &[]),
];

/// The demo without its pauses, from the files that a person may override.
fn quick_demo() -> Scenarios {
    let directory = tempfile::tempdir().unwrap();
    let source =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/demo.toml"));
    let source = source
        .unwrap()
        .replace("pace = { chars = 18, ms = 25 }", "")
        .replace("delay_ms = ", "delay_ms = 0 # ");
    std::fs::write(directory.path().join("demo.toml"), source).unwrap();
    Scenarios::with_directory(directory.path()).unwrap()
}

#[tokio::test]
async fn a_stop_hook_sends_the_agent_back_and_the_script_reacts() {
    let model = Model::start().await;
    let mut home = Home::new();
    home.stop_reason = Some("docs/planning/01_idea.md is missing.");
    let mut agent = home.start(&model.url).await;
    let prompt = "[turn: phase 1 planning, step 01_idea, deliverable docs/planning/01_idea.md]\nscenario: stop_early";
    let turn = agent.prompt(prompt).await;
    assert!(!turn.is_error());
    assert!(turn.said().contains("I was sent back"), "{}", turn.said());
    assert!(
        home.read("docs/planning/01_idea.md")
            .contains("> docs/planning/01_idea.md is missing.")
    );
}

#[tokio::test]
async fn passing_faults_are_survived() {
    let model = Model::start().await;
    let home = Home::new();
    let mut agent = home.start(&model.url).await;
    let cases = [
        ("overloaded", "goes on now.", 2),
        ("server_error", "goes on now.", 1),
        ("cut", "now it has arrived whole.", 1),
        ("error_event", "now it has arrived whole.", 1),
    ];
    let mut faults = 0;
    for (name, end, strikes) in cases {
        let turn = agent.prompt(&format!("scenario: {name}")).await;
        assert!(!turn.is_error(), "{name}: {}", turn.text());
        assert!(turn.text().ends_with(end), "{name}: {}", turn.text());
        faults += strikes;
        assert_eq!(model.observer.report().faults, faults, "{name}");
    }
}

#[tokio::test]
async fn lasting_faults_end_the_turn_with_their_error() {
    let model = Model::start().await;
    let home = Home::new();
    let mut agent = home.start(&model.url).await;
    for (name, status) in [
        ("limited", 429),
        ("no_credit", 400),
        ("forbidden", 403),
        ("auth", 401),
    ] {
        let turn = agent.prompt(&format!("scenario: {name}")).await;
        assert!(turn.is_error(), "{name}");
        assert_eq!(turn.result["api_error_status"], json!(status), "{name}");
    }
    // The limit strikes once: prompts that got no answer are still open, so this asks again.
    let again = agent.prompt("scenario: limited").await;
    assert!(
        again.text().contains("The limit is over"),
        "{}",
        again.text()
    );
}

#[tokio::test]
async fn a_denied_command_is_taken_for_an_answer() {
    let model = Model::start().await;
    let turn = Home::new()
        .start(&model.url)
        .await
        .prompt("scenario: denied")
        .await;
    assert!(
        turn.text().contains("Not on the list of allowed commands."),
        "{}",
        turn.text()
    );
}

const SLOW: &str = r#"
about = "a slow command"
default = true
[[turn]]
[[turn.reply]]
say = "I run it."
tools = [{ bash = "echo started >> starts; for i in $(seq 1 30); do sleep 0.1; done; echo finished" }]
[[turn.reply]]
say = "It said: {{tool_result}}"
[[turn.reply.or]]
if = { message = '(?P<wish>.+)' }
say = "In between I read: {{wish}}"
"#;

#[tokio::test]
async fn a_call_cut_off_by_a_crash_is_made_again() {
    let model = Model::with(script(SLOW)).await;
    let mut home = Home::new();
    home.arguments.push("--allowedTools=Bash".to_owned());
    let mut agent = home.start(&model.url).await;
    agent.send("run it").await;
    agent.until_call("Bash").await;
    wait_for(&home.workspace().join("starts")).await;
    agent.kill().await;
    let turn = home.resume(&model.url).await.finish().await;
    assert!(!turn.is_error());
    assert!(
        turn.text().ends_with("It said: finished"),
        "{}",
        turn.text()
    );
    assert_eq!(home.read("starts").lines().count(), 2);
}

#[tokio::test]
async fn the_chaos_task_ends_well_however_often_it_is_killed() {
    let model = Model::start().await;
    let platform = Platform::start().await;
    let mut home = Home::new();
    home.arguments = platform.arguments();
    home.arguments.push("--allowedTools=Bash".to_owned());
    let mut agent = home.start(&model.url).await;
    agent
        .prompt("[turn: phase 1 planning, opening]\nscenario: chaos")
        .await;
    for (number, milliseconds) in (1..).zip([0, 200, 400, 600]) {
        let file = format!("docs/planning/0{number}_step.md");
        agent
            .send(&format!(
                "[turn: phase 1 planning, step 0{number}_step, deliverable {file}]\nGo."
            ))
            .await;
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        let unfinished = agent.kill().await;
        agent = home.resume(&model.url).await;
        agent.send_again(&unfinished).await;
        let turn = agent.finish().await;
        assert!(!turn.is_error(), "{milliseconds} ms: {}", turn.text());
        assert!(
            turn.text().contains("is done."),
            "{milliseconds} ms: {}",
            turn.text()
        );
        assert!(home.read(&file).contains("to be interrupted at any moment"));
        let completed = platform
            .take()
            .iter()
            .filter(|(_, input)| input["status"] == "completed")
            .count();
        assert!(completed >= 1, "{milliseconds} ms");
    }
    model.assert_no_failures();
}

#[tokio::test]
async fn questions_and_dependencies_reach_the_platform() {
    let model = Model::start().await;
    let platform = Platform::start().await;
    let mut home = Home::new();
    home.arguments = platform.arguments();
    let mut agent = home.start(&model.url).await;
    assert!(!agent.prompt("scenario: ask").await.is_error());
    assert!(home.read("colour.md").contains("The answer was: Recorded."));
    assert!(!agent.prompt("scenario: dependency").await.is_error());
    let calls = platform.take();
    let names: Vec<_> = calls.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["ask_user", "request_dependency"]);
    assert_eq!(calls[0].1["options"], json!(["Teal", "Amber", "Grey"]));
    model.assert_no_failures();
}

#[tokio::test]
async fn a_message_in_the_middle_of_a_turn_is_read_in_it() {
    let model = Model::with(script(SLOW)).await;
    let mut home = Home::new();
    home.arguments.push("--allowedTools=Bash".to_owned());
    let mut agent = home.start(&model.url).await;
    agent.send("run it").await;
    wait_for(&home.workspace().join("starts")).await;
    agent.send("use blue").await;
    let turn = agent.finish().await;
    assert_eq!(turn.text(), "In between I read: use blue");
}

async fn wait_for(path: &std::path::Path) {
    let start = Instant::now();
    while !path.exists() {
        assert!(
            start.elapsed() < Duration::from_mins(1),
            "{} never came",
            path.display()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_broken_expectation_is_seen_by_the_cli_and_in_the_report() {
    let source = r#"
about = "expects what isn't there"
default = true
[[turn]]
expect = [{ in = "prompt", matches = 'please' }]
[[turn.reply]]
say = "Thank you."
"#;
    let model = Model::with(script(source)).await;
    let home = Home::new();
    let turn = home.start(&model.url).await.prompt("do it").await;
    assert!(turn.is_error());
    assert!(
        turn.text()
            .contains("expected Prompt to match /please/, but found: do it"),
        "{}",
        turn.text()
    );
    let report: Value = reqwest::get(format!("{}/__scripted/report", model.url))
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(report["failures"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn many_texts_become_as_many_messages() {
    let model = Model::start().await;
    let turn = Home::new()
        .start(&model.url)
        .await
        .prompt("1000 texts\nscenario: volume")
        .await;
    let lines = turn
        .said()
        .lines()
        .filter(|line| line.starts_with("Line "))
        .count();
    assert_eq!(lines, 1000);
}

#[tokio::test]
async fn bad_requests_are_refused_in_the_form_of_the_api() {
    let model = Model::start().await;
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for body in [
        "",
        "{",
        "[]",
        "null",
        "{\"messages\": 1}",
        "{\"messages\": [{}]}",
        &deep,
    ] {
        let (status, answer) = model.post("/v1/messages", body.to_owned()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body:.40}");
        assert_eq!(answer["error"]["type"], "invalid_request_error");
    }
    let (status, _) = model.post("/v1/nothing", "{}").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (status, _) = model.post("/__scripted/report", "{}").await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
    let odd = r#"{"messages": [{"role": "wizard", "content": [{"type": "??"}, {"type": "text"}]}], "tools": [{}]}"#;
    assert_eq!(model.post("/v1/messages", odd).await.0, StatusCode::OK);
    let named = r#"{"messages": [{"role": "user", "content": "scenario: nothing"}], "tools": [{"name": "Bash"}]}"#;
    let (status, answer) = model.post("/v1/messages", named).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(
        answer["error"]["message"]
            .as_str()
            .unwrap()
            .contains("no scenario is called")
    );
}

#[tokio::test]
async fn side_calls_and_token_counts_get_sensible_answers() {
    let model = Model::start().await;
    let title =
        r#"{"system": "Write a title as JSON.", "messages": [{"role": "user", "content": "hi"}]}"#;
    let (_, answer) = model.post("/v1/messages", title).await;
    assert_eq!(
        answer["content"][0]["text"],
        r#"{"title": "Scripted session"}"#
    );
    let (_, answer) = model.post("/v1/messages/count_tokens", title).await;
    assert_eq!(answer["input_tokens"], json!(title.len() / 4 + 1));
    assert_eq!(model.observer.report().side_requests, 1);
}

#[tokio::test]
async fn only_loopback_is_served_and_a_shutdown_ends_open_streams() {
    let refused =
        ScriptedModel::bind("0.0.0.0:0".parse().unwrap(), Scenarios::built_in().unwrap()).await;
    assert!(matches!(refused, Err(Error::NotLoopback { .. })));

    let mut model = Model::start().await;
    let body = r#"{"stream": true, "messages": [{"role": "user", "content": "scenario: stall"}], "tools": [{"name": "Bash"}]}"#;
    let request = reqwest::Client::new()
        .post(format!("{}/v1/messages", model.url))
        .body(body);
    let mut response = request.send().await.unwrap();
    response.chunk().await.unwrap();
    let start = Instant::now();
    model.shutdown.cancel();
    model.server.join_next().await.unwrap().unwrap().unwrap();
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn the_commands_of_the_built_in_scenarios_are_everyday_commands() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let is_meant_to_fail = path.ends_with("denied.toml");
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let scenario: toml::Table = std::fs::read_to_string(&path).unwrap().parse().unwrap();
        for command in commands(&toml::Value::Table(scenario)) {
            let input = json!({"command": command});
            let workspace = std::path::Path::new("/workspace");
            let decision = decide(PermissionMode::Balanced, true, "Bash", &input, workspace);
            assert_eq!(
                decision != Decision::Allow,
                is_meant_to_fail,
                "{command}: {decision:?}"
            );
        }
    }
}

fn commands(value: &toml::Value) -> Vec<String> {
    match value {
        toml::Value::Table(table) => {
            let own = table
                .get("bash")
                .and_then(toml::Value::as_str)
                .map(str::to_owned);
            own.into_iter()
                .chain(table.values().flat_map(commands))
                .collect()
        }
        toml::Value::Array(items) => items.iter().flat_map(commands).collect(),
        _ => Vec::new(),
    }
}
