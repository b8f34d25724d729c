//! A whole installation: the real server binary on a data directory of its own, the real Claude
//! CLI, and the scripted model in a process of its own, so that it outlives the server.

use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use rand::Rng as _;
use sea_orm::{ConnectOptions, Database, DatabaseConnection};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::sleep;

use crate::support::claude::claude_bin;

pub const BINARY: &str = env!("CARGO_BIN_EXE_claude-code-server");

/// The server and all that it needs.
pub struct Installation {
    pub data: tempfile::TempDir,
    /// Repositories that tasks may begin with.
    pub sources: tempfile::TempDir,
    pub client: reqwest::Client,
    pub base: String,
    /// Holds the number of the server's port for this test, also while no server listens on it:
    /// the numbers of UDP's ports are a table of their own that no test uses otherwise, and that
    /// the system clears when a test ends, however it ends.
    reservation: Option<UdpSocket>,
    pub model_url: String,
    model: Child,
    server: Option<Child>,
    database: Option<String>,
    /// Whether the configuration names the model, and a key for it.
    has_account: bool,
    /// More of its configuration.
    variables: Vec<(&'static str, &'static str)>,
    /// The size of a disk of its own that the data directory is on, in bytes.
    disk_bytes: Option<u64>,
}

/// A program with nothing of the tests' environment but the path.
pub fn clean(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", "/nonexistent")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

impl Installation {
    /// Starts the scripted model and the server.
    pub async fn start() -> Self {
        Self::start_on(None).await
    }

    /// The same on another database than the data directory's own.
    pub async fn start_on(database: Option<String>) -> Self {
        let data = tempfile::tempdir().unwrap();
        Self::start_in(data, database, true).await
    }

    /// The same with one more scenario.
    pub async fn start_with(name: &str, scenario: &str) -> Self {
        Self::start_in(Self::with_scenario(name, scenario), None, true).await
    }

    /// The same without an account: the settings have to give one.
    pub async fn start_without_account(name: &str, scenario: &str) -> Self {
        Self::start_in(Self::with_scenario(name, scenario), None, false).await
    }

    fn with_scenario(name: &str, scenario: &str) -> tempfile::TempDir {
        let data = tempfile::tempdir().unwrap();
        let scenarios = data.path().join("scenarios");
        std::fs::create_dir(&scenarios).unwrap();
        std::fs::write(scenarios.join(format!("{name}.toml")), scenario).unwrap();
        data
    }

    async fn start_in(
        data: tempfile::TempDir,
        database: Option<String>,
        has_account: bool,
    ) -> Self {
        let mut it = Self::on_its_way(data, database, has_account).await;
        it.find_port().await;
        it
    }

    /// The same with more of the configuration.
    pub async fn start_set(
        name: &str,
        scenario: &str,
        variables: &[(&'static str, &'static str)],
    ) -> Self {
        let data = Self::with_scenario(name, scenario);
        let mut it = Self::on_its_way(data, None, true).await;
        it.variables = variables.to_vec();
        it.find_port().await;
        it
    }

    /// The same with a short lease, and with a disk of so many bytes if that is said.
    pub async fn start_to_break(database: Option<String>, disk_bytes: Option<u64>) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut it = Self::on_its_way(data, database, true).await;
        it.variables = vec![("CCS_LEASE_SECONDS", "2")];
        it.disk_bytes = disk_bytes;
        it.find_port().await;
        it
    }

    /// With its model, and without the server.
    async fn on_its_way(
        data: tempfile::TempDir,
        database: Option<String>,
        has_account: bool,
    ) -> Self {
        let mut model = clean(BINARY);
        model
            .args(["scripted-model", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped());
        let scenarios = data.path().join("scenarios");
        if scenarios.exists() {
            model.arg("--scenarios").arg(scenarios);
        }
        let mut model = model.spawn().unwrap();
        let mut first = String::new();
        let mut lines = BufReader::new(model.stdout.take().unwrap());
        lines.read_line(&mut first).await.unwrap();
        // Without it, agents would go to the real API.
        assert!(
            first.starts_with("http://127.0.0.1:"),
            "the scripted model doesn't answer: {first:?}"
        );
        Self {
            data,
            sources: tempfile::tempdir().unwrap(),
            client: reqwest::Client::builder()
                .timeout(Duration::from_secs(30))
                .build()
                .unwrap(),
            base: String::new(),
            reservation: None,
            model_url: first.trim().to_owned(),
            model,
            server: None,
            database,
            has_account,
            variables: Vec::new(),
            disk_bytes: None,
        }
    }

    async fn find_port(&mut self) {
        // Below the ports that the system gives to clients, so that it is free again after a kill.
        // Another test or program may have it: then the next one is tried.
        for _ in 0..20 {
            let port = rand::rng().random_range(20_000..32_000);
            let Ok(reservation) = UdpSocket::bind(("127.0.0.1", port)) else {
                continue;
            };
            self.base = format!("http://127.0.0.1:{port}");
            if self.try_start_server().await {
                self.reservation = Some(reservation);
                return;
            }
        }
        panic!("no free port: {}", self.server_log());
    }

    /// Starts the server again, and waits until it serves.
    pub async fn start_server(&mut self) {
        assert!(self.try_start_server().await, "{}", self.server_log());
    }

    /// Whether the server serves, or has found its address taken.
    async fn try_start_server(&mut self) -> bool {
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.data.path().join("server.log"))
            .unwrap();
        let mut command = self.server_command();
        command
            .arg("serve")
            .env("CCS_ADDR", self.base.trim_start_matches("http://"))
            .env("CCS_DATA_DIR", self.data.path())
            .env("CCS_ALLOWED_ROOTS", self.sources.path())
            .env("CCS_CLAUDE_BIN", claude_bin())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        if self.has_account {
            command
                .env("CCS_ANTHROPIC_BASE_URL", &self.model_url)
                .env("CCS_ANTHROPIC_API_KEY", "sk-dummy");
        }
        command.envs(self.variables.iter().copied());
        if let Some(url) = &self.database {
            command.env("CCS_DATABASE_URL", url);
        }
        let mut server = command.spawn().unwrap();
        let started = Instant::now();
        while self
            .client
            .get(format!("{}/readyz", self.base))
            .send()
            .await
            .is_err()
        {
            if server.try_wait().unwrap().is_some() {
                let log = self.server_log();
                assert!(log.trim_end().ends_with("(os error 98)"), "{log}");
                return false;
            }
            assert!(
                started.elapsed() < Duration::from_secs(20),
                "{}",
                self.server_log()
            );
            sleep(Duration::from_millis(20)).await;
        }
        // Somebody else may have answered there while this one found its address taken.
        if server.try_wait().unwrap().is_some() {
            return false;
        }
        self.server = Some(server);
        true
    }

    /// The server's program, on a disk of its own if it has one.
    fn server_command(&self) -> Command {
        let Some(bytes) = self.disk_bytes else {
            return clean(BINARY);
        };
        let mut command = clean("bwrap");
        command
            .args(["--die-with-parent", "--dev-bind", "/", "/", "--size"])
            .arg(bytes.to_string())
            .arg("--tmpfs")
            .arg(self.data.path())
            .arg(BINARY);
        command
    }

    /// Whether the server has not ended.
    pub fn is_alive(&mut self) -> bool {
        let server = self.server.as_mut().unwrap();
        server.try_wait().unwrap().is_none()
    }

    /// The process of the server itself.
    pub fn server_pid(&self) -> i32 {
        let pid = self.server.as_ref().unwrap().id().unwrap();
        if self.disk_bytes.is_none() {
            return i32::try_from(pid).unwrap();
        }
        let children = format!("/proc/{pid}/task/{pid}/children");
        let children = std::fs::read_to_string(children).unwrap();
        children.trim().parse().unwrap()
    }

    /// The data directory, also if it is on a disk that only the server sees.
    pub fn data_seen_from_outside(&self) -> PathBuf {
        let data = self.data.path();
        if self.disk_bytes.is_none() {
            return data.to_owned();
        }
        let root = PathBuf::from(format!("/proc/{}/root", self.server_pid()));
        root.join(data.strip_prefix("/").unwrap())
    }

    /// Where the server's database is. Of one on a disk that only the server sees it is a copy:
    /// SQLite would look for the files behind the link that leads there.
    pub fn database_url(&self) -> String {
        if let Some(url) = &self.database {
            return url.clone();
        }
        let mut folder = self.data.path().to_owned();
        if self.disk_bytes.is_some() {
            folder.push(format!("copy-{}", rand::rng().random::<u64>()));
            std::fs::create_dir(&folder).unwrap();
            for file in ["ccs.db", "ccs.db-wal"] {
                let from = self.data_seen_from_outside().join(file);
                std::fs::copy(from, folder.join(file)).unwrap();
            }
        }
        format!("sqlite://{}", folder.join("ccs.db").display())
    }

    /// One connection past the server, to look behind it or to do damage.
    pub async fn connection(&self) -> DatabaseConnection {
        let mut options = ConnectOptions::new(self.database_url());
        options.max_connections(1).min_connections(1);
        Database::connect(options).await.unwrap()
    }

    /// Kills the server as a crash does.
    pub async fn kill_server(&mut self) {
        let mut server = self.server.take().unwrap();
        server.kill().await.unwrap();
    }

    /// Asks the server to end, as an operator does.
    pub async fn stop_server(&mut self) {
        let mut server = self.server.take().unwrap();
        let pid = i32::try_from(server.id().unwrap()).unwrap();
        rustix::process::kill_process(
            rustix::process::Pid::from_raw(pid).unwrap(),
            rustix::process::Signal::TERM,
        )
        .unwrap();
        let ended = tokio::time::timeout(Duration::from_secs(30), server.wait()).await;
        assert!(ended.unwrap().unwrap().success(), "{}", self.server_log());
    }

    /// What the server has logged, for failure messages.
    pub fn server_log(&self) -> String {
        let log = std::fs::read_to_string(self.data.path().join("server.log")).unwrap_or_default();
        let tail = log.len().saturating_sub(20_000);
        log.get(tail..).unwrap_or(&log).to_owned()
    }

    pub async fn get(&self, path: &str) -> Value {
        let response = self
            .client
            .get(format!("{}{path}", self.base))
            .send()
            .await
            .unwrap();
        assert!(
            response.status().is_success(),
            "GET {path}: {}",
            response.status()
        );
        response.json().await.unwrap()
    }

    pub async fn post(&self, path: &str, body: &Value) -> Value {
        let request = self.client.post(format!("{}{path}", self.base)).json(body);
        let response = request.send().await.unwrap();
        let status = response.status();
        let text = response.text().await.unwrap();
        assert!(status.is_success(), "POST {path}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Creates a task and starts it; its id.
    pub async fn create(&self, task_type: &str, description: &str) -> String {
        let task = json!({
            "title": "A task", "type": task_type, "description": description, "start": true,
        });
        let task = self.post("/api/tasks", &task).await;
        task["id"].as_str().unwrap().to_owned()
    }

    /// Waits until the task is as wanted.
    pub async fn until(&self, id: &str, limit: Duration, wanted: impl Fn(&Value) -> bool) -> Value {
        let started = Instant::now();
        loop {
            let task = self.get(&format!("/api/tasks/{id}")).await;
            if wanted(&task) {
                return task;
            }
            assert!(started.elapsed() < limit, "{task:#}\n{}", self.server_log());
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// The open review of a task that waits for one.
    pub async fn open_review(&self, id: &str) -> Value {
        let reviews = self.get(&format!("/api/tasks/{id}/reviews")).await;
        let mut reviews = reviews["items"].as_array().unwrap().clone().into_iter();
        reviews.find(|review| review["status"] == "open").unwrap()
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Value {
        let request = self.client.patch(format!("{}{path}", self.base)).json(body);
        let response = request.send().await.unwrap();
        let status = response.status();
        let text = response.text().await.unwrap();
        assert!(status.is_success(), "PATCH {path}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// All items of a collection that is paged by numbers.
    pub async fn all(&self, path: &str, number: &str) -> Vec<Value> {
        let mut all: Vec<Value> = Vec::new();
        loop {
            let after = all.last().map_or(0, |last| last[number].as_u64().unwrap());
            let page = self.get(&format!("{path}?after={after}&limit=1000")).await;
            let items = page["items"].as_array().unwrap().clone();
            if items.is_empty() {
                return all;
            }
            all.extend(items);
        }
    }

    /// Processes that belong to this installation's agents: sandboxes name its data directory,
    /// what runs inside carries the server's mark. The server's own Git is none of them.
    pub fn agent_processes(&self) -> Vec<String> {
        let data = self.data.path().join("tasks").display().to_string();
        let mark = server::agent::driver::owner(self.data.path());
        let mut found = Vec::new();
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let read = |file: &str| {
                let bytes = std::fs::read(entry.path().join(file)).unwrap_or_default();
                String::from_utf8_lossy(&bytes).replace('\0', " ")
            };
            let command = read("cmdline");
            let is_sandbox = read("comm").trim() == "bwrap" && command.contains(&data);
            if is_sandbox || read("environ").contains(&mark) {
                found.push(format!("{}: {command}", entry.file_name().display()));
            }
        }
        found
    }

    /// What the scripted model found wrong with the requests it got.
    pub async fn model_failures(&self) -> Value {
        let report = format!("{}/__scripted/report", self.model_url);
        let report: Value = self
            .client
            .get(report)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        report["failures"].clone()
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        self.model.start_kill().ok(); // it may have ended
    }
}

/// Every line of the CLI's own transcripts below a task's folder.
pub fn transcripts(folder: &Path) -> Vec<Value> {
    let mut folders = vec![folder.join("agents")];
    let mut entries = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "jsonl") {
                let text = std::fs::read_to_string(path).unwrap();
                let lines = text.lines().map(serde_json::from_str);
                // A line may have been cut by a kill.
                entries.extend(lines.filter_map(Result::ok));
            }
        }
    }
    entries
}
