//! Answers to requests that a client may send twice.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, binary, binary_null, integer_null, text, text_null, uuid,
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
enum IdempotencyKeys {
    Table,
    OwnerId,
    Route,
    Key,
    BodySha256,
    Status,
    Location,
    ContentType,
    Body,
    ExpiresAtMs,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let keys = Table::create()
            .table(IdempotencyKeys::Table)
            .col(uuid(IdempotencyKeys::OwnerId))
            .col(text(IdempotencyKeys::Route))
            .col(text(IdempotencyKeys::Key))
            .col(binary(IdempotencyKeys::BodySha256))
            // Absent while the first request is being answered.
            .col(integer_null(IdempotencyKeys::Status))
            .col(text_null(IdempotencyKeys::Location))
            .col(text_null(IdempotencyKeys::ContentType))
            .col(binary_null(IdempotencyKeys::Body))
            .col(big_integer(IdempotencyKeys::ExpiresAtMs))
            .primary_key(
                Index::create()
                    .col(IdempotencyKeys::OwnerId)
                    .col(IdempotencyKeys::Route)
                    .col(IdempotencyKeys::Key),
            )
            .to_owned();
        manager.create_table(keys).await?;
        let expiry = Index::create()
            .name("idempotency_keys_by_expiry")
            .table(IdempotencyKeys::Table)
            .col(IdempotencyKeys::ExpiresAtMs)
            .to_owned();
        manager.create_index(expiry).await
    }
}
