//! One process of the CLI: its command line, its environment, its directories.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use app::domain::variable::VariableName;
use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat, renameat};
use rustix::io::Errno;
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use serde_json::{Value, json};
use tokio::process::Command;
use uuid::Uuid;

use super::api_patience::ApiPatience;
use super::mcp::McpAccess;
use super::process_tree::MARK;
use crate::redaction::KnownSecrets;
use crate::sandbox::{Cell, Inside, Sandbox};
use crate::settings::Credential;
use crate::vault::SecretName;

/// The file that tells the CLI of the platform's tools. It holds a secret.
const MCP_FILE: &str = "platform-mcp.json";

/// Tools that make no sense under the platform: other agents are none of an agent's business, time
/// and parallel work trees are the platform's, and there is nobody to approve a plan.
const DISALLOWED_TOOLS: &str = "ListAgents,SendMessage,CronCreate,CronDelete,CronList,\
                                ScheduleWakeup,EnterWorktree,ExitWorktree,EnterPlanMode,\
                                ExitPlanMode,Workflow";

/// Tools that an agent has no use for that only looks.
const ONLOOKER_DISALLOWED_TOOLS: &str = "Write,Edit,NotebookEdit,AskUserQuestion,\
                                         mcp__platform__ask_user,\
                                         mcp__platform__request_dependency,\
                                         mcp__platform__report_step,\
                                         mcp__platform__complete_phase";

/// What every process gets, whatever the task.
const ENVIRONMENT: [(&str, &str); 19] = [
    ("LANG", "C.UTF-8"),
    ("TERM", "dumb"),
    ("SHELL", "/bin/bash"),
    ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
    ("DISABLE_AUTOUPDATER", "1"),
    ("DISABLE_TELEMETRY", "1"),
    ("DISABLE_ERROR_REPORTING", "1"),
    ("CLAUDE_CODE_DISABLE_AUTO_MEMORY", "1"),
    ("CLAUDE_CODE_DISABLE_CRON", "1"),
    ("CLAUDE_CODE_DISABLE_FEEDBACK_SURVEY", "1"),
    // A command that outlives its turn would start a turn nobody asked for.
    ("CLAUDE_CODE_DISABLE_BACKGROUND_TASKS", "1"),
    ("CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS", "1"),
    // A tool of the platform may take its time: by default the CLI gives up after a minute.
    ("MCP_TOOL_TIMEOUT", "3600000"),
    ("CLAUDE_CODE_MCP_TOOL_IDLE_TIMEOUT", "3600000"),
    ("ENABLE_TOOL_SEARCH", "false"),
    // Git wants to know who commits; a person's own name is not at hand.
    ("GIT_AUTHOR_NAME", "Claude"),
    ("GIT_AUTHOR_EMAIL", "noreply@anthropic.com"),
    ("GIT_COMMITTER_NAME", "Claude"),
    ("GIT_COMMITTER_EMAIL", "noreply@anthropic.com"),
];

/// The folder in the agent's home that files of people are in.
const FILES: &str = "files";

/// A file that a person has given.
#[derive(Clone, Debug)]
pub struct SecretFile {
    /// Its name, without a folder.
    pub name: SecretName,
    /// The variables that have its path.
    pub variables: Vec<VariableName>,
    /// What is in it.
    pub content: Arc<SecretSlice<u8>>,
}

/// Everything one process needs to know.
#[derive(Clone, Debug)]
pub struct AgentSpec {
    /// The CLI.
    pub program: PathBuf,
    /// The work directory; exists.
    pub workspace: PathBuf,
    /// The agent's own configuration and transcripts; created if missing, kept.
    pub config_dir: PathBuf,
    /// Holds the agent's `/tmp` and home; created if missing, removed when the process has ended.
    pub tmp_dir: PathBuf,
    /// Which conversation.
    pub session: SessionStart,
    /// The model, or the CLI's own choice.
    pub model: Option<String>,
    /// Where the API of the model is, or the CLI's own choice.
    pub base_url: Option<String>,
    /// What the process presents to that API.
    pub credential: Credential,
    /// The platform's tools.
    pub mcp: McpAccess,
    /// What the agent may know and nobody may read.
    pub secrets: KnownSecrets,
    /// Variables of the task. Those that belong to the platform are left out.
    pub environment: BTreeMap<String, SecretString>,
    /// Files of the task. Their content has to be among the secrets.
    pub files: Vec<SecretFile>,
    /// Rules of the platform, added to the system prompt. Kept by the conversation: what is given
    /// on a resume is ignored by the CLI.
    pub append_system_prompt: Option<String>,
    /// Let the CLI take up a turn that a crash has cut off: see [`super::resume`].
    pub rerun_interrupted: bool,
    /// Directories of the host that a sandboxed agent may read, at the same place.
    pub read_only: Vec<PathBuf>,
    /// The agent looks at the work directory and changes nothing in it; nobody waits for it.
    pub is_onlooker: bool,
    /// The JSON schema that each turn's answer has to follow.
    pub answer_schema: Option<Value>,
    /// How long it waits for the model's API by itself.
    pub patience: ApiPatience,
}

