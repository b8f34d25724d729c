//! The product, shared.

pub mod domain;
