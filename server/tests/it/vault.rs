//! Secrets at rest, on both databases, and the program that keeps them.

mod program;
mod records;
