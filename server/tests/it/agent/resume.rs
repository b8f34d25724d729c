//! Conversations that outlive their process, with the real CLI.

use std::time::Duration;

use server::agent::driver::{Agent, StartError};
use server::agent::event::AgentEvent;
use server::agent::exit::ExitCause;
use server::agent::mcp::{McpCalls, ToolReply};
use server::agent::process::SessionStart;
use server::agent::resume::{ResumePlan, resume_plan};
use server::agent::stdin::HookAnswer;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::lab::{LIMIT, Lab, allow, log, prompt, send, turn, until};

const SCENARIO: &str = r#"
[[turn]]
when = 'stream'
[[turn.reply]]
say = "A text that is streamed slowly, so that there is time to die."
pace = { chars = 2, ms = 50 }
[[turn]]
when = 'bash'
[[turn.reply]]
say = "I run it."
tools = [{ bash = "touch started; for i in $(seq 1 300); do sleep 0.1; done" }]
[[turn.reply.or]]
if = { tool_result = 'outcome is unknown' }
say = "I see that it was cut off."
[[turn.reply]]
say = "It ran."
[[turn]]
when = 'ask'
[[turn.reply]]
say = "I ask."
tools = [{ call = { name = "mcp__platform__ask_user", input = { category = "choice", question = "Which?" } } }]
[[turn.reply]]
say = "Thanks: {{tool_result}}"
[[turn]]
[[turn.reply]]
say = "Short."
"#;

/// An agent at work on a prompt, in a conversation of its own.
async fn working(lab: &Lab, text: &str) -> (Agent, McpCalls, Uuid, Uuid) {
    let (spec, calls) = lab.spec(SessionStart::New(Uuid::new_v4()));
    let session = spec.session.id();
    let agent = lab.launcher.start(spec).await.unwrap();
    let message = send(&agent, text).await;
    (agent, calls, session, message)
}

/// Waits until the transcript, which is written a little behind, leads to this plan.
async fn planned(lab: &Lab, session: Uuid, message: Uuid, expected: &ResumePlan) {
    let deadline = Instant::now() + LIMIT;
    loop {
        let plan = resume_plan(&lab.config(), session, Some(message)).unwrap();
        if plan == *expected {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "{plan:?} instead of {expected:?}"
        );
        sleep(Duration::from_millis(20)).await;
    }
}

/// Whether the transcript shows a text.
fn is_recorded(lab: &Lab, session: Uuid, text: &str) -> bool {
    let project = lab.config().join("projects/-workspace");
    let transcript = std::fs::read_to_string(project.join(format!("{session}.jsonl")));
    transcript.is_ok_and(|transcript| transcript.contains(text))
}

async fn resumed(lab: &Lab, session: Uuid, message: Uuid) -> (Agent, McpCalls) {
    let plan = resume_plan(&lab.config(), session, Some(message)).unwrap();
    let (mut spec, calls) = lab.spec(plan.session_start(session));
    spec.rerun_interrupted = plan.is_rerun();
    (lab.launcher.start(spec).await.unwrap(), calls)
}

#[tokio::test]
async fn a_turn_killed_while_it_streams_is_taken_up() {
    let lab = Lab::new(SCENARIO).await;
    let (mut agent, _calls, session, message) = working(&lab, "stream").await;
    until(&mut agent, |event| {
        matches!(event, AgentEvent::TextDelta(_))
    })
    .await;
    planned(&lab, session, message, &ResumePlan::RunsByItself).await;
    agent.stop(Duration::ZERO).await;
    let (mut agent, _calls) = resumed(&lab, session, message).await;
    let events = turn(&mut agent).await;
    assert!(log(&events).contains("time to die"), "{}", log(&events));
    planned(&lab, session, message, &ResumePlan::AlreadyDone).await;
    agent.stop(LIMIT).await;
}

#[tokio::test]
async fn a_turn_killed_during_a_command_is_taken_up_and_the_model_knows() {
    let lab = Lab::new(SCENARIO).await;
    let (mut agent, _calls, session, message) = working(&lab, "bash").await;
    let asked = |event: &AgentEvent| matches!(event, AgentEvent::AskPermission(_));
    let events = until(&mut agent, asked).await;
    allow(&agent, events.last().unwrap()).await;
    let call = r#""type":"tool_use""#;
    while !lab.workspace().join("started").exists() || !is_recorded(&lab, session, call) {
        sleep(Duration::from_millis(20)).await;
    }
    planned(&lab, session, message, &ResumePlan::RunsByItself).await;
    agent.stop(Duration::ZERO).await;
    let (mut agent, _calls) = resumed(&lab, session, message).await;
    let events = turn(&mut agent).await;
    let Some(AgentEvent::TurnEnded(result)) = events.last() else {
        panic!()
    };
    assert!(!result.is_error);
    assert!(
        log(&events).contains("I see that it was cut off."),
        "{}",
        log(&events)
    );
    agent.stop(LIMIT).await;
}

