//! An agent that prints what it was given, in every way it has. Afterwards nothing of it is to be
//! found where the platform keeps, logs or shows anything.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use futures::StreamExt as _;
use rand::Rng as _;
use rand::distr::Alphanumeric;
use serde_json::{Value, json};
use server::config::{Database, Storage};
use server::store::Store;
use server::vault::{Scope, SecretKind, SecretName, Vault};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::installation::Installation;

const SECRETS: usize = 50;
const LIMIT: Duration = Duration::from_mins(2);

/// A value with signs that mean something in JSON, in URLs and beyond ASCII, and its encodings.
struct Canary {
    name: SecretName,
    value: String,
}

impl Canary {
    fn new(number: usize) -> Self {
        let random = || -> String {
            let signs = rand::rng().sample_iter(Alphanumeric);
            signs.take(14).map(char::from).collect()
        };
        Self {
            name: format!("CANARY_{number}").parse().unwrap(),
            value: format!("{}\"& ö{}", random(), random()),
        }
    }

    /// As programs print it: plain, base64 in both alphabets and behind something else, escaped for
    /// a URL and for JSON, in hexadecimal digits.
    fn encodings(&self) -> Vec<String> {
        let value = &self.value;
        let json = serde_json::to_string(value).unwrap();
        vec![
            value.clone(),
            BASE64_STANDARD.encode(value),
            BASE64_STANDARD.encode(format!("user:{value}")),
            BASE64_URL_SAFE_NO_PAD.encode(format!("u{value}")),
            self.percent(),
            json.trim_matches('"').to_owned(),
            self.hexadecimal(),
        ]
    }

    fn percent(&self) -> String {
        let value = &self.value;
        value
            .replace('"', "%22")
            .replace('&', "%26")
            .replace(' ', "%20")
            .replace('ö', "%C3%B6")
    }

    fn hexadecimal(&self) -> String {
        let bytes = self.value.bytes();
        bytes.fold(String::new(), |digits, byte| format!("{digits}{byte:02x}"))
    }

    /// What must not be found: either half of the value, its core in base64 wherever it stands, and
    /// in hexadecimal digits.
    fn traces(&self) -> Vec<String> {
        let (first, second) = self.value.split_once('"').unwrap();
        let second = second.rsplit_once('ö').unwrap().1;
        let base64 = (0..3).map(|before| {
            let encoded = BASE64_STANDARD.encode(format!("{}{}", "x".repeat(before), self.value));
            encoded[4..20].to_owned()
        });
        let digits = self.hexadecimal();
        let plain = [
            first.to_owned(),
            second.to_owned(),
            digits[..24].to_owned(),
            digits[24..].to_owned(),
        ];
        base64.chain(plain).collect()
    }
}

/// Prints all encodings as its words, in a file, in a command's output, as file names, and to the
/// platform's own tool.
fn scenario(canaries: &[Canary]) -> String {
    let encodings: Vec<String> = canaries.iter().flat_map(Canary::encodings).collect();
    let text = |text: &str| Value::from(text).to_string();
    let printed = text(&encodings.join("\n"));
    let names: Vec<_> = encodings
        .iter()
        .filter(|name| !name.contains('/'))
        .cloned()
        .collect();
    let names = text(&names.join("\n"));
    let told = text(
        &canaries[..8]
            .iter()
            .flat_map(Canary::encodings)
            .collect::<Vec<_>>()
            .join(" "),
    );
    format!(
        r#"
about = "Tells all it knows."
pace = {{ chars = 13, ms = 0 }}

[[turn]]
[[turn.reply]]
think = {printed}
say = {printed}
tools = [{{ write = {{ path = "known.txt", content = {printed} }} }}, {{ write = {{ path = "names.txt", content = {names} }} }}]
[[turn.reply]]
say = "Now the files."
tools = [{{ bash = "mkdir -p names && while read -r name; do : > \"names/$name\"; done < names.txt; cat known.txt; ls names; cat known.txt names.txt >&2; cat missing/* ; sleep 1" }}, {{ read = "known.txt" }}]
[[turn.reply]]
tools = [{{ call = {{ name = "mcp__platform__report_error", input = {{ type = "execution_failed", message = {told}, details = {told} }} }} }}]
[[turn.reply]]
say = {printed}
"#
    )
}

/// Everything that a client of a stream is sent.
fn listen(tasks: &mut JoinSet<()>, it: &Installation, path: &str) -> Arc<Mutex<Vec<u8>>> {
    let heard: Arc<Mutex<Vec<u8>>> = Arc::default();
    let request = it
        .client
        .get(format!("{}{path}", it.base))
        .timeout(Duration::from_mins(5));
    let listening = Arc::clone(&heard);
    tasks.spawn(async move {
        let mut body = request.send().await.unwrap().bytes_stream();
        while let Some(Ok(bytes)) = body.next().await {
            listening.lock().unwrap().extend_from_slice(&bytes);
        }
    });
    heard
}

