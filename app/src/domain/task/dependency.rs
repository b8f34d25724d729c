//! What an agent needs of a person, and what it is given. The values themselves are none of the
//! domain's business: they go into the vault, and no event has them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::decide::{Decision, queued};
use super::{Action, Actor, NeededDependency, Refusal, Status, Task, TaskEvent, Via, Waiting};
use crate::domain::id::DependencyId;
use crate::domain::text::Note;
use crate::domain::variable::{VariableError, VariableName};
use crate::domain::word::words;

/// The longest name of a file, in bytes.
const FILE_NAME_LIMIT: usize = 128;

/// The most characters of a free name that its variable is called by.
const DERIVED_LIMIT: usize = 80;

words! {
    /// What kind of thing an agent needs.
    pub enum DependencyKind {
        /// The key of a service: a secret in a variable.
        ApiKey,
        /// A variable of the environment.
        EnvVariable,
        /// A service that has to run.
        Service,
        /// A file.
        File,
        /// A right to do something.
        Permission,
        /// A piece of software.
        Package,
    }

    /// What became of a dependency, by its name on the wire.
    pub enum DependencyState {
        Open,
        Provided,
        Declined,
        Withdrawn,
    }
}

/// Something that an agent has asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependency {
    pub id: DependencyId,
    pub needed: NeededDependency,
    pub requested_at: DateTime<Utc>,
    pub status: DependencyStatus,
    /// Whether the agent knows what became of it: its call has been told, or a turn has begun that
    /// tells it.
    pub told: bool,
    /// Whether the call that asked has been told.
    pub taken: bool,
}

/// What became of a dependency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DependencyStatus {
    /// It waits.
    Open,
    /// It is there.
    Provided {
        at: DateTime<Utc>,
        by: Actor,
        given: Given,
    },
    /// A person won't give it.
    Declined {
        at: DateTime<Utc>,
        by: Actor,
        reason: Option<Note>,
    },
    /// The task was called off before.
    Withdrawn,
}

/// In which way something was given; never what it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "way", rename_all = "snake_case")]
pub enum Given {
    /// A value was typed.
    Value,
    /// A file was sent.
    File {
        /// Bytes.
        size: u64,
    },
    /// The reusable secret of this name.
    Secret { name: String },
    /// A person says that it is there, or that the agent may.
    Done {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<Note>,
    },
}

/// Why a dependency can't have its name. The text goes on after the name of the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DependencyNameError {
    /// The agent gets it as a variable.
    #[error(transparent)]
    Variable(#[from] VariableError),
    /// The agent gets it as a file.
    #[error(
        "must be the name of a file: 1 to {FILE_NAME_LIMIT} letters, digits, _, - and ., not \
         beginning with - or ."
    )]
    File,
}

impl DependencyKind {
    /// The names, for schemas and error texts.
    pub const NAMES: [&'static str; 6] = [
        "api_key",
        "env_variable",
        "service",
        "file",
        "permission",
        "package",
    ];

    /// Whether what is given is a secret value.
    pub const fn is_secret(self) -> bool {
        matches!(self, Self::ApiKey | Self::EnvVariable)
    }

    /// Whether something of this kind can be called so.
    pub fn check_name(self, name: &str) -> Result<(), DependencyNameError> {
        match self {
            Self::ApiKey | Self::EnvVariable => {
                name.parse::<VariableName>()?;
            }
            Self::File => {
                let is_word = |sign: char| sign.is_ascii_alphanumeric() || sign == '_';
                let is_inner = |sign: char| is_word(sign) || matches!(sign, '-' | '.');
                let is_short = name.len() <= FILE_NAME_LIMIT;
                if !is_short || !name.starts_with(is_word) || !name.chars().all(is_inner) {
                    return Err(DependencyNameError::File);
                }
            }
            Self::Service | Self::Permission | Self::Package => {}
        }
        Ok(())
    }

