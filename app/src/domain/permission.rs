//! How much an agent may do without asking a person.

use serde::{Deserialize, Serialize};

/// The permission mode of a task.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    derive_more::Display,
    derive_more::FromStr,
)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[display(rename_all = "snake_case")]
#[from_str(rename_all = "snake_case")]
pub enum PermissionMode {
    /// Whatever changes something needs a person's yes.
    Strict,
    /// Edits in the workspace and a list of everyday commands are allowed, the rest needs a yes.
    #[default]
    Balanced,
    /// Everything is allowed inside the sandbox.
    Autonomous,
}

impl PermissionMode {
    /// Every mode, from the most careful to the most free: the order a form shows them in.
    pub const ALL: [Self; 3] = [Self::Strict, Self::Balanced, Self::Autonomous];
}

#[cfg(test)]
mod tests {
    use super::PermissionMode;

    #[test]
    fn every_mode_reads_back_what_it_prints() {
        for mode in PermissionMode::ALL {
            let printed = mode.to_string();
            assert_eq!(printed.parse::<PermissionMode>().ok(), Some(mode));
            assert_eq!(
                serde_json::to_string(&mode).ok(),
                Some(format!("\"{printed}\"")),
                "the stored name and the printed one are the same word"
            );
        }
        assert_eq!(PermissionMode::default().to_string(), "balanced");
    }

    #[test]
    fn an_unknown_mode_is_refused() {
        assert!("bypass".parse::<PermissionMode>().is_err());
    }
}
