//! The monitor of endpoints, in virtual time.

mod random;
mod states;
mod world;
