use std::ffi::OsString;

use super::*;

fn load_with(flags: &[&str], variables: &[(&str, &str)]) -> Result<(Config, Command), ConfigError> {
    let flags = std::iter::once("claude-code-server").chain(flags.iter().copied());
    let home = [("HOME", "/nonexistent/home")];
    let variables = home.iter().chain(variables);
    load(
        flags.map(OsString::from),
        variables.map(|(name, value)| (OsString::from(name), OsString::from(value))),
    )
}

fn refusal(flags: &[&str], variables: &[(&str, &str)]) -> String {
    load_with(flags, variables)
        .map(|_| ())
        .unwrap_err()
        .to_string()
}

#[test]
fn without_any_setting_it_serves_on_loopback_with_sqlite_below_the_home_folder() {
    let (config, command) = load_with(&[], &[]).unwrap();
    assert_eq!(command, Command::Serve);
    assert_eq!(config.http.addr.to_string(), "127.0.0.1:3000");
    let data = "/nonexistent/home/.local/share/claude-code-server";
    assert_eq!(config.storage.data_dir, PathBuf::from(data));
    assert!(matches!(config.storage.database, Database::Sqlite { file } if file.starts_with(data)));
    assert_eq!(config.fixed.agents_max, None);
}

#[test]
fn flags_win_over_variables_and_variables_over_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ccs.toml");
    std::fs::write(
        &file,
        "max_agents = 5\nlog = \"debug\"\nlog_format = \"json\"\n",
    )
    .unwrap();
    let variables = [
        ("CCS_CONFIG", file.to_str().unwrap()),
        ("CCS_MAX_AGENTS", "6"),
        ("CCS_LOG", "warn"),
    ];
    let (config, _) = load_with(&["serve", "--max-agents", "7"], &variables).unwrap();
    assert_eq!(config.fixed.agents_max, Some(7));
    assert_eq!(config.log.filter, "warn");
    assert_eq!(config.log.format, LogFormat::Json);
}

#[test]
fn an_unknown_name_stops_the_start_and_the_right_one_is_suggested() {
    assert_eq!(
        refusal(&[], &[("CCS_MAX_AGENT", "3")]),
        "CCS_MAX_AGENT is not a setting of this server; did you mean CCS_MAX_AGENTS?"
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ccs.toml");
    std::fs::write(&file, "adr = \"127.0.0.1:1\"").unwrap();
    let refusal = refusal(&["--config", file.to_str().unwrap()], &[]);
    assert!(refusal.starts_with("adr in "), "{refusal}");
    assert!(refusal.ends_with("did you mean addr?"), "{refusal}");
}

#[test]
fn malformed_values_are_refused_by_the_name_they_were_given_under() {
    let cases = [
        ("CCS_ADDR", "nowhere"),
        ("CCS_ADDR", "0.0.0.0:3000"),
        ("CCS_ALLOW_REMOTE", "maybe"),
        ("CCS_DATABASE_URL", "mysql://secret@host"),
        ("CCS_REDIS_URL", "redis://localhost"),
        ("CCS_MASTER_KEY", "short"),
        ("CCS_MASTER_KEY_FILE", "/nonexistent/key"),
        ("CCS_ROLE", "manager"),
        ("CCS_ROLE", "boss"),
        ("CCS_ANTHROPIC_BASE_URL", "ftp://x"),
        ("CCS_ALLOWED_ROOTS", "relative"),
        ("CCS_MAX_AGENTS", "0"),
        ("CCS_MAX_AGENTS", "many"),
        ("CCS_SANDBOX", "landlock"),
        ("CCS_SANDBOX", "paper"),
        ("CCS_LOG", "server=shout"),
        ("CCS_LOG_FORMAT", "xml"),
    ];
    for (name, value) in cases {
        let refusal = refusal(&[], &[(name, value)]);
        assert!(refusal.starts_with(&format!("{name}: ")), "{refusal}");
        assert!(!refusal.contains("secret"), "{refusal}");
    }
}

#[test]
fn a_remote_address_needs_the_explicit_word() {
    let variables = [("CCS_ADDR", "0.0.0.0:3000"), ("CCS_ALLOW_REMOTE", "true")];
    assert!(load_with(&[], &variables).is_ok());
}

#[test]
fn secrets_are_not_shown_and_have_no_flags() {
    let (config, _) = load_with(&[], &[("CCS_ANTHROPIC_API_KEY", "sk-visible")]).unwrap();
    assert!(!format!("{config:?}").contains("sk-visible"));
    assert!(load_with(&["--anthropic-api-key", "x"], &[]).is_err());
}

#[test]
fn subcommands_take_their_own_arguments() {
    let (_, command) = load_with(&["backup", "/tmp/copy.db"], &[]).unwrap();
    assert_eq!(
        command,
        Command::Backup {
            to: "/tmp/copy.db".into()
        }
    );
    let (_, command) = load_with(&["scripted-model", "--listen", "127.0.0.1:4000"], &[]).unwrap();
    assert!(matches!(command, Command::ScriptedModel { addr, .. } if addr.port() == 4000));
    assert!(load_with(&["scripted-model", "--listen", "0.0.0.0:1"], &[]).is_err());
}

#[test]
fn two_master_keys_are_refused_by_both_names_they_were_given_under() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ccs.toml");
    std::fs::write(&file, "master_key = \"c2VjcmV0\"").unwrap();
    let flags = [
        "--config",
        file.to_str().unwrap(),
        "--master-key-file",
        "/nonexistent/key",
    ];
    let refusal = refusal(&flags, &[]);
    assert!(refusal.starts_with("master_key in "), "{refusal}");
    let end = ": is set beside --master-key-file; choose one";
    assert!(refusal.ends_with(end), "{refusal}");
    assert!(!refusal.contains("c2VjcmV0"), "{refusal}");
}

