//! The order of the queue in an index: the place of each task as a time in microseconds, which people can
//! change, when it was claimed last, and how long that run took.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_integer_null};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
enum Jobs {
    Table,
    Kind,
    TaskId,
    OwnerId,
    State,
    Priority,
    NotBeforeMs,
    PlaceUs,
    ClaimedAtMs,
    RanMs,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in [
            big_integer(Jobs::PlaceUs).default(0).to_owned(),
            big_integer(Jobs::ClaimedAtMs).default(0).to_owned(),
            big_integer_null(Jobs::RanMs),
        ] {
            let jobs = Table::alter()
                .table(Jobs::Table)
                .add_column(column)
                .to_owned();
            manager.alter_table(jobs).await?;
        }
        // What waits keeps its order.
        let placed = "UPDATE jobs SET place_us = 1000 * CASE WHEN queued_at_ms > not_before_ms \
                      THEN queued_at_ms ELSE not_before_ms END";
        manager.get_connection().execute_unprepared(placed).await?;
        let in_order = Index::create()
            .name("jobs_in_order")
            .table(Jobs::Table)
            .col(Jobs::Kind)
            .col(Jobs::State)
            .col(Jobs::OwnerId)
            .col(Jobs::Priority)
            .col(Jobs::PlaceUs)
            .col(Jobs::TaskId)
            .col(Jobs::NotBeforeMs)
            .to_owned();
        manager.create_index(in_order).await?;
        let by_claim = Index::create()
            .name("jobs_by_claim")
            .table(Jobs::Table)
            .col(Jobs::Kind)
            .col(Jobs::OwnerId)
            .col(Jobs::ClaimedAtMs)
            .to_owned();
        manager.create_index(by_claim).await
    }
}
