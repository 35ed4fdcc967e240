//! Agents keep one registration and one connection, whatever gatekeepers do.
#![allow(clippy::unwrap_used)]

mod keeping;
mod loss;
mod proof;
mod random;
mod seeking;
mod table;
mod world;
