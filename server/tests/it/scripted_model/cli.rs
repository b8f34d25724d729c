//! The real Claude Code CLI, driven by its line protocol as far as these tests need it.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;
use uuid::Uuid;

use crate::support::claude::claude_bin;

/// Longer than any turn of these tests takes on a slow machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// What one agent needs on disk; survives its processes.
pub struct Home {
    directory: TempDir,
    session: Uuid,
    /// Extra arguments of every process.
    pub arguments: Vec<String>,
    /// Registered as a stop hook when set: the reason that sends the agent back once.
    pub stop_reason: Option<&'static str>,
}

impl Home {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        for part in ["config", "tmp", "workspace"] {
            std::fs::create_dir(directory.path().join(part)).unwrap();
        }
        Self {
            directory,
            session: Uuid::new_v4(),
            arguments: Vec::new(),
            stop_reason: None,
        }
    }

    pub fn workspace(&self) -> PathBuf {
        self.directory.path().join("workspace")
    }

    /// A file of the workspace as text.
    pub fn read(&self, path: &str) -> String {
        let path = self.workspace().join(path);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Starts a session against the model.
    pub async fn start(&self, base_url: &str) -> Agent {
        self.spawn(base_url, &format!("--session-id={}", self.session))
            .await
    }

    /// Goes on with the session in a new process, which resumes an interrupted turn by itself.
    pub async fn resume(&self, base_url: &str) -> Agent {
        self.spawn(base_url, &format!("--resume={}", self.session))
            .await
    }

    async fn spawn(&self, base_url: &str, session: &str) -> Agent {
        let home = self.directory.path();
        let mut child = Command::new(claude_bin())
            .args([
                "-p",
                "--input-format=stream-json",
                "--output-format=stream-json",
                "--verbose",
            ])
            .args([
                "--permission-prompt-tool=stdio",
                "--permission-mode=acceptEdits",
                session,
            ])
            .args(&self.arguments)
            .current_dir(self.workspace())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", home)
            .env("CLAUDE_CONFIG_DIR", home.join("config"))
            .env("TMPDIR", home.join("tmp"))
            .env("ANTHROPIC_BASE_URL", base_url)
            .env("ANTHROPIC_API_KEY", "scripted")
            .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1")
            .env("DISABLE_AUTOUPDATER", "1")
            .env("DISABLE_TELEMETRY", "1")
            .env("DISABLE_ERROR_REPORTING", "1")
            .env("CLAUDE_CODE_RESUME_INTERRUPTED_TURN", "1")
            .env("CLAUDE_CODE_RESUME_SHOWS_CUT_OFF_CALLS", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut agent = Agent {
            child,
            stdin,
            lines,
            stop_reason: self.stop_reason,
            last_sent: Value::Null,
        };
        let hooks = match self.stop_reason {
            Some(_) => json!({"Stop": [{"hookCallbackIds": ["stop"]}]}),
            None => json!({}),
        };
        agent
            .request(&json!({"subtype": "initialize", "hooks": hooks}))
            .await;
        agent
    }
}

/// One process of the CLI.
pub struct Agent {
    child: Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    stop_reason: Option<&'static str>,
    last_sent: Value,
}

/// A turn that has ended.
pub struct Turn {
    /// Every message of the turn, the result included.
    pub messages: Vec<Value>,
    pub result: Value,
}

impl Turn {
    /// The final text.
    pub fn text(&self) -> &str {
        self.result["result"].as_str().unwrap_or_default()
    }

    pub fn is_error(&self) -> bool {
        self.result["is_error"] == json!(true)
    }

    /// Names of the called tools, in order.
    pub fn calls(&self) -> Vec<&str> {
        self.blocks("assistant")
            .filter_map(|block| block["name"].as_str())
            .collect()
    }

    /// All text of the agent.
    pub fn said(&self) -> String {
        let texts = self
            .blocks("assistant")
            .filter_map(|block| block["text"].as_str());
        texts.collect::<Vec<_>>().join("\n")
    }

    fn blocks<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        let messages = self
            .messages
            .iter()
            .filter(move |message| message["type"] == kind);
        messages
            .filter_map(|message| message["message"]["content"].as_array())
            .flatten()
    }
}

impl Agent {
    pub async fn send(&mut self, text: &str) {
        self.last_sent = json!({
            "type": "user", "message": {"role": "user", "content": text},
            "parent_tool_use_id": null, "session_id": "", "uuid": Uuid::new_v4(),
        });
        self.send_again(&self.last_sent.clone()).await;
    }

    /// Harmless if the session knows the message, needed if it died before writing it down.
    pub async fn send_again(&mut self, message: &Value) {
        self.write(message).await;
    }

    /// Sends a prompt and waits for the end of its turn.
    pub async fn prompt(&mut self, text: &str) -> Turn {
        self.send(text).await;
        self.finish().await
    }

    /// Waits for the end of the running turn.
    pub async fn finish(&mut self) -> Turn {
        let mut messages = self
            .until("result", |message| message["type"] == "result")
            .await;
        let result = messages.last().cloned().unwrap_or_default();
        messages.retain(|message| message["type"] != "stream_event");
        Turn { messages, result }
    }

    /// Waits for a call of the tool to begin.
    pub async fn until_call(&mut self, tool: &str) {
        let calls = |message: &Value| {
            let content = message["message"]["content"].as_array();
            content.is_some_and(|blocks| blocks.iter().any(|block| block["name"] == tool))
        };
        self.until(tool, calls).await;
    }

    /// Ends the process at once, as a crash would. Gives back what was sent last.
    pub async fn kill(mut self) -> Value {
        self.child.kill().await.unwrap();
        self.last_sent
    }

    async fn until(&mut self, what: &str, is_it: impl Fn(&Value) -> bool) -> Vec<Value> {
        let mut messages = Vec::new();
        loop {
            let line = timeout(PATIENCE, self.lines.next_line()).await;
            let line = line.unwrap_or_else(|_| panic!("waited in vain for {what}: {messages:#?}"));
            let line = line
                .unwrap()
                .unwrap_or_else(|| panic!("ended before {what}: {messages:#?}"));
            let message: Value = serde_json::from_str(&line).unwrap();
            self.answer(&message).await;
            let is_last = is_it(&message);
            messages.push(message);
            if is_last {
                return messages;
            }
        }
    }

    /// Denies what is asked for, and lets the stop hook send the agent back once.
    async fn answer(&mut self, message: &Value) {
        if message["type"] != "control_request" {
            return;
        }
        let answer = match message["request"]["subtype"].as_str() {
            Some("can_use_tool") => {
                json!({"behavior": "deny", "message": "Not on the list of allowed commands."})
            }
            Some("hook_callback") => match self.stop_reason.take() {
                Some(reason) => json!({"decision": "block", "reason": reason}),
                None => json!({}),
            },
            _ => json!({}),
        };
        let response = json!({
            "subtype": "success", "request_id": message["request_id"], "response": answer,
        });
        self.write(&json!({"type": "control_response", "response": response}))
            .await;
    }

    async fn request(&mut self, request: &Value) {
        self.write(&json!({"type": "control_request", "request_id": "r", "request": request}))
            .await;
        self.until("an answer", |message| message["type"] == "control_response")
            .await;
    }

    async fn write(&mut self, message: &Value) {
        self.stdin
            .write_all(format!("{message}\n").as_bytes())
            .await
            .unwrap();
        self.stdin.flush().await.unwrap();
    }
}
