//! Endpoints that outlive a restart of rasline.
//!
//! The gateway registration of an aggregate is stored as well, under the number 0 and without an endpointIdentifier of
//! ours; its RRQ is the last full one. The endpoints that it carries name its identifiers: who names others is not
//! carried any more, and joins again.

use std::net::SocketAddr;
use std::time::Duration;

use rasline_h225::text::{from_bmp, to_bmp};

use super::endpoints::{Endpoint, Endpoints, Life};
use super::identity::UpstreamIdentity;
use super::{EntryId, Stored, rrq};
use crate::ras_server::PublishedKeepAlive;
use crate::{Time, ras_server};

/// Stored ones are renewed once a day; what is older by this and two timeToLive is gone.
const OLD: Duration = Duration::from_hours(36);

/// What is kept of an endpoint, which a gatekeeper knows by this, and by this callSignalAddress if not by its own.
pub(super) fn store_endpoint(
    id: EntryId,
    endpoint: &Endpoint,
    identity: &UpstreamIdentity,
    signalling: Option<SocketAddr>,
) -> Box<Stored> {
    Box::new(Stored {
        registration: ras_server::Stored {
            id,
            endpoint_identifier: endpoint.identifier.clone(),
            endpoint: endpoint.address,
            seen_as: endpoint.seen_as,
            full: endpoint.full.to_vec(),
            lightweight: endpoint.lightweight.as_deref().map(<[u8]>::to_vec),
            time_to_live: endpoint.time_to_live,
            confirmed: endpoint.last_seen,
        },
        gatekeeper: identity.gatekeeper,
        upstream_identifier: identity.identifier.as_ref().map(from_bmp),
        upstream_gatekeeper_identifier: identity.gatekeeper_identifier.as_ref().map(from_bmp),
        upstream_ttl: identity.ttl,
        upstream_signalling_port: signalling.map(|address| address.port()),
    })
}

/// An endpoint as it was stored. `None`: it is too old, cannot be read, or what it is known by is another's.
pub(super) fn restore_endpoint(
    kept: &ras_server::Stored,
    others: &Endpoints,
    now: Time,
) -> Option<Endpoint> {
    let lease = Duration::from_secs(kept.time_to_live.into());
    let full = rrq::parse(&kept.full)?;
    let signalling = rrq::signalling_address(&full, kept.endpoint);
    let taken = others.by_identifier(&kept.endpoint_identifier).is_some()
        || others.by_signalling(signalling).is_some();
    if taken
        || to_bmp(&kept.endpoint_identifier).is_err()
        || now.since(kept.confirmed) > OLD + 2 * lease
    {
        return None;
    }
    Some(Endpoint {
        identifier: kept.endpoint_identifier.clone(),
        signalling: Some(signalling),
        address: kept.endpoint,
        seen_as: kept.seen_as,
        ras: rrq::ras_address(&full, kept.endpoint),
        aliases: rrq::aliases(full.terminal_alias.as_deref()),
        full: kept.full.as_slice().into(),
        wanted: None,
        adding: None,
        rcf: None,
        lightweight: None,
        confirmed: true,
        time_to_live: kept.time_to_live.max(1),
        last_seen: now,
        life: Life::Held,
        stored: now,
        published: PublishedKeepAlive::default(),
    })
}
