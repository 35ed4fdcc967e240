//! Keep-alives towards the gatekeeper: in time, and each at its own.

use std::net::SocketAddr;
use std::time::Duration;

use rasline_h225::RasKind;
use rasline_h225::types::RasMessage;

use crate::proxy::entries::{GATEWAY, Up};
use crate::proxy::machine::Proxy;
use crate::proxy::upstream::queue::Lane;
use crate::proxy::upstream::registration::SILENT;
use crate::proxy::upstream::requests_to_gatekeeper::{Purpose, RequestToGatekeeper, retries};
use crate::proxy::{EntryId, Output, UpstreamState, rrq};

/// Keep-alives of restored endpoints are sent within this time, or half of timeToLive, since nobody knows when the last one
/// was.
const SOON: Duration = Duration::from_secs(20);

impl Proxy {
    /// When the next keep-alive is due: after half of timeToLive, and up to a quarter later.
    pub(in crate::proxy) fn keep_up(&mut self, id: EntryId) {
        if self.is_aggregate() {
            return self.gateway_keep_up();
        }
        let up = self.identity(id);
        let doubtful = up.is_some_and(|up| up.doubtful);
        let ttl = up.and_then(|up| up.ttl);
        let ttl = ttl.map(|seconds| Duration::from_secs(seconds.into()));
        if doubtful {
            let width = ttl.map_or(SOON, |ttl| SOON.min(ttl / 2));
            let at = self.spread(id, Duration::ZERO, width);
            self.keep_alives.set(id, at);
            return;
        }
        let Some(ttl) = ttl else {
            self.keep_alives.clear(id);
            return;
        };
        let at = self.spread(id, ttl / 2, ttl / 4);
        self.keep_alives.set(id, at);
    }

    pub(in crate::proxy) fn keep_alive_due(&mut self, id: EntryId, out: &mut Vec<Output>) {
        if id == GATEWAY {
            return self.gateway_keep_alive(out);
        }
        let (Some(gatekeeper), Some(entry)) = (self.active, self.entries.get(id)) else {
            return;
        };
        if entry.up.standing != UpstreamState::Registered || entry.up.gatekeeper != Some(gatekeeper)
        {
            return;
        }
        if entry.up.is_over(self.now) {
            self.unknown_there(id);
            return self.enqueue(id, Lane::Quiet);
        }
        let (Some(full), Some(seq)) = (rrq::parse(&entry.full), self.to_gatekeeper.number()) else {
            return self.keep_alive_lost(id);
        };
        let Some(entry) = self.entries.get(id) else {
            return;
        };
        let Some(from) = self.source(entry, gatekeeper) else {
            return;
        };
        let Ok(octets) = rrq::keep_alive(full, seq, &entry.up, from) else {
            return;
        };
        self.stats.upstream_lightweight += 1;
        let retry = retries(RasKind::RegistrationRequest);
        let flight = RequestToGatekeeper {
            from,
            to: gatekeeper,
            purpose: Purpose::KeepAlive(id),
            octets: octets.into(),
            retry,
        };
        self.launch(seq, flight, out);
    }

    /// No answer: tried again, until timeToLive is over.
    pub(in crate::proxy) fn keep_alive_lost(&mut self, id: EntryId) {
        if id == GATEWAY {
            self.keep_alives.set(id, self.now.after(SILENT));
            return;
        }
        let standing = self.entries.get(id).map(|entry| entry.up.standing);
        if standing == Some(UpstreamState::Registered) {
            self.keep_alives.set(id, self.now.after(SILENT));
        }
    }

    /// The gatekeeper knows it no more. Its identifiers there may be another endpoint's by now: some count anew after a
    /// restart.
    pub(in crate::proxy) fn unknown_there(&mut self, id: EntryId) {
        self.entries.name_upstream(id, None);
        if let Some(entry) = self.entries.get_mut(id) {
            entry.up.gatekeeper = None;
            entry.up.gatekeeper_identifier = None;
        }
    }

    /// RCF or RRJ to a keep-alive.
    pub(in crate::proxy) fn kept_up(
        &mut self,
        id: EntryId,
        from: SocketAddr,
        message: &RasMessage,
        out: &mut Vec<Output>,
    ) {
        if id == GATEWAY {
            return self.gateway_kept_up(from, message, out);
        }
        let Some(entry) = self.entries.get(id) else {
            return;
        };
        if entry.up.standing != UpstreamState::Registered || entry.up.gatekeeper != Some(from) {
            return;
        }
        let RasMessage::RegistrationConfirm(rcf) = message else {
            self.unknown_there(id);
            return self.enqueue(id, Lane::Quiet);
        };
        let (ttl, identifier) = (entry.up.ttl, entry.up.gatekeeper_identifier.clone());
        let mut rcf = rcf.clone();
        rcf.time_to_live = rcf.time_to_live.or(ttl);
        rcf.gatekeeper_identifier = rcf.gatekeeper_identifier.or(identifier);
        self.take_rcf(id, from, &rcf);
    }
}

impl Up {
    /// Whether timeToLive, as the gatekeeper told it, is over.
    pub fn is_over(&self, now: crate::Time) -> bool {
        let ttl = self.ttl.map(|seconds| Duration::from_secs(seconds.into()));
        ttl.is_some_and(|ttl| now.since(self.confirmed) >= ttl)
    }
}
