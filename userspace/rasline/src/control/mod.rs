//! The control socket: newline-delimited JSON over a unix socket, versioned.
//!
//! A request is `{"version":1,"command":"...",...}`, its reply `{"version":1,"ok":true,"data":...}` or
//! `{"version":1,"ok":false,"error":"..."}`. `events` with `follow` continues with one event per line.
//! Invariant: clients, line length and waiting are bounded; a slow client delays only itself.

pub mod client;
pub mod filter;
mod protocol;
pub mod server;

pub use self::protocol::{Command, MAX_REQUEST, PAGE, Reply, Request, VERSION, parse};
