//! Reusable secrets: kept once by a person, and given to tasks by their names.

use app::api::{NewSecret, SecretText, SecretView};
use app::domain::settings::SecretKind;

use super::Service;
use super::dependencies::check_value;
use crate::error::Error;
use crate::vault::{Keep, NamedSecret, Scope, SecretName};

/// The most that can be kept: a list that a person can read.
const MOST_SECRETS: usize = 500;

impl Service {
    /// All reusable secrets by name, without their values.
    pub async fn named_secrets(&self) -> Result<Vec<SecretView>, Error> {
        let all = self.vault().named_secrets().await?;
        Ok(all.into_iter().map(view).collect())
    }

    /// Keeps a reusable secret under a name that is free.
    pub async fn create_secret(&self, new: NewSecret) -> Result<SecretView, Error> {
        let name = new.name.trim().parse::<SecretName>();
        let name = name.map_err(|error| Error::field("name", error.to_string()))?;
        let all = self.vault().list(Scope::Named).await?;
        if all.len() >= MOST_SECRETS && all.iter().all(|known| known.name != name) {
            let message = format!("would be one of more than {MOST_SECRETS}");
            return Err(Error::field("name", message));
        }
        let is_kept = self.keep(Keep::New, &name, new.kind, &new.value).await?;
        if !is_kept {
            return Err(Error::field("name", "is taken already"));
        }
        self.secret_of(&name).await
    }

    /// Keeps another value of a reusable secret. Agents get it with their next process.
    pub async fn replace_secret(&self, name: &str, value: SecretText) -> Result<SecretView, Error> {
        let name = known_name(name)?;
        let all = self.vault().list(Scope::Named).await?;
        let known = all.iter().find(|known| known.name == name);
        let kind = known.ok_or_else(unknown)?.kind;
        if !self.keep(Keep::Another, &name, kind, &value).await? {
            return Err(unknown());
        }
        self.secret_of(&name).await
    }

    /// Removes a reusable secret. Agents that run keep what they have; none gets it any more.
    pub async fn delete_secret(&self, name: &str) -> Result<(), Error> {
        let name = known_name(name)?;
        if !self.vault().delete(Scope::Named, &name).await? {
            return Err(unknown());
        }
        tracing::info!(secret = %name, "a reusable secret was removed");
        Ok(())
    }

    async fn keep(
        &self,
        keep: Keep,
        name: &SecretName,
        kind: SecretKind,
        value: &SecretText,
    ) -> Result<bool, Error> {
        let value = value.expose().as_bytes();
        check_value("value", value, kind)?;
        let is_kept = self.vault().keep_named(keep, name, kind, value).await?;
        if is_kept {
            tracing::info!(secret = %name, "a reusable secret was kept");
        }
        Ok(is_kept)
    }

    async fn secret_of(&self, name: &SecretName) -> Result<SecretView, Error> {
        let all = self.vault().named_secrets().await?;
        let known = all.into_iter().find(|known| known.summary.name == *name);
        known.map(view).ok_or_else(unknown)
    }
}

fn view(secret: NamedSecret) -> SecretView {
    SecretView {
        name: secret.summary.name.to_string(),
        kind: secret.summary.kind,
        last_four: secret.last_four,
        tasks: u32::try_from(secret.tasks).unwrap_or(u32::MAX),
        created_at: secret.summary.created_at,
        updated_at: secret.summary.updated_at,
    }
}

/// What is no name is the name of nothing.
fn known_name(name: &str) -> Result<SecretName, Error> {
    name.parse().map_err(|_| unknown())
}

fn unknown() -> Error {
    Error::NotFound { what: "secret" }
}
