//! The database schema, forward only: one change per file.
//!
//! The same statements run on SQLite and on PostgreSQL. Times are milliseconds since 1970 in
//! UTC, so that both databases give back what was put in. JSON is kept as text: it is a contract
//! of the events, and no query looks into it.

use sea_orm_migration::prelude::*;

pub use sea_orm_migration::MigratorTrait;

mod m20261122_000001_create_events;
mod m20261122_000002_create_projections;
mod m20261122_000003_create_jobs;
mod m20261122_000004_create_log_chunks;
mod m20261122_000005_create_idempotency_keys;
mod m20261122_000007_add_subject_to_jobs;
mod m20261122_000010_create_secrets;
mod m20261123_000020_create_settings;
mod m20261123_000030_create_notifications;
mod m20261123_000040_create_push;
mod m20261123_000050_create_transcripts;
mod m20261123_000060_create_account_limits;
mod m20261123_000070_create_targets;
mod m20261123_000090_create_finished_phases;
mod m20261123_000100_order_queue;
mod m20261123_000110_create_schedules;

/// Brings a database to the present schema.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261122_000001_create_events::Migration),
            Box::new(m20261122_000002_create_projections::Migration),
            Box::new(m20261122_000003_create_jobs::Migration),
            Box::new(m20261122_000004_create_log_chunks::Migration),
            Box::new(m20261122_000005_create_idempotency_keys::Migration),
            Box::new(m20261122_000007_add_subject_to_jobs::Migration),
            Box::new(m20261122_000010_create_secrets::Migration),
            Box::new(m20261123_000020_create_settings::Migration),
            Box::new(m20261123_000030_create_notifications::Migration),
            Box::new(m20261123_000040_create_push::Migration),
            Box::new(m20261123_000050_create_transcripts::Migration),
            Box::new(m20261123_000060_create_account_limits::Migration),
            Box::new(m20261123_000070_create_targets::Migration),
            Box::new(m20261123_000090_create_finished_phases::Migration),
            Box::new(m20261123_000100_order_queue::Migration),
            Box::new(m20261123_000110_create_schedules::Migration),
        ]
    }
}
