//! The program: where its master key comes from, and rotations that are killed.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use secrecy::ExposeSecret as _;
use server::config::{Database, Storage};
use server::store::Store;
use server::vault::{Scope, SecretKind, Vault};
use tokio::process::Command;
use tokio::time::{Instant, sleep, timeout};

use super::records::name;
use crate::installation::{BINARY, clean};

const KEY: &str = "AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM=";
const OTHER: &str = "BAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ=";
const SECRETS: usize = 400;
const KILLS: u32 = 40;

fn storage(data: &Path) -> Storage {
    Storage {
        data_dir: data.to_owned(),
        database: Database::Sqlite {
            file: data.join("ccs.db"),
        },
        master_keys: None,
    }
}

async fn store(data: &Path) -> Store {
    let url = format!("sqlite://{}?mode=rwc", data.join("ccs.db").display());
    let store = Store::open(&url).await.unwrap();
    store.migrate().await.unwrap();
    store
}

fn program(data: &Path, subcommand: &str) -> Command {
    let mut command = clean(BINARY);
    command
        .arg(subcommand)
        .env("CCS_DATA_DIR", data)
        .env("CCS_ADDR", "127.0.0.1:0")
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// Runs it to its end; whether it succeeded, and what it said.
async fn ended(mut command: Command) -> (bool, String) {
    let output = timeout(Duration::from_secs(30), command.output()).await;
    let output = output.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.success(), said)
}

/// Starts the server, waits until it serves, and kills it; what it said.
async fn served(command: Command, look: impl AsyncFnOnce(u32)) -> String {
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut command = command;
    let mut server = command.stderr(log.reopen().unwrap()).spawn().unwrap();
    let said = || std::fs::read_to_string(log.path()).unwrap();
    let started = Instant::now();
    while !said().contains("serving http") {
        assert!(server.try_wait().unwrap().is_none(), "{}", said());
        assert!(started.elapsed() < Duration::from_secs(30), "{}", said());
        sleep(Duration::from_millis(20)).await;
    }
    look(server.id().unwrap()).await;
    server.kill().await.unwrap();
    said()
}

async fn assert_all_readable(vault: &Vault) {
    for number in 0..SECRETS {
        let secret = vault.get(Scope::Named, &name(&format!("T{number}"))).await;
        let value = secret.unwrap().unwrap().value.expose_secret().to_vec();
        assert_eq!(value, format!("the value of {number}").into_bytes());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_survives_a_kill_at_any_moment() {
    let data = tempfile::tempdir().unwrap();
    let storage = storage(data.path());
    let vault = Vault::open(&storage, store(data.path()).await)
        .await
        .unwrap();
    for number in 0..SECRETS {
        let (name, value) = (
            name(&format!("T{number}")),
            format!("the value of {number}"),
        );
        let put = vault.put(Scope::Named, &name, SecretKind::Variable, value.as_bytes());
        put.await.unwrap();
    }
    drop(vault);
    // How long a whole one takes bounds the moments.
    let begun = Instant::now();
    let (rotated, said) = ended(program(data.path(), "rotate-keys")).await;
    assert!(rotated, "{said}");
    let whole = begun.elapsed();
    let mut random = StdRng::seed_from_u64(0x5EC2_E700);
    let mut halfway = 0;
    for _ in 0..KILLS {
        let mut rotating = program(data.path(), "rotate-keys").spawn().unwrap();
        sleep(whole.mul_f64(random.random_range(0.0..1.1))).await;
        rotating.kill().await.ok(); // it may have ended
        let store = store(data.path()).await;
        let vault = Vault::open(&storage, store.clone()).await.unwrap();
        assert_all_readable(&vault).await;
        let keys = std::fs::read_to_string(data.path().join("master.key")).unwrap();
        halfway += u32::from(keys.lines().filter(|line| !line.starts_with('#')).count() > 1);
        store.close().await.unwrap();
    }
    assert!(halfway > 0, "no kill came in the middle of a rotation");
    let (rotated, said) = ended(program(data.path(), "rotate-keys")).await;
    assert!(rotated, "{said}");
    let keys = std::fs::read_to_string(data.path().join("master.key")).unwrap();
    assert_eq!(
        keys.lines().filter(|line| !line.starts_with('#')).count(),
        1
    );
    let vault = Vault::open(&storage, store(data.path()).await)
        .await
        .unwrap();
    assert_all_readable(&vault).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_made_at_the_first_start_and_missed_when_it_is_gone() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("master.key");
    let said = served(program(data.path(), "serve"), async |_| {}).await;
    assert!(said.contains("made a master key"), "{said}");
    assert_eq!(
        std::fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let vault = Vault::open(&storage(data.path()), store(data.path()).await)
        .await
        .unwrap();
    vault
        .put(Scope::Named, &name("TOKEN"), SecretKind::Variable, b"value")
        .await
        .unwrap();
    let said = served(program(data.path(), "serve"), async |_| {}).await;
    assert!(!said.contains("made a master key"), "{said}");
    let kept = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    for subcommand in ["serve", "rotate-keys"] {
        let (started, said) = ended(program(data.path(), subcommand)).await;
        assert!(!started && said.contains("put it back at"), "{said}");
        assert!(!file.exists());
    }
    let mut wrong = program(data.path(), "serve");
    let (started, said) = ended({
        wrong.env("CCS_MASTER_KEY", OTHER);
        wrong
    })
    .await;
    assert!(!started && said.contains("Give the right one"), "{said}");
    std::fs::write(&file, kept).unwrap();
    let vault = Vault::open(&storage(data.path()), store(data.path()).await)
        .await
        .unwrap();
    let value = vault
        .get(Scope::Named, &name("TOKEN"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(value.value.expose_secret(), b"value");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_from_the_environment_is_not_to_be_found_there_afterwards() {
    let data = tempfile::tempdir().unwrap();
    let mut command = program(data.path(), "serve");
    command.env("CCS_MASTER_KEY", KEY);
    served(command, async |pid| {
        for file in ["environ", "cmdline"] {
            // Only root may look at all.
            let read = std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
            let text = String::from_utf8_lossy(&read).into_owned();
            assert!(!text.contains(KEY), "{file}");
            assert!(
                read.is_empty() || text.contains("CCS_") || text.contains("serve"),
                "{file}"
            );
        }
        let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
        let core = limits
            .lines()
            .find(|line| line.starts_with("Max core"))
            .unwrap();
        assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
        if let Ok(standard_input) = std::fs::read_link(format!("/proc/{pid}/fd/0")) {
            assert_eq!(standard_input, Path::new("/dev/null"));
        }
    })
    .await;
    assert!(!data.path().join("master.key").exists());
    // It was the key that counted.
    let keys = server::vault::MasterKeys::parse(KEY).unwrap();
    let vault = Vault::new(store(data.path()).await, keys);
    vault
        .put(Scope::Named, &name("TOKEN"), SecretKind::Variable, b"value")
        .await
        .unwrap();
    let mut again = program(data.path(), "serve");
    again.env("CCS_MASTER_KEY", KEY);
    served(again, async |_| {}).await;
    let mut malformed = program(data.path(), "serve");
    malformed.env("CCS_MASTER_KEY", "short");
    let (started, said) = ended(malformed).await;
    assert!(
        !started && said.contains("CCS_MASTER_KEY: must hold 32 bytes"),
        "{said}"
    );
}
