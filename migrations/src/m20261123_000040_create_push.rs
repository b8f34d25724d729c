//! The browsers that notifications are pushed to, and what is still to be pushed.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, integer, text, uuid};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
enum PushSubscriptions {
    Table,
    Id,
    TeamId,
    OwnerId,
    /// Where the browser's push service takes messages.
    Endpoint,
    /// The browser's public key, in base64url.
    P256dh,
    /// What only the browser and this server know, in base64url. It opens no door: without the address
    /// and this server's key nothing can be sent, and with them nothing can be read.
    Auth,
    /// Kinds of notifications, each between commas: `,review,question,`.
    Kinds,
    CreatedAtMs,
}

/// A message for one browser. Gone once it is delivered or given up.
#[derive(DeriveIden)]
enum PushDeliveries {
    Table,
    SubscriptionId,
    TaskId,
    Version,
    /// How often it was tried.
    Attempt,
    /// By the database's clock.
    DueAtMs,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let subscriptions = Table::create()
            .table(PushSubscriptions::Table)
            .col(uuid(PushSubscriptions::Id).primary_key())
            .col(uuid(PushSubscriptions::TeamId))
            .col(uuid(PushSubscriptions::OwnerId))
            .col(text(PushSubscriptions::Endpoint).unique_key())
            .col(text(PushSubscriptions::P256dh))
            .col(text(PushSubscriptions::Auth))
            .col(text(PushSubscriptions::Kinds))
            .col(big_integer(PushSubscriptions::CreatedAtMs))
            .to_owned();
        manager.create_table(subscriptions).await?;
        let deliveries = Table::create()
            .table(PushDeliveries::Table)
            .col(uuid(PushDeliveries::SubscriptionId))
            .col(uuid(PushDeliveries::TaskId))
            .col(big_integer(PushDeliveries::Version))
            .col(integer(PushDeliveries::Attempt))
            .col(big_integer(PushDeliveries::DueAtMs))
            .primary_key(
                Index::create()
                    .col(PushDeliveries::SubscriptionId)
                    .col(PushDeliveries::TaskId)
                    .col(PushDeliveries::Version),
            )
            .to_owned();
        manager.create_table(deliveries).await?;
        let due = Index::create()
            .name("push_deliveries_by_time")
            .table(PushDeliveries::Table)
            .col(PushDeliveries::DueAtMs)
            .to_owned();
        manager.create_index(due).await
    }
}