/// Which conversation a process serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionStart {
    /// A new one with this id.
    New(Uuid),
    /// An earlier one.
    Resume(Uuid),
}

impl SessionStart {
    /// The conversation's id.
    pub fn id(self) -> Uuid {
        match self {
            Self::New(id) | Self::Resume(id) => id,
        }
    }
}

impl AgentSpec {
    /// The agent's own home, in which files of people are put; removed when the process has ended.
    pub fn home(&self) -> PathBuf {
        self.tmp_dir.join("home")
    }

    fn tmp(&self) -> PathBuf {
        self.tmp_dir.join("tmp")
    }

    /// The work directory as the agent sees it.
    pub fn inner_workspace(&self, sandbox: &Sandbox) -> PathBuf {
        if sandbox.is_sandboxed() {
            crate::sandbox::INNER_WORKSPACE.into()
        } else {
            self.workspace.clone()
        }
    }

    /// The folder of the files of people, as the agent sees it.
    pub fn inner_files(&self, sandbox: &Sandbox) -> PathBuf {
        let home = if sandbox.is_sandboxed() {
            crate::sandbox::INNER_HOME.into()
        } else {
            self.home()
        };
        home.join(FILES)
    }

    /// All that must not come out of this process: what it is told of, and its own tokens.
    pub(super) fn known_secrets(&self) -> KnownSecrets {
        let known = self.secrets.clone();
        self.credential.add_to(&known);
        known.add_text("platform_token", &self.mcp.token);
        for (name, value) in &self.environment {
            known.add_text(name, value);
        }
        known
    }

    /// Makes the directories and files the process needs, and its command. Blocks.
    pub(super) fn prepare(&self, sandbox: &Sandbox, mark: &str) -> io::Result<Command> {
        for directory in [&self.config_dir, &self.tmp(), &self.home()] {
            fs::create_dir_all(directory)?;
        }
        self.credential.write_in(&self.config_dir)?;
        self.write_mcp_file()?;
        let home = self.home();
        self.files
            .iter()
            .try_for_each(|file| file.write_in(&home))?;
        let cell = Cell {
            program: self.program.canonicalize()?,
            workspace: self.workspace.canonicalize()?,
            config: self.config_dir.canonicalize()?,
            tmp: self.tmp().canonicalize()?,
            home: self.home().canonicalize()?,
            read_only: self.read_only.clone(),
            is_workspace_read_only: self.is_onlooker,
        };
        let inside = sandbox.inside(&cell);
        let mut command = sandbox.command(&cell);
        command
            .args(self.arguments(&inside))
            .envs(self.variables(&inside))
            .env(
                "PATH",
                sandbox.visible_path(&cell, &std::env::var("PATH").unwrap_or_default()),
            )
            .env(MARK, mark)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Ok(command)
    }

    fn write_mcp_file(&self) -> io::Result<()> {
        let path = self.config_dir.join(MCP_FILE);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let config = json!({"mcpServers": {"platform": {
            "type": "http",
            "url": self.mcp.url,
            "headers": {"Authorization": self.mcp.bearer()},
            "alwaysLoad": true,
        }}});
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        file.write_all(config.to_string().as_bytes())
    }

    fn arguments(&self, inside: &Inside) -> Vec<String> {
        let mut arguments: Vec<String> = [
            "-p",
            "--input-format",
            "stream-json",
            "--output-format",
            "stream-json",
            "--verbose",
            "--include-partial-messages",
            "--permission-prompt-tool",
            "stdio",
            "--strict-mcp-config",
            // Else a resumed process may run a deferred call before it knows the hooks.
            "--await-initialize",
            // Settings in the workspace could switch off permissions: the agent writes there.
            "--setting-sources=",
            "--allowedTools=mcp__platform",
        ]
        .map(str::to_owned)
        .to_vec();
        arguments.push(format!(
            "--mcp-config={}",
            inside.config.join(MCP_FILE).display()
        ));
        let mut disallowed = DISALLOWED_TOOLS.to_owned();
        if self.is_onlooker {
            disallowed.push(',');
            disallowed.push_str(ONLOOKER_DISALLOWED_TOOLS);
        }
        arguments.push(format!("--disallowedTools={disallowed}"));
        let schema = self.answer_schema.as_ref();
        arguments.extend(schema.map(|schema| format!("--json-schema={schema}")));
        arguments.push(match self.session {
            SessionStart::New(id) => format!("--session-id={id}"),
            SessionStart::Resume(id) => format!("--resume={id}"),
        });
        arguments.extend(self.model.iter().map(|model| format!("--model={model}")));
        arguments
    }

