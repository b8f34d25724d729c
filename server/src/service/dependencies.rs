//! What people give to agents: values into the vault, and the fact that they are there into the
//! history, in one transaction.

use app::api::{DependencyView, ProvideDependency, SecretText};
use app::domain::id::{DependencyId, TaskId};
use app::domain::task::{
    Actor, Dependency, DependencyKind, Given, NeededDependency, Task, TaskCommand,
};
use app::domain::text::Note;
use sea_orm::DatabaseTransaction;
use secrecy::ExposeSecret as _;
use zeroize::Zeroizing;

use super::Service;
use crate::error::Error;
use crate::transcripts::Transcripts;
use crate::vault::{Scope, SecretKind, SecretName, VALUE_LIMIT, Vault, VaultError};

/// What a person may say instead of yes and no.
const YES: [&str; 7] = ["yes", "true", "ok", "done", "granted", "allow", "allowed"];
const NO: [&str; 6] = ["no", "false", "deny", "denied", "declined", "refused"];

/// What is written in the same transaction as events.
pub(super) enum Beside<'a> {
    Nothing,
    /// A value for the task.
    Put {
        name: &'a SecretName,
        kind: SecretKind,
        value: &'a [u8],
    },
    /// A reusable secret, instead of one of the task's own of this name.
    Grant {
        secret: &'a SecretName,
        own: &'a SecretName,
    },
    /// Nothing that the task was given is needed any more.
    Forget,
}

/// What a person has decided.
enum Choice {
    Decline(Option<Note>),
    Done(Option<Note>),
    Value(Zeroizing<Vec<u8>>),
    Secret(SecretName),
}

impl Beside<'_> {
    pub(super) async fn write(
        &self,
        vault: &Vault,
        tx: &DatabaseTransaction,
        task: &Task,
    ) -> Result<(), VaultError> {
        match *self {
            Self::Nothing => Ok(()),
            Self::Put { name, kind, value } => {
                let scope = Scope::Task(task.id);
                vault.put_within(tx, scope, name, kind, value).await
            }
            Self::Grant { secret, own } => {
                vault.grant_within(tx, task.id, secret).await?;
                vault.remove_within(tx, task.id, own).await
            }
            Self::Forget => {
                Transcripts::forget_within(tx, task.id).await?;
                vault.forget_within(tx, task.id).await
            }
        }
    }
}

impl Service {
    /// Gives or declines what an agent needs. The task goes on once nothing is open that its agent has
    /// asked for. The same twice is harmless; another value takes the place of the one before.
    pub async fn provide_dependency(
        &self,
        id: DependencyId,
        wanted: ProvideDependency,
    ) -> Result<DependencyView, Error> {
        let (task, known) = self.find_dependency(id).await?;
        match choose(&known.needed, wanted)? {
            Choice::Decline(reason) => {
                let dependency = id;
                let command = TaskCommand::Decline { dependency, reason };
                self.settle(&task, id, command, &Beside::Nothing).await
            }
            Choice::Done(note) => {
                let command = provide(id, Given::Done { note });
                self.settle(&task, id, command, &Beside::Nothing).await
            }
            Choice::Value(value) => self.provide_value(&task, &known, &value).await,
            Choice::Secret(name) => self.provide_named(&task, &known, &name).await,
        }
    }

    /// Gives an agent the file that it needs.
    pub async fn provide_file(
        &self,
        id: DependencyId,
        content: &[u8],
    ) -> Result<DependencyView, Error> {
        let (task, known) = self.find_dependency(id).await?;
        if known.needed.kind != DependencyKind::File {
            return Err(Error::field("file", "is not what the agent needs"));
        }
        self.provide_value(&task, &known, content).await
    }

    /// The names of the reusable secrets that can be given: as variables, and as files.
    pub(super) async fn reusable_secrets(&self) -> Result<(Vec<String>, Vec<String>), Error> {
        let all = self.vault().list(Scope::Named).await?;
        let of = |kind: SecretKind| {
            let named = all.iter().filter(|secret| secret.kind == kind);
            named.map(|secret| secret.name.to_string()).collect()
        };
        Ok((of(SecretKind::Variable), of(SecretKind::File)))
    }

    /// Whose dependency this is.
    pub async fn task_of_dependency(&self, id: DependencyId) -> Result<TaskId, Error> {
        let (task, _) = self.find_dependency(id).await?;
        Ok(task.id)
    }

    async fn find_dependency(&self, id: DependencyId) -> Result<(Task, Dependency), Error> {
        let unknown = || Error::NotFound { what: "dependency" };
        let task = self.parts.store.task_of_dependency(id).await?;
        let task = self.load(task.ok_or_else(unknown)?).await;
        let task = task.map_err(|error| match error {
            Error::NotFound { .. } => unknown(),
            error => error,
        })?;
        let known = task.dependency(id).map_err(|_| unknown())?.clone();
        Ok((task, known))
    }

