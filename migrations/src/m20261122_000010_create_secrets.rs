//! Secrets, encrypted, and the keys they are encrypted with, encrypted too.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, binary, text, uuid};

#[derive(DeriveMigrationName)]
pub struct Migration;

/// A key that secrets are encrypted with, wrapped by a master key.
#[derive(DeriveIden)]
enum DataKeys {
    Table,
    Id,
    MasterKeyId,
    Salt,
    Nonce,
    Wrapped,
    CreatedAtMs,
}

/// `owner_id` is the task of a task's secret, else the team.
#[derive(DeriveIden)]
enum Secrets {
    Table,
    Id,
    Scope,
    OwnerId,
    Name,
    Kind,
    KeyId,
    Salt,
    Nonce,
    Ciphertext,
    CreatedAtMs,
    UpdatedAtMs,
}

/// Which reusable secrets a person lets a task have.
#[derive(DeriveIden)]
enum SecretGrants {
    Table,
    TaskId,
    SecretId,
    CreatedAtMs,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let keys = Table::create()
            .table(DataKeys::Table)
            .col(uuid(DataKeys::Id).primary_key())
            .col(text(DataKeys::MasterKeyId))
            .col(binary(DataKeys::Salt))
            .col(binary(DataKeys::Nonce))
            .col(binary(DataKeys::Wrapped))
            .col(big_integer(DataKeys::CreatedAtMs))
            .to_owned();
        manager.create_table(keys).await?;
        manager.create_table(secrets()).await?;
        let place = Index::create()
            .name("secrets_by_place")
            .table(Secrets::Table)
            .col(Secrets::Scope)
            .col(Secrets::OwnerId)
            .col(Secrets::Name)
            .unique()
            .to_owned();
        manager.create_index(place).await?;
        // The foreign key to the data keys looks here before one may go.
        let by_key = Index::create()
            .name("secrets_by_key")
            .table(Secrets::Table)
            .col(Secrets::KeyId)
            .to_owned();
        manager.create_index(by_key).await?;
        let grants = Table::create()
            .table(SecretGrants::Table)
            .col(uuid(SecretGrants::TaskId))
            .col(uuid(SecretGrants::SecretId))
            .col(big_integer(SecretGrants::CreatedAtMs))
            .primary_key(
                Index::create()
                    .col(SecretGrants::TaskId)
                    .col(SecretGrants::SecretId),
            )
            .foreign_key(
                ForeignKey::create()
                    .from(SecretGrants::Table, SecretGrants::SecretId)
                    .to(Secrets::Table, Secrets::Id)
                    .on_delete(ForeignKeyAction::Cascade),
            )
            .to_owned();
        manager.create_table(grants).await
    }
}

fn secrets() -> TableCreateStatement {
    Table::create()
        .table(Secrets::Table)
        .col(uuid(Secrets::Id).primary_key())
        .col(text(Secrets::Scope))
        .col(uuid(Secrets::OwnerId))
        .col(text(Secrets::Name))
        .col(text(Secrets::Kind))
        .col(uuid(Secrets::KeyId))
        .col(binary(Secrets::Salt))
        .col(binary(Secrets::Nonce))
        .col(binary(Secrets::Ciphertext))
        .col(big_integer(Secrets::CreatedAtMs))
        .col(big_integer(Secrets::UpdatedAtMs))
        // A key can't go while a secret needs it, whoever is writing at the same moment.
        .foreign_key(
            ForeignKey::create()
                .from(Secrets::Table, Secrets::KeyId)
                .to(DataKeys::Table, DataKeys::Id)
                .on_delete(ForeignKeyAction::Restrict),
        )
        .to_owned()
}
