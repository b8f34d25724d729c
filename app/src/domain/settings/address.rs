//! Places outside of the installation that settings name.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

/// The longest address, in bytes.
const LONGEST_URL: usize = 2_000;

/// The longest path, in bytes, as the system has it.
const LONGEST_PATH: usize = 4_095;

/// The longest name of a channel, in bytes, as Slack has it.
const LONGEST_CHANNEL: usize = 80;

/// The address of a model's API: `https`, or `http` on this machine, and no credentials in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, derive_more::Display)]
#[serde(try_from = "String", into = "String")]
pub struct BaseUrl(String);

/// Why an address can't be that of an API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BaseUrlError {
    /// It is no address, or one with a part that has no place here.
    #[error(
        "must be an address such as https://gateway.example.com, without a name, a password or a query"
    )]
    NotAnAddress,
    /// Keys would travel in the open.
    #[error("must be an https address; http is for this machine only, as in http://127.0.0.1:8080")]
    NotEncrypted,
}

impl BaseUrl {
    /// Without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for BaseUrl {
    type Error = BaseUrlError;

    fn try_from(text: String) -> Result<Self, BaseUrlError> {
        let text = text.trim().trim_end_matches('/');
        let (is_https, host) = parts_of(text).ok_or(BaseUrlError::NotAnAddress)?;
        if !is_https && !is_loopback(host) {
            return Err(BaseUrlError::NotEncrypted);
        }
        Ok(Self(text.to_owned()))
    }
}

/// Whether a URL is one of `https`, and its host; nothing if it has more than scheme, host, port and path.
fn parts_of(text: &str) -> Option<(bool, &str)> {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"@?#\\\"'<>`{}|^".contains(&byte);
    if text.len() > LONGEST_URL || !text.bytes().all(is_plain) {
        return None;
    }
    let (scheme, rest) = text.split_once("://")?;
    let host = host_of(rest.split('/').next().unwrap_or_default())?;
    match scheme.to_ascii_lowercase().as_str() {
        "https" => Some((true, host)),
        "http" => Some((false, host)),
        _ => None,
    }
}

/// The address by which people reach this server: what links in messages begin with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, derive_more::Display)]
#[serde(try_from = "String", into = "String")]
pub struct PublicUrl(String);

/// It is no such address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be an address such as https://agents.example.com, without a name, a password or a query"
)]
pub struct NotAPublicUrl;

impl PublicUrl {
    /// Without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for PublicUrl {
    type Error = NotAPublicUrl;

    fn try_from(text: String) -> Result<Self, NotAPublicUrl> {
        let text = text.trim().trim_end_matches('/');
        parts_of(text).ok_or(NotAPublicUrl)?;
        Ok(Self(text.to_owned()))
    }
}

/// The host of `host`, `host:port` or `[v6]:port`.
fn host_of(authority: &str) -> Option<&str> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (
                host,
                port.strip_prefix(':').or(port.is_empty().then_some("1")),
            )
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, Some("1")),
        },
    };
    let is_port = port?.parse::<u16>().is_ok_and(|port| port > 0);
    (is_port && !host.is_empty()).then_some(host)
}

fn is_loopback(host: &str) -> bool {
    let v4 = host.parse::<Ipv4Addr>();
    host == "localhost" || host == "::1" || v4.is_ok_and(|address| address.is_loopback())
}

/// The absolute path of a folder on the server's machine that the CLI has logged in to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, derive_more::Display)]
#[serde(try_from = "String", into = "String")]
pub struct LoginFolder(String);

/// It is no such path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be the whole path of a folder on the server, as in /home/me/.claude")]
pub struct NotAFolder;

