//! The control unit, and what it learns of zones while their gatekeepers are well.
#![allow(clippy::unwrap_used)]

mod changing;
#[path = "../common/mod.rs"]
mod common;
mod learned;
mod neighbours;
mod phases;
mod random;
mod reach;
mod refusing;
mod restoring;
mod serving;
mod world;
