//! Endpoints that outlive a restart of rasline, and the gateway registration of an aggregate.
//!
//! That one is stored under the number 0 without an endpointIdentifier of ours; its RRQ is the last full one. The
//! endpoints that it carries name its identifiers: who names others is not carried any more, and joins anew.

use std::time::Duration;

use rasline_h225::text::{from_bmp, to_bmp};

use super::entries::{Entry, GATEWAY, Life, Up};
use super::machine::{Proxy, Timer};
use super::{EntryId, Output, Stored, rrq};
use crate::ras_server;

/// Stored ones are renewed once a day; what is older by this and two timeToLive is gone.
const OLD: Duration = Duration::from_hours(36);

impl Proxy {
    /// Keeps an endpoint across restarts.
    pub(super) fn store(&mut self, id: EntryId, out: &mut Vec<Output>) {
        let now = self.now;
        if let Some(entry) = self.entries.get_mut(id) {
            entry.stored = now;
        }
        let entry = self.entries.get(id).filter(|entry| entry.confirmed);
        let (Some(entry), Some(up)) = (entry, self.identity(id)) else {
            return;
        };
        out.push(Output::Store(Box::new(Stored {
            registration: ras_server::Stored {
                id,
                endpoint_identifier: entry.identifier.clone(),
                endpoint: entry.endpoint,
                seen_as: entry.seen_as,
                full: entry.full.to_vec(),
                lightweight: entry.lightweight.as_deref().map(<[u8]>::to_vec),
                time_to_live: entry.time_to_live,
                confirmed: entry.last_seen,
            },
            gatekeeper: up.gatekeeper,
            upstream_identifier: up.identifier.as_ref().map(from_bmp),
            upstream_gatekeeper_identifier: up.gatekeeper_identifier.as_ref().map(from_bmp),
            upstream_ttl: up.ttl,
        })));
    }

    /// Keeps the gateway registration across restarts, or forgets it when there is none.
    pub(super) fn store_gateway(&mut self, out: &mut Vec<Output>) {
        let up = &self.gateway.up;
        let here = self.settings.ras_address;
        let (Some(_), Some(identifier), Some(here)) = (up.gatekeeper, &up.identifier, here) else {
            return out.push(Output::Forget { id: GATEWAY });
        };
        out.push(Output::Store(Box::new(Stored {
            registration: ras_server::Stored {
                id: GATEWAY,
                endpoint_identifier: String::new(),
                endpoint: here,
                seen_as: here,
                full: self.gateway.full.to_vec(),
                lightweight: None,
                time_to_live: up.ttl.unwrap_or_default(),
                confirmed: up.confirmed,
            },
            gatekeeper: up.gatekeeper,
            upstream_identifier: Some(from_bmp(identifier)),
            upstream_gatekeeper_identifier: up.gatekeeper_identifier.as_ref().map(from_bmp),
            upstream_ttl: up.ttl,
        })));
    }

    fn restore_gateway(&mut self, stored: &Stored, out: &mut Vec<Output>) {
        if self.gateway.up.identifier.is_some() || self.gateway.up.flight.is_some() {
            return;
        }
        let up = Up {
            confirmed: stored.registration.confirmed,
            ..restored_up(stored)
        };
        let holds = self.is_aggregate()
            && up.gatekeeper.is_some()
            && up.identifier.is_some()
            && !up.is_over(self.now)
            && self.now.since(up.confirmed) <= OLD
            && rrq::parse(&stored.registration.full).is_some();
        if !holds {
            return out.push(Output::Forget { id: GATEWAY });
        }
        self.gateway.up = up;
        self.gateway.full = stored.registration.full.as_slice().into();
        self.gateway_keep_up();
    }

    pub(super) fn restore(&mut self, stored: &Stored, out: &mut Vec<Output>) {
        let id = EntryId(stored.registration.id.0);
        if id == GATEWAY {
            return self.restore_gateway(stored, out);
        }
        self.entries.taken(id);
        let free = self.entries.get(id).is_none();
        let Some(entry) = self.restored(stored).filter(|_| free) else {
            if free {
                out.push(Output::Forget { id });
            }
            return;
        };
        self.timers
            .set(Timer::Life(id), self.now.after(entry.lease()));
        self.entries.insert(id, entry);
        self.settle(id);
        if let Some(octets) = &stored.registration.lightweight
            && let Some(rrq) = rrq::parse(octets)
        {
            self.publish(id, octets, &rrq, out);
        }
    }

    fn restored(&self, stored: &Stored) -> Option<Entry> {
        let kept = &stored.registration;
        let lease = Duration::from_secs(kept.time_to_live.into());
        let full = rrq::parse(&kept.full)?;
        let signalling = rrq::signalling(&full, kept.endpoint);
        let taken = self
            .entries
            .by_identifier(&kept.endpoint_identifier)
            .is_some()
            || self.entries.by_signalling(signalling).is_some();
        if taken
            || to_bmp(&kept.endpoint_identifier).is_err()
            || self.entries.len() >= self.settings.max_endpoints
            || self.now.since(kept.confirmed) > OLD + 2 * lease
        {
            return None;
        }
        Some(Entry {
            identifier: kept.endpoint_identifier.clone(),
            signalling: Some(signalling),
            endpoint: kept.endpoint,
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
            last_seen: self.now,
            life: Life::Held,
            stored: self.now,
            published: None,
            other: None,
            waits: std::collections::BTreeSet::new(),
            moving: false,
            up: self.up_of(stored),
        })
    }

    /// How a restored endpoint stands upstream.
    fn up_of(&self, stored: &Stored) -> Up {
        let up = Up {
            confirmed: self.now,
            ..restored_up(stored)
        };
        if !self.is_aggregate() {
            return up;
        }
        let gateway = &self.gateway.up;
        let carried = up.identifier.is_some() && up.identifier == gateway.identifier;
        Up {
            gatekeeper: gateway.gatekeeper.filter(|_| carried),
            ..Up::default()
        }
    }
}

fn restored_up(stored: &Stored) -> Up {
    let name = |text: &Option<String>| text.as_deref().and_then(|text| to_bmp(text).ok());
    Up {
        gatekeeper: stored.gatekeeper,
        identifier: name(&stored.upstream_identifier),
        gatekeeper_identifier: name(&stored.upstream_gatekeeper_identifier),
        ttl: stored.upstream_ttl.filter(|ttl| *ttl > 0),
        doubtful: true,
        ..Up::default()
    }
}
