//! The program's subcommands, and how it ends when it is told to.

use std::io::Write as _;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use sea_orm::{ConnectionTrait as _, Database};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use crate::installation::{BINARY, clean};

const LIMIT: Duration = Duration::from_secs(20);

/// The program on a data folder.
fn on(data: &Path, arguments: &[&str]) -> Command {
    let mut command = clean(BINARY);
    command.args(arguments).env("CCS_DATA_DIR", data);
    command
}

async fn done(data: &Path, arguments: &[&str]) -> Output {
    let output = on(data, arguments).output();
    timeout(LIMIT, output).await.expect("an end").unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    let mut names: Vec<_> = entries
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_folder_without_a_database_is_not_backed_up_or_rebuilt_and_stays_empty() {
    let data = TempDir::new().unwrap();
    let copy = data.path().join("copy.db");
    for arguments in [&["backup", copy.to_str().unwrap()][..], &["rebuild"]] {
        let output = done(data.path(), arguments).await;
        assert!(!output.status.success());
        let said = said(&output);
        assert!(said.contains("there is no database at"), "{said}");
        assert_eq!(names_in(data.path()), [""; 0]);
    }
}

#[tokio::test]
async fn somebody_elses_database_is_left_as_it_is() {
    let data = TempDir::new().unwrap();
    let file = data.path().join("ccs.db");
    let url = format!("sqlite://{}?mode=rwc", file.display());
    let connection = Database::connect(url).await.unwrap();
    let make = "PRAGMA journal_mode = WAL; CREATE TABLE notes (text TEXT)";
    connection.execute_unprepared(make).await.unwrap();
    connection.close().await.unwrap();
    let before = std::fs::read(&file).unwrap();
    let copy = data.path().join("copy.db");
    for arguments in [&["backup", copy.to_str().unwrap()][..], &["rebuild"]] {
        let output = done(data.path(), arguments).await;
        assert!(!output.status.success());
        let said = said(&output);
        assert!(said.contains("not one of this program"), "{said}");
        assert_eq!(std::fs::read(&file).unwrap(), before);
        assert!(!copy.exists());
    }
}

#[tokio::test]
async fn an_earlier_versions_database_is_backed_up_but_not_rebuilt() {
    let data = TempDir::new().unwrap();
    let migrated = done(data.path(), &["migrate"]).await;
    assert!(migrated.status.success(), "{}", said(&migrated));
    assert!(done(data.path(), &["rebuild"]).await.status.success());
    let url = format!("sqlite://{}", data.path().join("ccs.db").display());
    let connection = Database::connect(url).await.unwrap();
    let forget = "DELETE FROM seaql_migrations WHERE version LIKE '%idempotency%'";
    connection.execute_unprepared(forget).await.unwrap();
    connection.close().await.unwrap();

    let rebuilt = done(data.path(), &["rebuild"]).await;
    assert!(!rebuilt.status.success());
    assert!(said(&rebuilt).contains("`migrate`"), "{}", said(&rebuilt));

    let target = TempDir::new().unwrap();
    let copy = target.path().join("copy.db");
    let copied = done(data.path(), &["backup", copy.to_str().unwrap()]).await;
    assert!(copied.status.success(), "{}", said(&copied));
    assert_eq!(names_in(target.path()), ["copy.db"]);
    let bytes = std::fs::read(&copy).unwrap();
    assert!(bytes.starts_with(b"SQLite format 3"));

    let again = done(data.path(), &["backup", copy.to_str().unwrap()]).await;
    assert!(!again.status.success());
    assert!(said(&again).contains("exists already"), "{}", said(&again));
    assert_eq!(std::fs::read(&copy).unwrap(), bytes);
}

/// A server, and the file that it logs to.
struct Served {
    child: Child,
    data: TempDir,
}

impl Served {
    /// Starts a server whose CLI is a script.
    fn start(script: &str) -> Self {
        let data = TempDir::new().unwrap();
        let cli = data.path().join("claude");
        let mut file = std::fs::File::create(&cli).unwrap();
        write!(file, "#!/bin/sh\ncd {}\n{script}\n", data.path().display()).unwrap();
        drop(file);
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&cli, executable).unwrap();
        let log = std::fs::File::create(data.path().join("server.log")).unwrap();
        let child = on(data.path(), &["serve"])
            .env("CCS_ADDR", "127.0.0.1:0")
            .env("CCS_CLAUDE_BIN", &cli)
            .env("CCS_SANDBOX", "none")
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { child, data }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.data.path().join("server.log")).unwrap()
    }

    /// Waits until the text stands in the log; what follows it in its line.
    async fn logged(&self, text: &str) -> String {
        let begun = Instant::now();
        loop {
            let log = self.log();
            if let Some((_, rest)) = log.split_once(text) {
                return rest.lines().next().unwrap_or_default().to_owned();
            }
            assert!(begun.elapsed() < LIMIT, "no {text} in: {log}");
            sleep(Duration::from_millis(20)).await;
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id().unwrap()).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
    }

    async fn ended_within(&mut self, limit: Duration) -> Option<i32> {
        let ended = timeout(limit, self.child.wait()).await;
        ended.expect("an end in time").unwrap().code()
    }
}

#[tokio::test]
async fn a_server_that_still_waits_for_the_cli_stops_at_the_first_signal() {
    let mut served = Served::start("touch asked; exec sleep 60");
    let begun = Instant::now();
    while !served.data.path().join("asked").exists() {
        assert!(begun.elapsed() < LIMIT, "{}", served.log());
        sleep(Duration::from_millis(20)).await;
    }
    served.signal(Signal::TERM);
    let code = served.ended_within(Duration::from_secs(5)).await;
    assert_eq!(code, Some(0), "{}", served.log());
}

#[tokio::test]
async fn a_second_signal_ends_a_server_that_waits_for_a_request() {
    let mut served = Served::start("echo 9.9.9");
    let address = served.logged("serving http://").await;
    let address = address.split_whitespace().next().unwrap();
    let mut client = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /api/tasks HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
         content-length: 9\r\nexpect: 100-continue\r\n\r\n"
    );
    client.write_all(head.as_bytes()).await.unwrap();
    // Now the handler waits for the body, which never comes.
    let mut asked = [0; 12];
    let read = timeout(LIMIT, client.read_exact(&mut asked)).await;
    read.expect("to be asked for the body").unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100");
    served.signal(Signal::INT);
    served.logged("stopping").await;
    served.signal(Signal::INT);
    let code = served.ended_within(Duration::from_secs(2)).await;
    assert_eq!(code, Some(130), "{}", served.log());
}

#[tokio::test]
async fn an_old_cli_on_the_path_does_not_hide_a_good_one_behind_it() {
    let data = TempDir::new().unwrap();
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    for (folder, version) in [("new", "9.9.9"), ("old", "1.0.0"), ("broken", "?")] {
        let folder = data.path().join(folder);
        std::fs::create_dir(&folder).unwrap();
        let cli = folder.join("claude");
        std::fs::write(&cli, format!("#!/bin/sh\necho {version}\n")).unwrap();
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&cli, executable).unwrap();
        let folders = [folder].into_iter().chain(std::env::split_paths(&path));
        path = std::env::join_paths(folders).unwrap();
    }
    let log = data.path().join("server.log");
    let child = on(data.path(), &["serve"])
        .env("CCS_ADDR", "127.0.0.1:0")
        .env("CCS_SANDBOX", "none")
        .env("PATH", path)
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let served = Served { child, data };
    served.logged("serving http://").await;
    let log = served.log();
    assert!(log.contains("cli.version=9.9.9"), "{log}");
}
