//! Turns that are cut off, and messages that come in between.

use std::time::{Duration, Instant};

use super::cli::Home;
use super::platform::Platform;
use super::{Model, script};

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
