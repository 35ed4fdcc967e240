//! Agents, real stacks' clients and registrars in a simulated network, in virtual time.
//!
//! What is shown: no registration is lost for long while a gatekeeper lives and answers; there is one registration of an
//! endpoint; how much is sent after a mass failure is bounded; nobody is connected to two gatekeepers.

mod chaos;
mod check;
mod gatekeeper;
mod ledger;
mod lines;
mod outages;
mod stacks;
mod weather;
mod world;
