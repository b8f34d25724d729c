//! One place with everything an agent needs: the real CLI, the scripted model, the platform's
//! tools, a directory.

use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;
use server::agent::api_patience::ApiPatience;
use server::agent::driver::{Agent, Launcher};
use server::agent::event::AgentEvent;
use server::agent::mcp::{McpCalls, McpServer};
use server::agent::process::{AgentSpec, SessionStart};
use server::agent::stdin::{HookAnswer, PermissionAnswer};
use server::redaction::KnownSecrets;
use server::sandbox::{Sandbox, SandboxChoice};
use server::scripted_model::{Scenarios, ScriptedModel};
use server::settings::Credential;
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::support::claude::claude_bin;

/// Longer than any step of a test takes, even on a busy machine.
pub const LIMIT: Duration = Duration::from_mins(1);

pub struct Lab {
    pub directory: TempDir,
    pub launcher: Launcher,
    pub mcp: McpServer,
    pub base_url: String,
    _tasks: JoinSet<()>,
}

impl Lab {
    /// A lab with one scenario, in the strongest sandbox that works here.
    pub async fn new(scenario: &str) -> Self {
        Self::with(scenario, SandboxChoice::Auto).await
    }

    pub async fn with(scenario: &str, sandbox: SandboxChoice) -> Self {
        let directory = TempDir::new().unwrap();
        Self::at(directory, scenario, sandbox).await
    }

    pub async fn at(directory: TempDir, scenario: &str, sandbox: SandboxChoice) -> Self {
        for name in ["workspace", "config", "scenarios"] {
            std::fs::create_dir_all(directory.path().join(name)).unwrap();
        }
        let scenarios = directory.path().join("scenarios");
        std::fs::write(
            scenarios.join("lab.toml"),
            format!("about = \"lab\"\n{scenario}"),
        )
        .unwrap();
        let stop = CancellationToken::new();
        let scenarios = Scenarios::with_directory(&scenarios).unwrap();
        let model = ScriptedModel::bind("127.0.0.1:0".parse().unwrap(), scenarios)
            .await
            .unwrap();
        let base_url = model.base_url();
        let (mcp, tools) = McpServer::bind(stop.clone()).await.unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { model.serve(stop).await.unwrap() });
        tasks.spawn(async move { tools.await.unwrap() });
        let sandbox = Sandbox::probe(sandbox).await.unwrap();
        let launcher = Launcher::new(sandbox, directory.path());
        Self {
            directory,
            launcher,
            mcp,
            base_url,
            _tasks: tasks,
        }
    }

    pub fn workspace(&self) -> PathBuf {
        self.directory.path().join("workspace")
    }

    pub fn config(&self) -> PathBuf {
        self.directory.path().join("config")
    }

    pub fn spec(&self, session: SessionStart) -> (AgentSpec, McpCalls) {
        let secrets = KnownSecrets::default();
        let (mcp, calls) = self.mcp.register(secrets.clone());
        let spec = AgentSpec {
            program: claude_bin(),
            workspace: self.workspace(),
            config_dir: self.config(),
            tmp_dir: self.directory.path().join("tmp"),
            session,
            model: None,
            base_url: Some(self.base_url.clone()),
            credential: Credential::ApiKey(SecretString::from("dummy")),
            mcp,
            secrets,
            environment: [("GREETING".to_owned(), SecretString::from("hello"))].into(),
            files: Vec::new(),
            append_system_prompt: None,
            rerun_interrupted: false,
            read_only: Vec::new(),
            is_onlooker: false,
            answer_schema: None,
            patience: ApiPatience::default(),
        };
        (spec, calls)
    }

    /// An agent in a new conversation.
    pub async fn start(&self) -> (Agent, McpCalls) {
        let (spec, calls) = self.spec(SessionStart::New(Uuid::new_v4()));
        (self.launcher.start(spec).await.unwrap(), calls)
    }
}

/// The prompt that chooses the lab's scenario.
pub fn prompt(text: &str) -> String {
    format!("[scenario: lab] {text}")
}

/// Sends a prompt and gives its uuid.
pub async fn send(agent: &Agent, text: &str) -> Uuid {
    let uuid = Uuid::new_v4();
    agent
        .control()
        .send_user(uuid, &prompt(text), None)
        .await
        .unwrap();
    uuid
}

/// The next event that fits, while everything the agent asks is allowed.
pub async fn until(
    agent: &mut Agent,
    mut fits: impl FnMut(&AgentEvent) -> bool,
) -> Vec<AgentEvent> {
    let mut seen = Vec::new();
    let search = async {
        while let Some(event) = agent.next().await {
            let found = fits(&event);
            if !found {
                allow(agent, &event).await;
            }
            seen.push(event);
            if found {
                return true;
            }
        }
        false
    };
    match timeout(LIMIT, search).await {
        Ok(true) => seen,
        Ok(false) => panic!("the agent ended: {seen:#?}"),
        Err(elapsed) => panic!("it did not come ({elapsed}): {seen:#?}"),
    }
}

/// Allows what an event asks for, if it asks.
pub async fn allow(agent: &Agent, event: &AgentEvent) {
    let control = agent.control();
    match event {
        AgentEvent::AskPermission(ask) => {
            let answer = PermissionAnswer::Allow {
                updated_input: None,
            };
            control
                .answer_permission(&ask.request_id, &answer)
                .await
                .unwrap();
        }
        AgentEvent::HookPreToolUse(hook) => {
            control
                .answer_hook(&hook.request_id, &HookAnswer::Continue)
                .await
                .unwrap();
        }
        AgentEvent::HookStop(hook) => {
            control
                .answer_hook(&hook.request_id, &HookAnswer::Continue)
                .await
                .unwrap();
        }
        _ => {}
    }
}

/// Everything up to the end of the turn.
pub async fn turn(agent: &mut Agent) -> Vec<AgentEvent> {
    until(agent, |event| matches!(event, AgentEvent::TurnEnded(_))).await
}

/// The log of some events as text.
pub fn log(events: &[AgentEvent]) -> String {
    let lines = events.iter().filter_map(|event| match event {
        AgentEvent::Log(lines) => Some(lines),
        _ => None,
    });
    let lines = lines
        .flatten()
        .map(|line| format!("{}: {}", line.kind, line.text));
    lines.collect::<Vec<_>>().join(
        "
",
    )
}

/// Command lines of all processes whose environment or arguments show a text.
pub fn processes_with(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<u32>().ok())
        else {
            continue;
        };
        let read = |file: &str| {
            let bytes = std::fs::read(Path::new("/proc").join(pid.to_string()).join(file));
            String::from_utf8_lossy(&bytes.unwrap_or_default()).replace('\0', " ")
        };
        let command = read("cmdline");
        if pid != std::process::id() && (command.contains(text) || read("environ").contains(text)) {
            found.push(format!("{pid} {command}"));
        }
    }
    found
}
