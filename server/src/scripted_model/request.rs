//! A request of the Messages API, as far as a script looks at it. Unknown parts are ignored.

use serde::Deserialize;

#[derive(Debug, Default, Deserialize)]
pub struct Request {
    #[serde(default)]
    pub model: String,
    #[serde(default)]
    pub max_tokens: u64,
    #[serde(default)]
    pub stream: bool,
    #[serde(default)]
    pub system: Content,
    pub messages: Vec<Message>,
    #[serde(default)]
    pub tools: Vec<OfferedTool>,
}

#[derive(Debug, Deserialize)]
pub struct OfferedTool {
    #[serde(default)]
    pub name: String,
}

#[derive(Debug, Deserialize)]
pub struct Message {
    pub role: Role,
    #[serde(default)]
    pub content: Content,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    User,
    Assistant,
    System,
    #[serde(other)]
    Other,
}

/// A string, or a list of blocks; both mean the same.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Content {
    Text(String),
    Blocks(Vec<Block>),
    Nothing(()),
}

impl Default for Content {
    fn default() -> Self {
        Self::Nothing(())
    }
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Block {
    Text {
        #[serde(default)]
        text: String,
    },
    ToolUse {},
    ToolResult {
        #[serde(default)]
        content: Content,
    },
    #[serde(other)]
    Other,
}

impl Content {
    /// The text blocks, in order.
    pub fn texts(&self) -> Vec<&str> {
        match self {
            Self::Text(text) => vec![text],
            Self::Nothing(()) => Vec::new(),
            Self::Blocks(blocks) => blocks
                .iter()
                .filter_map(|block| match block {
                    Block::Text { text } => Some(text.as_str()),
                    Block::ToolUse {} | Block::ToolResult { .. } | Block::Other => None,
                })
                .collect(),
        }
    }

    /// All text, with a line break between blocks.
    pub fn joined(&self) -> String {
        self.texts().join("\n")
    }
}
