//! Where settings come from: one table of names, three places to set them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgMatches};

use super::ConfigError;
use crate::spelling;

/// A setting's name, as in the TOML file, with what `--help` says of it.
struct Setting {
    key: &'static str,
    help: &'static str,
}

macro_rules! settings {
    ($($key:literal: $help:literal,)+) => {
        &[$(Setting { key: $key, help: $help }),+]
    };
}

/// Every setting. The flag is the key with dashes, the variable the key in capitals after `CCS_`.
const SETTINGS: &[Setting] = settings! {
    "addr": "Address to listen on [default: 127.0.0.1:3000]",
    "allow_remote": "Allow an address that is not loopback: there is no login yet [default: false]",
    "allowed_hosts": "More names the server is reached by, comma separated",
    "site_dir": "Serve the site's files from here instead of the built-in ones",
    "data_dir": "Folder for database and workspaces [default: $XDG_DATA_HOME/claude-code-server]",
    "database_url": "sqlite:///path or postgres://… [default: SQLite in the data folder]",
    "redis_url": "Reserved: refused until Redis is supported",
    "master_key_file": "File with the key that secrets are encrypted with [default: master.key in the data folder, made at the first start]",
    "master_key": "The key itself, 32 bytes in base64",
    "role": "all, web or manager; only all is supported yet [default: all]",
    "claude_bin": "The Claude Code CLI, or any program that speaks its protocol [default: found]",
    "anthropic_base_url": "Where agents reach the model",
    "anthropic_api_key": "The API key that agents use",
    "allowed_roots": "Folders that tasks may take repositories from, colon separated",
    "git_credentials_file": "Credentials of private repositories, a line https://user:token@host for each server",
    "guide_dir": "Guides that replace the built-in ones",
    "max_agents": "How many agents run at once, 1 to 100 [default: 3]",
    "lease_seconds": "How long a claim on a task holds without being renewed, 2 to 300 [default: 15]",
    "pause_seconds": "How long a paused agent stands still before its process ends, 1 to 300 [default: 60]",
    "silence_seconds": "After how long without a sign of life an agent is nudged, and after as long again started anew, 0 to 86400, 0 for never [default: 600]",
    "review_reminder_hours": "Call an undecided review to mind after so long, 0 for never [default: 24]",
    "review_urgent_hours": "The same as urgent [default: 48]",
    "review_escalation_hours": "The same for the last time [default: 72]",
    "review_approval_hours": "Approve it, if the task approves by itself, 0 for never [default: 168]",
    "api_retries": "How often an agent repeats a failed request to the model, 0 to 15 [default: 10]",
    "api_answer_seconds": "How long the model's answer may take to begin, 1 to 3600 [default: 600]",
    "api_silence_seconds": "How long an answer that has begun may be silent, 1 to 300 [default: 120]",
    "limit_waits": "Seconds until the next try while Claude can't be used and nobody tells how long, time after time [default: 60,300,900,1800,3600]",
    "limit_stagger_seconds": "Time between the tasks that go on after a limit, 0 to 60 [default: 2]",
    "limit_probe_seconds": "How long the first of them has to show that Claude answers again, 0 to 600 [default: 60]",
    "sandbox": "bwrap, none or auto [default: auto]",
    "log": "What is logged, such as info or server=debug [default: info]",
    "log_format": "text or json [default: text]",
};

/// Variables of the scripts around the server, which the server leaves alone.
const FOREIGN: &[&str] = &["CCS_TOOLS_DIR", "CCS_WASM_TARGET"];
const FOREIGN_PREFIXES: &[&str] = &["CCS_TEST_", "CCS_BENCH_"];

/// Names the place a value was given in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    Flag(&'static str),
    Variable(String),
    File { path: PathBuf, key: String },
    Default(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(key) => write!(f, "--{}", key.replace('_', "-")),
            Self::Variable(name) => f.write_str(name),
            Self::File { path, key } => write!(f, "{key} in {}", path.display()),
            Self::Default(key) => write!(f, "{}", variable(key)),
        }
    }
}

fn variable(key: &str) -> String {
    format!("CCS_{}", key.to_ascii_uppercase())
}

/// The command line's flags: one per setting, and the file's.
pub(super) fn flags() -> impl Iterator<Item = Arg> {
    let flag = |key: &'static str, help: &'static str| {
        Arg::new(key)
            .long(key.replace('_', "-"))
            .value_name("VALUE")
            .help(help)
            .global(true)
    };
    let file = flag(
        "config",
        "TOML file with settings [default: $XDG_CONFIG_HOME/claude-code-server/config.toml]",
    );
    SETTINGS
        .iter()
        .filter(|setting| !matches!(setting.key, "master_key" | "anthropic_api_key"))
        .map(move |setting| flag(setting.key, setting.help))
        .chain([file])
}

/// All values that were given, by key; the strongest place has won.
#[derive(Debug, Default)]
pub(super) struct Sources {
    values: BTreeMap<&'static str, (String, Origin)>,
    home: BTreeMap<&'static str, PathBuf>,
    search_path: Option<OsString>,
}

