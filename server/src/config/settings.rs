//! The settings themselves, by concern, with their defaults and their limits.

use std::fmt::Display;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use app::domain::settings::{ChosenSettings, MOST_HOURS};
use secrecy::{ExposeSecret as _, SecretString};

use super::sources::{Origin, Sources};
use super::{Config, ConfigError, waits};
use crate::agent::api_patience::ApiPatience;
use crate::limits::Pacing;
use crate::sandbox::SandboxChoice;
use crate::vault::MasterKeys;

/// The web server's.
#[derive(Clone, Debug)]
pub struct Http {
    pub addr: SocketAddr,
    /// Whether `addr` may be other than loopback.
    pub allow_remote: bool,
    /// Names the server is reached by, beside the loopback ones and `addr` itself.
    pub allowed_hosts: Vec<String>,
    /// Where the site's files are, if not built in.
    pub site_dir: Option<PathBuf>,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 3000)),
            allow_remote: false,
            allowed_hosts: Vec::new(),
            site_dir: None,
        }
    }
}

/// What is kept, and where.
#[derive(Clone, Debug)]
pub struct Storage {
    /// Database, workspaces and agents' folders live below it.
    pub data_dir: PathBuf,
    pub database: Database,
    /// What secrets are encrypted with; the server makes a key of its own unless one is given.
    pub master_keys: Option<MasterKeys>,
}

impl Storage {
    /// The same in a folder of its own. A database elsewhere stays where it is.
    #[must_use]
    pub fn below(mut self, folder: &str) -> Self {
        let before = std::mem::take(&mut self.data_dir);
        self.data_dir = before.join(folder);
        if let Database::Sqlite { file } = &mut self.database
            && let Ok(rest) = file.strip_prefix(&before)
        {
            *file = self.data_dir.join(rest);
        }
        self
    }
}

/// Which database.
#[derive(Clone, Debug)]
pub enum Database {
    Sqlite {
        file: PathBuf,
    },
    /// The URL holds a password.
    Postgres {
        url: SecretString,
    },
}

/// What runs tasks.
#[derive(Clone, Debug)]
pub struct Agents {
    /// Where the CLI may be: as configured, else on the path and where the set-up script puts it.
    pub claude_bins: Vec<PathBuf>,
    pub anthropic_base_url: Option<String>,
    pub anthropic_api_key: Option<SecretString>,
    /// Folders that tasks may take repositories from.
    pub allowed_roots: Vec<PathBuf>,
    /// Credentials of private repositories, as `git credential-store` reads them.
    pub git_credentials_file: Option<PathBuf>,
    pub guide_dir: Option<PathBuf>,
    pub sandbox: SandboxChoice,
    /// How long a claim on a task holds without being renewed; renewed three times as often.
    pub lease: Duration,
    /// How long the processes of a paused agent stand still before they are ended.
    pub pause: Duration,
    /// After how long without a sign of life an agent is nudged, and after as long again started anew;
    /// absent for never.
    pub silence: Option<Duration>,
    /// How long an account is left alone that can't be used.
    pub pacing: Pacing,
    /// How long agents wait for the model's API by themselves.
    pub patience: ApiPatience,
}

impl Default for Agents {
    fn default() -> Self {
        Self {
            claude_bins: Vec::new(),
            anthropic_base_url: None,
            anthropic_api_key: None,
            allowed_roots: Vec::new(),
            git_credentials_file: None,
            guide_dir: None,
            sandbox: SandboxChoice::default(),
            lease: Duration::from_secs(15),
            pause: Duration::from_mins(1),
            silence: Some(Duration::from_mins(10)),
            pacing: Pacing::default(),
            patience: ApiPatience::default(),
        }
    }
}

/// Which parts of the platform this process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, derive_more::Display, derive_more::FromStr)]
#[display(rename_all = "snake_case")]
#[from_str(rename_all = "snake_case")]
pub enum Role {
    All,
}

/// What is logged, and how.
#[derive(Clone, Debug)]
pub struct Log {
    /// Directives of `tracing`'s filter.
    pub filter: String,
    pub format: LogFormat,
}

/// The log's form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, derive_more::Display, derive_more::FromStr)]
#[display(rename_all = "snake_case")]
#[from_str(rename_all = "snake_case")]
pub enum LogFormat {
    Text,
    Json,
}

/// Where the set-up script puts the CLI, seen from the repository.
const INSTALLED_CLI: &str = ".tools/bin/claude";

/// All settings; `stores` says whether what is asked for keeps anything.
pub(super) fn read(sources: &Sources, stores: bool) -> Result<Config, ConfigError> {
    if let Some((_, origin)) = sources.get("redis_url") {
        return Err(ConfigError::malformed(
            origin,
            "Redis is not supported yet; leave it unset",
        ));
    }
    Ok(Config {
        role: role(sources)?,
        http: http(sources)?,
        storage: storage(sources, stores)?,
        agents: agents(sources)?,
        fixed: fixed(sources)?,
        log: log(sources)?,
        search_path: sources.search_path(),
    })
}

