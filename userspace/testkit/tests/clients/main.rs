//! The clients against captures of the stacks that they stand for.
#![allow(clippy::unwrap_used)]

mod behaviour;
mod replay;
mod running;
mod script;
