//! The driver with the real CLI and the scripted model.

use std::time::Duration;

use server::agent::driver::StartError;
use server::agent::event::AgentEvent;
use server::agent::exit::ExitCause;
use server::agent::mcp::ToolReply;
use server::agent::platform_tool::PlatformTool;
use server::agent::process::SessionStart;
use server::agent::protocol::LifecycleState;
use server::agent::stdin::{HookAnswer, PermissionAnswer};
use server::agent::usage::UsageMeter;
use server::agent::version::UnusableCli;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::lab::{Lab, log, processes_with, send, turn, until};

const GRACE: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_conversation_of_two_turns_works_and_ends_in_order() {
    let lab = Lab::new(
        r#"
        [[turn]]
        when = 'first'
        [[turn.reply]]
        say = "I write a file."
        tools = [{ write = { path = "notes.md", content = "hello" } }, { bash = "echo $GREETING; pwd" }]
        [[turn.reply]]
        say = "Done.\n=== PHASE 1 COMPLETE ==="
        [[turn]]
        [[turn.reply]]
        say = "Second."
        "#,
    )
    .await;
    let (mut agent, _calls) = lab.start().await;
    let first = send(&agent, "first").await;
    let events = turn(&mut agent).await;
    let Some(AgentEvent::TurnEnded(result)) = events.last() else {
        panic!()
    };
    assert!(!result.is_error, "{}", log(&events));
    assert_eq!(result.user_message_uuids, [first]);
    assert!(UsageMeter::default().record(result).total().output_tokens > 0);
    assert_eq!(
        std::fs::read_to_string(lab.workspace().join("notes.md")).unwrap(),
        "hello"
    );
    let text = log(&events);
    assert!(
        text.contains("\"verb\":\"Writing\",\"target\":\"notes.md\""),
        "{text}"
    );
    // It has its environment, which nobody else reads.
    assert!(text.contains(r#""output":"[secret GREETING]\n"#), "{text}");
    let has = |wanted: fn(&AgentEvent) -> bool| events.iter().any(wanted);
    assert!(has(|event| matches!(event, AgentEvent::TextDelta(_))));
    let says_done = |event: &AgentEvent| match event {
        AgentEvent::Log(lines) => lines[0].text.starts_with("Done."),
        _ => false,
    };
    let done = events.iter().position(says_done).unwrap();
    assert!(matches!(
        events[done - 2..done],
        [
            AgentEvent::TextDelta(_),
            AgentEvent::TextEnded { is_logged: true }
        ]
    ));
    assert!(has(|event| matches!(event, AgentEvent::Marker(_))));
    assert!(has(|event| matches!(event, AgentEvent::Acting(_))));
    assert!(has(|event| matches!(
        event,
        AgentEvent::Lifecycle {
            state: LifecycleState::Started,
            ..
        }
    )));
    send(&agent, "second").await;
    assert!(log(&turn(&mut agent).await).contains("text: Second."));
    agent.control().close_stdin().await.unwrap();
    let events = until(&mut agent, |event| matches!(event, AgentEvent::Exited(_))).await;
    let Some(AgentEvent::Exited(exit)) = events.last() else {
        panic!()
    };
    // A child of the CLI may outlive it by a moment when the machine is busy.
    assert_eq!(exit.cause, ExitCause::Code(0));
    assert!(agent.next().await.is_none());
}

#[tokio::test]
async fn the_platforms_tools_and_the_stop_hook_work() {
    let lab = Lab::new(
        r#"
        [[turn]]
        [[turn.reply]]
        say = "Reporting."
        tools = [{ call = { name = "mcp__platform__complete_phase", input = { phase = 1, summary = "s", files = ["a.md"] } } }]
        [[turn.reply]]
        say = "Is that all?"
        [[turn.reply]]
        say = "Now it is."
        "#,
    )
    .await;
    let (mut agent, mut calls) = lab.start().await;
    send(&agent, "go").await;
    let answering = async {
        let call = calls.next().await.unwrap();
        let PlatformTool::CompletePhase(report) = call.tool else {
            panic!()
        };
        assert_eq!((report.phase, report.files), (1, vec!["a.md".to_owned()]));
        call.reply
            .send(ToolReply::Failed("a.md is missing.".to_owned()))
            .unwrap();
    };
    let stopping = until(&mut agent, |event| matches!(event, AgentEvent::HookStop(_)));
    let (events, ()) = tokio::join!(stopping, answering);
    assert!(
        log(&events).contains(r#""ok":false,"output":"a.md is missing.""#),
        "{}",
        log(&events)
    );
    let Some(AgentEvent::HookStop(hook)) = events.last() else {
        panic!()
    };
    assert_eq!(
        (hook.stop_hook_active, hook.last_message.as_deref()),
        (false, Some("Is that all?"))
    );
    let block = HookAnswer::Block("Write a.md.".to_owned());
    agent
        .control()
        .answer_hook(&hook.request_id, &block)
        .await
        .unwrap();
    let events = turn(&mut agent).await;
    assert!(
        log(&events).contains("text: Now it is."),
        "{}",
        log(&events)
    );
    agent.stop(GRACE).await;
}

#[tokio::test]
async fn a_denied_tool_is_not_run_and_the_agent_is_told_why() {
    let lab = Lab::new(
        r#"
        [[turn]]
        [[turn.reply]]
        say = "Trying."
        tools = [{ bash = "touch forbidden" }]
        [[turn.reply]]
        say = "I was told: {{tool_result}}"
        "#,
    )
    .await;
    let (mut agent, _calls) = lab.start().await;
    send(&agent, "go").await;
    let asked = |event: &AgentEvent| matches!(event, AgentEvent::AskPermission(_));
    let events = until(&mut agent, asked).await;
    let Some(AgentEvent::AskPermission(ask)) = events.last() else {
        panic!()
    };
    assert_eq!((ask.tool.as_str(), ask.needs_person), ("Bash", false));
    let deny = PermissionAnswer::Deny {
        message: "Not today.".to_owned(),
        interrupt: false,
    };
    agent
        .control()
        .answer_permission(&ask.request_id, &deny)
        .await
        .unwrap();
    let events = turn(&mut agent).await;
    assert!(
        log(&events).contains("I was told: Not today."),
        "{}",
        log(&events)
    );
    assert!(!lab.workspace().join("forbidden").exists());
    agent.stop(GRACE).await;
}

#[tokio::test]
async fn an_interrupt_ends_the_turn_and_the_environment_can_change() {
    let lab = Lab::new(
        r#"
        [[turn]]
        when = 'slow'
        [[turn.reply]]
        say = "A text that is streamed slowly, so that there is time to interrupt it."
        pace = { chars = 1, ms = 100 }
        [[turn]]
        [[turn.reply]]
        say = "Printing."
        tools = [{ bash = "echo key=$LATE_KEY" }]
        [[turn.reply]]
        say = "Printed."
        "#,
    )
    .await;
    let (mut agent, _calls) = lab.start().await;
    send(&agent, "slow").await;
    until(&mut agent, |event| {
        matches!(event, AgentEvent::TextDelta(_))
    })
    .await;
    let control = agent.control().clone();
    let (interrupted, events) = tokio::join!(control.interrupt(), turn(&mut agent));
    interrupted.unwrap();
    let Some(AgentEvent::TurnEnded(result)) = events.last() else {
        panic!()
    };
    assert_eq!(result.terminal_reason.as_deref(), Some("aborted_streaming"));
    let variables = [("LATE_KEY".to_owned(), "s3cret".to_owned())].into();
    control.apply_environment(variables).await.unwrap();
    send(&agent, "print").await;
    assert!(log(&turn(&mut agent).await).contains("key=s3cret"));
    agent.stop(GRACE).await;
}

#[tokio::test]
async fn a_sandboxed_agent_sees_nothing_of_the_machine() {
    let lab = Lab::new(
        r#"
        [[turn]]
        [[turn.reply]]
        say = "Looking around."
        tools = [{ bash = "id -u; ls -d /root /work /etc/shadow /home/*; ls /proc | grep -c '^[0-9]'; env | cut -d= -f1 | sort | tr '\\n' ' '" }]
        [[turn.reply]]
        say = "Seen."
        "#,
    )
    .await;
    if !crate::support::sandbox::is_there(lab.launcher.sandbox().is_sandboxed()) {
        return;
    }
    let (mut agent, _calls) = lab.start().await;
    send(&agent, "go").await;
    let text = log(&turn(&mut agent).await);
    let result = text
        .lines()
        .find(|line| line.starts_with("tool_result"))
        .unwrap();
    assert!(result.contains("/home/agent"), "{result}");
    for hidden in [
        "\\n/root",
        "\\n/work",
        "\\n/etc/shadow",
        "CCS_CLAUDE_BIN",
        "CARGO",
    ] {
        assert!(!result.contains(hidden), "{hidden} {result}");
    }
    agent.stop(GRACE).await;
}

#[tokio::test]
async fn a_start_that_fails_says_why() {
    let lab = Lab::new("[[turn]]\n[[turn.reply]]\nsay = \"x\"").await;
    let start = |program: &str, script: Option<&str>| {
        let (mut spec, calls) = lab.spec(SessionStart::New(Uuid::new_v4()));
        spec.program = lab.directory.path().join(program);
        if let Some(script) = script {
            std::fs::write(&spec.program, script).unwrap();
            let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            std::fs::set_permissions(&spec.program, executable).unwrap();
        }
        let launcher = &lab.launcher;
        async move {
            (launcher.start(spec).await, calls)
                .0
                .map(|_| ())
                .unwrap_err()
        }
    };
    let missing = start("nothing", None).await;
    assert!(
        matches!(missing, StartError::Cli(UnusableCli::Missing { .. })),
        "{missing:?}"
    );
    let script = "#!/bin/sh\necho 'something is wrong' >&2\nexit 3\n";
    let StartError::Ended { exit } = start("failing", Some(script)).await else {
        panic!()
    };
    assert_eq!(
        (exit.cause, exit.stderr_tail),
        (ExitCause::Code(3), vec!["something is wrong".to_owned()])
    );
    let noise = "#!/bin/sh\nwhile :; do echo noise; done\n";
    let noise = start("noisy", Some(noise)).await;
    assert!(matches!(noise, StartError::Talkative), "{noise:?}");
    let answer = |version: &str| {
        format!(
            "#!/bin/sh\nread line\necho garbage\necho '{{\"type\":\"control_response\",\"response\":{{\"subtype\":\
             \"success\",\"request_id\":\"platform-1\",\"response\":{{\"claude_code_version\":\"{version}\"}}}}}}'\ncat\n"
        )
    };
    let old = start("old", Some(&answer("2.1.197"))).await;
    assert!(
        matches!(old, StartError::Cli(UnusableCli::TooOld { .. })),
        "{old:?}"
    );
}

#[tokio::test]
async fn a_start_is_given_up_on_request_and_leaves_nothing() {
    let lab = Lab::new("[[turn]]\n[[turn.reply]]\nsay = \"x\"").await;
    let (mut spec, _calls) = lab.spec(SessionStart::New(Uuid::new_v4()));
    spec.program = lab.directory.path().join("silent");
    std::fs::write(&spec.program, "#!/bin/sh\nsleep 4712.5\n").unwrap();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&spec.program, executable).unwrap();
    let stop = CancellationToken::new();
    let launcher = lab.launcher.for_run(stop.clone());
    let starting = launcher.start(spec);
    let stopping = async {
        while processes_with("4712.5").is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        stop.cancel();
    };
    let (started, ()) = tokio::join!(starting, stopping);
    assert!(matches!(started, Err(StartError::GivenUp)), "{started:?}");
    assert_eq!(processes_with("4712.5"), Vec::<String>::new());
    launcher.finish().await;
}

#[tokio::test]
async fn a_turn_without_the_platforms_tools_is_told() {
    let lab = Lab::new("[[turn]]\n[[turn.reply]]\nsay = \"x\"").await;
    let (spec, calls) = lab.spec(SessionStart::New(Uuid::new_v4()));
    drop(calls);
    let mut agent = lab.launcher.start(spec).await.unwrap();
    send(&agent, "go").await;
    let missing = |event: &AgentEvent| matches!(event, AgentEvent::PlatformToolsMissing);
    until(&mut agent, missing).await;
    agent.stop(GRACE).await;
}

#[tokio::test]
async fn a_session_that_does_not_read_loses_nothing() {
    let lab = Lab::new(
        r#"
        [[turn]]
        [[turn.reply]]
        say = "Line {{n}}."
        say_times = 3000
        "#,
    )
    .await;
    let (mut agent, _calls) = lab.start().await;
    send(&agent, "go").await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let text = log(&turn(&mut agent).await);
    let lines = text
        .lines()
        .filter_map(|line| line.strip_prefix("text: Line ")?.strip_suffix('.'));
    let numbers: Vec<usize> = lines.map(|number| number.parse().unwrap()).collect();
    assert_eq!(numbers.len(), 3000);
    assert!(numbers.is_sorted());
    agent.stop(GRACE).await;
}