pub(super) fn parsed<T: FromStr<Err: Display>>(
    sources: &Sources,
    key: &'static str,
) -> Result<Option<T>, ConfigError> {
    let Some((value, origin)) = sources.get(key) else {
        return Ok(None);
    };
    let value = value.trim().parse();
    value
        .map(Some)
        .map_err(|error| ConfigError::malformed(origin, error))
}

fn one_of<T: FromStr>(
    sources: &Sources,
    key: &'static str,
    names: &str,
) -> Result<Option<T>, ConfigError> {
    let Some((value, origin)) = sources.get(key) else {
        return Ok(None);
    };
    let refusal = || ConfigError::malformed(origin, format!("must be {names}, this is {value:?}"));
    value.trim().parse().map(Some).map_err(|_| refusal())
}

fn secret(sources: &Sources, key: &'static str) -> Option<(SecretString, Origin)> {
    let (value, origin) = sources.get(key)?;
    Some((SecretString::from(value.trim()), origin))
}

/// The path made absolute, for agents work in other folders.
fn path(sources: &Sources, key: &'static str) -> Result<Option<PathBuf>, ConfigError> {
    Ok(path_given(sources, key)?.map(|(path, _)| path))
}

fn path_given(
    sources: &Sources,
    key: &'static str,
) -> Result<Option<(PathBuf, Origin)>, ConfigError> {
    let Some((value, origin)) = sources.get(key) else {
        return Ok(None);
    };
    match std::path::absolute(value) {
        Ok(path) => Ok(Some((path, origin))),
        Err(error) => Err(ConfigError::malformed(origin, error)),
    }
}

fn role(sources: &Sources) -> Result<Role, ConfigError> {
    if let Some((value @ ("web" | "manager"), origin)) = sources.get("role") {
        let reason = format!("the role {value} is not supported yet; use all");
        return Err(ConfigError::malformed(origin, reason));
    }
    Ok(one_of(sources, "role", "all, web or manager")?.unwrap_or(Role::All))
}

fn http(sources: &Sources) -> Result<Http, ConfigError> {
    let defaults = Http::default();
    let addr = parsed(sources, "addr")?.unwrap_or(defaults.addr);
    let allow_remote = one_of(sources, "allow_remote", "true or false")?.unwrap_or(false);
    if !addr.ip().is_loopback() && !allow_remote {
        let origin = sources
            .get("addr")
            .map_or(Origin::Default("addr"), |(_, origin)| origin);
        let reason = format!(
            "{addr} can be reached from other machines, and there is no login yet; \
             set CCS_ALLOW_REMOTE=true if something else protects it"
        );
        return Err(ConfigError::malformed(origin, reason));
    }
    let names = |(value, _): (&str, Origin)| {
        let names = value
            .split(',')
            .map(|name| name.trim().to_ascii_lowercase());
        names.filter(|name| !name.is_empty()).collect()
    };
    Ok(Http {
        addr,
        allow_remote,
        allowed_hosts: sources.get("allowed_hosts").map_or_else(Vec::new, names),
        site_dir: path(sources, "site_dir")?,
    })
}

fn storage(sources: &Sources, stores: bool) -> Result<Storage, ConfigError> {
    // What stores nothing needs no home.
    let fallback = || (!stores).then(std::env::temp_dir);
    let data_dir = match path(sources, "data_dir")? {
        Some(path) => path,
        None => sources
            .user_data()
            .or_else(fallback)
            .map(|folder| folder.join("claude-code-server"))
            .ok_or_else(|| {
                let reason = "must be set, for there is no home folder to put the data in";
                ConfigError::malformed(Origin::Default("data_dir"), reason)
            })?,
    };
    let database = match sources.get("database_url") {
        None => Database::Sqlite {
            file: data_dir.join("ccs.db"),
        },
        Some((url, origin)) => database(url, origin)?,
    };
    Ok(Storage {
        data_dir,
        database,
        master_keys: master_keys(sources)?,
    })
}

fn database(url: &str, origin: Origin) -> Result<Database, ConfigError> {
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return Ok(Database::Postgres {
            url: SecretString::from(url),
        });
    }
    let file = url
        .strip_prefix("sqlite://")
        .or_else(|| url.strip_prefix("sqlite:"));
    match file {
        Some(file) if !file.is_empty() && !file.contains(['?', ':']) => {
            let file =
                std::path::absolute(file).map_err(|error| ConfigError::malformed(origin, error))?;
            Ok(Database::Sqlite { file })
        }
        // The URL may hold a password: it isn't repeated.
        _ => Err(ConfigError::malformed(
            origin,
            "must be sqlite:///path or postgres://…",
        )),
    }
}

fn master_keys(sources: &Sources) -> Result<Option<MasterKeys>, ConfigError> {
    let given = (
        secret(sources, "master_key"),
        path_given(sources, "master_key_file")?,
    );
    let (text, origin) = match given {
        (None, None) => return Ok(None),
        (Some((_, origin)), Some((_, file))) => {
            let reason = format!("is set beside {file}; choose one");
            return Err(ConfigError::malformed(origin, reason));
        }
        (Some(key), None) => key,
        (None, Some((path, origin))) => {
            let text = std::fs::read_to_string(path)
                .map_err(|error| ConfigError::malformed(origin.clone(), error))?;
            (SecretString::from(text), origin)
        }
    };
    match MasterKeys::parse(text.expose_secret()) {
        Ok(keys) => Ok(Some(keys)),
        Err(error) => Err(ConfigError::malformed(origin, error)),
    }
}

