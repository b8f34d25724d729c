//! The event log, and snapshots that bound its replay.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_integer_null, integer, text, text_null, uuid};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
enum Events {
    Table,
    TaskId,
    Version,
    EventType,
    Data,
    Actor,
    Cause,
    SchemaVersion,
    RunEpoch,
    TeamId,
    OwnerId,
    AtMs,
}

#[derive(DeriveIden)]
enum Snapshots {
    Table,
    TaskId,
    Version,
    SchemaVersion,
    State,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let events = Table::create()
            .table(Events::Table)
            .col(uuid(Events::TaskId))
            .col(big_integer(Events::Version))
            .col(text(Events::EventType))
            .col(text(Events::Data))
            .col(text(Events::Actor))
            .col(text_null(Events::Cause))
            .col(integer(Events::SchemaVersion))
            .col(big_integer_null(Events::RunEpoch))
            .col(uuid(Events::TeamId))
            .col(uuid(Events::OwnerId))
            .col(big_integer(Events::AtMs))
            // The optimistic lock: of two writers that saw the same state, one fails here.
            .primary_key(Index::create().col(Events::TaskId).col(Events::Version))
            .to_owned();
        manager.create_table(events).await?;
        let snapshots = Table::create()
            .table(Snapshots::Table)
            .col(uuid(Snapshots::TaskId))
            .col(big_integer(Snapshots::Version))
            .col(integer(Snapshots::SchemaVersion))
            .col(text(Snapshots::State))
            .primary_key(
                Index::create()
                    .col(Snapshots::TaskId)
                    .col(Snapshots::Version),
            )
            .to_owned();
        manager.create_table(snapshots).await
    }
}
