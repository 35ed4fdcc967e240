//! The RAS proxy between endpoints and simulated gatekeepers, in virtual time.

mod adding;
mod aggregate;
mod claiming;
mod failing_over;
mod keeping;
mod network;
mod parts;
mod recalling;
mod registering;
mod relaying;
mod signalling;
mod sources;
mod vectors;
mod world;
