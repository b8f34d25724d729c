//! What people have set for a team's installation.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, text, uuid};

#[derive(DeriveMigrationName)]
pub struct Migration;

/// One row for each team. `chosen` is JSON of what was set, and of nothing else: what is not in it follows
/// the defaults.
#[derive(DeriveIden)]
enum Settings {
    Table,
    TeamId,
    Version,
    Chosen,
    UpdatedBy,
    UpdatedAtMs,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let settings = Table::create()
            .table(Settings::Table)
            .col(uuid(Settings::TeamId).primary_key())
            .col(big_integer(Settings::Version))
            .col(text(Settings::Chosen))
            .col(uuid(Settings::UpdatedBy))
            .col(big_integer(Settings::UpdatedAtMs))
            .to_owned();
        manager.create_table(settings).await
    }
}
