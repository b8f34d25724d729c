//! Names of environment variables that a person may set for an agent.

use std::str::FromStr;

/// The longest name, in bytes.
const LIMIT: usize = 128;

/// Variables by which a process finds its programs, its files, its network and itself, in capitals.
/// An agent's process has them from the platform, or must not have them.
const RESERVED: [&str; 40] = [
    "ALL_PROXY",
    "BASHOPTS",
    "BASH_ENV",
    "CDPATH",
    "CURL_CA_BUNDLE",
    "EDITOR",
    "ENABLE_TOOL_SEARCH",
    "ENV",
    "FTP_PROXY",
    "GLOBIGNORE",
    "HOME",
    "HOSTALIASES",
    "HOSTNAME",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "IFS",
    "IS_SANDBOX",
    "LANG",
    "LANGUAGE",
    "LOCPATH",
    "LOGNAME",
    "NO_PROXY",
    "OLDPWD",
    "PAGER",
    "PATH",
    "PROMPT_COMMAND",
    "PS4",
    "PWD",
    "REQUESTS_CA_BUNDLE",
    "SHELL",
    "SHELLOPTS",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TEMP",
    "TERM",
    "TMP",
    "TMPDIR",
    "USER",
    "USE_BUILTIN_RIPGREP",
    "VISUAL",
];

/// What the names of such variables begin with, in capitals.
const RESERVED_PREFIXES: [&str; 20] = [
    "ANTHROPIC",
    "API_TIMEOUT",
    "BASH_",
    "BUN_",
    "CCS_",
    "CLAUDE",
    "DISABLE_",
    "DYLD_",
    "GCONV_",
    "GIT_AUTHOR_",
    "GIT_COMMITTER_",
    "GIT_CONFIG",
    "LC_",
    "LD_",
    "MALLOC_",
    "MAX_THINKING_",
    "MCP_",
    "NODE_",
    "OTEL_",
    "XDG_",
];

/// The name of an environment variable: letters, digits and `_`, as POSIX has it, and none that the
/// platform sets up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, derive_more::Display)]
pub struct VariableName(String);

/// Why a name can't be given to a variable. The text goes on after the name of the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VariableError {
    /// It is not what POSIX calls a name.
    #[error(
        "must be the name of an environment variable: 1 to {LIMIT} letters, digits and _, not \
         beginning with a digit"
    )]
    NotAName,
    /// It would change how the agent's own programs run.
    #[error("must not be a variable that the platform or the system sets, such as PATH")]
    Reserved,
}

impl VariableName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for VariableName {
    type Err = VariableError;

    fn from_str(name: &str) -> Result<Self, VariableError> {
        let is_sign = |sign: char| sign.is_ascii_alphanumeric() || sign == '_';
        let begins_well = !name.starts_with(|first: char| first.is_ascii_digit());
        if name.is_empty() || name.len() > LIMIT || !begins_well || !name.chars().all(is_sign) {
            return Err(VariableError::NotAName);
        }
        // Some programs read these in small letters too.
        let capitals = name.to_ascii_uppercase();
        let begins = |prefix: &&str| capitals.starts_with(prefix);
        if name == "_"
            || RESERVED.contains(&capitals.as_str())
            || RESERVED_PREFIXES.iter().any(begins)
        {
            return Err(VariableError::Reserved);
        }
        Ok(Self(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_of_keys_are_taken() {
        for name in ["STRIPE_KEY", "_x", "a1", "GITHUB_TOKEN", "PATHS"] {
            assert!(name.parse::<VariableName>().is_ok(), "{name}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let long = "X".repeat(LIMIT + 1);
        for name in ["", "9A", "A-B", "A B", "A=B", "Ä", "A\n", "A\0", &long] {
            let refused = name.parse::<VariableName>();
            assert_eq!(refused, Err(VariableError::NotAName), "{name}");
        }
    }

    #[test]
    fn what_would_change_the_agents_own_programs_is_refused() {
        for name in [
            "PATH",
            "Path",
            "HOME",
            "LD_PRELOAD",
            "CLAUDE_CONFIG_DIR",
            "CLAUDECODE",
            "ANTHROPIC_API_KEY",
            "NODE_OPTIONS",
            "BASH_ENV",
            "https_proxy",
            "MCP_TOOL_TIMEOUT",
            "_",
        ] {
            let refused = name.parse::<VariableName>();
            assert_eq!(refused, Err(VariableError::Reserved), "{name}");
        }
    }

    proptest! {
        #[test]
        fn a_name_that_is_taken_can_stand_before_an_equals_sign(name in any::<String>()) {
            if let Ok(taken) = name.parse::<VariableName>() {
                prop_assert_eq!(taken.as_str(), &name);
                prop_assert!(!name.contains(['=', '\0', '\n']) && !name.is_empty());
            }
        }
    }
}
