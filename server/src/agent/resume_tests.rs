//! What transcripts lead to.

use std::fs;
use std::os::unix::fs::symlink;

use super::*;
use proptest::prelude::*;

const OPEN: Uuid = Uuid::from_u128(7);

fn prompt() -> String {
    format!(r#"{{"type":"user","uuid":"{OPEN}","message":{{"role":"user","content":"go"}}}}"#)
}

const QUEUED: &str = r#"{"type":"queue-operation","operation":"enqueue","content":"00000000-0000-0000-0000-000000000007"}"#;
const CALL: &str =
    r#"{"type":"assistant","message":{"content":[{"type":"tool_use"}],"stop_reason":"tool_use"}}"#;
const RESULT: &str = r#"{"type":"user","message":{"content":[{"type":"tool_result"}]}}"#;
const END: &str =
    r#"{"type":"assistant","message":{"content":[{"type":"text"}],"stop_reason":"end_turn"}}"#;
const STOP: &str = r#"{"type":"system","subtype":"stop_hook_summary"}"#;
const DEFERRED: &str =
    r#"{"type":"attachment","attachment":{"type":"hook_deferred_tool","toolUseID":"toolu_1"}}"#;
const SIDE: &str = r#"{"type":"user","isSidechain":true,"message":{"content":"sub"}}"#;
const STOPPED: &str = r#"{"type":"user","message":{"content":[{"type":"text","text":"[Request interrupted by user]"}]}}"#;

fn read(lines: &[&str]) -> ResumePlan {
    plan(lines.join("\n").as_bytes(), Some(OPEN)).unwrap()
}

#[test]
fn a_message_that_did_not_arrive_is_sent() {
    assert_eq!(read(&[]), ResumePlan::Fresh);
    assert_eq!(read(&[QUEUED]), ResumePlan::Fresh);
    let earlier = r#"{"type":"user","uuid":"x","message":{"content":"a"}}"#;
    assert_eq!(read(&[earlier, END, QUEUED]), ResumePlan::SendAgain);
}

#[test]
fn a_turn_that_was_cut_off_runs_by_itself() {
    let prompt = prompt();
    assert_eq!(read(&[&prompt]), ResumePlan::RunsByItself);
    assert_eq!(read(&[&prompt, CALL]), ResumePlan::RunsByItself);
    assert_eq!(read(&[&prompt, CALL, RESULT]), ResumePlan::RunsByItself);
    assert_eq!(
        read(&[&prompt, END, STOP, RESULT]),
        ResumePlan::RunsByItself
    );
    assert_eq!(
        read(&[&prompt, CALL, &END[..40]]),
        ResumePlan::RunsByItself,
        "torn"
    );
    assert_eq!(read(&[&prompt, DEFERRED, RESULT]), ResumePlan::RunsByItself);
}

#[test]
fn a_turn_that_had_ended_is_done() {
    let prompt = prompt();
    assert_eq!(
        read(&[&prompt, CALL, RESULT, END, STOP]),
        ResumePlan::AlreadyDone
    );
    assert_eq!(read(&[&prompt, END, SIDE]), ResumePlan::AlreadyDone);
    assert_eq!(read(&[&prompt, CALL, STOPPED]), ResumePlan::AlreadyDone);
    assert_eq!(
        plan(CALL.as_bytes(), None).unwrap(),
        ResumePlan::AlreadyDone
    );
}

#[test]
fn a_call_that_was_put_off_comes_again() {
    let deferred = ResumePlan::Deferred {
        tool_use_id: "toolu_1".to_owned(),
    };
    assert_eq!(read(&[&prompt(), CALL, DEFERRED]), deferred);
    assert_eq!(plan(DEFERRED.as_bytes(), None).unwrap(), deferred);
}

#[test]
fn the_end_of_a_turn_is_seen_in_its_lines() {
    let id = Uuid::from_u128(0xe);
    let end = format!(r#"{{"uuid":"{id}",{}"#, &END[1..]);
    let lines = |lines: &[&str]| seen(lines.join("\n").as_bytes());
    let ended = lines(&[&prompt(), CALL, RESULT, &end, SIDE, STOP]);
    assert_eq!((ended.message, ended.is_at_rest), (Some(id), Some(true)));
    let cut = lines(&[&end, &prompt(), CALL]);
    assert_eq!((cut.message, cut.is_at_rest), (Some(OPEN), Some(false)));
    assert_eq!(lines(&[&prompt(), DEFERRED]).is_at_rest, Some(true));
    assert_eq!(lines(&[QUEUED, "torn"]), Seen::default());
}

#[test]
fn what_was_said_since_a_message_is_the_main_agents_own() {
    let says = |text: &str, more: &str| {
        format!(
            r#"{{"type":"assistant"{more},"message":{{"content":[{{"type":"text","text":"{text}"}}]}}}}"#
        )
    };
    let side = says("side", r#","isSidechain":true"#);
    let lines = [
        &says("before", ""),
        QUEUED,
        &prompt(),
        CALL,
        &says("first", ""),
        &side,
        RESULT,
        &says("second", ""),
    ];
    let text = lines.join("\n");
    assert_eq!(said(text.as_bytes(), OPEN).unwrap(), ["first", "second"]);
    let other = Uuid::from_u128(8);
    assert_eq!(said(text.as_bytes(), other).unwrap(), [""; 0]);
}

#[test]
fn a_message_that_only_waited_is_missing() {
    let taken = Uuid::from_u128(8);
    let taken_up = format!(r#"{{"type":"attachment","source_uuid":"{taken}"}}"#);
    let text = [QUEUED, CALL, &taken_up, RESULT].join("\n");
    let asked = [OPEN, taken];
    assert_eq!(missing(text.as_bytes(), &asked).unwrap(), [OPEN]);
    let nowhere = tempfile::TempDir::new().unwrap();
    assert_eq!(lacking(nowhere.path(), OPEN, &asked).unwrap(), asked);
}

#[test]
fn a_conversation_is_found_in_any_project() {
    let config = tempfile::TempDir::new().unwrap();
    assert_eq!(
        resume_plan(config.path(), OPEN, None).unwrap(),
        ResumePlan::Fresh
    );
    let project = config.path().join("projects/-workspace");
    fs::create_dir_all(&project).unwrap();
    fs::write(project.join(format!("{OPEN}.jsonl")), prompt()).unwrap();
    let plan = resume_plan(config.path(), OPEN, Some(OPEN)).unwrap();
    assert_eq!(plan, ResumePlan::RunsByItself);
    assert_eq!(plan.session_start(OPEN), SessionStart::Resume(OPEN));
    assert!(plan.is_rerun());
}

#[test]
fn a_file_without_a_conversation_is_put_out_of_the_way() {
    let config = tempfile::TempDir::new().unwrap();
    let project = config.path().join("projects/-workspace");
    fs::create_dir_all(&project).unwrap();
    let file = project.join(format!("{OPEN}.jsonl"));
    // As a full disk leaves it.
    fs::write(&file, "").unwrap();
    let plan = resume_plan(config.path(), OPEN, Some(OPEN)).unwrap();
    assert_eq!(plan, ResumePlan::Fresh);
    assert!(discard(config.path(), OPEN).unwrap());
    assert!(!file.exists());
    assert!(!discard(config.path(), OPEN).unwrap());
}

#[test]
fn a_link_that_an_agent_left_is_not_followed() {
    let outside = tempfile::TempDir::new().unwrap();
    let name = format!("{OPEN}.jsonl");
    fs::write(outside.path().join(&name), prompt()).unwrap();
    let fresh = |config: &tempfile::TempDir| {
        let plan = resume_plan(config.path(), OPEN, Some(OPEN)).unwrap();
        assert_eq!(plan, ResumePlan::Fresh);
    };
    let config = tempfile::TempDir::new().unwrap();
    symlink(outside.path(), config.path().join("projects")).unwrap();
    fresh(&config);
    let config = tempfile::TempDir::new().unwrap();
    fs::create_dir(config.path().join("projects")).unwrap();
    symlink(outside.path(), config.path().join("projects/-workspace")).unwrap();
    fresh(&config);
    let project = config.path().join("projects/other");
    fs::create_dir(&project).unwrap();
    symlink(outside.path().join(&name), project.join(&name)).unwrap();
    fresh(&config);
    rustix::fs::mkfifoat(CWD, config.path().join("projects/pipe"), Mode::RUSR).ok();
    fresh(&config);
}

#[test]
fn a_line_without_an_end_takes_no_more_than_its_share() {
    let text = b"0123456789abcdef\nnext\n0123456789";
    let mut rest = text.as_slice();
    let mut line = Vec::new();
    let mut lines = Vec::new();
    while next_line(&mut rest, &mut line, 10).unwrap() {
        lines.push(String::from_utf8(line.clone()).unwrap());
    }
    assert_eq!(lines, ["0123456789", "next\n", "0123456789"]);
}

proptest! {
    #[test]
    fn any_file_is_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        plan(bytes.as_slice(), Some(OPEN)).unwrap();
    }
}
