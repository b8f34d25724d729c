//! Times in which an account can't be used: tasks are held back before they try.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, boolean, text, text_null};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
enum AccountLimits {
    Table,
    /// `account`, or `scripted` for the model of the demo.
    Account,
    /// Part of the names of the models that the limit is for; empty for all.
    Model,
    /// Until when the account can't be used, by the database's clock.
    UntilMs,
    /// No task starts before; also for the distance between those that go on.
    NextMs,
    /// Whether the end was told, or is only the next try.
    Told,
    Cause,
    /// As Claude names it.
    Name,
    /// How often in a row the account could not be used.
    Strikes,
}

#[derive(DeriveIden)]
enum Tasks {
    Table,
    /// The model that was asked for; empty for the usual one.
    Model,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let limits = Table::create()
            .table(AccountLimits::Table)
            .col(text(AccountLimits::Account))
            .col(text(AccountLimits::Model))
            .col(big_integer(AccountLimits::UntilMs).default(0))
            .col(big_integer(AccountLimits::NextMs).default(0))
            .col(boolean(AccountLimits::Told).default(false))
            .col(text(AccountLimits::Cause).default("account"))
            .col(text_null(AccountLimits::Name))
            .col(big_integer(AccountLimits::Strikes).default(0))
            .primary_key(
                Index::create()
                    .col(AccountLimits::Account)
                    .col(AccountLimits::Model),
            )
            .to_owned();
        manager.create_table(limits).await?;
        let model = Table::alter()
            .table(Tasks::Table)
            .add_column(text(Tasks::Model).default(""))
            .to_owned();
        manager.alter_table(model).await
    }
}
