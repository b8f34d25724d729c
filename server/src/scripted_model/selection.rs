//! Which reply a request gets: pure, from the scenarios and the conversation.

use serde_json::{Value, json};

use super::conversation::{Conversation, Turn};
use super::library::{Scenarios, UnknownScenario};
use super::pattern::{Template, Variables, fill_json};
use super::scenario::{
    Condition, Expectation, Fault, Pace, Place, Reply, Scenario, StopReason, Tool, Usage,
};

/// How many tool calls a reply with `each` makes at most.
const MAX_EACH: usize = 50;
/// How much of a long fact a template gets.
const MAX_FACT_BYTES: usize = 16 * 1024;

/// A reply ready to be sent.
#[derive(Debug)]
pub struct Answer {
    pub place: ScriptPlace,
    pub blocks: Vec<Content>,
    pub stop_reason: StopReason,
    pub usage: Usage,
    pub pace: Pace,
    pub delay_ms: u64,
    pub fault: Option<Fault>,
    /// Headers of the error that a status fault answers with.
    pub headers: Vec<(String, String)>,
}

/// One content block of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    Thinking(String),
    Text(String),
    ToolUse { name: String, input: Value },
}

/// Which entry of which script is played, for reports. Turns and replies count from 1.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct ScriptPlace {
    pub scenario: String,
    pub turn: usize,
    pub reply: usize,
}

/// Why a request gets no scripted reply.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error(transparent)]
    UnknownScenario(#[from] UnknownScenario),
    #[error("scenario {}, turn {}, reply {}: expected {expected}, but found: {found}", place.scenario, place.turn, place.reply)]
    Unexpected {
        place: ScriptPlace,
        expected: String,
        found: String,
    },
    #[error("scenario {}, turn {}, reply {}: no file {path} beside the scenarios", place.scenario, place.turn, place.reply)]
    MissingFile { place: ScriptPlace, path: String },
}

/// What a template and an expectation can see besides the conversation.
#[derive(Debug, Default)]
pub struct Context<'a> {
    pub session: &'a str,
    pub model: &'a str,
    /// Request headers, names in lower case.
    pub headers: &'a [(String, String)],
    /// Seconds since 1970.
    pub now: u64,
}

/// Chooses and fills the reply for the request at the end of a conversation.
///
/// # Errors
/// When the conversation names no existing scenario, or breaks an expectation of its script.
pub fn select(
    scenarios: &Scenarios,
    conversation: &Conversation,
    context: &Context<'_>,
) -> Result<Answer, Refusal> {
    let Some((name, scenario)) = scenarios.choose(&conversation.prompts)? else {
        return Ok(plain("no scenario fits this conversation"));
    };
    let turn = &conversation.turn;
    let mut variables = facts(conversation, context);
    let entry = scenario.turns.iter().enumerate().find(|(_, entry)| {
        let when = entry.get_ref().when.as_ref();
        when.is_none_or(|pattern| pattern.capture(&turn.text, &mut variables))
    });
    let mut place = ScriptPlace {
        scenario: name.to_owned(),
        ..ScriptPlace::default()
    };
    let Some((index, entry)) = entry else {
        return Ok(Answer {
            place,
            ..plain("its scenario has nothing for this message")
        });
    };
    let entry = entry.get_ref();
    place.turn = index + 1;
    let Some((index, round, reply)) = reply_at(entry, turn.replied) else {
        return Ok(Answer {
            place,
            ..plain("the script of this turn has ended")
        });
    };
    place.reply = index + 1;
    variables.insert("n".to_owned(), (round + 1).to_string());
    let reply = pick_alternative(reply, turn, &mut variables);
    let expectations = entry.expect.iter().chain(&reply.expect);
    check(expectations, conversation, context, &place)?;
    fill(scenarios, scenario, reply, turn, variables, place)
}

/// The reply for the request number `replied`, and which of its repetitions.
fn reply_at(entry: &super::scenario::Turn, replied: usize) -> Option<(usize, usize, &Reply)> {
    let mut first = 0;
    for (index, reply) in entry.replies.iter().enumerate() {
        let reply = reply.get_ref();
        let count = usize::try_from(reply.repeat.unwrap_or(1)).unwrap_or(usize::MAX);
        if replied - first < count {
            return Some((index, replied - first, reply));
        }
        first += count;
    }
    None
}

