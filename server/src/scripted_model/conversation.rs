//! Where a conversation stands, read from the request's history alone. The model keeps no memory
//! of its own, so crashes, retries and resumed sessions need no care.

use std::sync::LazyLock;

use regex::Regex;

use super::request::{Block, Content, Message, Request, Role};

/// A request's history, as a script sees it.
#[derive(Debug, Default)]
pub struct Conversation {
    /// Every text of the user so far, the current turn's included.
    pub prompts: Vec<String>,
    /// The turn that the request belongs to.
    pub turn: Turn,
    /// System prompt and system messages.
    pub system: String,
    /// The agent's working directory, as the CLI tells it to the model.
    pub cwd: Option<String>,
    /// Names of the offered tools.
    pub tools: Vec<String>,
}

/// One prompt of the user and what has happened since.
#[derive(Debug, Default)]
pub struct Turn {
    /// Counts prompts from 1.
    pub number: usize,
    pub text: String,
    /// How many replies of this turn took effect: reply number `replied` is next.
    pub replied: usize,
    /// Results of the tool calls just made, one entry each.
    pub tool_results: Vec<String>,
    /// A message that the user sent in the middle of the turn, if it came with this request.
    pub message: Option<String>,
    /// What a stop hook said, if that is what this request answers.
    pub feedback: Option<String>,
    has_reply: bool,
    last_reply_counts: bool,
}

/// What a text under the user's role really is.
#[derive(Debug, PartialEq, Eq)]
enum UserText<'a> {
    Prompt(&'a str),
    /// The CLI resumes a turn that was cut off.
    Continuation,
    /// The CLI notes that the reply before was interrupted.
    Interruption,
    Feedback(&'a str),
    /// The user wrote in the middle of a turn.
    Message(&'a str),
    Nothing,
}

const MESSAGE: &str = "The user sent a new message while you were working:";
const FEEDBACK: &str = "Stop hook feedback:";
/// The CLI sends an agent back that has not answered by the schema that it was given.
const ENFORCED: &str = "[structured-output-enforce]";
/// Begins each prompt of the platform: a turn starts here even if nothing answered the one before.
const TURN: &str = "[turn:";

impl Conversation {
    /// Reads the history once, from the first message to the last.
    pub fn of(request: &Request) -> Self {
        let mut conversation = Self {
            system: request.system.joined(),
            tools: request.tools.iter().map(|tool| tool.name.clone()).collect(),
            ..Self::default()
        };
        for message in &request.messages {
            match message.role {
                Role::User => conversation.hear(&message.content),
                Role::Assistant => conversation.turn.reply(message),
                Role::System | Role::Other => conversation.note(&message.content),
            }
        }
        conversation.cwd = working_directory(&conversation.system);
        conversation
    }

    fn hear(&mut self, content: &Content) {
        if let Content::Blocks(blocks) = content {
            for block in blocks {
                if let Block::ToolResult { content } = block {
                    self.turn.receive(content.joined());
                }
            }
        }
        for text in content.texts() {
            let text = without_reminders(text);
            match classify(&text) {
                UserText::Prompt(text) => self.begin(text),
                UserText::Interruption => self.turn.discount(),
                UserText::Feedback(text) => self.turn.feedback = Some(text.to_owned()),
                UserText::Message(text) => self.turn.message = Some(text.to_owned()),
                UserText::Continuation | UserText::Nothing => {}
            }
        }
    }

    fn begin(&mut self, text: &str) {
        self.prompts.push(text.to_owned());
        let is_new = self.turn.number == 0 || self.turn.has_reply || text.starts_with(TURN);
        if is_new {
            let number = self.turn.number + 1;
            self.turn = Turn {
                number,
                text: text.to_owned(),
                ..Turn::default()
            };
        } else {
            // Several texts before any reply are one prompt.
            self.turn.text.push_str("\n\n");
            self.turn.text.push_str(text);
        }
    }

    fn note(&mut self, content: &Content) {
        for text in content.texts() {
            if let UserText::Message(text) = classify(text) {
                self.turn.message = Some(text.to_owned());
            }
            self.system.push('\n');
            self.system.push_str(text);
        }
    }
}

impl Turn {
    fn reply(&mut self, message: &Message) {
        // The CLI puts this where a session ended without a reply; no model said it.
        if message.content.joined().trim() == "No response requested." {
            return;
        }
        self.replied += 1;
        self.has_reply = true;
        self.last_reply_counts = true;
        self.tool_results.clear();
        self.message = None;
        self.feedback = None;
    }

    fn receive(&mut self, result: String) {
        let is_cut = result.starts_with("[Tool call interrupted")
            || result.starts_with("[Tool result missing");
        if is_cut {
            self.discount();
        }
        self.tool_results.push(result);
    }

    /// The last reply had no effect that can be relied on: it will be played again.
    fn discount(&mut self) {
        if self.last_reply_counts {
            self.replied -= 1;
            self.last_reply_counts = false;
        }
    }
}

fn classify(text: &str) -> UserText<'_> {
    let text = text.trim();
    if text.is_empty() {
        UserText::Nothing
    } else if text.starts_with("Continue from where you left off") {
        UserText::Continuation
    } else if text.starts_with("[Request interrupted by user") {
        UserText::Interruption
    } else if let Some(rest) = text
        .strip_prefix(FEEDBACK)
        .or_else(|| text.strip_prefix(ENFORCED))
    {
        UserText::Feedback(rest.trim())
    } else if let Some(rest) = text.strip_prefix(MESSAGE) {
        // The CLI explains itself in a paragraph of its own after the message.
        let end = rest
            .find("\n\nThis is how Claude Code")
            .unwrap_or(rest.len());
        UserText::Message(rest[..end].trim())
    } else {
        UserText::Prompt(text)
    }
}

/// The CLI weaves notes of its own into the user's text.
fn without_reminders(text: &str) -> String {
    static REMINDER: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?s)<system-reminder>.*?</system-reminder>").expect("a constant expression")
    });
    REMINDER.replace_all(text, "").into_owned()
}

