//! Phases that were finished: what they needed, and what had been expected of them.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, boolean_null, integer, integer_null, text, text_null, uuid,
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
enum FinishedPhases {
    Table,
    TaskId,
    Number,
    TeamId,
    OwnerId,
    TaskType,
    /// The phase's id in its workflow.
    PhaseId,
    Name,
    /// The model that was asked for; empty for the usual one.
    Model,
    InputTokens,
    OutputTokens,
    CacheReadTokens,
    CacheWriteTokens,
    CostMicros,
    /// Without the time that people were waited for.
    ActiveMs,
    /// Of the estimate; nothing without one.
    CoveragePercent,
    CostInside,
    ActiveInside,
    /// The estimate as JSON.
    Estimate,
    FinishedAtMs,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut key = Index::create()
            .col(FinishedPhases::TaskId)
            .col(FinishedPhases::Number)
            .to_owned();
        let finished = Table::create()
            .table(FinishedPhases::Table)
            .col(uuid(FinishedPhases::TaskId))
            .col(integer(FinishedPhases::Number))
            .col(uuid(FinishedPhases::TeamId))
            .col(uuid(FinishedPhases::OwnerId))
            .col(text(FinishedPhases::TaskType))
            .col(text(FinishedPhases::PhaseId))
            .col(text(FinishedPhases::Name))
            .col(text(FinishedPhases::Model))
            .col(big_integer(FinishedPhases::InputTokens))
            .col(big_integer(FinishedPhases::OutputTokens))
            .col(big_integer(FinishedPhases::CacheReadTokens))
            .col(big_integer(FinishedPhases::CacheWriteTokens))
            .col(big_integer(FinishedPhases::CostMicros))
            .col(big_integer(FinishedPhases::ActiveMs))
            .col(integer_null(FinishedPhases::CoveragePercent))
            .col(boolean_null(FinishedPhases::CostInside))
            .col(boolean_null(FinishedPhases::ActiveInside))
            .col(text_null(FinishedPhases::Estimate))
            .col(big_integer(FinishedPhases::FinishedAtMs))
            .primary_key(&mut key)
            .to_owned();
        manager.create_table(finished).await?;
        let newest = Index::create()
            .name("finished_phases_by_kind")
            .table(FinishedPhases::Table)
            .col(FinishedPhases::TaskType)
            .col(FinishedPhases::FinishedAtMs)
            .to_owned();
        manager.create_index(newest).await
    }
}
