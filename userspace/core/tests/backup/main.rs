//! The control unit, and what it learns of zones while their gatekeepers are well.
#![allow(clippy::unwrap_used)]

#[path = "../common/mod.rs"]
mod common;
mod learned;
