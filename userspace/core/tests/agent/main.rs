//! Agents keep one registration and one connection, whatever gatekeepers do.
#![allow(clippy::unwrap_used)]

mod keeping;
mod loss;
mod seeking;
mod world;
