//! What a job is about, beside its task: a timer belongs to one review, and to no later one.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::uuid_null;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
enum Jobs {
    Table,
    Subject,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let jobs = Table::alter()
            .table(Jobs::Table)
            .add_column(uuid_null(Jobs::Subject))
            .to_owned();
        manager.alter_table(jobs).await
    }
}