    fn variables(&self, inside: &Inside) -> BTreeMap<String, String> {
        let own = self
            .environment
            .iter()
            .filter(|(name, _)| !is_reserved(name));
        let mut variables: BTreeMap<_, _> = own
            .map(|(name, value)| (name.clone(), value.expose_secret().to_owned()))
            .collect();
        variables.extend(ENVIRONMENT.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let patience = self.patience.variables();
        variables.extend(patience.map(|(name, value)| (name.to_owned(), value)));
        let path = |path: &Path| path.display().to_string();
        let folder = inside.home.join(FILES);
        for file in &self.files {
            let path = path(&folder.join(file.name.as_str()));
            let named = file.variables.iter();
            variables.extend(named.map(|name| (name.to_string(), path.clone())));
        }
        let mut set = |name: &str, value: String| variables.insert(name.to_owned(), value);
        set("HOME", path(&inside.home));
        set("TMPDIR", path(&inside.tmp));
        set("CLAUDE_CONFIG_DIR", path(&inside.config));
        if let Some(variable) = self.credential.variable() {
            let value = self.credential.value().expose_secret();
            set(variable, value.to_owned());
        }
        if let Some(url) = &self.base_url {
            set("ANTHROPIC_BASE_URL", url.clone());
        }
        if self.rerun_interrupted {
            set("CLAUDE_CODE_RESUME_INTERRUPTED_TURN", "1".to_owned());
            set("CLAUDE_CODE_RESUME_SHOWS_CUT_OFF_CALLS", "1".to_owned());
        }
        variables
    }
}

/// Whether a task may not set this variable: it would change what the platform has set up.
fn is_reserved(name: &str) -> bool {
    name.parse::<VariableName>().is_err()
}

impl SecretFile {
    /// Writes it into an agent's home, for its owner alone. Another of this name gives way at once.
    /// The agent may be at work there: no link of its making is followed.
    pub fn write_in(&self, home: &Path) -> io::Result<()> {
        let folder = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let home = openat(CWD, home, folder, Mode::empty())?;
        match mkdirat(&home, FILES, Mode::RWXU) {
            Err(Errno::EXIST) | Ok(()) => {}
            Err(error) => return Err(error.into()),
        }
        let files = openat(&home, FILES, folder, Mode::empty())?;
        let draft = format!(".{}", Uuid::new_v4());
        let new =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(&files, &draft, new, Mode::RUSR | Mode::WUSR)?;
        File::from(file).write_all(self.content.expose_secret())?;
        Ok(renameat(&files, &draft, &files, self.name.as_str())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> AgentSpec {
        let secret = |text: &str| SecretString::from(text);
        AgentSpec {
            program: "/opt/claude".into(),
            workspace: "/w".into(),
            config_dir: "/c".into(),
            tmp_dir: "/t".into(),
            session: SessionStart::New(Uuid::nil()),
            model: Some("opus".into()),
            base_url: Some("http://127.0.0.1:1".into()),
            credential: Credential::ApiKey(secret("key-of-the-agent")),
            mcp: McpAccess {
                url: "http://127.0.0.1:2/mcp/x".into(),
                token: secret("token-of-the-tools"),
            },
            secrets: KnownSecrets::default(),
            environment: [
                ("STRIPE_KEY", "value-of-a-dependency"),
                ("LD_PRELOAD", "evil.so"),
                ("ANTHROPIC_BASE_URL", "https://evil.example"),
                ("HOME", "/root"),
                ("DISABLE_TELEMETRY", "0"),
            ]
            .map(|(name, value)| (name.to_owned(), secret(value)))
            .into(),
            files: vec![SecretFile {
                name: "key.pem".parse().unwrap(),
                variables: vec!["FILE_KEY_PEM".parse().unwrap()],
                content: Arc::new(b"content-of-a-file".to_vec().into()),
            }],
            append_system_prompt: None,
            rerun_interrupted: false,
            read_only: Vec::new(),
            is_onlooker: false,
            answer_schema: None,
            patience: ApiPatience::default(),
        }
    }

    fn inside() -> Inside {
        Inside {
            program: "/opt/claude".into(),
            workspace: "/workspace".into(),
            config: "/home/agent/.claude".into(),
            tmp: "/tmp".into(),
            home: "/home/agent".into(),
        }
    }

    #[test]
    fn no_secret_is_on_the_command_line() {
        let arguments = spec().arguments(&inside()).join(" ");
        for secret in [
            "key-of-the-agent",
            "token-of-the-tools",
            "value-of-a-dependency",
            "content-of-a-file",
        ] {
            assert!(!arguments.contains(secret), "{arguments}");
        }
        insta::assert_snapshot!(arguments.replace(" --", "\n--"));
    }

    #[test]
    fn all_that_it_is_given_is_hidden() {
        let redactor = spec().known_secrets().redactor();
        for secret in [
            "key-of-the-agent",
            "token-of-the-tools",
            "value-of-a-dependency",
        ] {
            assert!(!redactor.is_clean(secret), "{secret}");
        }
    }

    #[test]
    fn an_onlooker_can_not_write_and_answers_by_its_schema() {
        let onlooker = AgentSpec {
            is_onlooker: true,
            answer_schema: Some(json!({"type": "object"})),
            ..spec()
        };
        let arguments = onlooker.arguments(&inside());
        assert!(arguments.contains(&r#"--json-schema={"type":"object"}"#.to_owned()));
        let mut disallowed = arguments
            .iter()
            .filter_map(|argument| argument.strip_prefix("--disallowedTools="))
            .flat_map(|tools| tools.split(','));
        for tool in [
            "Write",
            "Edit",
            "AskUserQuestion",
            "mcp__platform__complete_phase",
        ] {
            assert!(disallowed.clone().any(|known| known == tool), "{tool}");
        }
        assert!(disallowed.all(|tool| !tool.contains(' ')));
    }

    #[test]
    fn a_file_is_its_owners_alone_and_gives_way_to_the_next() {
        use std::os::unix::fs::PermissionsExt as _;
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join(FILES);
        let mut file = spec().files.remove(0);
        file.write_in(home.path()).unwrap();
        file.content = Arc::new(b"another".to_vec().into());
        file.write_in(home.path()).unwrap();
        let path = folder.join("key.pem");
        assert_eq!(fs::read(&path).unwrap(), b"another");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&folder)), (0o600, 0o700));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    }

    #[test]
    fn a_link_of_the_agents_making_leads_nowhere() {
        let (home, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let link = home.path().join(FILES);
        std::os::unix::fs::symlink(elsewhere.path(), &link).unwrap();
        let file = spec().files.remove(0);
        assert!(file.write_in(home.path()).is_err());
        fs::remove_file(&link).unwrap();
        fs::create_dir(&link).unwrap();
        let target = elsewhere.path().join("target");
        std::os::unix::fs::symlink(&target, link.join("key.pem")).unwrap();
        file.write_in(home.path()).unwrap();
        assert!(!target.exists());
        assert_eq!(
            fs::read(link.join("key.pem")).unwrap(),
            b"content-of-a-file"
        );
    }

    #[test]
    fn what_every_process_gets_can_not_be_set_by_a_task() {
        assert!(ENVIRONMENT.iter().all(|(name, _)| is_reserved(name)));
    }

    #[test]
    fn a_task_can_set_its_own_variables_and_no_others() {
        let variables = spec().variables(&inside());
        let get = |name: &str| variables.get(name).map(String::as_str);
        assert_eq!(get("STRIPE_KEY"), Some("value-of-a-dependency"));
        assert_eq!(get("FILE_KEY_PEM"), Some("/home/agent/files/key.pem"));
        assert_eq!(get("LD_PRELOAD"), None);
        assert_eq!(get("ANTHROPIC_BASE_URL"), Some("http://127.0.0.1:1"));
        assert_eq!(get("HOME"), Some("/home/agent"));
        assert_eq!(get("DISABLE_TELEMETRY"), Some("1"));
        assert_eq!(get("CLAUDE_CODE_RESUME_INTERRUPTED_TURN"), None);
        let rerun = AgentSpec {
            rerun_interrupted: true,
            ..spec()
        };
        let variables = rerun.variables(&inside());
        assert!(variables.contains_key("CLAUDE_CODE_RESUME_INTERRUPTED_TURN"));
        assert!(variables.contains_key("CLAUDE_CODE_RESUME_SHOWS_CUT_OFF_CALLS"));
    }
}
