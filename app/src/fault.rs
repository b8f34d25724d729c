//! `Fault`: the one error that crosses the wire to the pages.

use leptos::prelude::{FromServerFnError, ServerFnErrorErr};
use leptos::server_fn::codec::JsonEncoding;
use serde::{Deserialize, Serialize};

use crate::domain::task::Action;

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
    Forbidden {
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
    #[error("The server could not be reached: {message}")]
    Transport {
        /// What the browser or the framework said.
        message: String,
    },
}

/// What is wrong with one field of the input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct FieldFault {
    /// The field's name as in the JSON.
    pub field: String,
    /// Follows the field's name: "must not be empty".
    pub message: String,
}

impl Fault {
    /// One field is wrong.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers hand over an error they have no further use for"
    )]
    pub fn field(field: &str, message: impl ToString) -> Self {
        let message = message.to_string();
        Self::Invalid {
            message: format!("{field} {message}"),
            fields: vec![FieldFault {
                field: field.to_owned(),
                message,
            }],
        }
    }
}

impl FromServerFnError for Fault {
    type Encoder = JsonEncoding;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        Self::Transport {
            message: error.to_string(),
        }
    }
}