fn pick_alternative<'a>(reply: &'a Reply, turn: &Turn, variables: &mut Variables) -> &'a Reply {
    for alternative in &reply.alternatives {
        let mut captured = variables.clone();
        if holds(&alternative.condition, turn, &mut captured) {
            *variables = captured;
            return alternative;
        }
    }
    reply
}

fn holds(condition: &Condition, turn: &Turn, variables: &mut Variables) -> bool {
    let results = turn.tool_results.join("\n");
    let checks = [
        (
            &condition.tool_result,
            (!turn.tool_results.is_empty()).then_some(results.as_str()),
        ),
        (&condition.prompt, Some(turn.text.as_str())),
        (&condition.message, turn.message.as_deref()),
        (&condition.feedback, turn.feedback.as_deref()),
    ];
    checks
        .into_iter()
        .all(|(pattern, text)| match (pattern, text) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(pattern), Some(text)) => pattern.capture(text, variables),
        })
}

fn facts(conversation: &Conversation, context: &Context<'_>) -> Variables {
    let turn = &conversation.turn;
    let facts = [
        ("cwd", conversation.cwd.clone().unwrap_or_default()),
        ("session", context.session.to_owned()),
        ("model", context.model.to_owned()),
        ("prompt", clip(&turn.text).to_owned()),
        (
            "tool_result",
            clip(&turn.tool_results.join("\n")).to_owned(),
        ),
        ("message", turn.message.clone().unwrap_or_default()),
        ("feedback", turn.feedback.clone().unwrap_or_default()),
        ("now", context.now.to_string()),
        ("in_one_minute", (context.now + 60).to_string()),
        ("in_one_hour", (context.now + 3_600).to_string()),
    ];
    facts.map(|(name, value)| (name.to_owned(), value)).into()
}

fn clip(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_FACT_BYTES)]
}

fn check<'a>(
    expectations: impl Iterator<Item = &'a Expectation>,
    conversation: &Conversation,
    context: &Context<'_>,
    place: &ScriptPlace,
) -> Result<(), Refusal> {
    for expectation in expectations {
        let header = expectation.header.as_deref().unwrap_or_default();
        let found = seen(expectation.place, header, conversation, context);
        let wanted = expectation
            .matches
            .as_ref()
            .filter(|pattern| !pattern.is_match(&found));
        let unwanted = expectation
            .lacks
            .as_ref()
            .filter(|pattern| pattern.is_match(&found));
        let label = format!("{:?} {header}", expectation.place);
        let expected = match (wanted, unwanted) {
            (None, None) => continue,
            (Some(pattern), _) => format!("{} to match /{}/", label.trim(), pattern.as_str()),
            (None, Some(pattern)) => format!("{} to lack /{}/", label.trim(), pattern.as_str()),
        };
        let found = found.chars().take(300).collect();
        return Err(Refusal::Unexpected {
            place: place.clone(),
            expected,
            found,
        });
    }
    Ok(())
}

fn seen(place: Place, header: &str, conversation: &Conversation, context: &Context<'_>) -> String {
    let turn = &conversation.turn;
    match place {
        Place::System => conversation.system.clone(),
        Place::Prompt => turn.text.clone(),
        Place::ToolResult => turn.tool_results.join("\n"),
        Place::Tools => conversation.tools.join("\n"),
        Place::Feedback => turn.feedback.clone().unwrap_or_default(),
        Place::Message => turn.message.clone().unwrap_or_default(),
        Place::Header => context
            .headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case(header))
            .map(|(_, value)| value.as_str())
            .collect::<Vec<_>>()
            .join("\n"),
    }
}

