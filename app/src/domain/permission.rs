//! How much an agent may do without asking a person.

mod rule;

pub use rule::{
    AskedPermission, CallForm, Consent, GrantedRule, MAX_RULES, PermissionRule, RuleKind,
};

use crate::domain::word::words;

words! {
    /// The permission mode of a task.
    #[derive(Default)]
    pub enum PermissionMode {
        /// Whatever changes something needs a person's yes.
        Strict,
        /// Edits in the workspace and a list of everyday commands are allowed, the rest needs a yes.
        #[default]
        Balanced,
        /// Everything is allowed inside the sandbox.
        Autonomous,
    }
}

#[cfg(test)]
mod tests {
    use super::PermissionMode;

    #[test]
    fn the_middle_way_is_the_default_and_nothing_else_is_a_mode() {
        assert_eq!(PermissionMode::default().to_string(), "balanced");
        assert!("bypass".parse::<PermissionMode>().is_err());
    }
}
