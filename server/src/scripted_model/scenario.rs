//! A scenario as it is written in its file.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use toml::Spanned;

use super::pattern::{Pattern, Template};

/// One script: which conversations it is for and what is answered, turn by turn.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// One sentence for people who choose between scenarios.
    pub about: String,
    /// Chosen without a directive when any prompt of the conversation matches.
    #[serde(default, rename = "match")]
    pub matches: Option<Pattern>,
    /// Chosen when nothing else fits; one scenario at most.
    #[serde(default)]
    pub default: bool,
    /// How fast replies are streamed where a reply doesn't say otherwise.
    #[serde(default)]
    pub pace: Pace,
    /// Said before the reply when the user wrote in the middle of a turn.
    #[serde(default)]
    pub aside: Option<Aside>,
    /// Tried in order; the first whose `when` matches the user's text plays.
    #[serde(rename = "turn")]
    pub turns: Vec<Spanned<Turn>>,
}

/// The captures of `message` can be used in `say`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Aside {
    pub message: Pattern,
    pub say: Template,
}

/// What is answered to one message of the user, request by request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Turn {
    /// Matched against the turn's text; without it every text fits.
    #[serde(default)]
    pub when: Option<Pattern>,
    /// What every request of this turn has to show.
    #[serde(default)]
    pub expect: Vec<Expectation>,
    /// Reply i answers the i-th request of the turn.
    #[serde(rename = "reply")]
    pub replies: Vec<Spanned<Reply>>,
}

/// One answer of the model: thinking, then text, then tool calls.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// When this is an alternative: what has to hold for it to replace its reply.
    #[serde(default, rename = "if")]
    pub condition: Condition,
    #[serde(default)]
    pub think: Option<Template>,
    #[serde(default)]
    pub say: Option<Template>,
    /// Sends `say` this many times, each a content block of its own; `{{k}}` counts.
    #[serde(default)]
    pub say_times: Option<u32>,
    #[serde(default)]
    pub tools: Vec<Tool>,
    /// Makes `tools` once for every match of this pattern in the turn's text.
    #[serde(default)]
    pub each: Option<Pattern>,
    /// Answers this many requests in a row with this reply; `{{n}}` counts.
    #[serde(default)]
    pub repeat: Option<u32>,
    #[serde(default)]
    pub usage: Option<Usage>,
    /// Instead of the one that follows from the content.
    #[serde(default)]
    pub stop_reason: Option<StopReason>,
    #[serde(default)]
    pub pace: Option<Pace>,
    /// Milliseconds before the first byte of the answer.
    #[serde(default)]
    pub delay_ms: u64,
    #[serde(default)]
    pub fault: Option<Fault>,
    #[serde(default)]
    pub expect: Vec<Expectation>,
    /// The first alternative whose `if` holds is played instead of this reply.
    #[serde(default, rename = "or")]
    pub alternatives: Vec<Reply>,
}

/// All given patterns have to match; their named captures can be used in the reply.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// The results of the tool calls just made.
    #[serde(default)]
    pub tool_result: Option<Pattern>,
    /// The turn's text.
    #[serde(default)]
    pub prompt: Option<Pattern>,
    /// A message that came in the middle of the turn, before this request.
    #[serde(default)]
    pub message: Option<Pattern>,
    /// What a stop hook said, before this request.
    #[serde(default)]
    pub feedback: Option<Pattern>,
}

/// A tool call, with short forms for the CLI's own tools. Paths are relative to the workspace.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Tool {
    Bash(Template),
    Read(Template),
    Write(Write),
    Edit(Edit),
    /// Any tool, by its full name.
    Call(Call),
    /// The answer of a verifying agent: every criterion of the guide in the prompt.
    Verdict(Verdict),
}

/// What a verdict says of the criteria. They all hold unless told otherwise.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    pub evidence: Template,
    /// Matched against the ids of the criteria: these have not passed.
    #[serde(default)]
    pub failed: Option<Pattern>,
    /// For the failed ones.
    #[serde(default)]
    pub suggestion: Option<Template>,
    /// For the failed ones: the document with the fault.
    #[serde(default)]
    pub document: Option<Template>,
}

/// The whole content of a file, written here or taken from a file beside the scenarios.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Write {
    pub path: Template,
    #[serde(default)]
    pub content: Option<Template>,
    /// Sent as it is, without filling in variables.
    #[serde(default)]
    pub from: Option<Template>,
}

/// Replaces the one place where `old` stands.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    pub path: Template,
    pub old: Template,
    pub new: Template,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    pub name: String,
    #[serde(default)]
    pub input: Value,
}

/// Tokens as the API counts them. What isn't given is estimated from lengths.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Usage {
    pub input: Option<u64>,
    pub output: Option<u64>,
    pub cache_read: Option<u64>,
    pub cache_write: Option<u64>,
}

/// Why a message ends, in the API's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    EndTurn,
    ToolUse,
    MaxTokens,
    StopSequence,
    PauseTurn,
    Refusal,
}

/// Text goes out in chunks of `chars`, one every `ms`; tool inputs in chunks eight times as long.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pace {
    pub chars: usize,
    pub ms: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Self { chars: 400, ms: 0 }
    }
}

/// What goes wrong. `times` bounds how many requests it hits before the reply is played whole.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// An error answer instead of a stream; without `times` it never ends.
    Status {
        status: u16,
        #[serde(default)]
        message: Option<String>,
        /// Values may name variables, as in `anthropic-ratelimit-unified-reset = "{{in_one_hour}}"`.
        #[serde(default)]
        headers: BTreeMap<String, Template>,
        #[serde(default)]
        times: Option<u32>,
    },
    /// The connection breaks after so many streamed characters.
    Cut {
        after_chars: usize,
        #[serde(default = "once")]
        times: u32,
    },
    /// The stream is silent for a while, then goes on.
    Stall {
        after_chars: usize,
        seconds: u64,
        #[serde(default = "once")]
        times: u32,
    },
    /// The stream ends in an `error` event.
    ErrorEvent {
        after_chars: usize,
        kind: String,
        message: String,
        #[serde(default = "once")]
        times: u32,
    },
}

const fn once() -> u32 {
    1
}

impl Fault {
    /// How many requests are hit; `None` is all of them.
    pub const fn times(&self) -> Option<u32> {
        match self {
            Self::Status { times, .. } => *times,
            Self::Cut { times, .. }
            | Self::Stall { times, .. }
            | Self::ErrorEvent { times, .. } => Some(*times),
        }
    }
}

/// Something the request has to show. A broken expectation is reported and answered with a 400.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    #[serde(rename = "in")]
    pub place: Place,
    /// The name of the header, where the place is one.
    #[serde(default)]
    pub header: Option<String>,
    #[serde(default)]
    pub matches: Option<Pattern>,
    #[serde(default)]
    pub lacks: Option<Pattern>,
}

/// Where an expectation looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// System prompt and system messages.
    System,
    /// The turn's text.
    Prompt,
    /// The results of the tool calls just made.
    ToolResult,
    /// Names of the offered tools, one a line.
    Tools,
    /// A request header.
    Header,
    /// The last stop hook's words.
    Feedback,
    /// A message that came in the middle of the turn.
    Message,
}