pub async fn vault(it: &Installation) -> Vault {
    let file = it.data.path().join("ccs.db");
    let store = Store::open(&format!("sqlite://{}?mode=rw", file.display()))
        .await
        .unwrap();
    let storage = Storage {
        data_dir: it.data.path().to_owned(),
        database: Database::Sqlite { file },
        master_keys: None,
    };
    Vault::open(&storage, store).await.unwrap()
}

/// Half of them are the task's own, the others are reusable ones that it was granted.
async fn give(vault: &Vault, task: &str, canaries: &[Canary]) {
    let task = task.parse().unwrap();
    for (number, canary) in canaries.iter().enumerate() {
        let is_own = number % 2 == 0;
        let scope = if is_own {
            Scope::Task(task)
        } else {
            Scope::Named
        };
        let (name, value) = (&canary.name, canary.value.as_bytes());
        vault
            .put(scope, name, SecretKind::Variable, value)
            .await
            .unwrap();
        if !is_own {
            vault.grant(task, name).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_agent_tells_of_its_secrets_is_kept_nowhere() {
    let canaries: Vec<_> = (0..SECRETS).map(Canary::new).collect();
    let it = Installation::start_with("canary", &scenario(&canaries)).await;
    let task = json!({
        "title": "A task", "type": "custom", "description": "Tell.\n\nscenario: canary",
        "permission_mode": "autonomous",
    });
    let id = it.post("/api/tasks", &task).await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    give(&vault(&it).await, &id, &canaries).await;
    let mut listening = JoinSet::new();
    let streams = [
        format!("/api/tasks/{id}/stream"),
        format!("/api/stream?task={id}"),
    ];
    let streams = streams.map(|path| listen(&mut listening, &it, &path));
    it.post(&format!("/api/tasks/{id}/execute"), &json!({}))
        .await;

    let started = Instant::now();
    let mut commands = String::new();
    loop {
        commands += &it.agent_processes().join("\n");
        let task = it.get(&format!("/api/tasks/{id}")).await;
        if task["status"] == "completed" {
            break;
        }
        assert!(started.elapsed() < LIMIT, "{task:#}\n{}", it.server_log());
        sleep(Duration::from_millis(50)).await;
    }
    // The streams may be a moment behind.
    sleep(Duration::from_secs(1)).await;
    listening.shutdown().await;

    let traces: Vec<_> = canaries.iter().flat_map(Canary::traces).collect();
    let search = AhoCorasick::new(&traces).unwrap();
    let clean = |place: &str, bytes: &[u8]| {
        let found = search.find(bytes).map(|found| {
            let around =
                &bytes[found.start().saturating_sub(100)..bytes.len().min(found.end() + 60)];
            String::from_utf8_lossy(around).into_owned()
        });
        assert_eq!(found, None, "in {place}");
    };
    let workspace = it.data.path().join("tasks").join(&id);
    assert_told(&search, &workspace);
    assert!(commands.contains("claude"), "{commands}");
    clean("command lines", commands.as_bytes());
    for file in ["ccs.db", "ccs.db-wal", "server.log"] {
        let content = std::fs::read(it.data.path().join(file));
        clean(file, &content.unwrap());
    }
    for stream in &streams {
        let heard = stream.lock().unwrap().clone();
        assert!(heard.len() > 10_000, "{}", String::from_utf8_lossy(&heard));
        clean("a stream", &heard);
    }
    let mut notes = 0;
    for path in [
        "",
        "/events?limit=1000",
        "/logs?limit=1000",
        "/phases",
        "/deliverables",
        "/diff",
        "/reviews",
        "/status",
        "/deliverables/known.txt",
        "/logs?limit=1000&q=secret",
    ] {
        let answer = it.get(&format!("/api/tasks/{id}{path}")).await.to_string();
        notes += answer.matches("[secret CANARY_").count();
        clean(path, answer.as_bytes());
    }
    // It was there to be hidden, and what is around it is still there.
    assert!(notes > SECRETS * 7 * 3, "{notes}");
    let log = it
        .get(&format!("/api/tasks/{id}/logs?limit=1000"))
        .await
        .to_string();
    assert!(log.contains("Now the files."));
    for canary in &canaries {
        assert!(
            log.contains(&format!("[secret {}]", canary.name)),
            "{}",
            canary.name
        );
    }
}

/// The agent has really told: its own folder, which nobody is shown, is full of it.
fn assert_told(search: &AhoCorasick, folder: &std::path::Path) {
    let mut found = 0;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            match entry.file_type().unwrap() {
                kind if kind.is_dir() => folders.push(entry.path()),
                kind if kind.is_file() => {
                    let content = std::fs::read(entry.path()).unwrap();
                    found += usize::from(search.is_match(&content));
                    found += usize::from(search.is_match(entry.file_name().as_encoded_bytes()));
                }
                _ => {}
            }
        }
    }
    assert!(found > SECRETS * 3, "{found}");
}
