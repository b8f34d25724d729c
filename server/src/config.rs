//! Configuration: flags, then environment, then a TOML file, read once at the start.
//!
//! Every setting has one name: `--max-agents`, `CCS_MAX_AGENTS` and `max_agents = 3` are the same
//! one. What is unknown or malformed stops the start, with the name under which it was given.

mod settings;
mod sources;
mod waits;

pub use settings::{Agents, Database, Http, Log, LogFormat, Role, Storage};

use std::ffi::OsString;
use std::fmt::Display;
use std::net::SocketAddr;
use std::path::PathBuf;

use app::domain::settings::ChosenSettings;
use clap::{Arg, ArgAction, ArgMatches, Command as ClapCommand};
use sources::{Origin, Sources};

/// Everything the server can be told, defaults filled in.
#[derive(Clone, Debug)]
pub struct Config {
    pub role: Role,
    pub http: Http,
    pub storage: Storage,
    pub agents: Agents,
    /// What people can't set while the server runs, for it is set here.
    pub fixed: ChosenSettings,
    pub log: Log,
    /// Where programs are looked for: folders, separated as in `PATH`.
    pub search_path: OsString,
}

/// What the program was started for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Serve pages and API, and run agents.
    Serve,
    /// Bring the database to the present schema.
    Migrate,
    /// Drop the read tables and fill them again from the events.
    Rebuild,
    /// Copy the database to a file while it is in use.
    Backup { to: PathBuf },
    /// Encrypt all secrets with new keys.
    RotateKeys {
        /// Remove those that nobody can read any more.
        forget_unreadable: bool,
    },
    /// Serve with the scripted model in place of the real one.
    Demo,
    /// Only the scripted model.
    ScriptedModel {
        addr: SocketAddr,
        scenarios: Option<PathBuf>,
    },
}

/// Why the start was refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The command line is not understood, or help was asked for.
    #[error(transparent)]
    CommandLine(#[from] clap::Error),
    /// A name that starts like ours but isn't one.
    #[error("{origin} is not a setting of this server{}", suggestion.as_ref().map(|name| format!("; did you mean {name}?")).unwrap_or_default())]
    Unknown {
        origin: Origin,
        suggestion: Option<String>,
    },
    /// The value can't be used.
    #[error("{origin}: {reason}")]
    Malformed { origin: Origin, reason: String },
    /// The file can't be read.
    #[error("the configuration file {} can't be read", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// The file is no TOML.
    #[error("the configuration file {} is not valid TOML in line {line}: {reason}", path.display())]
    NotToml {
        path: PathBuf,
        /// Counts from 1.
        line: usize,
        /// Without the line itself, which may hold a key.
        reason: String,
    },
}

impl ConfigError {
    fn malformed(origin: Origin, reason: impl Display) -> Self {
        Self::Malformed {
            origin,
            reason: reason.to_string(),
        }
    }
}

/// Reads the command line and everything that it and the environment lead to.
pub fn load(
    arguments: impl IntoIterator<Item = OsString>,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<(Config, Command), ConfigError> {
    let matches = command_line().try_get_matches_from(arguments)?;
    let sources = Sources::gather(&matches, environment)?;
    let command = command(&matches)?;
    let stores = !matches!(command, Command::ScriptedModel { .. });
    Ok((settings::read(&sources, stores)?, command))
}

fn command_line() -> ClapCommand {
    let scripted_model = ClapCommand::new("scripted-model")
        .about("Serve only the scripted model of the demo and the tests")
        .arg(
            Arg::new("listen")
                .long("listen")
                .value_name("ADDRESS")
                .default_value("127.0.0.1:0")
                .help("Where to listen; loopback only"),
        )
        .arg(
            Arg::new("scenarios")
                .long("scenarios")
                .value_name("FOLDER")
                .help("Scenario files; the built-in ones unless given"),
        );
    let backup = ClapCommand::new("backup")
        .about("Copy the database to a new file, also while the server runs")
        .arg(Arg::new("to").value_name("FILE").required(true));
    let rotate_keys = ClapCommand::new("rotate-keys")
        .about("Encrypt all secrets with new keys, while no server runs on them")
        .arg(
            Arg::new("forget_unreadable")
                .long("forget-unreadable")
                .action(ArgAction::SetTrue)
                .help("Remove the secrets whose master key is lost"),
        );
    ClapCommand::new("claude-code-server")
        .about("Runs Claude Code on jobs that people describe in a browser, phase by phase")
        .version(env!("CARGO_PKG_VERSION"))
        .args(sources::flags())
        .subcommand(
            ClapCommand::new("serve").about("Serve pages and API, and run agents (default)"),
        )
        .subcommand(ClapCommand::new("migrate").about("Bring the database to the present schema"))
        .subcommand(ClapCommand::new("rebuild").about("Fill the read tables again from the events"))
        .subcommand(backup)
        .subcommand(rotate_keys)
        .subcommand(
            ClapCommand::new("demo").about("Serve with a scripted model: no account needed"),
        )
        .subcommand(scripted_model)
}

fn command(matches: &ArgMatches) -> Result<Command, ConfigError> {
    let path =
        |matches: &ArgMatches, name: &str| matches.get_one::<String>(name).map(PathBuf::from);
    Ok(match matches.subcommand() {
        Some(("migrate", _)) => Command::Migrate,
        Some(("rebuild", _)) => Command::Rebuild,
        Some(("demo", _)) => Command::Demo,
        Some(("rotate-keys", matches)) => Command::RotateKeys {
            forget_unreadable: matches.get_flag("forget_unreadable"),
        },
        Some(("backup", matches)) => Command::Backup {
            to: path(matches, "to").unwrap_or_default(),
        },
        Some(("scripted-model", matches)) => {
            let listen = matches
                .get_one::<String>("listen")
                .map_or("", String::as_str);
            let origin = || Origin::Flag("listen");
            let addr: SocketAddr = listen
                .parse()
                .map_err(|error| ConfigError::malformed(origin(), error))?;
            if !addr.ip().is_loopback() {
                return Err(ConfigError::malformed(
                    origin(),
                    "must be a loopback address",
                ));
            }
            Command::ScriptedModel {
                addr,
                scenarios: path(matches, "scenarios"),
            }
        }
        _ => Command::Serve,
    })
}

#[cfg(test)]
mod tests;