    async fn provide_value(
        &self,
        task: &Task,
        known: &Dependency,
        value: &[u8],
    ) -> Result<DependencyView, Error> {
        let (name, kind) = place(&known.needed)?;
        let field = match kind {
            SecretKind::File => "file",
            SecretKind::Variable => "value",
        };
        check_value(field, value, kind)?;
        let given = match kind {
            SecretKind::File => Given::File {
                size: value.len() as u64,
            },
            SecretKind::Variable => Given::Value,
        };
        let is_typed = |given: &Given| matches!(given, Given::Value | Given::File { .. });
        if known.given().is_some_and(is_typed) {
            let before = self.vault().get(Scope::Task(task.id), &name).await?;
            let is_same = before
                .is_some_and(|secret| secret.kind == kind && secret.value.expose_secret() == value);
            if is_same {
                return Ok(DependencyView::of(task.id, known));
            }
        }
        let name = &name;
        let beside = Beside::Put { name, kind, value };
        let command = provide(known.id, given);
        self.settle(task, known.id, command, &beside).await
    }

    async fn provide_named(
        &self,
        task: &Task,
        known: &Dependency,
        secret: &SecretName,
    ) -> Result<DependencyView, Error> {
        let (own, kind) = place(&known.needed)?;
        let given = Given::Secret {
            name: secret.to_string(),
        };
        if known.given() == Some(&given) {
            return Ok(DependencyView::of(task.id, known));
        }
        let mut all = self.vault().list(Scope::Named).await?.into_iter();
        if !all.any(|known| known.name == *secret && known.kind == kind) {
            let message = "is not the name of a reusable secret that fits";
            return Err(Error::field("secret", message));
        }
        let beside = Beside::Grant { secret, own: &own };
        let command = provide(known.id, given);
        self.settle(task, known.id, command, &beside).await
    }

    async fn settle(
        &self,
        task: &Task,
        id: DependencyId,
        command: TaskCommand,
        beside: &Beside<'_>,
    ) -> Result<DependencyView, Error> {
        let appended = self
            .append(task.id, Actor::Person, command, None, beside)
            .await?;
        let task = appended.task;
        let known = task.dependency(id);
        let known = known.map_err(|_| Error::NotFound { what: "dependency" })?;
        Ok(DependencyView::of(task.id, known))
    }
}

fn provide(dependency: DependencyId, given: Given) -> TaskCommand {
    TaskCommand::Provide { dependency, given }
}

/// What is meant, if it fits what is needed.
fn choose(needed: &NeededDependency, wanted: ProvideDependency) -> Result<Choice, Error> {
    let ProvideDependency {
        value,
        secret,
        declined,
        reason,
        note,
    } = wanted;
    if declined {
        if value.is_some() || secret.is_some() {
            let message = "can't stand beside a value or a secret";
            return Err(Error::field("declined", message));
        }
        return Ok(Choice::Decline(reason.or(note)));
    }
    if reason.is_some() {
        return Err(Error::field("reason", "belongs to a refusal"));
    }
    if let Some(name) = secret {
        if value.is_some() {
            return Err(Error::field("secret", "can't stand beside a value"));
        }
        let is_taken = needed.kind.is_secret() || needed.kind == DependencyKind::File;
        if !is_taken {
            return Err(Error::field("secret", "is not what the agent needs"));
        }
        let name = name.parse::<SecretName>();
        let name = name.map_err(|error| Error::field("secret", error.to_string()))?;
        return Ok(Choice::Secret(name));
    }
    let value = value.as_ref().map(SecretText::expose);
    match needed.kind {
        DependencyKind::Permission => permission(value.unwrap_or_default(), note),
        DependencyKind::Service | DependencyKind::Package => match value {
            None | Some("") => Ok(Choice::Done(note)),
            Some(value) => Ok(Choice::Value(bytes(value))),
        },
        DependencyKind::ApiKey | DependencyKind::EnvVariable | DependencyKind::File => {
            if note.is_some() {
                return Err(Error::field("note", "is for what has no value"));
            }
            let value = value.ok_or_else(|| Error::field("value", "is required"))?;
            Ok(Choice::Value(bytes(value)))
        }
    }
}

fn bytes(value: &str) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(value.as_bytes().to_vec())
}

fn permission(said: &str, note: Option<Note>) -> Result<Choice, Error> {
    let is = |words: &[&str]| {
        words
            .iter()
            .any(|word| said.trim().eq_ignore_ascii_case(word))
    };
    if is(&YES) {
        Ok(Choice::Done(note))
    } else if is(&NO) {
        Ok(Choice::Decline(note))
    } else {
        Err(Error::field("value", "must be yes or no"))
    }
}