fn working_directory(system: &str) -> Option<String> {
    let label = "Primary working directory: ";
    let start = system.rfind(label)? + label.len();
    system[start..]
        .lines()
        .next()
        .map(|line| line.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn conversation(messages: &Value) -> Conversation {
        let request = json!({"messages": messages, "system": "You are an agent.", "tools": [{"name": "Bash"}]});
        Conversation::of(&serde_json::from_value(request).unwrap())
    }

    fn asked() -> Value {
        json!({"role": "user", "content": [
            {"type": "text", "text": "<system-reminder>\nabout git\n</system-reminder>\n"},
            {"type": "text", "text": "do the thing"}]})
    }

    fn called() -> Value {
        json!({"role": "assistant", "content": [
            {"type": "text", "text": "first"},
            {"type": "tool_use", "id": "t", "name": "Bash", "input": {}}]})
    }

    fn result(text: &str) -> Value {
        json!({"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": text}]}]})
    }

    fn said(role: &str, text: &str) -> Value {
        json!({"role": role, "content": text})
    }

    #[test]
    fn a_first_request_has_no_reply_yet() {
        let found = conversation(&json!([
            asked(),
            said(
                "system",
                "# Environment\n - Primary working directory: /work space\n - x"
            )
        ]));
        assert_eq!((found.turn.number, found.turn.replied), (1, 0));
        assert_eq!(found.turn.text, "do the thing");
        assert_eq!(found.cwd.as_deref(), Some("/work space"));
        assert_eq!(found.tools, ["Bash"]);
    }

    #[test]
    fn tool_results_belong_to_the_turn_and_are_counted_as_one_step() {
        let found = conversation(&json!([asked(), called(), result("done")]));
        assert_eq!((found.turn.number, found.turn.replied), (1, 1));
        assert_eq!(found.turn.tool_results, ["done"]);
    }

    #[test]
    fn a_stop_hook_sends_back_into_the_same_turn() {
        let found = conversation(&json!([
            asked(),
            said("assistant", "I am done"),
            said("user", "Stop hook feedback:\nx.md is missing"),
            said("system", "Stop:Callback hook blocking error")
        ]));
        assert_eq!((found.turn.number, found.turn.replied), (1, 1));
        assert_eq!(found.turn.feedback.as_deref(), Some("x.md is missing"));
    }

    #[test]
    fn an_answer_without_its_form_is_sent_back_into_the_same_turn() {
        let sent_back = "[structured-output-enforce] You MUST call the StructuredOutput tool";
        let found = conversation(&json!([
            asked(),
            said("assistant", "It looks good."),
            said("user", sent_back)
        ]));
        assert_eq!((found.turn.number, found.turn.replied), (1, 1));
        let feedback = found.turn.feedback.as_deref();
        assert_eq!(feedback, Some("You MUST call the StructuredOutput tool"));
    }

    #[test]
    fn a_message_in_the_middle_of_a_turn_does_not_begin_one() {
        let note = "The user sent a new message while you were working:\nuse blue\n\nThis is how Claude Code surfaces messages";
        let found = conversation(&json!([
            asked(),
            called(),
            result("done"),
            said("system", note)
        ]));
        assert_eq!((found.turn.number, found.turn.replied), (1, 1));
        assert_eq!(found.turn.message.as_deref(), Some("use blue"));
    }

    #[test]
    fn a_cut_off_call_is_not_counted_so_that_it_is_made_again() {
        let cut =
            "[Tool call interrupted: the session ended before this call's result was recorded]";
        let found = conversation(&json!([
            asked(),
            called(),
            result(cut),
            said("user", "Continue from where you left off.")
        ]));
        assert_eq!((found.turn.number, found.turn.replied), (1, 0));
    }

    #[test]
    fn a_reply_lost_in_a_crash_leaves_only_the_request_to_continue() {
        let found = conversation(&json!([
            asked(),
            called(),
            result("one"),
            said("user", "Continue from where you left off.")
        ]));
        assert_eq!((found.turn.number, found.turn.replied), (1, 1));
        assert_eq!(found.turn.tool_results, ["one"]);
    }

    #[test]
    fn after_an_interruption_the_next_prompt_is_a_new_turn() {
        let found = conversation(&json!([
            asked(), said("assistant", "partial te"),
            {"role": "user", "content": [
                {"type": "text", "text": "[Request interrupted by user]\n"},
                {"type": "text", "text": "go on"}]}
        ]));
        assert_eq!((found.turn.number, found.turn.replied), (2, 0));
        assert_eq!(found.turn.text, "go on");
    }

    #[test]
    fn a_session_resumed_without_a_reply_takes_the_new_prompt() {
        let found = conversation(&json!([
            asked(),
            said("assistant", "No response requested."),
            said("user", "[turn: message]\nagain")
        ]));
        assert_eq!((found.turn.number, found.turn.replied), (2, 0));
        assert_eq!(found.turn.text, "[turn: message]\nagain");
    }
}
