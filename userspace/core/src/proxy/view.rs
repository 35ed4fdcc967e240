//! A proxy's endpoints and counts, for people.

use std::net::SocketAddr;

use rasline_h225::text::from_bmp;
use serde::{Deserialize, Serialize};

use super::EntryId;
use super::endpoints::Endpoint;
use super::identity::UpstreamIdentity;
use crate::Time;

/// How an endpoint stands with the gatekeeper.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UpstreamState {
    /// Its full RRQ is to be sent when it is its turn, or when a gatekeeper serves the zone.
    #[default]
    Queued,
    /// Its full RRQ is under way.
    Asked,
    /// Registered. Written as `in`, as ever.
    #[serde(rename = "in")]
    Registered,
    /// Rejected; tried again after a rest.
    Refused,
}

/// An endpoint, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct View {
    /// Endpoint.
    pub id: EntryId,
    /// endpointIdentifier that it was given.
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
    /// Whether its keep-alive was published to the kernel.
    pub published: bool,
    /// How it stands with the gatekeeper.
    pub upstream: UpstreamState,
    /// Gatekeeper that confirmed it last.
    pub gatekeeper: Option<SocketAddr>,
    /// endpointIdentifier there.
    pub upstream_identifier: Option<String>,
    /// timeToLive there, seconds.
    pub upstream_ttl: Option<u32>,
    /// Requests that wait for an answer.
    pub waiting: usize,
}

/// An endpoint as people see it.
pub(super) fn view_endpoint(
    id: EntryId,
    endpoint: &Endpoint,
    (identity, state): (&UpstreamIdentity, UpstreamState),
    waiting: usize,
) -> View {
    View {
        id,
        endpoint_identifier: endpoint.identifier.clone(),
        endpoint: endpoint.address,
        call_signal_address: endpoint.signalling,
        aliases: endpoint.aliases.clone(),
        time_to_live: endpoint.time_to_live,
        last_seen: endpoint.last_seen,
        published: endpoint.published.is_some(),
        upstream: state,
        gatekeeper: identity.gatekeeper,
        upstream_identifier: identity.identifier.as_ref().map(from_bmp),
        upstream_ttl: identity.ttl,
        waiting,
    }
}

/// Counts since the start, and what there is now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Endpoints now.
    pub endpoints: u64,
    /// Of these, registered with the gatekeeper that serves.
    pub registered: u64,
    /// Requests of endpoints that wait for an answer now.
    pub waiting: u64,
    /// Calls that endpoints are known to be in now.
    pub calls: u64,
    /// Calls of an earlier process that went on.
    pub restored_calls: u64,
    /// Calls of an earlier process that did not hold any more.
    pub lost_calls: u64,
    /// Full RRQs of endpoints confirmed.
    pub full: u64,
    /// Lightweight RRQs of endpoints confirmed.
    pub lightweight: u64,
    /// Requests of endpoints sent on.
    pub relayed: u64,
    /// Requests sent anew, to the gatekeeper that serves since.
    pub retried: u64,
    /// Requests of the gatekeeper sent on.
    pub relayed_down: u64,
    /// RIPs sent to endpoints.
    pub in_progress: u64,
    /// Requests of endpoints that were rejected, by a gatekeeper or for want of one.
    pub rejected: u64,
    /// Retransmissions answered as before.
    pub repeated: u64,
    /// Full RRQs sent upstream, retransmissions included.
    pub upstream_full: u64,
    /// Lightweight RRQs sent upstream.
    pub upstream_lightweight: u64,
    /// Full RRQs that the gatekeeper rejected.
    pub upstream_rejected: u64,
    /// URQs sent upstream.
    pub upstream_left: u64,
    /// Endpoints that expired.
    pub expired: u64,
    /// Messages that could not be decoded.
    pub malformed: u64,
    /// Of these, sent on as they were.
    pub raw: u64,
    /// Messages dropped since too many are under way.
    pub overflowed: u64,
    /// Messages that belong to nothing that is known.
    pub ignored: u64,
}