/// Under which name a value is kept, and how the agent gets it.
pub(super) fn place(needed: &NeededDependency) -> Result<(SecretName, SecretKind), Error> {
    let unfit =
        |reason: String| Error::field("value", format!("can't be given: its name {reason}"));
    let variable = needed.variable();
    let variable = variable.map_err(|error| unfit(error.to_string()))?;
    let (name, kind) = match (needed.kind, &variable) {
        (DependencyKind::File, _) => (needed.name.as_str(), SecretKind::File),
        (_, Some(variable)) => (variable.as_str(), SecretKind::Variable),
        (_, None) => return Err(Error::field("value", "is not what the agent needs")),
    };
    let name = name.parse::<SecretName>();
    Ok((name.map_err(|error| unfit(error.to_string()))?, kind))
}

/// Never says what the value is.
pub(super) fn check_value(field: &str, value: &[u8], kind: SecretKind) -> Result<(), Error> {
    if value.is_empty() {
        return Err(Error::field(field, "must not be empty"));
    }
    if value.len() > VALUE_LIMIT {
        let (most, found) = (VALUE_LIMIT / 1024, value.len().div_ceil(1024));
        let message = format!("must be at most {most} KiB, this has {found} KiB");
        return Err(Error::field(field, message));
    }
    if kind == SecretKind::Variable && value.contains(&0) {
        return Err(Error::field(field, "must not contain a NUL character"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use app::domain::task::Via;

    use super::*;

    fn needed(kind: DependencyKind) -> NeededDependency {
        NeededDependency {
            kind,
            name: "MAPS_KEY".to_owned(),
            description: "For the map".to_owned(),
            required: true,
            via: Via::Marker,
        }
    }

    /// What is made of this JSON, in one word.
    fn chosen(kind: DependencyKind, json: &str) -> String {
        let wanted = serde_json::from_str(json).unwrap();
        match choose(&needed(kind), wanted) {
            Ok(Choice::Decline(reason)) => format!("declined {}", reason.map_or(0, |_| 1)),
            Ok(Choice::Done(_)) => "done".to_owned(),
            Ok(Choice::Value(_)) => "value".to_owned(),
            Ok(Choice::Secret(name)) => format!("secret {name}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_is_sent_is_taken_by_the_kind_of_what_is_needed() {
        use DependencyKind::{ApiKey, File, Package, Permission, Service};
        for (kind, json, expected) in [
            (ApiKey, r#"{"value":"x"}"#, "value"),
            (ApiKey, r#"{"secret":"maps"}"#, "secret maps"),
            (ApiKey, r#"{"declined":true,"reason":"No."}"#, "declined 1"),
            (ApiKey, "{}", "value is required"),
            (ApiKey, r#"{"reason":"No."}"#, "reason belongs to a refusal"),
            (File, r#"{"value":"text"}"#, "value"),
            (Permission, r#"{"value":"Yes"}"#, "done"),
            (Permission, r#"{"value":"no"}"#, "declined 0"),
            (Permission, r#"{"value":"why?"}"#, "value must be yes or no"),
            (Permission, "{}", "value must be yes or no"),
            (Service, "{}", "done"),
            (Service, r#"{"value":"postgres://me:pw@db/x"}"#, "value"),
            (Package, r#"{"note":"From the distribution."}"#, "done"),
            (
                Package,
                r#"{"secret":"maps"}"#,
                "secret is not what the agent needs",
            ),
        ] {
            assert_eq!(chosen(kind, json), expected, "{kind} {json}");
        }
    }

    #[test]
    fn a_value_is_never_told_by_a_refusal() {
        let canary = "canary-7f3a";
        let both = format!(r#"{{"value":"{canary}","declined":true}}"#);
        let told = [
            chosen(DependencyKind::ApiKey, &both),
            chosen(
                DependencyKind::Permission,
                &format!(r#"{{"value":"{canary}"}}"#),
            ),
            check_value(
                "value",
                format!("{canary}\0").as_bytes(),
                SecretKind::Variable,
            )
            .unwrap_err()
            .to_string(),
            check_value("file", canary.repeat(10_000).as_bytes(), SecretKind::File)
                .unwrap_err()
                .to_string(),
        ];
        for text in told {
            assert!(!text.contains("canary"), "{text}");
        }
        for json in [
            r#"{"value":[["canary"]]}"#,
            r#"{"value":{"canary":1}}"#,
            r#"{"value":4711}"#,
        ] {
            let error = serde_json::from_str::<ProvideDependency>(json).unwrap_err();
            let text = error.to_string();
            assert!(!text.contains("canary") && !text.contains("4711"), "{text}");
        }
        let wanted: ProvideDependency = serde_json::from_str(r#"{"value":"canary"}"#).unwrap();
        assert!(!format!("{wanted:?}").contains("canary"));
    }
}
