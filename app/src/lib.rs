//! The product, shared.
