//! A login of the Claude CLI in a folder of this machine, copied for each agent.
//!
//! The folder itself is only read. What the CLI renews in an agent's copy stays there and goes with it:
//! several agents renew at their own times, and none may spoil the login that they began with.

use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use app::domain::settings::LoginFolder;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use tokio::task::spawn_blocking;

/// The file in which the CLI keeps its login.
const FILE: &str = ".credentials.json";

/// The largest file that is taken for a login, in bytes.
const LIMIT: u64 = 64 * 1024;

/// A login, as it was in the folder when it was read.
#[derive(Clone, Debug)]
pub struct Login {
    content: SecretString,
    access_token: SecretString,
    refresh_token: Option<SecretString>,
    /// Whether others on this machine can read the file.
    pub is_open: bool,
}

/// Why there is no login in a folder.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The file can't be had.
    #[error("{}", unreadable(path, source))]
    Unreadable { path: PathBuf, source: io::Error },
    /// It is something else.
    #[error("{} holds no login of Claude Code", path.display())]
    NoLogin { path: PathBuf },
}

fn unreadable(path: &Path, error: &io::Error) -> String {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::NotFound => format!("there is no {path}"),
        io::ErrorKind::PermissionDenied => format!("the server may not read {path}"),
        _ => format!("{path} can't be read"),
    }
}

/// What of the file the platform looks at.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    claude_ai_oauth: Tokens,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tokens {
    access_token: SecretString,
    refresh_token: Option<SecretString>,
}

impl Login {
    /// Reads the login that lies in a folder now.
    pub async fn read(folder: &LoginFolder) -> Result<Self, LoginError> {
        let path = Path::new(folder.as_str()).join(FILE);
        let file = path.clone();
        let reading = spawn_blocking(move || read(&file)).await;
        let read = reading.unwrap_or_else(|error| Err(error.into()));
        let (content, is_open) = read.map_err(|source| LoginError::Unreadable {
            path: path.clone(),
            source,
        })?;
        // What can't be parsed is not told: it may be a secret.
        let stored = serde_json::from_str::<Stored>(content.expose_secret()).ok();
        let tokens = stored.map(|stored| stored.claude_ai_oauth);
        let is_usable = |tokens: &Tokens| !tokens.access_token.expose_secret().is_empty();
        let tokens = tokens.filter(is_usable);
        let Tokens {
            access_token,
            refresh_token,
        } = tokens.ok_or(LoginError::NoLogin { path })?;
        Ok(Self {
            content,
            access_token,
            refresh_token,
            is_open,
        })
    }

    /// What the CLI presents.
    pub const fn access_token(&self) -> &SecretString {
        &self.access_token
    }

    /// What the CLI gets a new one by.
    pub const fn refresh_token(&self) -> Option<&SecretString> {
        self.refresh_token.as_ref()
    }

    /// Puts a copy into an agent's configuration, in place of an earlier one, for its owner alone. Blocks.
    pub fn write_in(&self, config: &Path) -> io::Result<()> {
        fs::set_permissions(config, fs::Permissions::from_mode(0o700))?;
        remove_from(config)?;
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(config.join(FILE))?;
        file.write_all(self.content.expose_secret().as_bytes())
    }
}

/// Removes the copy of a login from an agent's configuration, if there is one. Blocks.
pub fn remove_from(config: &Path) -> io::Result<()> {
    match fs::remove_file(config.join(FILE)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn read(path: &Path) -> io::Result<(SecretString, bool)> {
    // A pipe would be waited for without end.
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() || metadata.len() > LIMIT {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut content = String::with_capacity(usize::try_from(metadata.len()).unwrap_or_default());
    fs::File::open(path)?
        .take(LIMIT)
        .read_to_string(&mut content)?;
    let is_open = metadata.permissions().mode() & 0o077 != 0;
    Ok((SecretString::from(content), is_open))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGIN: &str =
        r#"{"claudeAiOauth":{"accessToken":"made-up","refreshToken":"made-up-too"}}"#;

    fn folder(content: &str, mode: u32) -> (tempfile::TempDir, LoginFolder) {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join(FILE);
        fs::write(&file, content).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        let folder = directory.path().display().to_string().try_into().unwrap();
        (directory, folder)
    }

    #[tokio::test]
    async fn an_agent_gets_a_copy_of_its_own_and_the_folder_stays_as_it_is() {
        let (from, named) = folder(LOGIN, 0o600);
        let login = Login::read(&named).await.unwrap();
        assert!(!login.is_open);
        assert_eq!(login.access_token().expose_secret(), "made-up");
        assert!(!format!("{login:?}").contains("made-up"));
        let config = tempfile::tempdir().unwrap();
        fs::write(config.path().join(FILE), "renewed by the agent before").unwrap();
        login.write_in(config.path()).unwrap();
        let copy = config.path().join(FILE);
        assert_eq!(fs::read_to_string(&copy).unwrap(), LOGIN);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&copy), mode(config.path())), (0o600, 0o700));
        fs::write(&copy, "renewed").unwrap();
        assert_eq!(fs::read_to_string(from.path().join(FILE)).unwrap(), LOGIN);
        remove_from(config.path()).unwrap();
        remove_from(config.path()).unwrap();
        assert!(!copy.exists());
    }

    #[tokio::test]
    async fn a_login_that_others_can_read_is_noticed() {
        let (_directory, named) = folder(LOGIN, 0o640);
        assert!(Login::read(&named).await.unwrap().is_open);
    }

    #[tokio::test]
    async fn what_is_no_login_is_told_without_its_content() {
        let big = format!("{LOGIN}{}", " ".repeat(70_000));
        for content in [
            "",
            "canary",
            r#"{"claudeAiOauth":{"accessToken":""}}"#,
            r#"{"canary":1}"#,
            &big,
        ] {
            let (_directory, named) = folder(content, 0o600);
            let told = Login::read(&named).await.unwrap_err().to_string();
            assert!(told.contains(FILE) && !told.contains("canary"), "{told}");
        }
        let nowhere: LoginFolder = "/nonexistent/folder".to_owned().try_into().unwrap();
        let told = Login::read(&nowhere).await.unwrap_err().to_string();
        assert_eq!(told, format!("there is no /nonexistent/folder/{FILE}"));
    }
}
