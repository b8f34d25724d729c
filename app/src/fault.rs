//! `Fault`: the one error that crosses the wire to the pages.

use leptos::prelude::{FromServerFnError, ServerFnErrorErr};
use serde::{Deserialize, Serialize};

use crate::domain::task::Action;
use crate::wire::JsonText;

/// What went wrong, in terms that the person in front of it can act on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Fault {
    /// It isn't there, or no more.
    #[error("There is no such {what}.")]
    NotFound {
        /// What was looked for, in one word.
        what: String,
    },
    /// The input is not usable as it is.
    #[error("{message}")]
    Invalid {
        /// A summary.
        message: String,
        /// What is wrong with which field.
        fields: Vec<FieldFault>,
    },
    /// The present state forbids it.
    #[error("{message}")]
    NotAllowed {
        /// Why, with the state named.
        message: String,
        /// What is possible instead.
        allowed: Vec<Action>,
    },
    /// Somebody else changed the same thing at the same time.
    #[error("Somebody changed this at the same moment. Please try again.")]
    Conflict,
    /// Something that the server needs is not there right now.
    #[error("{message}")]
    Unavailable {
        /// What is missing.
        message: String,
    },
    /// A defect or an outage; the log has the details.
    #[error("Something went wrong on the server. Its log has the details.")]
    Internal,
    /// The server can't be reached or did not understand.
    #[error("The server could not be reached.")]
    Transport {
        /// What the browser or the framework said, for those who look for the cause.
        message: String,
    },
}

/// What is wrong with one field of the input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct FieldFault {
    /// The field's name as in the JSON.
    pub field: String,
    /// What a sentence about the field goes on with: "must not be empty".
    pub message: String,
}

impl FieldFault {
    /// One field and what is wrong with it.
    pub fn new(field: &str, message: impl Into<String>) -> Self {
        Self {
            field: field.to_owned(),
            message: message.into(),
        }
    }

    /// For people who see the field: "It must not be empty."
    pub fn beside(&self) -> String {
        format!("It {}.", self.message.trim_end_matches('.'))
    }
}

impl std::fmt::Display for FieldFault {
    /// For people who don't see the field: "The title must not be empty."
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let field = self.field.replace('_', " ");
        write!(f, "The {field} {}.", self.message.trim_end_matches('.'))
    }
}

impl Fault {
    /// One field is wrong. The message is ours, never a library's.
    pub fn field(field: &str, message: impl Into<String>) -> Self {
        let fault = FieldFault::new(field, message);
        Self::Invalid {
            message: fault.to_string(),
            fields: vec![fault],
        }
    }
}

impl FromServerFnError for Fault {
    type Encoder = JsonText;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        Self::Transport {
            message: error.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, FieldFault};

    #[test]
    fn what_is_wrong_with_a_field_is_a_whole_sentence() {
        let fault = FieldFault::new("budget_usd", "must be an amount in dollars");
        assert_eq!(fault.beside(), "It must be an amount in dollars.");
        assert_eq!(
            fault.to_string(),
            "The budget usd must be an amount in dollars."
        );
        let told = Fault::field("text", "must not be empty").to_string();
        assert_eq!(told, "The text must not be empty.");
    }
}