    /// Whether something of this kind can be given in this way.
    const fn takes(self, given: &Given) -> bool {
        match (self, given) {
            (Self::ApiKey | Self::EnvVariable, Given::Value | Given::Secret { .. })
            | (Self::File, Given::File { .. } | Given::Secret { .. })
            | (Self::Service | Self::Package, Given::Value | Given::Done { .. })
            | (Self::Permission, Given::Done { .. }) => true,
            (Self::ApiKey | Self::EnvVariable, Given::File { .. } | Given::Done { .. })
            | (Self::File, Given::Value | Given::Done { .. })
            | (Self::Service | Self::Package, Given::File { .. } | Given::Secret { .. })
            | (Self::Permission, Given::Value | Given::File { .. } | Given::Secret { .. }) => false,
        }
    }
}

impl Given {
    /// Whether there is a value that the agent gets.
    pub const fn has_value(&self) -> bool {
        match self {
            Self::Value | Self::File { .. } | Self::Secret { .. } => true,
            Self::Done { .. } => false,
        }
    }
}

impl NeededDependency {
    /// The environment variable that the agent finds the value in, or the path of the file; `None` for
    /// a permission, which has none.
    pub fn variable(&self) -> Result<Option<VariableName>, DependencyNameError> {
        self.kind.check_name(&self.name)?;
        let variable = match self.kind {
            DependencyKind::ApiKey | DependencyKind::EnvVariable => self.name.parse()?,
            DependencyKind::File => file_variable(&self.name),
            DependencyKind::Service => derived("SERVICE", &self.name),
            DependencyKind::Package => derived("PACKAGE", &self.name),
            DependencyKind::Permission => return Ok(None),
        };
        Ok(Some(variable))
    }
}

/// The variable that has the path of a file: of its own name, if that is written like one, as in
/// `GOOGLE_APPLICATION_CREDENTIALS`; else `FILE_` and its name in capitals.
pub fn file_variable(name: &str) -> VariableName {
    let is_written_so = !name.contains(|sign: char| sign.is_ascii_lowercase());
    match name.parse() {
        Ok(variable) if is_written_so => variable,
        _ => derived("FILE", name),
    }
}

fn derived(prefix: &str, name: &str) -> VariableName {
    let signs = name.chars().take(DERIVED_LIMIT).map(|sign| match sign {
        sign if sign.is_ascii_alphanumeric() => sign.to_ascii_uppercase(),
        _ => '_',
    });
    let name: String = prefix.chars().chain(['_']).chain(signs).collect();
    name.parse()
        .expect("none of the prefixes is reserved, and all other signs were replaced")
}

impl Dependency {
    /// In which way it was given.
    pub const fn given(&self) -> Option<&Given> {
        match &self.status {
            DependencyStatus::Provided { given, .. } => Some(given),
            _ => None,
        }
    }

    /// What became of it, by its name on the wire.
    pub const fn state(&self) -> DependencyState {
        match self.status {
            DependencyStatus::Open => DependencyState::Open,
            DependencyStatus::Provided { .. } => DependencyState::Provided,
            DependencyStatus::Declined { .. } => DependencyState::Declined,
            DependencyStatus::Withdrawn => DependencyState::Withdrawn,
        }
    }

    /// Whether a person has given or declined it.
    pub const fn is_settled(&self) -> bool {
        matches!(
            self.state(),
            DependencyState::Provided | DependencyState::Declined
        )
    }

    /// Whether it was asked for by the call with this id.
    pub fn is_of_call(&self, id: &str) -> bool {
        matches!(&self.needed.via, Via::Tool { tool_use_id, .. } if tool_use_id == id)
    }
}

impl Task {
    /// What the agent needs and nobody has given or declined, oldest first.
    pub fn open_dependencies(&self) -> impl Iterator<Item = &Dependency> {
        let is_open = |known: &&Dependency| known.status == DependencyStatus::Open;
        self.dependencies.iter().filter(is_open)
    }

    /// One dependency.
    pub fn dependency(&self, id: DependencyId) -> Result<&Dependency, Refusal> {
        let known = self.dependencies.iter().find(|known| known.id == id);
        known.ok_or(Refusal::UnknownDependency)
    }

