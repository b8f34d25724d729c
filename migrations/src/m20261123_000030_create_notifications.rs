//! What people are told of their tasks, and what of it they have read.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_integer_null, text, uuid};

#[derive(DeriveMigrationName)]
pub struct Migration;

/// A read table: it can be dropped and made again from the events.
#[derive(DeriveIden)]
enum Notifications {
    Table,
    TaskId,
    /// Of the event that gave cause.
    Version,
    TeamId,
    OwnerId,
    Kind,
    Subject,
    Title,
    Text,
    RaisedAtMs,
    ResolvedAtMs,
    /// As in the other table, which outlives this one.
    ReadAtMs,
}

/// No read table: reading is nothing that happens to a task.
#[derive(DeriveIden)]
enum NotificationReads {
    Table,
    TaskId,
    Version,
    OwnerId,
    ReadAtMs,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let notifications = Table::create()
            .table(Notifications::Table)
            .col(uuid(Notifications::TaskId))
            .col(big_integer(Notifications::Version))
            .col(uuid(Notifications::TeamId))
            .col(uuid(Notifications::OwnerId))
            .col(text(Notifications::Kind))
            .col(uuid(Notifications::Subject))
            .col(text(Notifications::Title))
            .col(text(Notifications::Text))
            .col(big_integer(Notifications::RaisedAtMs))
            .col(big_integer_null(Notifications::ResolvedAtMs))
            .col(big_integer_null(Notifications::ReadAtMs))
            .primary_key(
                Index::create()
                    .col(Notifications::TaskId)
                    .col(Notifications::Version),
            )
            .to_owned();
        manager.create_table(notifications).await?;
        let reads = Table::create()
            .table(NotificationReads::Table)
            .col(uuid(NotificationReads::TaskId))
            .col(big_integer(NotificationReads::Version))
            .col(uuid(NotificationReads::OwnerId))
            .col(big_integer(NotificationReads::ReadAtMs))
            .primary_key(
                Index::create()
                    .col(NotificationReads::TaskId)
                    .col(NotificationReads::Version)
                    .col(NotificationReads::OwnerId),
            )
            .to_owned();
        manager.create_table(reads).await?;
        let place = "(raised_at_ms, task_id, version)";
        for (name, condition) in [
            ("by_time", ""),
            ("open", "WHERE resolved_at_ms IS NULL"),
            (
                "unread",
                "WHERE resolved_at_ms IS NULL AND read_at_ms IS NULL",
            ),
            // In the very words of the query, for SQLite compares them.
            (
                "needing",
                "WHERE resolved_at_ms IS NULL AND kind NOT IN ('completed', 'limit')",
            ),
        ] {
            let index =
                format!("CREATE INDEX notifications_{name} ON notifications {place} {condition}");
            manager.get_connection().execute_unprepared(&index).await?;
        }
        Ok(())
    }
}
