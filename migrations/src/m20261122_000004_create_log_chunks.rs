//! The agents' output: compressed runs of lines.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, binary, integer, uuid};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
enum LogChunks {
    Table,
    TaskId,
    RunId,
    FirstSeq,
    LastSeq,
    Epoch,
    Encoding,
    RawBytes,
    Sha256,
    Bytes,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let chunks = Table::create()
            .table(LogChunks::Table)
            .col(uuid(LogChunks::TaskId))
            .col(big_integer(LogChunks::FirstSeq))
            .col(big_integer(LogChunks::LastSeq))
            .col(uuid(LogChunks::RunId))
            .col(big_integer(LogChunks::Epoch))
            .col(integer(LogChunks::Encoding))
            .col(integer(LogChunks::RawBytes))
            .col(binary(LogChunks::Sha256))
            .col(binary(LogChunks::Bytes))
            .primary_key(
                Index::create()
                    .col(LogChunks::TaskId)
                    .col(LogChunks::FirstSeq),
            )
            .to_owned();
        manager.create_table(chunks).await
    }
}
