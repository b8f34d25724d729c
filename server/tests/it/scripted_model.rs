//! The scripted model with the real Claude Code CLI, and with requests that no CLI sends.

mod cli;
mod interruptions;
mod platform;
mod requests;

use std::collections::BTreeMap;

use app::domain::permission::PermissionMode;
use reqwest::StatusCode;
use serde_json::{Value, json};
use server::agent::permission::{Decision, Policy};
use server::scripted_model::{Error, Observer, Scenarios, ScriptedModel};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

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
        format!("\nComment {number}:\nBEGIN COMMENT 37f0\nOn {place}:\n{text}\nEND COMMENT 37f0\n")
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

#[test]
fn the_commands_of_the_built_in_scenarios_are_everyday_commands() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let asks = ["denied.toml", "permission.toml", "permission_several.toml"];
        let is_meant_to_fail = asks.iter().any(|name| path.ends_with(name));
        // Made for tasks whose agent may do whatever the sandbox allows.
        let is_autonomous = path.ends_with("hostile.toml");
        if is_autonomous || path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let scenario: toml::Table = std::fs::read_to_string(&path).unwrap().parse().unwrap();
        for command in commands(&toml::Value::Table(scenario)) {
            let input = json!({"command": command});
            let workspace = std::path::Path::new("/workspace");
            let policy = Policy {
                mode: PermissionMode::Balanced,
                is_sandboxed: true,
                workspace,
                rules: &[],
            };
            let decision = policy.decide("Bash", &input);
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
