//! Webhooks and channels of Slack beside the browsers that notifications go to: one table of targets.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer_null, text, text_null};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
enum PushSubscriptions {
    Table,
    Endpoint,
}

#[derive(DeriveIden)]
enum PushDeliveries {
    Table,
    SubscriptionId,
}

#[derive(DeriveIden)]
enum NotificationTargets {
    Table,
    /// `browser`, `webhook` or `slack`.
    Channel,
    /// A URL, or the channel of Slack.
    Address,
    /// When a message could last not be delivered; nothing since one was.
    FailedAtMs,
    /// Why, for people.
    Failure,
}

#[derive(DeriveIden)]
enum NotificationDeliveries {
    Table,
    TargetId,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let rename = Table::rename()
            .table(PushSubscriptions::Table, NotificationTargets::Table)
            .to_owned();
        manager.rename_table(rename).await?;
        let rename = Table::rename()
            .table(PushDeliveries::Table, NotificationDeliveries::Table)
            .to_owned();
        manager.rename_table(rename).await?;
        let rename = Table::alter()
            .table(NotificationTargets::Table)
            .rename_column(PushSubscriptions::Endpoint, NotificationTargets::Address)
            .to_owned();
        manager.alter_table(rename).await?;
        let rename = Table::alter()
            .table(NotificationDeliveries::Table)
            .rename_column(
                PushDeliveries::SubscriptionId,
                NotificationDeliveries::TargetId,
            )
            .to_owned();
        manager.alter_table(rename).await?;
        // SQLite takes one column at a time.
        for column in [
            text(NotificationTargets::Channel).default("browser").take(),
            big_integer_null(NotificationTargets::FailedAtMs).take(),
            text_null(NotificationTargets::Failure).take(),
        ] {
            let add = Table::alter()
                .table(NotificationTargets::Table)
                .add_column(column)
                .to_owned();
            manager.alter_table(add).await?;
        }
        Ok(())
    }
}
