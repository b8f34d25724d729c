//! What people have given for a task, on its way to the task's agent: in the environment and as files
//! when a process starts, and by a request to a process that is running.

use std::collections::BTreeMap;
use std::sync::Arc;

use app::domain::id::DependencyId;
use app::domain::plan::TaskType;
use app::domain::task::{DependencyKind, DependencyStatus, Given, Task, file_variable};
use app::domain::variable::VariableName;
use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use tokio::task::spawn_blocking;

use super::run::{Run, RunError};
use super::serve::said;
use super::session::Session;
use crate::agent::process::SecretFile;
use crate::error::Error;
use crate::service::Service;
use crate::settings::Integrations;
use crate::vault::{Secret, SecretKind, SecretName, TaskSecrets, VaultError};

/// Everything that an agent of a task gets.
#[derive(Debug, Default)]
pub struct Handover {
    /// To be known to the redaction before the agent has them.
    pub secrets: Vec<Secret>,
    pub variables: BTreeMap<String, SecretString>,
    pub files: Vec<SecretFile>,
    /// The services that the task's automation can use, if it builds one.
    pub integrations: Option<Integrations>,
}

/// What has been given by when: if it is not the same any more, there is something to hand over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Handed(Vec<(DependencyId, DateTime<Utc>)>);

impl Handed {
    /// What has been given for the task.
    pub fn of(task: &Task) -> Self {
        let given = task.dependencies.iter();
        let given = given.filter_map(|known| match &known.status {
            DependencyStatus::Provided { at, given, .. } if given.has_value() => {
                Some((known.id, *at))
            }
            _ => None,
        });
        Self(given.collect())
    }
}

impl Handover {
    /// What there is for the task's agents.
    pub async fn of(service: &Service, task: &Task) -> Result<Self, VaultError> {
        let secrets = service.vault().secrets_of(task.id).await?;
        let mut handover = Self::from_secrets(secrets, task);
        // Who builds no automation has nothing to do with other services.
        if task.task_type == TaskType::Workflow {
            let (known, secrets) = service.settings().integrations().await?;
            handover.integrate(known, secrets);
        }
        Ok(handover)
    }

    /// Adds what the installation has for all; what a person gave for the task goes before it.
    fn integrate(&mut self, known: Integrations, secrets: Vec<Secret>) {
        for secret in &secrets {
            if let Some(value) = text(secret.value.expose_secret()) {
                let name = secret.name.to_string();
                let value = SecretString::from(value);
                self.variables.entry(name).or_insert(value);
            }
        }
        self.secrets.extend(secrets);
        self.integrations = Some(known);
    }

    /// Secrets under their own names, those of the task before reusable ones; and reusable ones under
    /// the names of the dependencies that they were chosen for.
    fn from_secrets(all: TaskSecrets, task: &Task) -> Self {
        let mut handover = Self::default();
        for secret in all.granted.iter().chain(&all.own) {
            handover.add(secret, &[]);
        }
        for known in &task.dependencies {
            let Some(Given::Secret { name }) = known.given() else {
                continue;
            };
            let chosen = all.granted.iter().find(|it| it.name.as_str() == name);
            if let (Some(secret), Ok(Some(variable))) = (chosen, known.needed.variable()) {
                match known.needed.kind {
                    DependencyKind::File => handover.add_as(secret, &known.needed.name, variable),
                    _ => handover.add(secret, &[variable]),
                }
            }
        }
        handover.secrets = all.granted.into_iter().chain(all.own).collect();
        handover
    }

    /// A secret under its own name, or under others.
    fn add(&mut self, secret: &Secret, names: &[VariableName]) {
        match secret.kind {
            SecretKind::File => {
                let variable = file_variable(secret.name.as_str());
                self.put(secret, secret.name.clone(), variable);
            }
            SecretKind::Variable => {
                let own: Option<VariableName> = secret.name.as_str().parse().ok();
                let own = own.filter(|_| names.is_empty());
                // The system takes texts without a NUL only.
                let Some(value) = text(secret.value.expose_secret()) else {
                    return;
                };
                for name in names.iter().chain(&own) {
                    let value = SecretString::from(value);
                    self.variables.insert(name.to_string(), value);
                }
            }
        }
    }

    /// A file under another name.
    fn add_as(&mut self, secret: &Secret, name: &str, variable: VariableName) {
        if let Ok(name) = name.parse() {
            self.put(secret, name, variable);
        }
    }