fn fill(
    scenarios: &Scenarios,
    scenario: &Scenario,
    reply: &Reply,
    turn: &Turn,
    mut variables: Variables,
    place: ScriptPlace,
) -> Result<Answer, Refusal> {
    let mut blocks = Vec::new();
    if let Some(thought) = &reply.think {
        blocks.push(Content::Thinking(thought.fill(&variables)));
    }
    if let Some(text) = &reply.say {
        for k in 1..=reply.say_times.unwrap_or(1) {
            variables.insert("k".to_owned(), k.to_string());
            blocks.push(Content::Text(text.fill(&variables)));
        }
    }
    let matches = match &reply.each {
        Some(pattern) => pattern.capture_each(&turn.text, MAX_EACH),
        None => vec![Variables::new()],
    };
    for found in matches {
        let mut variables = variables.clone();
        variables.extend(found);
        for tool in &reply.tools {
            let call = tool_call(tool, scenarios, &variables);
            blocks.push(call.map_err(|path| Refusal::MissingFile {
                place: place.clone(),
                path,
            })?);
        }
    }
    let headers = match &reply.fault {
        Some(Fault::Status { headers, .. }) => headers
            .iter()
            .map(|(name, value)| (name.clone(), value.fill(&variables)))
            .collect(),
        _ => Vec::new(),
    };
    let calls_tools = blocks
        .iter()
        .any(|block| matches!(block, Content::ToolUse { .. }));
    let natural = if calls_tools {
        StopReason::ToolUse
    } else {
        StopReason::EndTurn
    };
    Ok(Answer {
        place,
        blocks,
        stop_reason: reply.stop_reason.unwrap_or(natural),
        usage: reply.usage.unwrap_or_default(),
        pace: reply.pace.unwrap_or(scenario.pace),
        delay_ms: reply.delay_ms,
        fault: reply.fault.clone(),
        headers,
    })
}

/// The call with its short form written out, or the path of a file that isn't there.
fn tool_call(tool: &Tool, scenarios: &Scenarios, variables: &Variables) -> Result<Content, String> {
    let path = |path: &Template| absolute(&path.fill(variables), variables);
    let (name, input) = match tool {
        Tool::Bash(command) => {
            let command = command.fill(variables);
            (
                "Bash",
                json!({"command": command, "description": "A step of the scripted model"}),
            )
        }
        Tool::Read(file) => ("Read", json!({"file_path": path(file)})),
        Tool::Write(write) => {
            let content = match (&write.content, &write.from) {
                (Some(content), _) => content.fill(variables),
                (None, Some(from)) => {
                    let file = from.fill(variables);
                    scenarios.file(&file).ok_or(file)?.to_owned()
                }
                (None, None) => String::new(),
            };
            (
                "Write",
                json!({"file_path": path(&write.path), "content": content}),
            )
        }
        Tool::Edit(edit) => {
            let (old, new) = (edit.old.fill(variables), edit.new.fill(variables));
            (
                "Edit",
                json!({"file_path": path(&edit.path), "old_string": old, "new_string": new}),
            )
        }
        Tool::Call(call) => {
            let input = fill_json(&call.input, variables);
            (
                call.name.as_str(),
                if input.is_null() { json!({}) } else { input },
            )
        }
    };
    Ok(Content::ToolUse {
        name: name.to_owned(),
        input,
    })
}

/// The CLI's file tools want absolute paths; the model knows the directory from the environment.
fn absolute(path: &str, variables: &Variables) -> String {
    match variables.get("cwd").filter(|cwd| !cwd.is_empty()) {
        Some(cwd) if !path.starts_with('/') => format!("{}/{path}", cwd.trim_end_matches('/')),
        _ => path.to_owned(),
    }
}

/// An answer for what no script foresees: it ends the turn and says so.
pub fn plain(reason: &str) -> Answer {
    let text = format!("This is the scripted demo model, not Claude: {reason}.");
    Answer {
        place: ScriptPlace::default(),
        blocks: vec![Content::Text(text)],
        stop_reason: StopReason::EndTurn,
        usage: Usage::default(),
        pace: Pace::default(),
        delay_ms: 0,
        fault: None,
        headers: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str = r#"
about = "a test"
default = true

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
        let denied =
            text(|turn| turn.tool_results = vec!["ok".into(), "denied: not listed".into()]);
        assert_eq!(denied, "refused: not listed");
        let sent_back = text(|turn| turn.feedback = Some("x.md is missing".into()));
        assert_eq!(sent_back, "I was sent back: x.md is missing");
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
}
