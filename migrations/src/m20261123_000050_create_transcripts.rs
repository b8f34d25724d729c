//! The agents' conversations, sealed; and what more a checkpoint knows.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, binary, integer, string, uuid, uuid_null};

#[derive(DeriveMigrationName)]
pub struct Migration;

/// Pieces of conversations, one after the other.
#[derive(DeriveIden)]
enum Transcripts {
    Table,
    SessionId,
    FirstByte,
    TaskId,
    RawBytes,
    Sealed,
}

#[derive(DeriveIden)]
enum Checkpoints {
    Table,
    TaskId,
    Version,
    Kind,
    MessageId,
    TranscriptBytes,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let transcripts = Table::create()
            .table(Transcripts::Table)
            .col(uuid(Transcripts::SessionId))
            .col(big_integer(Transcripts::FirstByte))
            .col(uuid(Transcripts::TaskId))
            .col(integer(Transcripts::RawBytes))
            .col(binary(Transcripts::Sealed))
            .primary_key(
                Index::create()
                    .col(Transcripts::SessionId)
                    .col(Transcripts::FirstByte),
            )
            .to_owned();
        manager.create_table(transcripts).await?;
        let by_task = Index::create()
            .name("transcripts_by_task")
            .table(Transcripts::Table)
            .col(Transcripts::TaskId)
            .to_owned();
        manager.create_index(by_task).await?;
        // Those that were made before are ends of phases.
        let more = [
            string(Checkpoints::Kind).default("phase").take(),
            uuid_null(Checkpoints::MessageId).take(),
            big_integer(Checkpoints::TranscriptBytes).default(0).take(),
        ];
        for mut column in more {
            let add = Table::alter()
                .table(Checkpoints::Table)
                .add_column(&mut column)
                .to_owned();
            manager.alter_table(add).await?;
        }
        let by_version = Index::create()
            .name("checkpoints_by_version")
            .table(Checkpoints::Table)
            .col(Checkpoints::TaskId)
            .col(Checkpoints::Version)
            .to_owned();
        manager.create_index(by_version).await
    }
}
