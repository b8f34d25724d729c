//! How pieces of conversations lie in the database.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "transcripts")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub session_id: Uuid,
    /// Counts from 0.
    #[sea_orm(primary_key, auto_increment = false)]
    pub first_byte: i64,
    pub task_id: Uuid,
    /// Before compression.
    pub raw_bytes: i32,
    /// Salt, nonce and ciphertext of a zstd frame.
    pub sealed: Vec<u8>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