fn agents(sources: &Sources) -> Result<Agents, ConfigError> {
    let defaults = Agents::default();
    let base_url = sources.get("anthropic_base_url");
    if let Some((url, origin)) = &base_url
        && !(url.starts_with("https://") || url.starts_with("http://"))
    {
        return Err(ConfigError::malformed(
            origin.clone(),
            "must be an http or https URL",
        ));
    }
    let roots = |(value, _): (&str, Origin)| value.split(':').map(PathBuf::from).collect();
    let allowed_roots: Vec<PathBuf> = sources.get("allowed_roots").map_or_else(Vec::new, roots);
    if let (Some((_, origin)), true) = (
        sources.get("allowed_roots"),
        allowed_roots.iter().any(|root| !root.is_absolute()),
    ) {
        return Err(ConfigError::malformed(origin, "must be absolute paths"));
    }
    Ok(Agents {
        claude_bins: claude_bins(sources)?,
        anthropic_base_url: base_url.map(|(url, _)| url.trim_end_matches('/').to_owned()),
        anthropic_api_key: secret(sources, "anthropic_api_key").map(|(key, _)| key),
        allowed_roots,
        git_credentials_file: git_credentials(sources)?,
        guide_dir: path(sources, "guide_dir")?,
        sandbox: one_of(sources, "sandbox", "bwrap, none or auto")?.unwrap_or(defaults.sandbox),
        lease: seconds(sources, "lease_seconds", 2, 300)?.unwrap_or(defaults.lease),
        pause: seconds(sources, "pause_seconds", 1, 300)?.unwrap_or(defaults.pause),
        silence: seconds(sources, "silence_seconds", 0, 86_400)?
            .map_or(defaults.silence, |time| (!time.is_zero()).then_some(time)),
        pacing: waits::pacing(sources)?,
        patience: waits::patience(sources)?,
    })
}

/// Read when a repository is fetched, so it may change at any time; that it is missing is better said
/// at the start.
fn git_credentials(sources: &Sources) -> Result<Option<PathBuf>, ConfigError> {
    let file = path(sources, "git_credentials_file")?;
    if let (Some(file), Some((_, origin))) = (&file, sources.get("git_credentials_file"))
        && !(file.is_absolute() && file.is_file())
    {
        let fault = "must be the absolute path of a file";
        return Err(ConfigError::malformed(origin, fault));
    }
    Ok(file)
}

fn claude_bins(sources: &Sources) -> Result<Vec<PathBuf>, ConfigError> {
    if let Some(configured) = path(sources, "claude_bin")? {
        return Ok(vec![configured]);
    }
    let installed = std::path::absolute(INSTALLED_CLI).ok();
    Ok(sources.on_path("claude").chain(installed).collect())
}

pub(super) fn seconds(
    sources: &Sources,
    key: &'static str,
    least: u64,
    most: u64,
) -> Result<Option<Duration>, ConfigError> {
    let seconds: Option<u64> = parsed(sources, key)?;
    match (seconds, sources.get(key)) {
        (Some(seconds), Some((_, origin))) if !(least..=most).contains(&seconds) => {
            let reason = format!("must be between {least} and {most}");
            Err(ConfigError::malformed(origin, reason))
        }
        (seconds, _) => Ok(seconds.map(Duration::from_secs)),
    }
}

/// What is given of the settings that people could set otherwise.
fn fixed(sources: &Sources) -> Result<ChosenSettings, ConfigError> {
    let number = |key, least, most| -> Result<Option<u32>, ConfigError> {
        match (parsed(sources, key)?, sources.get(key)) {
            (Some(number), Some((_, origin))) if !(least..=most).contains(&number) => {
                let reason = format!("must be between {least} and {most}");
                Err(ConfigError::malformed(origin, reason))
            }
            (number, _) => Ok(number),
        }
    };
    let hours = |key| number(key, 0, MOST_HOURS);
    Ok(ChosenSettings {
        agents_max: number("max_agents", 1, 100)?,
        review_reminder_hours: hours("review_reminder_hours")?,
        review_urgent_hours: hours("review_urgent_hours")?,
        review_escalation_hours: hours("review_escalation_hours")?,
        review_approval_hours: hours("review_approval_hours")?,
        ..ChosenSettings::default()
    })
}

fn log(sources: &Sources) -> Result<Log, ConfigError> {
    let filter = sources
        .get("log")
        .map_or("info", |(value, _)| value)
        .to_owned();
    if let (Err(error), Some((_, origin))) = (
        tracing_subscriber::EnvFilter::try_new(&filter),
        sources.get("log"),
    ) {
        return Err(ConfigError::malformed(origin, error));
    }
    Ok(Log {
        filter,
        format: one_of(sources, "log_format", "text or json")?.unwrap_or(LogFormat::Text),
    })
}
