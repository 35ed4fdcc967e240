//! The registrar: what it answers, what it publishes and keeps, when it lets go.

mod admitting;
mod barring;
mod calls;
mod captures;
mod changing;
mod claiming;
mod discovering;
mod ending;
mod expiring;
mod foretelling;
mod locating;
mod proving;
mod proving_each_kind;
mod random;
mod recalling;
mod registering;
mod rejecting;
mod strict;
mod table;
mod world;
