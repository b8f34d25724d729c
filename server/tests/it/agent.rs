//! The driver with the real CLI and the scripted model.

use server::agent::driver::StartError;
use server::agent::event::AgentEvent;
use server::agent::exit::ExitCause;
use server::agent::mcp::ToolReply;
use server::agent::platform_tool::PlatformTool;
use server::agent::process::SessionStart;
use server::agent::protocol::LifecycleState;
use server::agent::stdin::{HookAnswer, PermissionAnswer};
use server::agent::usage::UsageMeter;
use std::time::Duration;
use uuid::Uuid;

use super::agent_lab::{LIMIT, Lab, log, processes_with, send, turn, until};

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
    assert!(text.contains(r#""output":"hello\n"#), "{text}");
    let has = |wanted: fn(&AgentEvent) -> bool| events.iter().any(wanted);
    assert!(has(|event| matches!(event, AgentEvent::TextDelta(_))));
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
    assert_eq!((exit.cause, exit.leftovers_killed), (ExitCause::Code(0), 0));
    assert!(agent.next().await.is_none());
}
