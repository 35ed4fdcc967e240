//! Numbers about learning, and what gatekeepers say about themselves.

use rasline_h225::view::Alternate;
use serde::{Deserialize, Serialize};

use crate::Time;

/// What was learned, and what was not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Requests that wait for their confirm now.
    pub pending: usize,
    /// Registrations known now.
    pub registrations: usize,
    /// Of these, published.
    pub published: usize,
    /// Messages taken.
    pub messages: u64,
    /// Messages that do not decode.
    pub undecodable: u64,
    /// Messages of zones or gatekeepers that are not configured.
    pub foreign: u64,
    /// Requests forgotten early, because too many waited.
    pub pending_evicted: u64,
    /// Requests forgotten early, because too many of one address and port waited.
    pub pending_evicted_source: u64,
    /// Requests that no answer was seen for.
    pub unanswered: u64,
    /// Answers that no request was seen for.
    pub unpaired: u64,
    /// Retransmissions.
    pub repeated: u64,
    /// Pairs of RRQ and RCF.
    pub paired: u64,
    /// Registrations not kept: `max_registrations` reached.
    pub refused: u64,
    /// Keep-alives confirmed to another address than the one at which their registration is alive.
    pub elsewhere: u64,
    /// Registrations restored as they were stored.
    pub restored: u64,
    /// Stored registrations that did not hold any more, or were known already.
    pub not_restored: u64,
    /// RCFs sent on.
    pub sent: u64,
    /// Of these, with another timeToLive.
    pub patched: u64,
    /// RCFs sent on unchanged: they could not be patched, or the kernel cannot answer their endpoint.
    pub unpatched: u64,
}

/// What a gatekeeper said about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GatekeeperInfo {
    /// gatekeeperIdentifier of its last GCF or RCF.
    pub gatekeeper_identifier: Option<String>,
    /// The last list of alternate gatekeepers; a newer one replaces it.
    pub alternates: Vec<Alternate>,
    /// When that list came.
    pub alternates_at: Option<Time>,
}
