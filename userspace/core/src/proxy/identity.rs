//! What a gatekeeper knows a registration by.

use std::net::SocketAddr;
use std::time::Duration;

use rasline_h225::text::to_bmp;
use rasline_h225::types::BmpString;

use super::Stored;
use crate::Time;

/// Fields of the last RCF of a gatekeeper, for an endpoint or for the gateway of an aggregate. An endpoint of an aggregate
/// has only the gatekeeper: the one that knows the gateway as what carries it.
#[derive(Clone, Debug, Default)]
pub(super) struct UpstreamIdentity {
    pub gatekeeper: Option<SocketAddr>,
    pub identifier: Option<BmpString>,
    pub gatekeeper_identifier: Option<BmpString>,
    pub ttl: Option<u32>,
    pub confirmed: Time,
    /// The gatekeeper takes RRQs that add aliases.
    pub additive: bool,
    /// It was restored: when it was confirmed last is a guess.
    pub doubtful: bool,
}

impl UpstreamIdentity {
    /// An identity as it was stored. Whether the gatekeeper knows it still is not known.
    pub fn restore(stored: &Stored, confirmed: Time) -> Self {
        let name = |text: &Option<String>| text.as_deref().and_then(|text| to_bmp(text).ok());
        Self {
            gatekeeper: stored.gatekeeper,
            identifier: name(&stored.upstream_identifier),
            gatekeeper_identifier: name(&stored.upstream_gatekeeper_identifier),
            ttl: stored.upstream_ttl.filter(|ttl| *ttl > 0),
            confirmed,
            doubtful: true,
            ..Self::default()
        }
    }

    /// timeToLive in the RCF.
    pub fn lease(&self) -> Option<Duration> {
        self.ttl.map(|seconds| Duration::from_secs(seconds.into()))
    }

    /// Whether timeToLive is over.
    pub fn is_over(&self, now: Time) -> bool {
        self.lease()
            .is_some_and(|ttl| now.since(self.confirmed) >= ttl)
    }
}
