//! Nothing of an agent outlives the server, however the server ends.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rand::Rng as _;
use rustix::process::{Pid, Signal, kill_process};
use server::agent::event::AgentEvent;
use server::agent::process::SessionStart;
use server::sandbox::{SandboxChoice, Tier};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::lab::{LIMIT, Lab, processes_with, send, until};
use crate::support::sandbox;

/// Where the stand-in for the server has its directory.
const DIRECTORY: &str = "CCS_TEST_STAND_IN";

/// A command that writes where it runs, leaves a daemon behind, and goes on.
fn scenario(nap: &str) -> String {
    format!(
        r#"
[[turn]]
[[turn.reply]]
say = "I run it."
tools = [{{ bash = "setsid sleep {nap} >/dev/null 2>&1 & touch started; for i in $(seq 1 600); do sleep 0.1; done" }}]
"#
    )
}

/// How long the daemon sleeps, in seconds: by this it is found, so no other test has the same.
fn nap() -> String {
    format!("4711.{:09}", rand::rng().random_range(0..1_000_000_000))
}

/// What ends the agent of a test.
#[derive(Clone, Copy, Debug)]
enum End {
    Stop(Duration),
    Drop,
}

async fn at_work(lab: &Lab) -> (server::agent::driver::Agent, server::agent::mcp::McpCalls) {
    let (spec, calls) = lab.spec(SessionStart::New(Uuid::new_v4()));
    let mut agent = lab.launcher.start(spec).await.unwrap();
    send(&agent, "run").await;
    let started = lab.workspace().join("started");
    let watched = until(&mut agent, |event| {
        matches!(event, AgentEvent::AskPermission(_))
    })
    .await;
    super::lab::allow(&agent, watched.last().unwrap()).await;
    appeared(&started).await;
    (agent, calls)
}

async fn appeared(path: &Path) {
    let deadline = Instant::now() + LIMIT;
    while !path.exists() {
        assert!(
            Instant::now() < deadline,
            "{} did not appear",
            path.display()
        );
        sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until no process shows the directory, and says how long that took.
async fn vanished(directory: &Path) -> Duration {
    let text = directory.file_name().unwrap().to_str().unwrap();
    let since = Instant::now();
    loop {
        let left = processes_with(text);
        if left.is_empty() {
            return since.elapsed();
        }
        assert!(since.elapsed() < LIMIT, "{left:#?}");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn however_an_agent_is_ended_nothing_is_left() {
    for sandbox in [SandboxChoice::Auto, SandboxChoice::None] {
        for end in [
            End::Stop(Duration::from_secs(4)),
            End::Stop(Duration::ZERO),
            End::Drop,
        ] {
            let nap = nap();
            let lab = Lab::with(&scenario(&nap), sandbox).await;
            let (agent, _calls) = at_work(&lab).await;
            let since = Instant::now();
            match end {
                End::Stop(grace) => {
                    let exit = agent.stop(grace).await.unwrap();

                    assert!(since.elapsed() < grace + Duration::from_secs(5), "{exit:?}");
                    // Who has heard of the end may start the next process there.
                    assert!(!lab.directory.path().join("tmp").exists());
                }
                End::Drop => drop(agent),
            }
            lab.launcher.finish().await;
            let sleepers = processes_with(&nap);
            assert!(sleepers.is_empty(), "{sandbox} {end:?}: {sleepers:#?}");
            vanished(lab.directory.path()).await;
            assert!(!lab.directory.path().join("tmp").exists(), "tmp is emptied");
        }
    }
}

/// Not a test: the server of the tests below, which is killed while its agent works.
#[tokio::test]
#[ignore = "runs only as the stand-in of another test"]
async fn stand_in() {
    let Some(directory) = std::env::var_os(DIRECTORY) else {
        return;
    };
    let directory = TempDir::with_prefix_in("lab", directory).unwrap();
    let sandbox = match std::env::var("CCS_TEST_SANDBOX").as_deref() {
        Ok("none") => SandboxChoice::None,
        _ => SandboxChoice::Auto,
    };
    let lab = Lab::at(directory, &scenario(&nap()), sandbox).await;
    let (mut agent, _calls) = at_work(&lab).await;
    let ready = lab.directory.path().parent().unwrap().join("ready");
    std::fs::write(ready, lab.launcher.sandbox().tier().to_string()).unwrap();
    while agent.next().await.is_some() {}
}

/// Starts the stand-in, waits until its agent runs a command, and kills it.
async fn killed_stand_in(sandbox: &str) -> (TempDir, String) {
    let directory = TempDir::new().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([
            "--exact",
            "agent::crash::stand_in",
            "--ignored",
            "--nocapture",
        ])
        .env(DIRECTORY, directory.path())
        .env("CCS_TEST_SANDBOX", sandbox)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let mut server = command.spawn().unwrap();
    appeared(&directory.path().join("ready")).await;
    let tier = std::fs::read_to_string(directory.path().join("ready")).unwrap();
    let pid = Pid::from_raw(i32::try_from(server.id().unwrap()).unwrap()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
    server.wait().await.unwrap();
    (directory, tier)
}

#[tokio::test]
async fn kill_9_of_the_server_ends_its_sandboxed_agents() {
    let (directory, tier) = killed_stand_in("auto").await;
    if !sandbox::is_there(tier == Tier::Bwrap.to_string()) {
        return;
    }
    let took = vanished(directory.path()).await;
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[tokio::test]
async fn without_a_sandbox_the_next_start_ends_what_is_left() {
    let (directory, _) = killed_stand_in("none").await;
    // The CLI dies with the server; its commands are what is left.
    let lab = std::fs::read_dir(directory.path())
        .unwrap()
        .flatten()
        .map(|entry| entry.path());
    let lab = lab.into_iter().find(|path| path.is_dir()).unwrap();
    let sandbox = server::sandbox::Sandbox::probe(SandboxChoice::None)
        .await
        .unwrap();
    let launcher = server::agent::driver::Launcher::new(sandbox, &lab);
    launcher.kill_leftovers().await;
    let took = vanished(directory.path()).await;
    assert!(took < Duration::from_secs(2), "{took:?}");
}