impl LoginFolder {
    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for LoginFolder {
    type Error = NotAFolder;

    fn try_from(text: String) -> Result<Self, NotAFolder> {
        let path = text.trim();
        let is_path = path.starts_with('/') && path.len() <= LONGEST_PATH;
        if !is_path || path.chars().any(char::is_control) {
            return Err(NotAFolder);
        }
        Ok(Self(path.to_owned()))
    }
}

/// A channel of Slack: its name, or its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, derive_more::Display)]
#[serde(try_from = "String", into = "String")]
pub struct SlackChannel(String);

/// It is no such channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be the name of a channel, as in #deployments, or its id")]
pub struct NotAChannel;

impl TryFrom<String> for SlackChannel {
    type Error = NotAChannel;

    fn try_from(text: String) -> Result<Self, NotAChannel> {
        let text = text.trim();
        let name = text.strip_prefix('#').unwrap_or(text);
        let is_sign = |sign: char| sign.is_alphanumeric() || matches!(sign, '-' | '_');
        if name.is_empty() || name.len() > LONGEST_CHANNEL || !name.chars().all(is_sign) {
            return Err(NotAChannel);
        }
        Ok(Self(text.to_owned()))
    }
}

/// Reads from text and back, as forms and JSON have it.
macro_rules! as_text {
    ($($name:ident),+) => {$(
        impl std::str::FromStr for $name {
            type Err = <Self as TryFrom<String>>::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.to_owned().try_into()
            }
        }

        impl From<$name> for String {
            fn from(place: $name) -> Self {
                place.0
            }
        }
    )+};
}

as_text!(BaseUrl, PublicUrl, LoginFolder, SlackChannel);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_travel_encrypted_or_not_at_all() {
        for good in [
            "https://api.anthropic.com",
            "https://gateway.example.com:8443/anthropic",
            "http://127.0.0.1:8080",
            "http://localhost",
            "http://[::1]:80",
            " https://api.example.com/ ",
        ] {
            let url = good.parse::<BaseUrl>();
            assert_eq!(
                url.map(String::from),
                Ok(good.trim().trim_end_matches('/').to_owned())
            );
        }
        for open in [
            "http://example.com",
            "http://127.0.0.1.example.com",
            "HTTP://10.0.0.1",
            "http://localhost.example",
        ] {
            assert_eq!(
                open.parse::<BaseUrl>(),
                Err(BaseUrlError::NotEncrypted),
                "{open}"
            );
        }
        for wrong in [
            "",
            "https://",
            "https://:80",
            "example.com",
            "https://key@example.com",
            "https://example.com?key=1",
            "https://exa mple.com",
            "https://example.com:port",
            "https://example.com:0",
            "https://example.com:99999",
            "ftp://example.com",
            "http://[127.0.0.1]",
            "https://example.com\\@127.0.0.1",
            "javascript://127.0.0.1",
        ] {
            assert_eq!(
                wrong.parse::<BaseUrl>(),
                Err(BaseUrlError::NotAnAddress),
                "{wrong}"
            );
        }
    }

    #[test]
    fn people_may_reach_a_server_of_their_own_network_without_encryption() {
        let url = " http://10.0.0.7:3000/ ".parse::<PublicUrl>().unwrap();
        assert_eq!(url.as_str(), "http://10.0.0.7:3000");
        for wrong in [
            "agents",
            "ftp://agents.example.com",
            "https://me@example.com",
        ] {
            assert!(wrong.parse::<PublicUrl>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_folder_has_a_whole_path_and_a_channel_a_name() {
        assert!(" /home/me/.claude ".parse::<LoginFolder>().is_ok());
        for wrong in ["", "~/.claude", ".claude", "/a\nb"] {
            assert!(wrong.parse::<LoginFolder>().is_err(), "{wrong}");
        }
        for good in ["#deployments", "deployments", "C0123ABCD", "#über-uns_2"] {
            assert!(good.parse::<SlackChannel>().is_ok(), "{good}");
        }
        for wrong in ["", "#", "two words", "`x`", "##a", &"a".repeat(81)] {
            assert!(wrong.parse::<SlackChannel>().is_err(), "{wrong}");
        }
    }
}
