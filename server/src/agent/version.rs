//! Which versions of the CLI are understood.

use std::fmt;
use std::path::Path;
use std::process::Stdio;
use std::str::FromStr;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use super::spawner::Spawner;

/// The oldest CLI whose protocol was measured.
pub const MINIMUM: Version = Version(2, 1, 330);

/// Starting the CLI the first time after a boot reads hundreds of megabytes.
const LIMIT: Duration = Duration::from_mins(1);

/// A version of the CLI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(u32, u32, u32);

/// The text does not start with a version.
#[derive(Debug, thiserror::Error)]
#[error("not a version such as 2.1.330")]
pub struct NotAVersion;

/// Why the CLI can't be used.
#[derive(Debug, thiserror::Error)]
pub enum UnusableCli {
    /// There is no such program.
    #[error("the Claude CLI was not found at {path}")]
    Missing {
        /// Where it should be.
        path: String,
    },
    /// It can't be started.
    #[error("the Claude CLI can't be started")]
    NotStarted(#[source] std::io::Error),
    /// It did not say its version.
    #[error("the Claude CLI did not tell its version")]
    Silent,
    /// It is too old.
    #[error("the Claude CLI is version {found}, but {MINIMUM} is the oldest that is understood")]
    TooOld {
        /// Its version.
        found: Version,
    },
}

impl FromStr for Version {
    type Err = NotAVersion;

    /// Reads `2.1.330`, and ignores what follows, as in `2.1.330 (Claude Code)`.
    fn from_str(text: &str) -> Result<Self, NotAVersion> {
        let number = text.split([' ', '-', '+', '\n']).next().unwrap_or_default();
        let mut parts = number.split('.').map(str::parse);
        match (parts.next(), parts.next(), parts.next()) {
            (Some(Ok(major)), Some(Ok(minor)), Some(Ok(patch))) => Ok(Self(major, minor, patch)),
            _ => Err(NotAVersion),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// Asks the program for its version and judges it.
pub async fn installed(spawner: &Spawner, program: &Path) -> Result<Version, UnusableCli> {
    if !program.is_file() {
        return Err(UnusableCli::Missing {
            path: program.display().to_string(),
        });
    }
    let mut command = Command::new(program);
    command
        .arg("--version")
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", std::env::temp_dir())
        .env("DISABLE_AUTOUPDATER", "1")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let child = spawner
        .spawn(command)
        .await
        .map_err(UnusableCli::NotStarted)?;
    let output = match timeout(LIMIT, child.wait_with_output()).await {
        Ok(output) => output.map_err(UnusableCli::NotStarted)?,
        Err(_) => return Err(UnusableCli::Silent),
    };
    let found = String::from_utf8_lossy(&output.stdout).trim().parse();
    judge(found.map_err(|NotAVersion| UnusableCli::Silent)?)
}

/// Refuses a version that is too old.
pub fn judge(found: Version) -> Result<Version, UnusableCli> {
    if found < MINIMUM {
        return Err(UnusableCli::TooOld { found });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_compared() {
        let version = |text: &str| text.parse::<Version>().ok();
        assert_eq!(version("2.1.330 (Claude Code)\n"), Some(MINIMUM));
        assert!(version("2.1.197") < version("2.1.330"));
        assert!(version("2.2.0-beta") > version("2.1.999"));
        assert_eq!(version("claude"), None);
        assert!(judge(Version(2, 1, 197)).is_err());
        assert!(judge(Version(3, 0, 0)).is_ok());
    }
}
