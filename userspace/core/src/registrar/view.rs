//! A registrar's registrations and counts, for people.

use std::net::SocketAddr;

use serde::Serialize;

use super::EntryId;
use crate::Time;

/// A registration, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct View {
    /// Registration.
    pub id: EntryId,
    /// endpointIdentifier.
    pub endpoint_identifier: String,
    /// Where it is.
    pub endpoint: SocketAddr,
    /// Where calls to it are signalled.
    pub call_signal_address: Option<SocketAddr>,
    /// Aliases.
    pub aliases: Vec<String>,
    /// timeToLive given, seconds.
    pub time_to_live: u32,
    /// When it was heard of last.
    pub last_seen: Time,
    /// Calls that it is in.
    pub calls: usize,
    /// Whether it was published to the kernel.
    pub published: bool,
}

/// Counts since the start, and what there is now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Registrations now.
    pub registrations: u64,
    /// Calls now.
    pub calls: u64,
    /// Bandwidth of these, in units of 100 bit/s.
    pub bandwidth: u64,
    /// Full RRQs confirmed.
    pub full: u64,
    /// Lightweight RRQs confirmed.
    pub lightweight: u64,
    /// Requests rejected.
    pub rejected: u64,
    /// Full registrations put off (RIP), as there was too much to do.
    pub put_off: u64,
    /// Retransmissions answered as before.
    pub repeated: u64,
    /// Calls of an earlier process that go on.
    pub restored_calls: u64,
    /// Calls of an earlier process that do not hold: nobody who took part is registered, there is no room, or what was
    /// kept of them makes no sense.
    pub lost_calls: u64,
    /// Admissions granted.
    pub admitted: u64,
    /// Locations found.
    pub located: u64,
    /// Registrations that expired.
    pub expired: u64,
    /// Messages whose tokens did not hold.
    pub denied: u64,
    /// Messages that could not be decoded.
    pub malformed: u64,
    /// Messages that are not for a gatekeeper, or not known.
    pub ignored: u64,
}
