//! The read tables. All of them can be dropped and made again from the events.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, boolean, integer, integer_null, text, text_null, uuid,
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
enum Tasks {
    Table,
    Id,
    TeamId,
    OwnerId,
    TaskType,
    Status,
    WaitingReason,
    Priority,
    Archived,
    Version,
    Search,
    CreatedAtMs,
    UpdatedAtMs,
    View,
}

#[derive(DeriveIden)]
enum Prerequisites {
    Table,
    TaskId,
    DependsOn,
}

#[derive(DeriveIden)]
enum Phases {
    Table,
    TaskId,
    Number,
    Status,
    StartedAtMs,
    CompletedAtMs,
    CostMicros,
    View,
}

#[derive(DeriveIden)]
enum Reviews {
    Table,
    Id,
    TaskId,
    Phase,
    Round,
    Status,
    CreatedAtMs,
    DecidedAtMs,
    View,
}

#[derive(DeriveIden)]
enum Feedback {
    Table,
    Id,
    TaskId,
    ReviewId,
    Status,
    View,
}

#[derive(DeriveIden)]
enum Questions {
    Table,
    Id,
    TaskId,
    GroupId,
    Status,
    AskedAtMs,
    View,
}

#[derive(DeriveIden)]
enum Dependencies {
    Table,
    Id,
    TaskId,
    Status,
    RequestedAtMs,
    View,
}

#[derive(DeriveIden)]
enum Verifications {
    Table,
    TaskId,
    Version,
    Phase,
    Passed,
    Checks,
    AtMs,
}

#[derive(DeriveIden)]
enum Checkpoints {
    Table,
    Id,
    TaskId,
    Version,
    Phase,
    SessionId,
    CommitId,
    Label,
    AtMs,
}

