//! What makes tasks by itself.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_integer_null, text, text_null, uuid, uuid_null};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
enum Schedules {
    Table,
    Id,
    TeamId,
    OwnerId,
    /// When, and which task, as JSON.
    Definition,
    /// Nothing while it is paused.
    NextAtMs,
    LastAtMs,
    LastTaskId,
    /// Why no task was made last, for people.
    Problem,
    CreatedAtMs,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(Schedules::Table)
            .col(uuid(Schedules::Id).primary_key())
            .col(uuid(Schedules::TeamId))
            .col(uuid(Schedules::OwnerId))
            .col(text(Schedules::Definition))
            .col(big_integer_null(Schedules::NextAtMs))
            .col(big_integer_null(Schedules::LastAtMs))
            .col(uuid_null(Schedules::LastTaskId))
            .col(text_null(Schedules::Problem))
            .col(big_integer(Schedules::CreatedAtMs))
            .to_owned();
        manager.create_table(table).await?;
        let due = Index::create()
            .name("schedules_due")
            .table(Schedules::Table)
            .col(Schedules::NextAtMs)
            .to_owned();
        manager.create_index(due).await
    }
}
