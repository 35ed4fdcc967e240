//! The monitor of endpoints, in virtual time.
#![allow(clippy::unwrap_used, missing_docs)]

mod random;
mod scale;
mod states;
mod world;