#[derive(DeriveIden)]
enum UsageMetrics {
    Table,
    TaskId,
    Version,
    TeamId,
    OwnerId,
    SessionId,
    Phase,
    Model,
    InputTokens,
    OutputTokens,
    CacheReadTokens,
    CacheWriteTokens,
    CostMicros,
    AtMs,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [tasks(), prerequisites(), phases(), reviews(), feedback()] {
            manager.create_table(table).await?;
        }
        for table in [questions(), dependencies(), verifications()] {
            manager.create_table(table).await?;
        }
        for table in [checkpoints(), usage_metrics()] {
            manager.create_table(table).await?;
        }
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

fn tasks() -> TableCreateStatement {
    Table::create()
        .table(Tasks::Table)
        .col(uuid(Tasks::Id).primary_key())
        .col(uuid(Tasks::TeamId))
        .col(uuid(Tasks::OwnerId))
        .col(text(Tasks::TaskType))
        .col(text(Tasks::Status))
        .col(text_null(Tasks::WaitingReason))
        .col(integer(Tasks::Priority))
        .col(boolean(Tasks::Archived))
        .col(big_integer(Tasks::Version))
        .col(text(Tasks::Search))
        .col(big_integer(Tasks::CreatedAtMs))
        .col(big_integer(Tasks::UpdatedAtMs))
        .col(text(Tasks::View))
        .to_owned()
}

fn prerequisites() -> TableCreateStatement {
    let mut key = Index::create()
        .col(Prerequisites::TaskId)
        .col(Prerequisites::DependsOn)
        .to_owned();
    Table::create()
        .table(Prerequisites::Table)
        .col(uuid(Prerequisites::TaskId))
        .col(uuid(Prerequisites::DependsOn))
        .primary_key(&mut key)
        .to_owned()
}

fn phases() -> TableCreateStatement {
    Table::create()
        .table(Phases::Table)
        .col(uuid(Phases::TaskId))
        .col(integer(Phases::Number))
        .col(text(Phases::Status))
        .col(big_integer_null(Phases::StartedAtMs))
        .col(big_integer_null(Phases::CompletedAtMs))
        .col(big_integer(Phases::CostMicros))
        .col(text(Phases::View))
        .primary_key(Index::create().col(Phases::TaskId).col(Phases::Number))
        .to_owned()
}

fn reviews() -> TableCreateStatement {
    Table::create()
        .table(Reviews::Table)
        .col(uuid(Reviews::Id).primary_key())
        .col(uuid(Reviews::TaskId))
        .col(integer(Reviews::Phase))
        .col(integer(Reviews::Round))
        .col(text(Reviews::Status))
        .col(big_integer(Reviews::CreatedAtMs))
        .col(big_integer_null(Reviews::DecidedAtMs))
        .col(text(Reviews::View))
        .to_owned()
}

fn feedback() -> TableCreateStatement {
    Table::create()
        .table(Feedback::Table)
        .col(uuid(Feedback::Id).primary_key())
        .col(uuid(Feedback::TaskId))
        .col(uuid(Feedback::ReviewId))
        .col(text(Feedback::Status))
        .col(text(Feedback::View))
        .to_owned()
}

fn questions() -> TableCreateStatement {
    Table::create()
        .table(Questions::Table)
        .col(uuid(Questions::Id).primary_key())
        .col(uuid(Questions::TaskId))
        .col(uuid(Questions::GroupId))
        .col(text(Questions::Status))
        .col(big_integer(Questions::AskedAtMs))
        .col(text(Questions::View))
        .to_owned()
}

fn dependencies() -> TableCreateStatement {
    Table::create()
        .table(Dependencies::Table)
        .col(uuid(Dependencies::Id).primary_key())
        .col(uuid(Dependencies::TaskId))
        .col(text(Dependencies::Status))
        .col(big_integer(Dependencies::RequestedAtMs))
        .col(text(Dependencies::View))
        .to_owned()
}

fn verifications() -> TableCreateStatement {
    let mut key = Index::create()
        .col(Verifications::TaskId)
        .col(Verifications::Version)
        .to_owned();
    Table::create()
        .table(Verifications::Table)
        .col(uuid(Verifications::TaskId))
        .col(big_integer(Verifications::Version))
        .col(integer(Verifications::Phase))
        .col(boolean(Verifications::Passed))
        .col(text(Verifications::Checks))
        .col(big_integer(Verifications::AtMs))
        .primary_key(&mut key)
        .to_owned()
}

fn checkpoints() -> TableCreateStatement {
    Table::create()
        .table(Checkpoints::Table)
        .col(uuid(Checkpoints::Id).primary_key())
        .col(uuid(Checkpoints::TaskId))
        .col(big_integer(Checkpoints::Version))
        .col(integer_null(Checkpoints::Phase))
        .col(uuid(Checkpoints::SessionId))
        .col(text(Checkpoints::CommitId))
        .col(text(Checkpoints::Label))
        .col(big_integer(Checkpoints::AtMs))
        .to_owned()
}

fn usage_metrics() -> TableCreateStatement {
    let mut key = Index::create()
        .col(UsageMetrics::TaskId)
        .col(UsageMetrics::Version)
        .to_owned();
    Table::create()
        .table(UsageMetrics::Table)
        .col(uuid(UsageMetrics::TaskId))
        .col(big_integer(UsageMetrics::Version))
        .col(uuid(UsageMetrics::TeamId))
        .col(uuid(UsageMetrics::OwnerId))
        .col(uuid(UsageMetrics::SessionId))
        .col(integer_null(UsageMetrics::Phase))
        .col(text(UsageMetrics::Model))
        .col(big_integer(UsageMetrics::InputTokens))
        .col(big_integer(UsageMetrics::OutputTokens))
        .col(big_integer(UsageMetrics::CacheReadTokens))
        .col(big_integer(UsageMetrics::CacheWriteTokens))
        .col(big_integer(UsageMetrics::CostMicros))
        .col(big_integer(UsageMetrics::AtMs))
        .primary_key(&mut key)
        .to_owned()
}

fn indexes() -> Vec<IndexCreateStatement> {
    let by_task = |name: &str, table: TableRef, column: DynIden| {
        Index::create()
            .name(name)
            .table(table)
            .col(column)
            .to_owned()
    };
    vec![
        Index::create()
            .name("tasks_newest_first")
            .table(Tasks::Table)
            .col(Tasks::CreatedAtMs)
            .col(Tasks::Id)
            .to_owned(),
        Index::create()
            .name("tasks_by_status")
            .table(Tasks::Table)
            .col(Tasks::Status)
            .col(Tasks::WaitingReason)
            .to_owned(),
        by_task(
            "reviews_by_task",
            Reviews::Table.into_table_ref(),
            Reviews::TaskId.into_iden(),
        ),
        by_task(
            "feedback_by_task",
            Feedback::Table.into_table_ref(),
            Feedback::TaskId.into_iden(),
        ),
        by_task(
            "questions_by_task",
            Questions::Table.into_table_ref(),
            Questions::TaskId.into_iden(),
        ),
        by_task(
            "dependencies_by_task",
            Dependencies::Table.into_table_ref(),
            Dependencies::TaskId.into_iden(),
        ),
        by_task(
            "checkpoints_by_task",
            Checkpoints::Table.into_table_ref(),
            Checkpoints::TaskId.into_iden(),
        ),
    ]
}