    /// The task goes on once nothing is open that its agent has asked for. A value can be replaced by
    /// another one later.
    pub(super) fn provide(&self, id: DependencyId, given: Given) -> Decision {
        let known = self.dependency(id)?;
        if !known.needed.kind.takes(&given) {
            return Err(Refusal::DoesNotFit(known.needed.kind));
        }
        match &known.status {
            DependencyStatus::Open | DependencyStatus::Withdrawn => {
                self.allow(Action::Provide)?;
                let provided = TaskEvent::DependencyProvided { id, given };
                Ok(self.settled_dependency(id, provided))
            }
            DependencyStatus::Declined { .. } => Err(Refusal::AlreadyDeclined),
            DependencyStatus::Provided { given: before, .. } => {
                let is_value = before.has_value() && given.has_value();
                match self.status {
                    // A second click is harmless.
                    _ if *before == given && !is_value => Ok(Vec::new()),
                    Status::Cancelled | Status::Failed { .. } => Err(Refusal::AlreadyProvided),
                    _ if is_value => Ok(vec![TaskEvent::DependencyProvided { id, given }]),
                    _ => Err(Refusal::AlreadyProvided),
                }
            }
        }
    }

    /// The agent is told the reason, and that it won't get it.
    pub(super) fn decline(&self, id: DependencyId, reason: Option<Note>) -> Decision {
        match &self.dependency(id)?.status {
            DependencyStatus::Open | DependencyStatus::Withdrawn => {
                self.allow(Action::Provide)?;
                let declined = TaskEvent::DependencyDeclined { id, reason };
                Ok(self.settled_dependency(id, declined))
            }
            DependencyStatus::Provided { .. } => Err(Refusal::AlreadyProvided),
            // A second click is harmless.
            DependencyStatus::Declined { reason: given, .. } if *given == reason => Ok(Vec::new()),
            DependencyStatus::Declined { .. } => Err(Refusal::AlreadyDeclined),
        }
    }

    fn settled_dependency(&self, id: DependencyId, event: TaskEvent) -> Vec<TaskEvent> {
        let is_last = self.open_dependencies().all(|open| open.id == id);
        let mut events = vec![event];
        if is_last && self.open_questions().next().is_none() {
            events.push(queued());
        }
        events
    }

    pub(super) fn need(&mut self, id: DependencyId, needed: NeededDependency, at: DateTime<Utc>) {
        self.dependencies.push(Dependency {
            id,
            needed,
            requested_at: at,
            status: DependencyStatus::Open,
            told: false,
            taken: false,
        });
        self.wait_for_person();
    }

    pub(super) fn settle_dependency(&mut self, id: DependencyId, status: DependencyStatus) {
        if let Some(known) = self.dependencies.iter_mut().find(|known| known.id == id) {
            known.status = status;
        }
        if matches!(
            self.status.beneath(),
            Status::Waiting(Waiting::Question | Waiting::Dependency)
        ) {
            self.wait_for_person();
        }
    }

    /// Waits for what is open; a question comes first.
    pub(super) fn wait_for_person(&mut self) {
        if self.open_questions().next().is_some() {
            self.stand(Status::Waiting(Waiting::Question));
        } else if self.open_dependencies().next().is_some() {
            self.stand(Status::Waiting(Waiting::Dependency));
        }
    }

    pub(super) fn withdraw_dependencies(&mut self) {
        for dependency in &mut self.dependencies {
            if dependency.status == DependencyStatus::Open {
                dependency.status = DependencyStatus::Withdrawn;
            }
        }
    }

    /// The calls that asked for these are told what became of them.
    pub(super) fn due_dependencies(&self, ids: &[DependencyId]) -> Vec<DependencyId> {
        let is_due =
            |known: &&Dependency| known.is_settled() && !known.taken && ids.contains(&known.id);
        let due = self.dependencies.iter().filter(is_due);
        due.map(|known| known.id).collect()
    }

    /// What the agent has not been told of.
    pub(super) fn untold_dependencies(&self) -> Vec<DependencyId> {
        let untold = self.dependencies.iter();
        let untold = untold.filter(|known| known.is_settled() && !known.told);
        untold.map(|known| known.id).collect()
    }

    pub(super) fn mark_dependencies(
        &mut self,
        ids: &[DependencyId],
        mark: impl Fn(&mut Dependency),
    ) {
        let known = self.dependencies.iter_mut();
        known.filter(|known| ids.contains(&known.id)).for_each(mark);
    }
}
