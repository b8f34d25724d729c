//! How chunks lie in the database.

use sea_orm::entity::prelude::*;

/// A row of `log_chunks`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "log_chunks")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub task_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub first_seq: i64,
    pub last_seq: i64,
    pub run_id: Uuid,
    pub epoch: i64,
    /// How `bytes` is to be read.
    pub encoding: i32,
    /// The length before compression.
    pub raw_bytes: i32,
    /// Of `bytes`.
    #[sea_orm(column_name = "sha256")]
    pub sha256: Vec<u8>,
    pub bytes: Vec<u8>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
