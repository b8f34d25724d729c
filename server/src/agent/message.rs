//! What the model says and what tools answer.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// One finished content block of the model.
#[derive(Clone, Debug, Deserialize)]
pub struct Assistant {
    /// The block, wrapped as the API does.
    pub message: AssistantBody,
    /// The tool call of the subagent that speaks; `None` for the main agent.
    #[serde(default)]
    pub parent_tool_use_id: Option<String>,
    /// Kind of failure, when the CLI wrote this text instead of the model.
    #[serde(default)]
    pub error: Option<String>,
    /// Set when the text tells about a failed call of the API.
    #[serde(default)]
    pub is_api_error_message: bool,
    /// HTTP status of that call.
    #[serde(default)]
    pub api_error_status: Option<u16>,
    /// Set when an interrupt cut the text off.
    #[serde(default)]
    pub aborted: bool,
}

/// The API message around the block.
#[derive(Clone, Debug, Deserialize)]
pub struct AssistantBody {
    /// Blocks of one API message share it.
    #[serde(default)]
    pub id: String,
    /// The model, or `<synthetic>` for a text of the CLI itself.
    #[serde(default)]
    pub model: String,
    /// Usually one block.
    pub content: Vec<Block>,
}

impl Assistant {
    /// Whether this tells about a failure.
    pub fn is_failure(&self) -> bool {
        self.is_api_error_message || self.error.is_some()
    }

    /// Whether the CLI wrote this itself.
    pub fn is_synthetic(&self) -> bool {
        self.is_failure() || self.message.model == "<synthetic>"
    }
}

/// A message in the user's role: tool results, replayed prompts, notes of the CLI.
#[derive(Clone, Debug, Deserialize)]
pub struct UserMessage {
    /// The content, wrapped as the API does.
    pub message: UserBody,
    /// The tool call of the subagent this belongs to; `None` for the main agent.
    #[serde(default)]
    pub parent_tool_use_id: Option<String>,
    /// Set on a prompt of ours that is sent back.
    #[serde(default, rename = "isReplay")]
    pub is_replay: bool,
}

/// The API message around the content.
#[derive(Clone, Debug, Deserialize)]
pub struct UserBody {
    /// A text, or blocks.
    #[serde(deserialize_with = "text_or_blocks")]
    pub content: Vec<Block>,
}

/// One block of content.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Block {
    /// Words.
    Text {
        /// Markdown, as a rule.
        text: String,
    },
    /// The model's reasoning, as far as it is shown.
    Thinking {
        /// May be empty.
        #[serde(default)]
        thinking: String,
    },
    /// A tool is called.
    ToolUse {
        /// Joins the call to its result.
        id: String,
        /// The tool.
        name: String,
        /// Its arguments.
        #[serde(default)]
        input: Value,
    },
    /// A tool has answered.
    ToolResult {
        /// The call that is answered.
        tool_use_id: String,
        /// The answer as text.
        #[serde(default, deserialize_with = "output_text")]
        content: String,
        /// Whether the call failed.
        #[serde(default, deserialize_with = "flag")]
        is_error: bool,
    },
    /// A block this version does not know.
    #[serde(other)]
    Other,
}

/// A raw event of the API stream.
#[derive(Clone, Debug, Deserialize)]
pub struct StreamEvent {
    /// The event.
    pub event: ApiEvent,
    /// The tool call of the subagent that speaks; `None` for the main agent.
    #[serde(default)]
    pub parent_tool_use_id: Option<String>,
}

/// The events of the API stream that matter here.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ApiEvent {
    /// A message begins.
    MessageStart,
    /// A block begins.
    ContentBlockStart,
    /// A block grows.
    ContentBlockDelta {
        /// What is added.
        delta: Delta,
    },
    /// A block is finished.
    ContentBlockStop,
    /// Everything else.
    #[serde(other)]
    Other,
}

/// What a block grows by.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Delta {
    /// More words.
    TextDelta {
        /// The words.
        text: String,
    },
    /// Everything else: reasoning, arguments, signatures.
    #[serde(other)]
    Other,
}

impl StreamEvent {
    /// The words this event adds, if it adds any.
    pub fn text(&self) -> Option<&str> {
        match &self.event {
            ApiEvent::ContentBlockDelta {
                delta: Delta::TextDelta { text },
            } => Some(text),
            _ => None,
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Blocks(Vec<Block>),
}

fn text_or_blocks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Block>, D::Error> {
    Ok(match Content::deserialize(deserializer)? {
        Content::Text(text) => vec![Block::Text { text }],
        Content::Blocks(blocks) => blocks,
    })
}

/// Accepts `null` for `false`.
fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(Option::<bool>::deserialize(deserializer)?.unwrap_or_default())
}

/// A tool's output is a text, a list of blocks, or missing.
fn output_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Null => String::new(),
        Value::String(text) => text,
        Value::Array(parts) => parts.iter().map(part_text).collect::<Vec<_>>().join("\n"),
        other => other.to_string(),
    })
}

fn part_text(part: &Value) -> String {
    match (
        part.get("text").and_then(Value::as_str),
        part.get("type").and_then(Value::as_str),
    ) {
        (Some(text), _) => text.to_owned(),
        (None, Some(kind)) => format!("[{kind}]"),
        (None, None) => part.to_string(),
    }
}
