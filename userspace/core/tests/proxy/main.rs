//! The RAS proxy between endpoints and simulated gatekeepers, in virtual time.
#![allow(clippy::unwrap_used)]

mod failing_over;
mod registering;
mod world;