#[tokio::test]
async fn a_turn_that_had_ended_needs_a_new_message() {
    let lab = Lab::new(SCENARIO).await;
    let (mut agent, _calls, session, message) = working(&lab, "short").await;
    turn(&mut agent).await;
    planned(&lab, session, message, &ResumePlan::AlreadyDone).await;
    agent.stop(Duration::ZERO).await;
    let (mut agent, _calls) = resumed(&lab, session, message).await;
    // Sent again, the old message starts nothing; a new one does.
    agent
        .control()
        .send_user(message, &prompt("short"), None)
        .await
        .unwrap();
    let next = send(&agent, "short").await;
    let events = turn(&mut agent).await;
    let Some(AgentEvent::TurnEnded(result)) = events.last() else {
        panic!()
    };
    assert_eq!(result.user_message_uuids, [next]);
    agent.stop(LIMIT).await;
}

#[tokio::test]
async fn a_process_killed_before_its_first_message_starts_afresh() {
    let lab = Lab::new(SCENARIO).await;
    let (agent, _calls) = lab.start().await;
    agent.stop(Duration::ZERO).await;
    let session = Uuid::new_v4();
    assert_eq!(
        resume_plan(&lab.config(), session, None).unwrap(),
        ResumePlan::Fresh
    );
    let (spec, _calls) = lab.spec(SessionStart::Resume(session));
    let refused = lab.launcher.start(spec).await;
    assert!(
        matches!(refused, Err(StartError::SessionMissing)),
        "{refused:?}"
    );
    let (mut agent, _calls) = resumed(&lab, session, Uuid::new_v4()).await;
    send(&agent, "short").await;
    turn(&mut agent).await;
    agent.stop(LIMIT).await;
    let (spec, _calls) = lab.spec(SessionStart::New(session));
    let refused = lab.launcher.start(spec).await;
    assert!(
        matches!(refused, Err(StartError::SessionExists)),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_question_is_put_off_and_answered_in_another_process() {
    let lab = Lab::new(SCENARIO).await;
    let (mut agent, _calls, session, message) = working(&lab, "ask").await;
    let asked = |event: &AgentEvent| matches!(event, AgentEvent::HookPreToolUse(_));
    let events = until(&mut agent, asked).await;
    let Some(AgentEvent::HookPreToolUse(hook)) = events.last() else {
        panic!()
    };
    assert_eq!(hook.tool, "mcp__platform__ask_user");
    agent
        .control()
        .answer_hook(&hook.request_id, &HookAnswer::Defer)
        .await
        .unwrap();
    let tool_use_id = hook.tool_use_id.clone();
    let events = turn(&mut agent).await;
    let Some(AgentEvent::TurnEnded(result)) = events.last() else {
        panic!()
    };
    assert_eq!(
        result.deferred_tool_use.as_ref().map(|call| &call.id),
        Some(&tool_use_id)
    );
    let exit = agent.stop(LIMIT).await.unwrap();
    assert_eq!(exit.cause, ExitCause::Code(0), "{exit:?}");
    let plan = ResumePlan::Deferred {
        tool_use_id: tool_use_id.clone(),
    };
    planned(&lab, session, message, &plan).await;

    let (mut agent, mut calls) = resumed(&lab, session, message).await;
    let events = until(&mut agent, asked).await;
    let Some(AgentEvent::HookPreToolUse(hook)) = events.last() else {
        panic!()
    };
    assert_eq!(hook.tool_use_id, tool_use_id);
    let allow = HookAnswer::Allow {
        updated_input: None,
    };
    agent
        .control()
        .answer_hook(&hook.request_id, &allow)
        .await
        .unwrap();
    let answering = async move {
        let call = calls.next().await.unwrap();
        assert_eq!(call.tool_use_id, Some(tool_use_id));
        call.reply
            .send(ToolReply::Done("The blue one.".to_owned()))
            .unwrap();
    };
    let (events, ()) = tokio::join!(turn(&mut agent), answering);
    assert!(
        log(&events).contains("text: Thanks: The blue one."),
        "{}",
        log(&events)
    );
    agent.stop(LIMIT).await;
}