    fn put(&mut self, secret: &Secret, name: SecretName, variable: VariableName) {
        self.files.retain(|known| known.name != name);
        let content = SecretSlice::from(secret.value.expose_secret().to_vec());
        self.files.push(SecretFile {
            name,
            variables: vec![variable],
            content: Arc::new(content),
        });
    }
}

fn text(value: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(value).ok()?;
    (!text.contains('\0')).then_some(text)
}

impl Run {
    /// Gives a running agent what a person has given since it was started.
    pub(super) async fn hand_over(
        &self,
        session: &mut Session,
        task: &Task,
    ) -> Result<(), RunError> {
        let given = Handed::of(task);
        if given == session.handed {
            return Ok(());
        }
        let handover = Handover::of(&self.deps.service, task).await;
        let handover = handover.map_err(Error::from)?;
        session.secrets.add(handover.secrets);
        let mut variables: BTreeMap<_, _> = handover
            .variables
            .into_iter()
            .map(|(name, value)| (name, value.expose_secret().to_owned()))
            .collect();
        for file in &handover.files {
            let path = session.files.join(file.name.as_str());
            let path = path.display().to_string();
            let names = file.variables.iter();
            variables.extend(names.map(|name| (name.to_string(), path.clone())));
        }
        let (files, home) = (handover.files, session.home.clone());
        let writing =
            spawn_blocking(move || files.iter().try_for_each(|file| file.write_in(&home)));
        let written = writing.await.unwrap_or_else(|error| Err(error.into()));
        if let Err(error) = written {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a file was not handed over"
            );
        }
        said(session.agent.control().apply_environment(variables).await);
        session.handed = given;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn secret(name: &str, kind: SecretKind, value: &[u8]) -> Secret {
        Secret {
            name: name.parse().unwrap(),
            kind,
            value: value.to_vec().into(),
        }
    }

    /// A task that got these, each with the reusable secret that was chosen for it.
    fn task(given: &[(&str, &str, &str)]) -> Task {
        let record = |version: usize, name: &str, data: serde_json::Value| {
            let json = json!({
                "task_id": uuid::Uuid::nil(), "version": version, "actor": "person",
                "at": "2026-01-01T00:00:00Z", "type": name, "data": data,
            });
            serde_json::from_value(json).unwrap()
        };
        let created = record(
            1,
            "TaskCreated",
            json!({"title": "T", "task_type": "custom", "description": "D", "priority": "normal",
                   "phases": [], "permission_mode": "balanced"}),
        );
        let mut records = vec![created];
        for (kind, name, chosen) in given {
            let id = uuid::Uuid::now_v7();
            let requested = json!({"id": id, "kind": kind, "name": name, "description": "D",
                                   "required": true, "via": {"way": "marker"}});
            records.push(record(records.len() + 1, "DependencyRequested", requested));
            let provided = json!({"id": id, "given": {"way": "secret", "name": chosen}});
            records.push(record(records.len() + 1, "DependencyProvided", provided));
        }
        Task::replay(&records).unwrap()
    }

    #[test]
    fn a_reusable_secret_has_the_name_that_the_agent_asked_for_too() {
        let given = [
            ("api_key", "STRIPE_KEY", "stripe-live"),
            ("file", "account.json", "google"),
        ];
        let all = TaskSecrets {
            own: vec![
                secret("OWN", SecretKind::Variable, b"own"),
                secret("BOTH", SecretKind::Variable, b"mine"),
            ],
            granted: vec![
                secret("stripe-live", SecretKind::Variable, b"stripe"),
                secret("google", SecretKind::File, b"{}"),
                secret("BOTH", SecretKind::Variable, b"everybody's"),
            ],
        };
        let handover = Handover::from_secrets(all, &task(&given));
        let variables: Vec<_> = handover
            .variables
            .iter()
            .map(|(name, value)| (name.as_str(), value.expose_secret()))
            .collect();
        let expected = [("BOTH", "mine"), ("OWN", "own"), ("STRIPE_KEY", "stripe")];
        assert_eq!(variables, expected);
        let names: Vec<_> = handover.files.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["google", "account.json"]);
        assert_eq!(handover.secrets.len(), 5);
    }

    #[test]
    fn what_a_variable_can_not_be_is_left_out() {
        let all = TaskSecrets {
            own: vec![
                secret("PATH", SecretKind::Variable, b"/evil"),
                secret("A-B", SecretKind::Variable, b"v"),
                secret("NUL", SecretKind::Variable, b"a\0b"),
                secret("BYTES", SecretKind::Variable, &[0xff]),
            ],
            granted: Vec::new(),
        };
        let handover = Handover::from_secrets(all, &task(&[]));
        assert!(handover.variables.is_empty() && handover.files.is_empty());
    }
}
