//! What can go wrong behind the API: refusals of the domain, and failures of what lies below.

use app::domain::task::{Action, ForkError, Refusal};
use app::fault::FieldFault;

use crate::guides::GuideError;
use crate::notifier::NotifierError;
use crate::store::StoreError;
use crate::transcripts::TranscriptError;
use crate::vault::VaultError;
use crate::workspace::WorkspaceError;

/// Why a use case did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It isn't there, or was put away.
    #[error("there is no such {what}")]
    NotFound {
        /// In one word: `task`.
        what: &'static str,
    },
    /// The input can't be used; each field says why.
    #[error("{}", summary(fields))]
    Invalid { fields: Vec<FieldFault> },
    /// The task's state forbids it.
    #[error("{refusal}")]
    Refused {
        refusal: Refusal,
        /// The state's name with its reason, as in `waiting (review)`.
        state: String,
        /// What is possible instead.
        allowed: Vec<Action>,
    },
    /// Others changed the task again and again while this tried to.
    #[error("somebody else changed this at the same moment; please try again")]
    Conflict,
    /// Another run holds the task.
    #[error("this run no longer holds the task")]
    StaleRun,
    /// The orchestrator asked for what isn't next: a defect.
    #[error("{0} is not what comes next")]
    OutOfTurn(&'static str),
    /// An idempotency key came again with another request.
    #[error("this Idempotency-Key was used for another request")]
    KeyReused,
    /// An idempotency key came again before its request was answered.
    #[error("a request with this Idempotency-Key is being worked on")]
    KeyInUse,
    /// A stored answer can't be read: a defect.
    #[error("a stored answer can't be read")]
    Undecodable(#[source] serde_json::Error),
    /// The database failed.
    #[error("the store failed")]
    Store(#[source] StoreError),
    /// A secret can't be had or kept.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// Nothing can be sent to where notifications go.
    #[error(transparent)]
    Notifier(#[from] NotifierError),
    /// A guide of this installation can't be read.
    #[error(transparent)]
    Guide(#[from] GuideError),
    /// A conversation can't be copied.
    #[error(transparent)]
    Transcript(#[from] TranscriptError),
    /// A task's history can't be the beginning of another's.
    #[error(transparent)]
    Fork(#[from] ForkError),
    /// The task's files can't be read, or should not be.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
}

impl Error {
    /// One field is wrong.
    pub fn field(field: &str, message: impl Into<String>) -> Self {
        let field = field.to_owned();
        Self::Invalid {
            fields: vec![FieldFault {
                field,
                message: message.into(),
            }],
        }
    }
}

fn summary(fields: &[FieldFault]) -> String {
    let each = fields
        .iter()
        .map(|fault| format!("{} {}", fault.field, fault.message));
    each.collect::<Vec<_>>().join("; ")
}

/// An error with its causes, in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        text = format!("{text}: {source}");
        cause = source.source();
    }
    text
}
