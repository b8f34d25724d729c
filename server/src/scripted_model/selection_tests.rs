//! Which reply a given history gets.

use serde_json::json;

use super::conversation::{Conversation, Turn};
use super::library::Scenarios;
use super::scenario::StopReason;
use super::selection::{Content, Context, Refusal, select};

const SCRIPT: &str = r#"
about = "a test"
default = true
aside = { message = '(?P<wish>.+)', say = "heard: {{wish}}" }

[[turn]]
when = 'step (?P<step>\w+) in (\w+)'
expect = [{ in = "tools", matches = '(?m)^Bash$' }]
[[turn.reply]]
think = "Hm."
say = "{{step}} and {{2}}"
tools = [{ write = { path = "docs/{{step}}.md", from = "texts/{{step}}.md" } }]
[[turn.reply]]
say = "part {{n}}"
repeat = 2
[[turn.reply]]
say = "it went well"
[[turn.reply.or]]
if = { tool_result = 'denied: (?P<reason>.*)' }
say = "refused: {{reason}}"
[[turn.reply.or]]
if = { feedback = 'missing' }
say = "I was sent back: {{feedback}}"

[[turn]]
when = 'each'
[[turn.reply]]
each = '(?m)^- (?P<file>\S+)'
tools = [{ read = "{{file}}" }, { bash = "echo {{prompt}}" }]

[[turn]]
when = 'header'
[[turn.reply]]
say = "fine"
expect = [{ in = "header", header = "X-Api-Key", lacks = 'secret' }]

[[turn]]
when = 'many'
[[turn.reply]]
say = "line {{k}}"
say_times = 3
"#;

fn scenarios() -> Scenarios {
    let files = [("test.toml", SCRIPT), ("texts/a.md", "text of {{a}}")];
    let files = files.map(|(name, text)| (name.to_owned(), text.to_owned()));
    Scenarios::from_files(files.into()).unwrap()
}

fn conversation(text: &str, replied: usize, change: impl FnOnce(&mut Turn)) -> Conversation {
    let mut turn = Turn::default();
    (turn.number, turn.replied, turn.text) = (1, replied, text.to_owned());
    change(&mut turn);
    Conversation {
        prompts: vec![text.to_owned()],
        turn,
        cwd: Some("/work space".to_owned()),
        tools: vec!["Bash".to_owned()],
        ..Conversation::default()
    }
}

fn text_of(conversation: &Conversation) -> String {
    let answer = select(&scenarios(), conversation, &Context::default()).unwrap();
    match answer.blocks.last() {
        Some(Content::Text(text)) => text.clone(),
        other => panic!("no text but {other:?}"),
    }
}

#[test]
fn the_first_reply_is_filled_with_captures_and_files() {
    let asked = conversation("step a in b", 0, |_| {});
    let answer = select(&scenarios(), &asked, &Context::default()).unwrap();
    let input = json!({"file_path": "/work space/docs/a.md", "content": "text of {{a}}"});
    let expected = [
        Content::Thinking("Hm.".to_owned()),
        Content::Text("a and b".to_owned()),
        Content::ToolUse {
            name: "Write".to_owned(),
            input,
        },
    ];
    assert_eq!(answer.blocks, expected);
    assert_eq!(answer.stop_reason, StopReason::ToolUse);
    assert_eq!((answer.place.turn, answer.place.reply), (1, 1));
}

#[test]
fn replies_follow_each_other_and_repetitions_count() {
    let text = |replied| text_of(&conversation("step a in b", replied, |_| {}));
    assert_eq!(
        [text(1), text(2), text(3)],
        ["part 1", "part 2", "it went well"]
    );
    assert!(text(4).contains("the script of this turn has ended"));
    assert!(text(usize::MAX).contains("the script of this turn has ended"));
}

#[test]
fn alternatives_react_to_what_the_cli_sends() {
    let text = |change: fn(&mut Turn)| text_of(&conversation("step a in b", 3, change));
    let denied = text(|turn| turn.tool_results = vec!["ok".into(), "denied: not listed".into()]);
    assert_eq!(denied, "refused: not listed");
    let sent_back = text(|turn| turn.feedback = Some("x.md is missing".into()));
    assert_eq!(sent_back, "I was sent back: x.md is missing");
}

#[test]
fn an_aside_answers_a_message_before_the_reply() {
    let asked = conversation("step a in b", 1, |turn| {
        turn.message = Some("use blue".into());
    });
    let answer = select(&scenarios(), &asked, &Context::default()).unwrap();
    let texts = ["heard: use blue", "part 1"].map(|text| Content::Text(text.to_owned()));
    assert_eq!(answer.blocks, texts);
}

#[test]
fn each_makes_the_tools_for_every_match() {
    let asked = conversation("each:\n- a.md\n- b.md", 0, |_| {});
    let answer = select(&scenarios(), &asked, &Context::default()).unwrap();
    assert_eq!(answer.blocks.len(), 4);
    let Content::ToolUse { input, .. } = &answer.blocks[2] else {
        panic!("no tool")
    };
    assert_eq!(input["file_path"], "/work space/b.md");
}

#[test]
fn one_reply_can_have_many_numbered_blocks() {
    let asked = conversation("many", 0, |_| {});
    let answer = select(&scenarios(), &asked, &Context::default()).unwrap();
    assert_eq!(answer.blocks.len(), 3);
    assert_eq!(answer.blocks[2], Content::Text("line 3".to_owned()));
}

#[test]
fn a_broken_expectation_is_refused_with_what_was_found() {
    let mut asked = conversation("step a in b", 0, |_| {});
    asked.tools = vec!["Read".to_owned()];
    let error = select(&scenarios(), &asked, &Context::default())
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "scenario test, turn 1, reply 1: expected Tools to match /(?m)^Bash$/, but found: Read"
    );
    let headers = [("x-api-key".to_owned(), "a secret".to_owned())];
    let context = Context {
        headers: &headers,
        ..Context::default()
    };
    assert!(select(&scenarios(), &conversation("header", 0, |_| {}), &context).is_err());
}

#[test]
fn a_file_that_is_not_there_is_refused() {
    let asked = conversation("step b in c", 0, |_| {});
    let error = select(&scenarios(), &asked, &Context::default()).unwrap_err();
    assert!(matches!(error, Refusal::MissingFile { path, .. } if path == "texts/b.md"));
}

#[test]
fn a_message_that_no_turn_foresees_gets_a_plain_answer() {
    assert!(text_of(&conversation("hello", 0, |_| {})).contains("nothing for this message"));
}
