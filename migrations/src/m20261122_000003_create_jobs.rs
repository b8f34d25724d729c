//! The queue. A row stays for ever, for its epoch must never count from the start again.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, integer, text, text_null, uuid};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
enum Jobs {
    Table,
    Kind,
    TaskId,
    TeamId,
    OwnerId,
    State,
    Priority,
    NotBeforeMs,
    QueuedAtMs,
    Attempt,
    LeaseOwner,
    LeaseEpoch,
    LeaseUntilMs,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let jobs = Table::create()
            .table(Jobs::Table)
            .col(text(Jobs::Kind))
            .col(uuid(Jobs::TaskId))
            .col(uuid(Jobs::TeamId))
            .col(uuid(Jobs::OwnerId))
            .col(text(Jobs::State))
            .col(integer(Jobs::Priority))
            .col(big_integer(Jobs::NotBeforeMs).default(0))
            .col(big_integer(Jobs::QueuedAtMs).default(0))
            .col(big_integer(Jobs::Attempt).default(0))
            .col(text_null(Jobs::LeaseOwner))
            .col(big_integer(Jobs::LeaseEpoch).default(0))
            .col(big_integer(Jobs::LeaseUntilMs).default(0))
            .primary_key(Index::create().col(Jobs::Kind).col(Jobs::TaskId))
            .to_owned();
        manager.create_table(jobs).await?;
        let claimable = Index::create()
            .name("jobs_by_state")
            .table(Jobs::Table)
            .col(Jobs::Kind)
            .col(Jobs::State)
            .to_owned();
        manager.create_index(claimable).await
    }
}