impl Sources {
    pub(super) fn gather(
        matches: &ArgMatches,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, ConfigError> {
        let mut sources = Self::default();
        let mut variables = Vec::new();
        for (name, value) in environment {
            let Some(name) = name.to_str().map(str::to_owned) else {
                continue;
            };
            sources.note_home(&name, &value);
            if name == "PATH" {
                sources.search_path = Some(value.clone());
            }
            if name.starts_with("CCS_") && !value.is_empty() {
                let origin = Origin::Variable(name.clone());
                let value = value
                    .into_string()
                    .map_err(|_| ConfigError::malformed(origin, "is not valid UTF-8"))?;
                variables.push((name, value));
            }
        }
        sources.read_file(matches, &variables)?;
        for (name, value) in variables {
            sources.take_variable(name, value)?;
        }
        for setting in SETTINGS {
            if let Ok(Some(value)) = matches.try_get_one::<String>(setting.key) {
                sources
                    .values
                    .insert(setting.key, (value.clone(), Origin::Flag(setting.key)));
            }
        }
        Ok(sources)
    }

    /// The value of a setting with the place it is from.
    pub(super) fn get(&self, key: &'static str) -> Option<(&str, Origin)> {
        debug_assert!(SETTINGS.iter().any(|setting| setting.key == key));
        let (value, origin) = self.values.get(key)?;
        Some((value, origin.clone()))
    }

    /// Where programs are looked for.
    pub(super) fn search_path(&self) -> OsString {
        let given = self.search_path.clone();
        given.unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into())
    }

    /// The user's data folder, as the desktop convention has it.
    pub(super) fn user_data(&self) -> Option<PathBuf> {
        self.home_folder("XDG_DATA_HOME", ".local/share")
    }

    /// Where a program of this name may be.
    pub(super) fn on_path(&self, program: &str) -> impl Iterator<Item = PathBuf> {
        let path = self.search_path();
        let folders: Vec<_> = std::env::split_paths(&path).collect();
        let folders = folders.into_iter().filter(|folder| folder.is_absolute());
        folders.map(move |folder| folder.join(program))
    }

    fn home_folder(&self, variable: &'static str, below_home: &str) -> Option<PathBuf> {
        let given = self
            .home
            .get(variable)
            .filter(|path| path.is_absolute())
            .cloned();
        given.or_else(|| Some(self.home.get("HOME")?.join(below_home)))
    }

    fn note_home(&mut self, name: &str, value: &OsString) {
        for known in ["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"] {
            if known == name && !value.is_empty() {
                self.home.insert(known, PathBuf::from(value));
            }
        }
    }

    fn take_variable(&mut self, name: String, value: String) -> Result<(), ConfigError> {
        let foreign = FOREIGN.contains(&name.as_str())
            || FOREIGN_PREFIXES
                .iter()
                .any(|prefix| name.starts_with(prefix));
        if foreign || name == "CCS_CONFIG" {
            return Ok(());
        }
        match SETTINGS
            .iter()
            .find(|setting| variable(setting.key) == name)
        {
            Some(setting) => {
                self.values
                    .insert(setting.key, (value, Origin::Variable(name)));
                Ok(())
            }
            None => Err(ConfigError::Unknown {
                suggestion: nearest(&name, SETTINGS.iter().map(|setting| variable(setting.key))),
                origin: Origin::Variable(name),
            }),
        }
    }

    fn read_file(
        &mut self,
        matches: &ArgMatches,
        variables: &[(String, String)],
    ) -> Result<(), ConfigError> {
        let flag = matches.get_one::<String>("config").cloned();
        let variable = || variables.iter().find(|(name, _)| name == "CCS_CONFIG");
        let asked = flag.or_else(|| variable().map(|(_, path)| path.clone()));
        let path = match &asked {
            Some(path) => PathBuf::from(path),
            None => match self.home_folder("XDG_CONFIG_HOME", ".config") {
                Some(folder) => folder.join("claude-code-server/config.toml"),
                None => return Ok(()),
            },
        };
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && asked.is_none() => {
                return Ok(());
            }
            Err(source) => return Err(ConfigError::Unreadable { path, source }),
        };
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            let before = text.get(..error.span().map_or(0, |span| span.start));
            ConfigError::NotToml {
                path: path.clone(),
                line: before.map_or(1, |before| before.lines().count().max(1)),
                reason: error.message().to_owned(),
            }
        })?;
        for (key, value) in table {
            self.take_from_file(&path, &key, &value)?;
        }
        Ok(())
    }

    fn take_from_file(
        &mut self,
        path: &Path,
        key: &str,
        value: &toml::Value,
    ) -> Result<(), ConfigError> {
        let origin = Origin::File {
            path: path.to_owned(),
            key: key.to_owned(),
        };
        let Some(setting) = SETTINGS.iter().find(|setting| setting.key == key) else {
            let names = SETTINGS.iter().map(|setting| setting.key.to_owned());
            return Err(ConfigError::Unknown {
                suggestion: nearest(key, names),
                origin,
            });
        };
        let separator = if setting.key == "allowed_roots" {
            ":"
        } else {
            ","
        };
        let text = scalar(value).or_else(|| {
            let items: Option<Vec<_>> = value.as_array()?.iter().map(scalar).collect();
            Some(items?.join(separator))
        });
        let text = text.ok_or_else(|| {
            ConfigError::malformed(
                origin.clone(),
                "must be text, a number, true, false or a list of them",
            )
        })?;
        self.values.insert(setting.key, (text, origin));
        Ok(())
    }
}

fn scalar(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(flag) => Some(flag.to_string()),
        _ => None,
    }
}

fn nearest(name: &str, known: impl Iterator<Item = String>) -> Option<String> {
    let known: Vec<String> = known.collect();
    spelling::nearest(name, known.iter().map(String::as_str))
        .filter(|candidate| spelling::distance(name, candidate) <= 4)
        .map(str::to_owned)
}