#[test]
fn the_cli_is_looked_for_on_the_path_unless_it_is_configured() {
    let (config, _) = load_with(&[], &[("PATH", "/opt/bin:relative:/usr/bin")]).unwrap();
    let bins = config.agents.claude_bins;
    assert_eq!(bins[0], PathBuf::from("/opt/bin/claude"));
    assert_eq!(bins[1], PathBuf::from("/usr/bin/claude"));
    assert!(bins[2].ends_with(".tools/bin/claude"));
    let variables = [("PATH", "/opt/bin"), ("CCS_CLAUDE_BIN", "/x/claude")];
    let (config, _) = load_with(&[], &variables).unwrap();
    assert_eq!(config.agents.claude_bins, [PathBuf::from("/x/claude")]);
}

#[test]
fn what_stores_nothing_needs_no_home() {
    let arguments = |words: &[&str]| -> Vec<OsString> {
        let words = std::iter::once("claude-code-server").chain(words.iter().copied());
        words.map(OsString::from).collect()
    };
    assert!(load(arguments(&["scripted-model"]), []).is_ok());
    assert!(load(arguments(&["serve"]), []).is_err());
}

#[test]
fn a_file_that_is_no_toml_is_told_by_its_line_and_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ccs.toml");
    std::fs::write(&file, "max_agents = 5\nanthropic_api_key = \"sk-canary\n").unwrap();
    let variables = [("CCS_CONFIG", file.to_str().unwrap())];
    let error = anyhow::Error::new(load_with(&[], &variables).map(|_| ()).unwrap_err());
    let told = format!("{error:#}");
    assert!(told.contains("in line 2: "), "{told}");
    assert!(!told.contains("canary"), "{told}");
}

#[test]
fn a_file_of_credentials_has_to_be_there() {
    let refused = refusal(&[], &[("CCS_GIT_CREDENTIALS_FILE", "/nonexistent")]);
    assert!(refused.contains("CCS_GIT_CREDENTIALS_FILE"), "{refused}");
    assert!(
        refused.contains("must be the absolute path of a file"),
        "{refused}"
    );
}
