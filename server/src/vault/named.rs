//! Reusable secrets as people keep them.

use sea_orm::EntityTrait as _;

use super::row::grant;
use super::{Scope, SecretKind, SecretName, SecretSummary, Vault, VaultError, of, summary};

/// A reusable secret as people see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedSecret {
    pub summary: SecretSummary,
    /// The end of a long value of one line.
    pub last_four: Option<String>,
    /// How many tasks may have it.
    pub tasks: usize,
}

/// Whether a name has to be free or taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// A new secret: nothing of this name is there yet.
    New,
    /// Another value of one that is there.
    Another,
}

impl Vault {
    /// All reusable secrets, by name.
    pub async fn named_secrets(&self) -> Result<Vec<NamedSecret>, VaultError> {
        let reader = self.store.reader();
        let grants = grant::Entity::find().all(reader).await?;
        let mut all = Vec::new();
        for row in of(Scope::Named).all(reader).await? {
            let last_four = match self.open_row(reader, &row).await {
                Ok(secret) => secret.last_four(),
                // It can still be replaced or removed.
                Err(VaultError::Damaged { .. }) => None,
                Err(error) => return Err(error),
            };
            all.push(NamedSecret {
                summary: summary(&row)?,
                last_four,
                tasks: grants.iter().filter(|it| it.secret_id == row.id).count(),
            });
        }
        Ok(all)
    }

    /// Keeps the value of a reusable secret, if the name is free or taken as it should be. Returns whether
    /// it is.
    pub async fn keep_named(
        &self,
        keep: Keep,
        name: &SecretName,
        kind: SecretKind,
        value: &[u8],
    ) -> Result<bool, VaultError> {
        let transaction = self.store.begin().await?;
        let is_there = self.row_within(&transaction, Scope::Named, name).await?;
        if is_there.is_some() != (keep == Keep::Another) {
            return Ok(false);
        }
        self.put_within(&transaction, Scope::Named, name, kind, value)
            .await?;
        transaction.commit().await?;
        Ok(true)
    }
}
