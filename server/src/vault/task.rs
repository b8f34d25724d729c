//! What a task may have: secrets of its own, and reusable ones that it was granted.

use app::domain::id::TaskId;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, Set};

use super::row::secret::Column;
use super::row::{grant, secret as secret_row};
use super::{
    Scope, Secret, SecretName, SecretSummary, TaskSecrets, Vault, VaultError, now_ms, of, summary,
};

impl Vault {
    /// Lets a task have a reusable secret. Harmless to repeat.
    pub async fn grant(&self, task: TaskId, name: &SecretName) -> Result<(), VaultError> {
        self.grant_within(self.store.writer(), task, name).await
    }

    /// The same as part of something greater.
    pub(crate) async fn grant_within(
        &self,
        connection: &impl ConnectionTrait,
        task: TaskId,
        name: &SecretName,
    ) -> Result<(), VaultError> {
        let row = self.row_within(connection, Scope::Named, name).await?;
        let row = row.ok_or_else(|| VaultError::Unknown { name: name.clone() })?;
        let granted = grant::ActiveModel {
            task_id: Set(task.as_uuid()),
            secret_id: Set(row.id),
            created_at_ms: Set(now_ms()),
        };
        let once = OnConflict::columns([grant::Column::TaskId, grant::Column::SecretId])
            .do_nothing()
            .to_owned();
        grant::Entity::insert(granted)
            .on_conflict(once)
            .exec_without_returning(connection)
            .await?;
        Ok(())
    }

    /// Removes one of a task's own secrets, if there is one, as part of something greater.
    pub(crate) async fn remove_within(
        &self,
        connection: &impl ConnectionTrait,
        task: TaskId,
        name: &SecretName,
    ) -> Result<(), VaultError> {
        let scope = Scope::Task(task);
        secret_row::Entity::delete_many()
            .filter(Column::Scope.eq(scope.name()))
            .filter(Column::OwnerId.eq(scope.owner()))
            .filter(Column::Name.eq(name.as_str()))
            .exec(connection)
            .await?;
        Ok(())
    }

    /// Removes all that a task was given, and what its conversations are sealed with, and takes its grants back, as part of something greater.
    pub(crate) async fn forget_within(
        &self,
        connection: &impl ConnectionTrait,
        task: TaskId,
    ) -> Result<(), VaultError> {
        let scopes = [Scope::Task(task), Scope::Transcripts(task)];
        secret_row::Entity::delete_many()
            .filter(Column::Scope.is_in(scopes.map(Scope::name)))
            .filter(Column::OwnerId.eq(task.as_uuid()))
            .exec(connection)
            .await?;
        grant::Entity::delete_many()
            .filter(grant::Column::TaskId.eq(task.as_uuid()))
            .exec(connection)
            .await?;
        Ok(())
    }

    /// Takes a grant back. An agent that is running keeps what it has.
    pub async fn revoke(&self, task: TaskId, name: &SecretName) -> Result<(), VaultError> {
        let row = self.named(name).await?;
        grant::Entity::delete_by_id((task.as_uuid(), row.id))
            .exec(self.store.writer())
            .await?;
        Ok(())
    }

    /// The reusable secrets that a task may have, by name.
    pub async fn grants(&self, task: TaskId) -> Result<Vec<SecretSummary>, VaultError> {
        let rows = self.granted_rows(task).await?;
        rows.iter().map(summary).collect()
    }

    /// Everything that a task's agents may have, with the values.
    pub async fn secrets_of(&self, task: TaskId) -> Result<TaskSecrets, VaultError> {
        let reader = self.store.reader();
        let mut secrets = TaskSecrets::default();
        for row in of(Scope::Task(task)).all(reader).await? {
            secrets.own.push(self.open_row(reader, &row).await?);
        }
        for row in self.granted_rows(task).await? {
            secrets.granted.push(self.open_row(reader, &row).await?);
        }
        Ok(secrets)
    }

    /// The same in one list. Of two with one name it is the task's own.
    pub async fn of_task(&self, task: TaskId) -> Result<Vec<Secret>, VaultError> {
        let TaskSecrets { mut own, granted } = self.secrets_of(task).await?;
        let others: Vec<_> = granted
            .into_iter()
            .filter(|other| own.iter().all(|secret| secret.name != other.name))
            .collect();
        own.extend(others);
        Ok(own)
    }

    async fn granted_rows(&self, task: TaskId) -> Result<Vec<secret_row::Model>, VaultError> {
        let grants = grant::Entity::find()
            .filter(grant::Column::TaskId.eq(task.as_uuid()))
            .all(self.store.reader())
            .await?;
        let ids = grants.into_iter().map(|grant| grant.secret_id);
        Ok(of(Scope::Named)
            .filter(Column::Id.is_in(ids))
            .all(self.store.reader())
            .await?)
    }
}
