//! Errors as the pages get them.

use app::fault::{Fault, FieldFault};

use crate::error::Error;
use crate::workspace::WorkspaceError;

impl From<Error> for Fault {
    /// No `_` arm: a new error has to choose. Failures are logged here, for their cause ends here.
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::NotFound { what } => Self::NotFound {
                what: what.to_owned(),
            },
            Error::Invalid { fields } => Self::Invalid {
                message: sentences(&fields),
                fields,
            },
            Error::Refused { allowed, .. } => Self::NotAllowed { message, allowed },
            Error::Conflict | Error::StaleRun | Error::KeyInUse => Self::Conflict,
            Error::Workspace(
                WorkspaceError::NoWorkspace
                | WorkspaceError::NotFound { .. }
                | WorkspaceError::NoChanges { .. },
            ) => Self::NotFound {
                what: "file".to_owned(),
            },
            Error::KeyReused
            | Error::Workspace(
                WorkspaceError::Outside { .. }
                | WorkspaceError::NotAFile { .. }
                | WorkspaceError::Denied { .. },
            ) => Self::Invalid {
                message,
                fields: Vec::new(),
            },
            Error::Workspace(WorkspaceError::Busy) => Self::Unavailable { message },
            Error::Workspace(
                // The first two come from runs, which tell them as the end of the task.
                WorkspaceError::Source(_)
                | WorkspaceError::Fetch(_)
                | WorkspaceError::Git(_)
                | WorkspaceError::Io(_),
            )
            | Error::Store(_)
            | Error::Guide(_)
            | Error::Transcript(_)
            | Error::Fork(_)
            | Error::Vault(_)
            | Error::Notifier(_)
            | Error::OutOfTurn(_)
            | Error::Undecodable(_) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "a use case failed"
                );
                Self::Internal
            }
        }
    }
}

fn sentences(fields: &[FieldFault]) -> String {
    let each: Vec<_> = fields.iter().map(ToString::to_string).collect();
    each.join(" ")
}
