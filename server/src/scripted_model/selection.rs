//! Which reply a request gets: pure, from the scenarios and the conversation.

use serde_json::{Value, json};

use super::conversation::{Conversation, Turn};
use super::library::{Scenarios, UnknownScenario};
use super::pattern::{Template, Variables, fill_json};
use super::scenario::{
    Condition, Expectation, Fault, Pace, Place, Reply, Scenario, StopReason, Tool, Usage, Verdict,
};
use crate::verification::verdict::criteria_of;

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
    if let Some(text) = aside(scenario, turn, &variables) {
        blocks.push(Content::Text(text));
    }
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
            let call = tool_call(tool, scenarios, &turn.text, &variables);
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

/// What the script says to a message that came in the middle of the turn.
fn aside(scenario: &Scenario, turn: &Turn, variables: &Variables) -> Option<String> {
    let aside = scenario.aside.as_ref()?;
    let mut variables = variables.clone();
    let heard = aside
        .message
        .capture(turn.message.as_deref()?, &mut variables);
    heard.then(|| aside.say.fill(&variables))
}

/// The call with its short form written out, or the path of a file that isn't there.
fn tool_call(
    tool: &Tool,
    scenarios: &Scenarios,
    prompt: &str,
    variables: &Variables,
) -> Result<Content, String> {
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
        Tool::Verdict(verdict) => {
            let criteria = criteria(verdict, prompt, variables);
            ("StructuredOutput", json!({"criteria": criteria}))
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

/// A judgement of each criterion in the prompt's guide, or of the whole if it has none.
fn criteria(verdict: &Verdict, prompt: &str, variables: &Variables) -> Value {
    let ids = criteria_of(prompt);
    let ids = if ids.is_empty() { vec!["ALL-1"] } else { ids };
    let judged = ids.into_iter().map(|id| {
        let failed = verdict.failed.as_ref();
        let passed = !failed.is_some_and(|pattern| pattern.is_match(id));
        let evidence = verdict.evidence.fill(variables);
        let mut criterion = json!({"id": id, "passed": passed, "evidence": evidence});
        if let Some(suggestion) = verdict.suggestion.as_ref().filter(|_| !passed) {
            criterion["suggestion"] = suggestion.fill(variables).into();
        }
        if let Some(document) = verdict.document.as_ref().filter(|_| !passed) {
            criterion["documents"] = json!([document.fill(variables)]);
        }
        criterion
    });
    judged.collect()
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
